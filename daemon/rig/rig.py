"""The rig: instruments, their latest readings, the door for commands, and everything that is safe.

Construct it before any other listener subscribes to the event bus: the interlocks judge a reading
before anything else sees it. :meth:`Rig.run` owns all tasks; when it ends, for whatever reason, it
drives the rig safe and closes the lines.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any

import structlog

from daemon.errors import Refused, UnknownSignal
from daemon.events import EventBus
from daemon.rig.acts import Commit, no_commit
from daemon.rig.guard import Guard
from daemon.rig.identities import ACKNOWLEDGE, RESTART, Identities
from daemon.rig.line import shared_lines
from daemon.rig.linewatch import LineWatch
from daemon.rig.lookout import Lookout
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
from daemon.safety.drive import Drive, Member, Outcome, SafeReport, Timing
from daemon.safety.heartbeat import Heartbeats
from daemon.safety.history import History
from daemon.safety.rows import Row, Violation
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
        self.history = History()
        self.alarms = Alarms(events)
        acting = [n for n, i in self.instruments.items() if any(fills(i) for fills in ACTING)]
        seen = RESTART if settings.mqtt is None else ACKNOWLEDGE
        self.identities = Identities(self.alarms, known, acting, seen)
        self.trip = Trip(
            self._members(), events, self.alarms, self.history, watch=self._after_attempt
        )
        self._lookout = Lookout(
            settings, self._specs, self.instruments, self.alarms, self.trip, self.history
        )
        self._guard = Guard(self, events, commit)
        self._closed = ""  # why nothing acts any more
        self.gates = gates(settings)
        self.heat_needs_flow = settings.reactor is not None and settings.reactor.heat_needs_flow
        self.trip.at_once(self._guard.cancel_acts)
        self._refusals = Refusals(
            lambda name: name in self.instruments and not self.connected(name)
        )
        self.lines = LineWatch(self.alarms)
        self._supervisors = self._supervise(left_acting=left_acting)
        events.on_event(self._refusals.take)
        events.on_readings(self._lookout.take)

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
        return self._lookout.latest.get(signal, asyncio.get_running_loop().time())

    def readings(self) -> list[Reading]:
        """Return the latest reading of every signal."""
        return self._lookout.latest.all(asyncio.get_running_loop().time())

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
        return self._lookout.interlocks.violated()

    def interlocks(self) -> Mapping[str, str]:
        """Return ``normal``, ``violated`` or ``raised`` for each row of the safety table."""
        return self._lookout.interlocks.state()

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
        self._lookout.monitor.flag(f"{thermostat}.running", on)

    def commanded(self, signal: str, value: float | None) -> None:
        """Note the setpoint that a signal follows from now on; None while it is being changed."""
        self._lookout.commanded(signal, value)

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
        self._lookout.monitor.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.trip.run(), name="trip")
                tasks.create_task(self.lines.run(), name="watch lines")
                for name, supervisor in self._supervisors.items():
                    tasks.create_task(supervisor.run(), name=f"supervise {name}")
        finally:
            self._lookout.monitor.stop()
            await self._end()

    async def _end(self) -> None:
        self._closed = "the daemon is stopping"
        try:
            await self.make_safe(self._closed)
        finally:
            for name in self.instruments:
                self.heartbeats.end(name)
            await self._lines.close()

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
