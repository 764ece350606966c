"""The core of ``taylord safe``: every instrument of a file to its safe state, and nothing else.

It needs no store, no broker and no running daemon, and may follow a daemon that was killed: serial
ports can stay locked for a moment, so opening is retried like everything else. Pumps first, then
heat and light; an instrument that cannot be reached never keeps the others waiting for longer than
``Timing.pumps_s``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from daemon.errors import ConfigError
from daemon.rig.parts import (
    LinesPort,
    build_instrument,
    is_flow_controller,
    is_pump,
    is_valve,
)
from daemon.safety.drive import Drive, Member, Outcome, SafeReport, Timing, ignore
from daemon.settings.models import Settings
from drivers.errors import CommandRejected, GarbledReply, InstrumentError, NoReply
from drivers.roles import Instrument

SAFE_TIMING = Timing(attempt_s=10.0, pumps_s=4.0, retry_s=0.5, longest_retry_s=2.0, give_up_s=25.0)


@dataclass(frozen=True, slots=True)
class _Unbuilt:
    """An instrument whose driver or options are wrong: reported, and no trouble to the others."""

    name: str
    why: str

    async def make_safe(self) -> None:
        """Fail with the reason."""
        raise InstrumentError(self.name, self.why)


async def make_rig_safe(
    settings: Settings,
    lines: LinesPort,
    *,
    timing: Timing = SAFE_TIMING,
    watch: Callable[[Outcome], None] = ignore,
) -> SafeReport:
    """Drive every instrument of the file safe; return what each confirmed.

    ``watch`` is called after every attempt, for progress. Closes the lines at the end.
    """
    members = [_member(name, built, lines) for name, built in _build(settings, lines).items()]
    try:
        return await Drive(members, timing, watch).run()
    finally:
        await lines.close()


def _build(settings: Settings, lines: LinesPort) -> Mapping[str, Instrument | _Unbuilt]:
    built: dict[str, Instrument | _Unbuilt] = {}
    for name in settings.instruments:
        try:
            built[name] = build_instrument(name, settings, lines)
        except (ValueError, ConfigError) as error:
            built[name] = _Unbuilt(name, f"cannot be built: {error}")
    return built


def _member(name: str, built: Instrument | _Unbuilt, lines: LinesPort) -> Member:
    if isinstance(built, _Unbuilt):
        return Member(name, built.make_safe, first=False)
    first = is_pump(built) or is_flow_controller(built)
    return Member(name, _connect_and_make_safe(built, lines), first=first, last=is_valve(built))


def _connect_and_make_safe(
    instrument: Instrument, lines: LinesPort
) -> Callable[[], Awaitable[None]]:
    async def attempt() -> None:
        await lines.open(instrument.name)
        try:
            await instrument.make_safe()
        except (NoReply, GarbledReply, CommandRejected):
            # a pending alarm, a wrong mode or an unknown protocol variant: preparing settles them
            await instrument.prepare()
            await instrument.make_safe()

    return attempt
