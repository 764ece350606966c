"""Drives instruments to their safe state: all pumps first, then heat and light off, valves last.

One sequence serves the trip, the end of the daemon and ``taylord safe``. Every attempt is bounded
in time and repeated until the instrument has confirmed; a dead instrument delays the others by no
more than ``Timing.pumps_s``, and a fault of one never reaches another.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from drivers.errors import InstrumentError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Bounds of a sequence, s; ``give_up_s`` None goes on until every instrument has confirmed."""

    attempt_s: float = (
        8.0  # on a shared line each exchange may wait for a dead neighbour's deadline
    )
    pumps_s: float = 2.0  # heat and light wait this long for the pumps, and no longer
    retry_s: float = 0.25
    longest_retry_s: float = 4.0
    give_up_s: float | None = None


def always() -> bool:
    """Return True."""
    return True


@dataclass(frozen=True, slots=True)
class Member:
    """One instrument of a sequence; ``first`` for pumps, ``vital`` if a reset waits for it.

    What is not ``reachable`` is tried last: its deadlines would hold up its neighbours on a line. A
    ``last`` one (a valve) waits until all pumps have confirmed: a running one must not be shut in.
    """

    name: str
    make_safe: Callable[[], Awaitable[None]]
    first: bool
    vital: bool = True
    reachable: Callable[[], bool] = always
    last: bool = False


@dataclass(slots=True)
class Outcome:
    """How far one instrument has come."""

    name: str
    vital: bool = True
    confirmed: bool = False
    attempts: int = 0
    message: str = "not tried yet"


@dataclass(frozen=True, slots=True)
class SafeReport:
    """What each instrument has confirmed."""

    outcomes: tuple[Outcome, ...]

    @property
    def safe(self) -> bool:
        """Return whether every instrument has confirmed its safe state."""
        return all(outcome.confirmed for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """Return the command line's exit code: 0 when all confirmed, else 3."""
        return 0 if self.safe else 3

    def lines(self) -> list[str]:
        """Return one line per instrument, for people."""
        return [
            f"{o.name}: safe" if o.confirmed else f"{o.name}: NOT CONFIRMED SAFE: {o.message}"
            for o in self.outcomes
        ]


def ignore(_outcome: Outcome) -> None:
    """Watch nothing."""


@dataclass(slots=True)
class Drive:
    """One pass over the members; ``watch`` is called after every attempt."""

    members: Sequence[Member]
    timing: Timing = field(default_factory=Timing)
    watch: Callable[[Outcome], None] = ignore
    outcomes: dict[str, Outcome] = field(init=False)
    _retry: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] | None = field(init=False, default=None)
    _later: list[Member] = field(init=False, default_factory=list[Member])

    def __post_init__(self) -> None:
        self.outcomes = {m.name: Outcome(m.name, m.vital) for m in self.members}

    def report(self) -> SafeReport:
        """Return how far the pass has come."""
        return SafeReport(tuple(self.outcomes.values()))

    def retry_now(self) -> None:
        """Try again at once whatever waits for its next attempt (an instrument is back)."""
        self._retry.set()
        self._retry = asyncio.Event()

    def begin(self) -> None:
        """Start on the pumps at once, without waiting for :meth:`run`, which must follow."""
        if self._tasks is None:
            now, later, last = [], [], []
            for member in self.members:
                place = (now if member.first else later) if member.reachable() else last
                place.append(member)
            self._tasks, self._later = self._start(now), later + last

    async def run(self) -> SafeReport:
        """Drive everything safe; return when all confirmed, or at ``give_up_s``."""
        self.begin()
        tasks = self._tasks = self._tasks or []
        try:
            async with asyncio.timeout(self.timing.give_up_s):
                if tasks:
                    await asyncio.wait(tasks, timeout=self.timing.pumps_s)
                tasks += self._start(self._later)
                if tasks:
                    await asyncio.wait(tasks)
        except TimeoutError:
            pass  # the report names those that did not confirm
        finally:
            await self.end()
        return self.report()

    async def end(self) -> None:
        """Cancel what still runs; a driver's own mistake becomes its instrument's message."""
        tasks, self._tasks = self._tasks or [], []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                name = task.get_name().removeprefix("safe ")
                self.outcomes[name].message = f"fault in its driver: {error!r}"
                log.error("safe.driver_fault", instrument=name, exc_info=error)
                self.watch(self.outcomes[name])

    def _start(self, members: Iterable[Member]) -> list[asyncio.Task[None]]:
        """Start one task per member; :meth:`end` ends them."""
        return [asyncio.create_task(self._confirm(m), name=f"safe {m.name}") for m in members]

    async def _confirm(self, member: Member) -> None:
        outcome = self.outcomes[member.name]
        pause = self.timing.retry_s
        while not outcome.confirmed:
            while member.last and self._pumps_run():
                outcome.message = "waits until the pumps stand"
                await self._pause(self.timing.retry_s)
            outcome.attempts += 1
            outcome.message = await self._attempt(member)
            outcome.confirmed = not outcome.message
            self.watch(outcome)
            if not outcome.confirmed:
                await self._pause(pause)
                pause = min(2 * pause, self.timing.longest_retry_s)

    def _pumps_run(self) -> bool:
        """Return whether a pump has not confirmed that it stands."""
        return any(m.first and not self.outcomes[m.name].confirmed for m in self.members)

    async def _attempt(self, member: Member) -> str:
        """Try once; return what went wrong, or nothing."""
        try:
            async with asyncio.timeout(self.timing.attempt_s):
                await member.make_safe()
        except TimeoutError:
            return f"no confirmation within {self.timing.attempt_s:g} s"
        except InstrumentError as error:
            return error.what
        except OSError as error:
            return f"its port fails: {error}"
        return ""

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._retry.wait()
        except TimeoutError:
            return
