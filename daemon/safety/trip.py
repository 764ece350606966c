"""The latching trip: stops the pumps, then heat and light, and keeps everything stopped.

Pulling is synchronous and acts at once, in the middle of anything: commands in flight are
cancelled, and the safe-state writes are scheduled on the trip lane before the caller goes on.
Resetting is a separate act of a person; it restarts nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import structlog

from daemon.errors import Refused, Tripped
from daemon.events import EventBus
from daemon.safety.alarms import Alarms
from daemon.safety.drive import Drive, Member, Outcome, SafeReport, Timing, ignore
from daemon.safety.history import History

log = structlog.get_logger(__name__)

SETTLE_S = 6.0  # pumps and heat, one bounded attempt each
RECORD_AFTER_S = 0.5  # the kept minutes include what the rig did on the trip


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the rig tripped."""

    name: str  # the interlock's name, or who pulled
    message: str
    signal: str | None = None
    value: float | None = None
    threshold: float | None = None


class Trip:
    """Holds the rig tripped until it is reset; :meth:`run` owns the sequences."""

    def __init__(
        self,
        members: Sequence[Member],
        events: EventBus,
        alarms: Alarms,
        history: History,
        *,
        watch: Callable[[Outcome], None] = ignore,
    ) -> None:
        """``watch`` is called after every attempt at an instrument."""
        self._members, self._events = tuple(members), events
        self._alarms, self._history, self._also = alarms, history, watch
        self._cause: Cause | None = None
        self._at_once: list[Callable[[], None]] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._drive: Drive | None = None
        self._ready: Drive | None = self._new_drive()  # made beforehand: nothing delays a pull
        self._sequence: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()

    @property
    def cause(self) -> Cause | None:
        """Return why the rig is tripped, or None when it is not."""
        return self._cause

    def check(self) -> None:
        """Raise :class:`Tripped` while the rig is tripped."""
        if self._cause is not None:
            raise Tripped(f"tripped by {self._cause.name}: {self._cause.message}; reset it first")

    def at_once(self, action: Callable[[], None]) -> None:
        """Call ``action`` synchronously at every pull, before anything is written."""
        self._at_once.append(action)

    def pull(self, cause: Cause) -> None:
        """Trip now. While a sequence runs, a further cause changes nothing."""
        first = self._cause is None
        if first:
            self._cause = cause
        for action in self._at_once:
            action()
        self._begin()
        if first:  # told after the first bytes of the safe state are on their way
            asyncio.get_running_loop().call_soon(self._tell, cause)

    def _tell(self, cause: Cause) -> None:
        self._events.emit("trip", **_document(cause, "tripped"))
        log.error("rig.tripped", by=cause.name, why=cause.message)

    async def settled(self, within_s: float = SETTLE_S) -> SafeReport:
        """Wait until the running sequence has ended, or so long; return what is confirmed.

        The sequence itself goes on until every instrument has confirmed.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._settled.wait()
        return self.report()

    def report(self) -> SafeReport:
        """Return what the last sequence has confirmed so far."""
        return SafeReport(()) if self._drive is None else self._drive.report()

    def returned(self) -> None:
        """Note that an instrument is back: try again at once what is not confirmed."""
        if self._drive is not None:
            self._drive.retry_now()

    def reset(self, standing: Sequence[str]) -> None:
        """Release the trip; ``standing`` are messages of the violations that still stand.

        Raises :class:`Refused` while a violation stands or a pump or heater has not confirmed.
        """
        if self._cause is None:
            raise Refused("the rig is not tripped")
        if standing:
            raise Refused(f"a violation still stands: {'; '.join(standing)}")
        if self._sequence is None:
            raise Refused("not confirmed safe yet: the trip has not run")
        unsure = [o.name for o in self.report().outcomes if o.vital and not o.confirmed]
        if unsure:
            raise Refused(f"not confirmed safe yet: {', '.join(unsure)}")
        cause, self._cause = self._cause, None
        self._sequence.cancel()
        self._events.emit("trip", **_document(cause, "reset"))
        log.warning("rig.reset", was=cause.name)

    async def run(self) -> None:
        """Own the sequences until cancelled; a trip pulled before starts its sequence now."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                if self._cause is not None:
                    self._begin()
                try:
                    await asyncio.Event().wait()
                finally:
                    self._tasks = None  # what is pulled from now on is only latched
        finally:
            if self._drive is not None:  # its task may have been cancelled before it ran at all
                await self._drive.end()

    @property
    def _runs(self) -> bool:
        """Return whether a sequence runs; one that a reset has ended does not."""
        sequence = self._sequence
        return sequence is not None and not (sequence.done() or sequence.cancelling())

    def _begin(self) -> None:
        if self._tasks is None or self._runs:
            return
        self._drive, self._ready = self._ready or self._new_drive(), None
        self._drive.begin()
        self._settled.clear()
        self._sequence = self._tasks.create_task(self._carry_out(self._drive), name="trip")
        self._tasks.create_task(self._record(), name="record trip")

    def _new_drive(self) -> Drive:
        return Drive(self._members, Timing(), self._watch)

    async def _carry_out(self, drive: Drive) -> None:
        try:
            await drive.run()
        finally:
            if drive is self._drive:  # else a pull has come between its reset and here
                self._settled.set()
            self._ready = self._new_drive()

    async def _record(self) -> None:
        """Keep the last minutes of all channels with the trip (DOMAIN 8, rule 9)."""
        await asyncio.sleep(RECORD_AFTER_S)
        if self._cause is not None:
            channels = self._history.channels()
            self._events.emit(
                "decision", what="trip.history", trip=self._cause.name, channels=channels
            )

    def _watch(self, outcome: Outcome) -> None:
        self._also(outcome)
        alarm = f"{outcome.name} not safe"
        if outcome.confirmed:
            self._alarms.returned(alarm)
            return
        message = f"{outcome.name} has not confirmed its safe state: {outcome.message}"
        self._alarms.raise_(alarm, message, priority="high", action="trip")


def _document(cause: Cause, state: str) -> dict[str, object]:
    return {**asdict(cause), "action": "trip", "state": state}
