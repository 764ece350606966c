"""Keeps one instrument connected and polled; its faults stay its own.

Connecting opens the line, asks who answers, and prepares the instrument (its own limits and
watchdog); it moves nothing, and nothing is re-actuated. An outage is told once, by one log line and
one ``connection`` event, and its end once. A driver's own mistake (any error that is not an
InstrumentError) ends the rig's tasks, and the rig goes safe.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from daemon.events import EventBus
from daemon.rig.connection import Connection
from daemon.rig.line import SharedLine
from daemon.rig.parts import is_pump, is_thermostat, is_valve
from daemon.rig.poller import PollPlan, bad_readings, reason_for, silent, urgency
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

log = structlog.get_logger(__name__)

CONNECT_S = 10.0  # opening, identity and preparation together
KNOCK_S = 1.1  # an attempt that gives a dead instrument one deadline of 1 s; most are such
FULL_EVERY, FULL_EVERY_SHARED = 8, 64  # attempts: one takes its time (modes, slow instruments)
POLL_S = 5.0  # one poll, all its exchanges
CHECK_EVERY_S, DOUBTFUL_CHECK_S = 10.0, 1.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 0.75  # with a deadline of 1 s, back within 2 s of the instrument's return
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
        phase: float = 0.0,
    ) -> None:
        """``specs`` are by full name; ``beat`` feeds the watchdog; ``returned`` tells the trip.

        ``phase``, 0 to 1, is when in its period the instrument is polled.
        """
        self.instrument, self.name = instrument, instrument.name
        self._loop = asyncio.get_running_loop()
        self.connection = Connection(since=self._loop.time())
        self.tried = asyncio.Event()  # set after a first attempt that failed, or a first poll
        self._line, self._specs = line, specs
        self._events, self._alarms = events, alarms
        self._beat, self._returned = beat, returned
        self._hurry = asyncio.Event()
        self._next_check = 0.0
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
        while not await self._try_connect(None if self._full(attempt) else KNOCK_S):
            attempt += 1
            self._beat()
            self._hurry.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
                pause, attempt = FIRST_PAUSE_S, 0
            except TimeoutError:
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _full(self, attempt: int) -> bool:
        every = FULL_EVERY_SHARED if self._line.busy_beside(self.name) else FULL_EVERY
        return attempt % every == 0

    async def _try_connect(self, knock_s: float | None) -> bool:
        """Make one attempt, ``knock_s`` long at most if nobody answers; return whether it is up.

        On a shared line a dead instrument would else cost the others all deadlines of its identity,
        and a silent one would be noticed late when it is back.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                async with asyncio.timeout(knock_s):
                    await self._line.open(self.name)
                    identity = await self.instrument.identify()
                await self.instrument.prepare()
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
        self._next_check = now + CHECK_EVERY_S
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
        self._events.emit("connection", instrument=self.name, state="connected", message=identity)
        log.info(
            "connection.made", instrument=self.name, identity=identity, after_s=round(down_s, 3)
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
                doubtful = self.connection.state == "doubtful"
                every = DOUBTFUL_CHECK_S if doubtful else CHECK_EVERY_S
                self._next_check = self._loop.time() + every

    async def _poll(self, names: list[str]) -> None:
        """Read what is due; while in doubt, ask for one signal only: silence costs one deadline."""
        if self.connection.state == "doubtful":
            names = names[:1]
        error: InstrumentError | None = None
        try:
            async with asyncio.timeout(POLL_S):
                readings = await self.instrument.poll(names)
        except TimeoutError:
            error = InstrumentError(self.name, f"no complete answer within {POLL_S:g} s")
            readings = self._bad(names, "timeout")
        except InstrumentError as fault:
            error = fault
            readings = self._bad(names, reason_for(fault))
        if readings:
            self._events.readings(readings)
        if error is None and silent(readings):
            error = InstrumentError(self.name, f"no valid answer ({readings[0].reason})")
        await self._judge(error)

    async def _check(self) -> None:
        """Ask for the instrument's own alarms."""
        error: InstrumentError | None = None
        try:
            async with asyncio.timeout(POLL_S):
                await self.instrument.check()
        except TimeoutError:
            error = InstrumentError(self.name, f"no complete answer within {POLL_S:g} s")
        except InstrumentError as fault:
            error = fault
        if error is None:
            self._alarms.returned(f"{self.name} fault")
        await self._judge(error)

    async def _judge(self, error: InstrumentError | None) -> None:
        """Draw conclusions from how an exchange ended."""
        if isinstance(error, DeviceFault):
            # an experiment goes wrong without its pump or bath; an analyser can be waited for
            acts = any(fills(self.instrument) for fills in (is_pump, is_thermostat, is_valve))
            action = "hold" if acts else "warn"
            self._alarms.raise_(f"{self.name} fault", str(error), latching=False, action=action)
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
