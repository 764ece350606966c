"""Doing again what does no harm twice, a stop above all, until it is answered, or seen to work."""

from collections.abc import Awaitable, Callable

from drivers.errors import DeviceFault, InstrumentError, NoReply


async def until_answered(act: Callable[[], Awaitable[object]], attempts: int = 3) -> None:
    """Do it again while its answer is lost; raise NoReply."""
    while True:
        attempts -= 1
        try:
            await act()
        except NoReply:
            if attempts <= 0:
                raise
        else:
            return


async def until_stopped(
    instrument: str,
    stop: Callable[[], Awaitable[bool]],
    attempts: int = 4,
    *,
    again_after: tuple[type[InstrumentError], ...] = (NoReply,),
) -> None:
    """Stop again until ``stop`` returns that it is seen to stand, or ``attempts`` are used up.

    Answers that are lost, and the faults in ``again_after``, count as attempts. What the last of
    them was is raised at the end, or DeviceFault when the instrument answered each time.
    """
    fault: InstrumentError = DeviceFault(instrument, f"does not stop, after {attempts} attempts")
    for _ in range(attempts):
        try:
            if await stop():
                return
        except again_after as error:
            fault = error
    raise fault
