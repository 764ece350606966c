"""The rig: instruments, their latest readings, the door for commands, and everything that is safe.

Construct it before any other listener subscribes to the event bus: the interlocks judge a reading
before anything else sees it. :meth:`Rig.run` owns all tasks; when it ends, for whatever reason, it
drives the rig safe and closes the lines.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any

import structlog

from daemon.errors import Refused, UnknownSignal
from daemon.events import EventBus
from daemon.rig.acts import Commit, no_commit
from daemon.rig.guard import Guard
from daemon.rig.identities import Identities
from daemon.rig.latest import Latest, stale_limits
from daemon.rig.line import shared_lines
from daemon.rig.linewatch import LineWatch
from daemon.rig.parts import (
    LinesPort,
    build_instrument,
    is_flow_controller,
    is_pump,
    is_thermostat,
    is_valve,
    signal_specs,
)
from daemon.rig.refusals import Refusals
from daemon.rig.selfcheck import ACTING
from daemon.rig.supervisor import BEAT_WITHIN_S, Supervisor
from daemon.rig.ways import gates
from daemon.safety.alarms import Alarms, alarm_document
from daemon.safety.as_set import AsSet
from daemon.safety.drive import Drive, Member, Outcome, SafeReport, Timing
from daemon.safety.heartbeat import Heartbeats
from daemon.safety.history import History
from daemon.safety.interlocks import Interlocks
from daemon.safety.monitor import Monitor
from daemon.safety.rows import Row, Violation
from daemon.safety.shut_in import Passage, ShutIn
from daemon.safety.table import TOTAL_FLOW, safety_table
from daemon.safety.trip import Cause, Trip
from daemon.settings.models import Settings
from drivers.errors import NotConnected
from drivers.roles import Instrument
from drivers.signal import Reading, SignalSpec

log = structlog.get_logger(__name__)

END_TIMING = Timing(give_up_s=8.0)  # at the end of the daemon; ``taylord safe`` tries longer


class Rig:
    """Implements ``daemon.rig.api.RigPort``; construct inside the running loop."""

    def __init__(
        self,
        settings: Settings,
        lines: LinesPort,
        events: EventBus,
        *,
        commit: Commit = no_commit,
        heartbeats: Heartbeats | None = None,
        left_acting: bool = False,
        known: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Build everything; nothing is opened. Raises ValueError or ConfigError.

        ``left_acting``: the last daemon died, and each instrument is made safe when it is found.
        ``known`` says who the instruments were at the last start.
        """
        self.events, self._lines = events, lines
        self.heartbeats = heartbeats if heartbeats is not None else Heartbeats()
        self.instruments: dict[str, Instrument] = {
            name: build_instrument(name, settings, lines) for name in settings.instruments
        }
        self._specs = signal_specs(settings, self.instruments)
        now = asyncio.get_running_loop().time()
        self._latest = Latest(self._specs, stale_limits(self._specs, self.instruments), now)
        self.history = History()
        self.alarms = Alarms(events)
        acting = [n for n, i in self.instruments.items() if any(fills(i) for fills in ACTING)]
        self.identities = Identities(self.alarms, known, acting)
        self.trip = Trip(
            self._members(), events, self.alarms, self.history, watch=self._after_attempt
        )
        rows = safety_table(settings, self._specs)
        self._interlocks = Interlocks(rows, now)
        uses_total = any(TOTAL_FLOW in (row.signal, row.only_while) for row in rows)
        self._flow_names = _flow_names(settings, self._specs) if uses_total else frozenset[str]()
        self._monitor = Monitor(self._interlocks, self.alarms, self.trip.pull)
        self._as_set = AsSet(self._specs, _set_signals(self.instruments), self.alarms)
        self._guard = Guard(self, events, commit)
        self._closed = ""  # why nothing acts any more
        self.gates = gates(settings)
        passages = [Passage(pump, g.signal, tuple(g.feeds)) for pump, g in self.gates.items()]
        self._shut_in = ShutIn(passages, self.trip.pull)
        self.heat_needs_flow = settings.reactor is not None and settings.reactor.heat_needs_flow
        self.trip.at_once(self._guard.cancel_acts)
        self._refusals = Refusals(
            lambda name: name in self.instruments and not self.connected(name)
        )
        self.lines = LineWatch(self.alarms)
        self._supervisors = self._supervise(left_acting=left_acting)
        events.on_event(self._refusals.take)
        events.on_readings(self._take)

    @property
    def guard(self) -> Guard:
        """Return the door."""
        return self._guard

    @property
    def specs(self) -> Mapping[str, SignalSpec]:
        """Return every signal by full name, with the limits and poll periods in force."""
        return self._specs

    def instrument(self, name: str) -> Instrument:
        """Return an instrument by its configured name (KeyError when unknown)."""
        return self.instruments[name]

    def connected(self, name: str) -> bool:
        """Return whether the instrument can be commanded now."""
        return self._supervisors[name].connection.up

    def unready(self, name: str) -> str:
        """Return why no experiment may start with a connected instrument, or an empty text."""
        if not self.connected(name):
            return ""
        return self.exchanged(name) or self._supervisors[name].own.unready

    def exchanged(self, name: str) -> str:
        """Return why nothing is to act by this instrument: it is another one; or an empty text."""
        return self.identities.exchanged(name)

    def require_connected(self, name: str) -> None:
        """Raise NotConnected, saying why, while an instrument is down."""
        connection = self._supervisors[name].connection
        if not connection.up:
            raise NotConnected(name, f"{connection.state}: {connection.message}; nothing was sent")

    def connections(self) -> dict[str, dict[str, Any]]:
        """Return each instrument's connection, JSON-ready; ``since`` is loop time, s."""
        return {
            name: {
                "state": supervisor.connection.state,
                "message": supervisor.connection.message,
                "since": supervisor.connection.since,
                "identity": supervisor.connection.identity,
                "unready": self.unready(name),
            }
            for name, supervisor in self._supervisors.items()
        }

    def latest(self, signal: str) -> Reading:
        """Return the last reading; bad (``stale``) when too old. KeyError when unknown."""
        return self._latest.get(signal, asyncio.get_running_loop().time())

    def readings(self) -> list[Reading]:
        """Return the latest reading of every signal."""
        return self._latest.all(asyncio.get_running_loop().time())

    async def read(self, signal: str) -> Reading:
        """Ask the instrument for one signal now; raise UnknownSignal, NotConnected, …."""
        if signal not in self._specs:
            raise UnknownSignal(f"no signal {signal!r} on this rig")
        name, _, short = signal.partition(".")
        self.require_connected(name)
        reading = await self.instruments[name].signals[short].read()
        self.events.readings([reading])
        return reading

    def violated(self) -> list[tuple[Row, Violation]]:
        """Return the interlocks violated now."""
        return self._interlocks.violated()

    def interlocks(self) -> Mapping[str, str]:
        """Return ``normal``, ``violated`` or ``raised`` for each row of the safety table."""
        return self._interlocks.state()

    def alarm_documents(self) -> list[dict[str, Any]]:
        """Return the alarms that are not normal, JSON-ready."""
        return [alarm_document(alarm) for alarm in self.alarms.all()]

    def require_released(self) -> None:
        """Raise Tripped, or Refused, while nothing may act."""
        self.trip.check()
        if self._closed:
            raise Refused(f"the rig is being driven safe: {self._closed}")

    def heating(self, thermostat: str, on: bool) -> None:
        """Note that a thermostat may be heating from now on, or is not any more."""
        self._monitor.flag(f"{thermostat}.running", on)

    def commanded(self, signal: str, value: float | None) -> None:
        """Note the setpoint that a signal follows from now on; None while it is being changed."""
        now = asyncio.get_running_loop().time()
        self._interlocks.commanded(signal, value, now)
        self._as_set.commanded(signal, value, now)

    def emergency_stop(self, by: str, reason: str = "emergency stop") -> None:
        """Trip now, by a person or a program; ``await rig.trip.settled()`` for the outcome."""
        self.trip.pull(Cause(by, reason))

    def reset(self) -> None:
        """Release the trip; raise Refused while a violation stands. Restarts nothing."""
        standing = [f.message for row, f in self.violated() if row.action == "trip"]
        self.trip.reset(standing)

    def reconnect(self, name: str | None = None) -> None:
        """Try to connect what is down now; KeyError when the name is unknown."""
        for supervisor in (
            self._supervisors.values() if name is None else (self._supervisors[name],)
        ):
            supervisor.hurry()

    async def first_attempts(self, within_s: float | None = None) -> None:
        """Wait until every instrument was asked once, or so long; some may be down then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for supervisor in self._supervisors.values():
                    await supervisor.tried.wait()

    async def make_safe(self, reason: str, timing: Timing = END_TIMING) -> SafeReport:
        """Stop pumps, then heat and light, now; bounded in time, on what was ever connected."""
        self._guard.cancel_acts()
        members = [m for m in self._members() if self._supervisors[m.name].connection.identity]
        report = await Drive(members, timing, self._after_attempt).run()
        self.events.emit("decision", what="rig.safe", reason=reason, outcome=report.lines())
        if not report.safe:
            log.error("rig.not_safe", reason=reason, instruments=report.lines())
        return report

    async def run(self) -> None:
        """Own the tasks of the rig; on any end, drive it safe and close the lines."""
        self._monitor.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.trip.run(), name="trip")
                tasks.create_task(self.lines.run(), name="watch lines")
                for name, supervisor in self._supervisors.items():
                    tasks.create_task(supervisor.run(), name=f"supervise {name}")
        finally:
            self._monitor.stop()
            await self._end()

    async def _end(self) -> None:
        self._closed = "the daemon is stopping"
        try:
            await self.make_safe(self._closed)
        finally:
            for name in self.instruments:
                self.heartbeats.end(name)
            await self._lines.close()

    def _take(self, group: Sequence[Reading]) -> None:
        """Take a group of readings: safety first."""
        free = self.trip.cause is None
        self._monitor.on_readings(group)
        if free and self.trip.cause is not None:  # the first bytes of the safe state go first
            asyncio.get_running_loop().call_soon(self._keep, group)
        else:
            self._keep(group)

    def _keep(self, group: Sequence[Reading]) -> None:
        self._latest.take(group)
        self._as_set.readings(group)
        self._shut_in.readings(group)
        if self._flow_names and any(r.signal in self._flow_names for r in group):
            self._monitor.on_readings([self._total_flow(group[-1].t)])
        self.history.add(group)

    def _total_flow(self, t: float) -> Reading:
        """Return what the pumps deliver together; one that is not heard counts for nothing."""
        read = [self._latest.get(name, t).value for name in self._flow_names]
        total = sum(float(value) for value in read if isinstance(value, int | float))
        return Reading(TOTAL_FLOW, total, "mL/min", t)

    def _members(self) -> list[Member]:
        return [
            Member(
                name,
                i.make_safe,
                first=is_pump(i) or is_flow_controller(i),
                last=is_valve(i),
                vital=is_pump(i) or is_thermostat(i) or is_flow_controller(i),
                reachable=lambda name=name: self.connected(name),
            )
            for name, i in self.instruments.items()
        ]

    def _after_attempt(self, outcome: Outcome) -> None:
        instrument = self.instruments[outcome.name]
        if outcome.confirmed and is_thermostat(instrument):
            self.heating(outcome.name, False)
            self.commanded(f"{outcome.name}.running", 0.0)
        elif outcome.confirmed and is_pump(instrument):
            self.commanded(f"{outcome.name}.flow", 0.0)

    def _supervise(self, *, left_acting: bool) -> dict[str, Supervisor]:
        lines = shared_lines(self._lines, list(self.instruments))
        supervisors = {
            name: Supervisor(
                instrument,
                lines[name],
                self._specs,
                self.events,
                self.alarms,
                beat=self.heartbeats.source(name, BEAT_WITHIN_S),
                returned=self.trip.returned,
                refused=self._refusals.told,
                answered=partial(self.identities.answered, name),
                left_acting=left_acting,
                phase=i / len(self.instruments),
            )
            for i, (name, instrument) in enumerate(self.instruments.items())
        }
        for name, supervisor in supervisors.items():
            self.lines.add(name, self._lines.link(name), supervisor.punctuality)
        return supervisors


def _set_signals(instruments: Mapping[str, Instrument]) -> dict[str, str]:
    """Return the signals that are to stay as they were set, and what to do when they do not.

    An experiment does nothing good at another temperature than it was told, and the hand at the
    panel is not to be fought: it is held. Flows that are off keep it from its steady state.
    """
    found: dict[str, str] = {}
    for name, instrument in instruments.items():
        if is_pump(instrument):
            found[f"{name}.flow"] = "warn"
        elif is_thermostat(instrument):
            found |= {f"{name}.setpoint": "hold", f"{name}.running": "hold"}
    return found


def _flow_names(settings: Settings, specs: Mapping[str, SignalSpec]) -> frozenset[str]:
    """Return the flow signals of the feeds' pumps."""
    return frozenset(f"{feed.pump}.flow" for feed in settings.feeds) & specs.keys()
