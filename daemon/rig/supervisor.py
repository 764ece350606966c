"""Keeps one instrument connected and polled; its faults stay its own.

Connecting opens the line, asks who answers, prepares the instrument (its own limits and watchdog),
and asks it for faults of its own; it moves nothing, and nothing is re-actuated; what a daemon that
died has left acting is stopped first. An outage is told once, by one log line and one
``connection`` event, and its end once. A driver's own mistake (any error that is not an
InstrumentError) ends the rig's tasks, and the rig goes safe.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from math import inf

import structlog

from daemon.events import EventBus
from daemon.rig.connection import Connection
from daemon.rig.leftover import Leftover
from daemon.rig.line import SharedLine
from daemon.rig.poller import PollPlan, bad_readings, reason_for, silent, urgency
from daemon.rig.punctuality import Punctuality
from daemon.rig.refusals import in_words
from daemon.rig.selfcheck import SelfCheck
from daemon.safety.alarms import Alarms
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    InstrumentError,
    LinkLost,
    NotConnected,
    WrongInstrument,
)
from drivers.roles import Instrument
from drivers.signal import Reading, SignalSpec
from drivers.turns import DEADLINE, FAIR_S

log = structlog.get_logger(__name__)

CONNECT_S = 10.0  # opening, identity and preparation together
KNOCK_S = 1.1  # an attempt that gives a dead instrument one deadline of 1 s; most are such
SHORT_KNOCK_S = 0.35  # beside others that are heard, for one that used to answer fast
LONG_KNOCK_EVERY = 8  # it may have become slower
FULL_EVERY, FULL_EVERY_SHARED = 8, 64  # attempts: one takes its time (modes, slow instruments)
POLL_S = 5.0  # one poll, all its exchanges
CHECK_EVERY_S, DOUBTFUL_CHECK_S = 10.0, 1.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 1.2
BACK_WITHIN_S = 1.85  # attempt and pause: connected within 2 s of the instrument's return
BEAT_WITHIN_S = 2 * CONNECT_S + POLL_S


class Supervisor:
    """The task of one instrument; :meth:`run` goes on until cancelled."""

    def __init__(
        self,
        instrument: Instrument,
        line: SharedLine,
        specs: Mapping[str, SignalSpec],
        events: EventBus,
        alarms: Alarms,
        *,
        beat: Callable[[], None],
        returned: Callable[[], None],
        refused: Callable[[str], dict[str, int]],
        answered: Callable[[str], None],
        left_acting: bool = False,
        phase: float = 0.0,
    ) -> None:
        """``specs`` are by full name; ``beat`` feeds the watchdog; ``returned`` tells the trip.

        ``refused`` gives the commands refused since it was last asked; ``answered`` is told who
        it is at every connection.
        ``left_acting``: nobody has made it safe since it was last commanded.
        ``phase``, 0 to 1, is when in its period the instrument is polled.
        """
        self.instrument, self.name = instrument, instrument.name
        self._loop = asyncio.get_running_loop()
        self.connection = Connection(since=self._loop.time())
        self.tried = asyncio.Event()  # set after a first attempt that failed, or a first poll
        self._line, self._specs = line, specs
        self._events, self._alarms = events, alarms
        self.own = SelfCheck(instrument, alarms)
        self._leftover = Leftover(instrument, events, acting=left_acting)
        self._beat, self._returned, self._refused = beat, returned, refused
        self._answered = answered
        self._hurry = asyncio.Event()
        self._next_check = 0.0
        self._answers_in_s = self._polled_in_s = inf  # how long identity and polls took
        self.punctuality = Punctuality()
        self._names = sorted(instrument.signals, key=lambda n: urgency(specs[f"{self.name}.{n}"]))
        periods = {n: s for n in self._names if (s := specs[f"{self.name}.{n}"].poll_s) is not None}
        self._plan = PollPlan(periods, self._loop.time(), phase)

    async def run(self) -> None:
        """Connect, poll until the instrument is lost, and again."""
        while True:
            await self._connect()
            await self._serve()

    def hurry(self) -> None:
        """Try to connect now instead of at the end of the pause."""
        self._hurry.set()

    async def _connect(self) -> None:
        pause = FIRST_PAUSE_S
        attempt = 0 if not self.connection.identity else 1
        while not await self._try_connect(knock_s := self._knock_s(attempt)):
            attempt += 1
            self._beat()
            self._hurry.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
                pause, attempt = FIRST_PAUSE_S, 0
            except TimeoutError:
                longest = min(LONGEST_PAUSE_S, BACK_WITHIN_S - (knock_s or KNOCK_S))
                pause = min(2 * pause, longest)

    def _knock_s(self, attempt: int) -> float | None:
        """Return how long an attempt may take when nobody answers; None: as long as it needs."""
        shared = self._line.busy_beside(self.name)
        if attempt % (FULL_EVERY_SHARED if shared else FULL_EVERY) == 0:
            return None
        if not shared or attempt % LONG_KNOCK_EVERY == 0:
            return KNOCK_S
        return min(KNOCK_S, max(SHORT_KNOCK_S, 4 * self._answers_in_s))

    async def _try_connect(self, knock_s: float | None) -> bool:
        """Make one attempt, ``knock_s`` long at most if nobody answers; return whether it is up.

        On a shared line a dead instrument would else cost the others all deadlines of its identity,
        and a silent one would be noticed late when it is back. It goes before all polls.
        """
        DEADLINE.set(began := self._loop.time())
        try:
            async with asyncio.timeout(CONNECT_S):
                async with asyncio.timeout(knock_s):
                    await self._line.open(self.name)
                    identity = await self.instrument.identify()
                self._answers_in_s = self._loop.time() - began
                await self.instrument.prepare()
                await self._leftover.stop()
                await self.own.first()
        except WrongInstrument as error:
            if self.connection.failed(error.what, self._loop.time()):
                self._tell_down()
        except InstrumentError as error:
            await self._not_up(error.what)
        except TimeoutError:
            await self._not_up(f"no answer within {knock_s or CONNECT_S:g} s")
        else:
            self._up(identity)
        if not self.connection.up:
            self.tried.set()
        return self.connection.up

    async def _not_up(self, why: str) -> None:
        if self.connection.refused(why, self._loop.time()):
            self._tell_down()
        await self._line.failed(self.name)

    def _up(self, identity: str) -> None:
        now = self._loop.time()
        self._line.heard(self.name)
        self._plan.restart(now)
        self._next_check = now + self._check_every_s
        self._answered(identity)
        self.connection.connected(identity, now)
        self._returned()
        if self._plan.next_due is None:
            self._heard()  # nothing is ever polled: saying who it is must do

    def _heard(self) -> None:
        """Note an answer; the first one ends the outage."""
        now = self._loop.time()
        self._line.heard(self.name)
        if not self.connection.heard(now):
            return
        identity, down_s = self.connection.identity, now - self.connection.down_since
        refused = self._refused(self.name)
        message = f"{identity}; {in_words(refused)}" if refused else identity
        self._events.emit("connection", instrument=self.name, state="connected", message=message)
        log.info(
            "connection.made",
            instrument=self.name,
            identity=identity,
            after_s=round(down_s, 3),
            **({"refused": refused} if refused else {}),
        )
        self._alarms.returned(f"{self.name} connection")

    async def _serve(self) -> None:
        """Poll and check until the instrument is lost."""
        while self.connection.up:
            self._beat()
            next_poll = self._plan.next_due
            due = self._next_check if next_poll is None else min(self._next_check, next_poll)
            if (rest := due - self._loop.time()) > 0:
                self.tried.set()
                await asyncio.sleep(rest)
            if names := self._plan.take_due(self._loop.time()):
                await self._poll(names)
                self.tried.set()
            if self.connection.up and self._loop.time() >= self._next_check:
                await self._check()
                self._next_check = self._loop.time() + self._check_every_s

    @property
    def _check_every_s(self) -> float:
        often = self.connection.state == "doubtful" or self.own.unready
        return DOUBTFUL_CHECK_S if often else CHECK_EVERY_S

    async def _poll(self, names: list[str]) -> None:
        """Read what is due; while in doubt, ask for one signal only: silence costs one deadline."""
        limit_s = POLL_S
        if self.connection.state == "doubtful":
            names = names[:1]
            if self._line.busy_beside(self.name):
                limit_s = min(POLL_S, max(KNOCK_S, 2 * self._polled_in_s))
        taken, began = self._plan.taken, self._loop.time()
        self._wanted_by(min((due.deadline for due in taken), default=began))
        error: InstrumentError | None = None
        try:
            async with asyncio.timeout(limit_s):
                readings = await self.instrument.poll(names)
        except TimeoutError:
            error = InstrumentError(self.name, f"no complete answer within {limit_s:g} s")
            readings = self._bad(names, "timeout")
        except InstrumentError as fault:
            error = fault
            readings = self._bad(names, reason_for(fault))
        if readings:
            self._events.readings(readings)
        if error is None and silent(readings):
            error = InstrumentError(self.name, f"no valid answer ({readings[0].reason})")
        if error is None:
            self._polled_in_s = self._loop.time() - began
            self.punctuality.done(taken, began + self._polled_in_s)
        await self._judge(error)

    def _wanted_by(self, deadline: float) -> None:
        """Give all exchanges that follow one deadline, which is never distant.

        Each would else wait for itself on a line that is asked too much, and hold up the polls
        that come after them.
        """
        DEADLINE.set(min(deadline, self._loop.time() + FAIR_S))

    async def _check(self) -> None:
        """Ask for the instrument's own alarms."""
        self._wanted_by(self._loop.time() + CHECK_EVERY_S)
        error: InstrumentError | None = None
        try:
            async with asyncio.timeout(POLL_S):
                await self.own.again()
        except TimeoutError:
            error = InstrumentError(self.name, f"no complete answer within {POLL_S:g} s")
        except InstrumentError as fault:
            error = fault
        await self._judge(error)

    async def _judge(self, error: InstrumentError | None) -> None:
        """Draw conclusions from how an exchange ended."""
        if error is not None:
            self.own.note(error)
        now = self._loop.time()
        if error is None or isinstance(error, DeviceFault | CommandRejected):
            self._heard()
        elif isinstance(error, LinkLost | NotConnected):
            self._down(error.what, "link")
        elif self.connection.silence(error.what, now):
            self._down(error.what, "timeout")
            await self._line.failed(self.name)

    def _down(self, why: str, reason: str) -> None:
        """Note the outage, and tell it once; from now on no signal has a value."""
        if self.connection.lost(why, self._loop.time()):
            self._tell_down()
        self._events.readings(self._bad(self._names, reason))

    def _tell_down(self) -> None:
        state, message = self.connection.state, self.connection.message
        self._events.emit("connection", instrument=self.name, state=state, message=message)
        if state == "failed":
            text = f"{self.name} cannot be connected: {message}"
            self._alarms.raise_(f"{self.name} connection", text, latching=False)
        else:
            log.warning("connection.lost", instrument=self.name, why=message)

    def _bad(self, names: Sequence[str], reason: str) -> list[Reading]:
        return bad_readings(self.name, names, self._specs, self._loop.time(), reason)
