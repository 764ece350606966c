"""What the pumps and the thermostat of a rig can do, as far as binding and feasibility ask."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from daemon.rig.parts import is_analyser, is_pump, is_syringe_pump, is_thermostat
from daemon.settings.models import Settings
from daemon.units import to_unit
from drivers.roles import Instrument
from drivers.signal import Limits

ARITHMETIC = 1e-9  # of a flow: what sums and quotients may be off by


def as_given(ml_min: float) -> float:
    """Return the flow unrounded: a pump of which nothing is known."""
    return ml_min


@dataclass(frozen=True, slots=True)
class PumpReach:
    """One pump: the non-zero flows it can deliver, and how they are rounded; mL/min, mL."""

    low: float = 0.0
    high: float = inf
    rounded: Callable[[float], float] = as_given
    capacity_ml: float | None = None  # of a full syringe; None: draws from the bottle

    def deliverable(self, ml_min: float) -> float:
        """Return the flow this pump really delivers when asked for one; 0 is 0.

        What lies beyond a bound by the arithmetic's last digits is the bound.
        """
        if ml_min <= 0:
            return 0.0
        for bound in (self.low, self.high):
            if abs(ml_min - bound) <= ARITHMETIC * bound < inf:
                return bound
        return self.rounded(ml_min)

    def within(self, low: float, high: float) -> "PumpReach":
        """Return this reach narrowed to configured limits."""
        return PumpReach(max(self.low, low), min(self.high, high), self.rounded, self.capacity_ml)


@dataclass(frozen=True, slots=True)
class Reach:
    """The whole rig; ``pumps`` by instrument name, ``temperature`` of the thermostat's setpoint."""

    pumps: Mapping[str, PumpReach] = field(default_factory=dict[str, PumpReach])
    temperature: Limits | None = None
    acquisition_s: float = 60.0

    def pump(self, name: str) -> PumpReach:
        """Return the reach of a pump; unknown ones have no bounds."""
        return self.pumps.get(name, PumpReach())


def reach_of(settings: Settings, instrument: Callable[[str], Instrument] | None = None) -> Reach:
    """Return what the rig can do: from the file alone, or from its instruments too.

    ``instrument`` finds an instrument by name (``rig.instrument``), connected or not.
    """
    acquisition_s = 60.0
    if settings.analysis is not None and instrument is not None:
        analyser = instrument(settings.analysis.instrument)
        if is_analyser(analyser):
            acquisition_s = analyser.acquisition_s
    return Reach(
        {feed.pump: _pump_reach(settings, feed.pump, instrument) for feed in settings.feeds},
        _temperature_reach(settings, instrument),
        acquisition_s,
    )


def _pump_reach(
    settings: Settings, name: str, instrument: Callable[[str], Instrument] | None
) -> PumpReach:
    reach = PumpReach()
    pump = instrument(name) if instrument is not None else None
    if pump is not None and is_pump(pump):
        capacity = pump.capacity_ml if is_syringe_pump(pump) else None
        reach = PumpReach(pump.min_flow_ml_min, pump.max_flow_ml_min, pump.rounded_flow, capacity)
    limits = configured_limits(settings, name, "flow", "mL/min")
    # a lower limit of the setpoint bounds running flows; a pump may always stand still
    return reach if limits is None else reach.within(limits.low, limits.high)


def _temperature_reach(
    settings: Settings, instrument: Callable[[str], Instrument] | None
) -> Limits | None:
    if settings.reactor is None:
        return None
    name = settings.reactor.thermostat
    limits = configured_limits(settings, name, "setpoint", "degC")
    thermostat = instrument(name) if instrument is not None else None
    if thermostat is not None and is_thermostat(thermostat) and "setpoint" in thermostat.signals:
        own = thermostat.signals["setpoint"].spec.limits
        return own.narrowed(limits) if own is not None else limits
    return limits


def configured_limits(settings: Settings, instrument: str, signal: str, unit: str) -> Limits | None:
    """Return the limits the file sets for one signal, in the daemon's unit."""
    section = settings.instruments.get(instrument)
    if section is None or signal not in section.limits:
        return None
    low, high = section.limits[signal]
    return Limits(to_unit(low, unit), to_unit(high, unit))
