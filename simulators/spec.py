"""What a simulated plant is made of: frozen descriptions, checked at birth.

Units: mL, mL/min, mm, degC, bar, s, mol/L, m2/s, K/min; a name that carries another unit says so.
Default values are those of a small organic flow rig (DOMAIN, 6).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

from simulators.kinetics import Chemistry

FaultKind = Literal["clog", "leak", "stall", "air", "empty", "dead_sensor", "heater_stuck"]


VALVES_BEGIN = 1  # the position of every valve at the start


class PlantError(ValueError):
    """The description of the plant contradicts itself; the message names the part."""


@dataclass(frozen=True, slots=True)
class FeedSpec:
    """One stock, the pump that delivers it, and the line to the mixer."""

    name: str
    pump: str
    solutes: Mapping[str, float] = field(default_factory=dict[str, float])  # species -> mol/L
    dead_volume_ml: float = 0.0  # from the pump to the mixer; primed at the start
    stock_ml: float | None = None  # in the bottle at the start; None: never runs out
    valve: str | None = None  # that the pump is behind or before; it stalls against a closed one
    position: int = 1  # of that valve, open to this feed


@dataclass(frozen=True, slots=True)
class PumpSpec:
    """One pump head; a syringe pump starts with a full syringe, beside what is in the bottle."""

    name: str
    syringe_ml: float | None = None  # None: draws from the bottle all the time
    strength_bar: float = 60.0  # stalls above


@dataclass(frozen=True, slots=True)
class CoilSpec:
    """The heated tube from the mixer to the cold outlet."""

    volume_ml: float
    inner_diameter_mm: float
    thermostat: str
    diffusivity_m2_s: float = 1e-9
    preheated: bool = True  # feeds reach the bath's temperature before they mix


@dataclass(frozen=True, slots=True)
class FluidSpec:
    """The solvent; default acetonitrile. Viscosity is mu25 exp(E/R (1/T - 1/298.15 K))."""

    viscosity_mpa_s: float = 0.34
    activation_kj_mol: float = 7.0
    expansion_per_k: float = 0.0


@dataclass(frozen=True, slots=True)
class HeaterSpec:
    """A circulator or block: rates at full power, and how far it drifts when switched off."""

    name: str
    heat_k_min: float = 8.0
    cool_k_min: float = 3.0
    approach_s: float = 20.0  # time constant of the last kelvins
    loss_s: float = 3600.0  # time constant of drifting to ambient when off


@dataclass(frozen=True, slots=True)
class PressureSpec:
    """A pressure transmitter on the line."""

    name: str
    at: Literal["inlet", "outlet"] = "inlet"  # before the coil, or just before the regulator


@dataclass(frozen=True, slots=True)
class ValveSpec:
    """A switching valve; turning takes ``switching_s``."""

    name: str
    switching_s: float = 0.15


@dataclass(frozen=True, slots=True)
class FlowMeterSpec:
    """A flow meter in the line of a feed, or at the outlet."""

    name: str
    at: str = "outlet"  # or the name of a feed
    relative_sd: float = 0.003
    floor_ml_min: float = 2e-4


@dataclass(frozen=True, slots=True)
class BalanceSpec:
    """A balance under the bottle of a feed, or under the waste."""

    name: str
    at: str = "waste"  # or the name of a feed
    empty_g: float = 200.0  # the bottle alone
    sd_g: float = 0.002


@dataclass(frozen=True, slots=True)
class AnalyserSpec:
    """A benchtop NMR with a flow cell; peaks come from the chemistry's species."""

    name: str
    integral_sd: float = 0.01  # relative standard deviation of one integral
    floor_mol_l: float = 5e-4  # absolute one, of one nucleus
    width_ppm: float = 0.016  # standard deviation of a line
    gain: float = 1.0  # integral (signal times ppm) per mol/L and nucleus
    points: int = 4096  # over 0 to 12 ppm


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A fault of the plant at a time after the world's birth.

    ``size`` is 1 for a serious one of its kind: clog, 100 bar per mL/min more over the coil; leak,
    0.05 mL/min per bar before the coil; air, 1 mL of gas drawn by the pump; heater_stuck, the
    fraction of full heating power. ``instrument`` is the pump of stall, air and empty, the heater
    of heater_stuck (else the coil's), the instrument of dead_sensor. ``duration_s`` None: it stays.
    A clog grows over ``growth_s``, evenly on a logarithmic scale.
    """

    kind: FaultKind
    at_s: float
    instrument: str | None = None
    duration_s: float | None = None
    size: float = 1.0
    growth_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PlantSpec:
    """The whole plant: pumps, feeds, mixer, coil, outlet, analysers, thermostats, sensors."""

    feeds: tuple[FeedSpec, ...]
    pumps: tuple[PumpSpec, ...]
    coil: CoilSpec
    chemistry: Chemistry
    heaters: tuple[HeaterSpec, ...] = ()
    pressures: tuple[PressureSpec, ...] = ()
    analysers: tuple[AnalyserSpec, ...] = ()
    valves: tuple[ValveSpec, ...] = ()
    flow_meters: tuple[FlowMeterSpec, ...] = ()
    balances: tuple[BalanceSpec, ...] = ()
    fluid: FluidSpec = field(default_factory=FluidSpec)
    outlet_volume_ml: float = 0.0  # coil to analyser, cold; the reaction is quenched there
    back_pressure_bar: float = 0.0
    compliance_ul_bar: float = 5.0
    ambient_degc: float = 22.0
    dispersion: bool = True  # False: ideal plug flow
    noise: bool = True  # False: every sensor and spectrum is exact
    faults: tuple[FaultSpec, ...] = ()

    def __post_init__(self) -> None:
        faults = [*self._numbers(), *self._names()]
        if faults:
            raise PlantError("; ".join(faults))

    def _numbers(self) -> list[str]:
        positive = {
            "coil volume_ml": self.coil.volume_ml,
            "coil inner_diameter_mm": self.coil.inner_diameter_mm,
            "coil diffusivity_m2_s": self.coil.diffusivity_m2_s,
            "compliance_ul_bar": self.compliance_ul_bar,
            "fluid viscosity_mpa_s": self.fluid.viscosity_mpa_s,
        }
        return [
            f"{name}: must be positive and finite, got {value}"
            for name, value in positive.items()
            if not (isfinite(value) and value > 0)
        ]

    def _names(self) -> list[str]:
        pumps = {pump.name for pump in self.pumps}
        names = [part.name for part in (*self.pumps, *self.heaters)]
        names += [part.name for part in (*self.pressures, *self.analysers, *self.valves)]
        names += [part.name for part in (*self.flow_meters, *self.balances)]
        kinds = {pump.name: "pump" for pump in self.pumps}
        twice = sorted({name for name in names if names.count(name) > 1})
        faults = [f"{kinds.get(name, 'part')} {name}: named twice" for name in twice]
        faults += [
            f"feed {feed.name}: no pump {feed.pump!r}; there are {sorted(pumps)}"
            for feed in self.feeds
            if feed.pump not in pumps
        ]
        valves = {valve.name for valve in self.valves}
        faults += [
            f"feed {feed.name}: no valve {feed.valve!r}; there are {sorted(valves)}"
            for feed in self.feeds
            if feed.valve is not None and feed.valve not in valves
        ]
        for feed in self.feeds:
            faults += [
                f"feed {feed.name}: chemistry {self.chemistry.name} has no species {solute!r};"
                f" it has {sorted(self.chemistry.species)}"
                for solute in feed.solutes
                if solute not in self.chemistry.species
            ]
        faults += self._shared_pumps()
        heaters = {heater.name for heater in self.heaters}
        if self.coil.thermostat not in heaters:
            faults.append(f"coil: no heater {self.coil.thermostat!r}; there are {sorted(heaters)}")
        return faults + self._places() + self._fault_targets(pumps, heaters)

    def _shared_pumps(self) -> list[str]:
        """A pump serves several feeds when a valve chooses, and it draws from their bottles."""
        faults: list[str] = []
        for pump in self.pumps:
            own = [feed for feed in self.feeds if feed.pump == pump.name]
            at = {(feed.valve, feed.position) for feed in own}
            if len(own) < 2:
                continue
            if None in {feed.valve for feed in own} or len({feed.valve for feed in own}) > 1:
                faults.append(f"pump {pump.name}: serves several feeds, and no valve chooses")
            elif len(at) < len(own):
                faults.append(f"pump {pump.name}: two feeds at one position of {own[0].valve}")
            elif pump.syringe_ml is not None:
                faults.append(f"pump {pump.name}: has a syringe, and serves several feeds")
        return faults

    def _places(self) -> list[str]:
        feeds = {feed.name for feed in self.feeds}
        placed = [(part, "outlet") for part in self.flow_meters]
        placed += [(part, "waste") for part in self.balances]
        faults = [
            f"{part.name}: no place {part.at!r}; there are {sorted({other, *feeds})}"
            for part, other in placed
            if part.at not in {other, *feeds}
        ]
        faults += [
            f"{part.name}: no place {part.at!r} of a pressure sensor; there are ['inlet', 'outlet']"
            for part in self.pressures
            if part.at not in ("inlet", "outlet")
        ]
        pumps = [feed.pump for feed in self.feeds]
        endless = {f.name for f in self.feeds if pumps.count(f.pump) > 1 and f.stock_ml is None}
        faults += [
            f"{part.name}: stands under feed {part.at}, which shares its pump; say its stock_ml"
            for part in self.balances
            if part.at in endless
        ]
        return faults

    def _fault_targets(self, pumps: set[str], heaters: set[str]) -> list[str]:
        sensors = {part.name for part in (*self.pressures, *self.analysers)} | pumps | heaters
        sensors |= {part.name for part in (*self.flow_meters, *self.balances)}
        targets: dict[str, set[str | None]] = {
            "stall": {*pumps},
            "air": {*pumps},
            "empty": {*pumps},
            "heater_stuck": {None, *heaters},
            "dead_sensor": {*sensors},
        }
        return [
            f"fault {fault.kind} at {fault.at_s:g} s: no such target {fault.instrument!r}"
            for fault in self.faults
            if fault.kind in targets and fault.instrument not in targets[fault.kind]
        ]
