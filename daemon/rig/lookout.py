"""What every reading is looked at for: safety first, then whether all is as set, then memory.

A reading goes to the interlocks in the turn of the loop in which it came; whatever a trip then says
goes to the instruments before the rest is looked at.
"""

import asyncio
from collections.abc import Mapping, Sequence

from daemon.rig.latest import Latest, stale_limits
from daemon.rig.parts import is_pump, is_thermostat
from daemon.rig.ways import gates
from daemon.safety.alarms import Alarms
from daemon.safety.as_set import AsSet
from daemon.safety.history import History
from daemon.safety.interlocks import Interlocks
from daemon.safety.monitor import Monitor
from daemon.safety.shut_in import Passage, ShutIn
from daemon.safety.table import TOTAL_FLOW, safety_table
from daemon.safety.trip import Trip
from daemon.settings.models import Settings
from drivers.roles import Instrument
from drivers.signal import Reading, SignalSpec


class Lookout:
    """Those who look at the readings of one rig, in their order."""

    def __init__(
        self,
        settings: Settings,
        specs: Mapping[str, SignalSpec],
        instruments: Mapping[str, Instrument],
        alarms: Alarms,
        trip: Trip,
        history: History,
    ) -> None:
        """Take what is watched, and whom it is told; ``specs`` are by full name."""
        now = asyncio.get_running_loop().time()
        self._trip, self._history = trip, history
        self.latest = Latest(specs, stale_limits(specs, instruments), now)
        rows = safety_table(settings, specs)
        self.interlocks = Interlocks(rows, now)
        uses_total = any(TOTAL_FLOW in (row.signal, row.only_while) for row in rows)
        self._flow_names = _flow_names(settings, specs) if uses_total else frozenset[str]()
        self.monitor = Monitor(self.interlocks, alarms, trip.pull)
        self._as_set = AsSet(specs, _set_signals(instruments), alarms)
        passages = [Passage(p, g.signal, tuple(g.feeds)) for p, g in gates(settings).items()]
        self._shut_in = ShutIn(passages, trip.pull)

    def commanded(self, signal: str, value: float | None) -> None:
        """Note the setpoint that a signal follows from now on; None while it is being changed."""
        now = asyncio.get_running_loop().time()
        self.interlocks.commanded(signal, value, now)
        self._as_set.commanded(signal, value, now)

    def take(self, group: Sequence[Reading]) -> None:
        """Take a group of readings: safety first."""
        free = self._trip.cause is None
        self.monitor.on_readings(group)
        if free and self._trip.cause is not None:  # the first bytes of the safe state go first
            asyncio.get_running_loop().call_soon(self._keep, group)
        else:
            self._keep(group)

    def _keep(self, group: Sequence[Reading]) -> None:
        self.latest.take(group)
        self._as_set.readings(group)
        self._shut_in.readings(group)
        if self._flow_names and any(r.signal in self._flow_names for r in group):
            self.monitor.on_readings([self._total_flow(group[-1].t)])
        self._history.add(group)

    def _total_flow(self, t: float) -> Reading:
        """Return what the pumps deliver together; one that is not heard counts for nothing."""
        read = [self.latest.get(name, t).value for name in self._flow_names]
        total = sum(float(value) for value in read if isinstance(value, int | float))
        return Reading(TOTAL_FLOW, total, "mL/min", t)


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
