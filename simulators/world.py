"""The world: one coupled plant, and the ports through which simulated instruments see it.

Lazy and deterministic: the plant is brought to the clock's time when something asks, every answer
is a function of commands and time alone, and every sensor has its own seeded stream of noise, so
that the same seed and the same order of questions give the same bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from math import ceil, isfinite, nan
from typing import Any, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from simulators.dispersion import bodenstein
from simulators.plant import Plant
from simulators.ports import (
    BalancePort,
    CellPort,
    Clock,
    FlowPort,
    HeaterPort,
    PressurePort,
    PumpPort,
    ValvePort,
)
from simulators.spec import AnalyserSpec, PlantError, PlantSpec, PressureSpec
from simulators.spectra import Nmr
from simulators.surroundings import Balance, FlowMeter, Valve

Array = NDArray[np.float64]
PRESSURE_SD_BAR = 0.01
PULSATION = 0.01  # of the pressure above the regulator's, standard deviation
TEMPERATURE_SD_K = 0.01
SAMPLE_S = 2.0  # a measurement averages the cell at least this often
MOST_SAMPLES = 64

Part = TypeVar("Part")


class World:
    """One simulated plant under the loop's clock; same spec, seed and commands, same world."""

    def __init__(self, spec: PlantSpec, clock: Clock, seed: int = 0) -> None:
        self.spec, self._clock, self._seed = spec, clock, seed
        self._plant = Plant(spec, clock())
        self._pumps = {pump.name: _Pump(self, pump.name) for pump in spec.pumps}
        self._heaters = {heater.name: _Heater(self, heater.name) for heater in spec.heaters}
        self._pressures = {sensor.name: _Pressure(self, sensor) for sensor in spec.pressures}
        self._cells = {analyser.name: _Cell(self, analyser) for analyser in spec.analysers}
        self._valves = {
            valve.name: Valve(valve, clock, partial(self._turned, valve.name))
            for valve in spec.valves
        }
        self._behind: dict[str, dict[tuple[str, int], int]] = {}  # pump -> position -> bottle
        for pump, feeds in self._plant.feeds.items():
            at = {(f.valve, f.position): i for i, f in enumerate(feeds) if f.valve is not None}
            self._behind |= {pump: at} if at else {}
        self._flows = {meter.name: FlowMeter(self, meter) for meter in spec.flow_meters}
        self._balances = {balance.name: Balance(self, balance) for balance in spec.balances}

    def pump(self, name: str) -> PumpPort:
        """Return the mechanical side of a pump; raise PlantError when there is none."""
        return _known(name, self._pumps)

    def heater(self, name: str) -> HeaterPort:
        """Return the zone of a thermostat; raise PlantError when there is none."""
        return _known(name, self._heaters)

    def pressure(self, name: str) -> PressurePort:
        """Return the tapping point of a pressure sensor; raise PlantError when there is none."""
        return _known(name, self._pressures)

    def cell(self, name: str) -> CellPort:
        """Return the flow cell of an analyser; raise PlantError when there is none."""
        return _known(name, self._cells)

    def valve(self, name: str) -> ValvePort:
        """Return the rotor of a valve; raise PlantError when there is none."""
        return _known(name, self._valves)

    def flow(self, name: str) -> FlowPort:
        """Return where a flow meter sits; raise PlantError when there is none."""
        return _known(name, self._flows)

    def balance(self, name: str) -> BalancePort:
        """Return the pan of a balance; raise PlantError when there is none."""
        return _known(name, self._balances)

    def truth(self) -> dict[str, Any]:
        """Return the true state as JSON-ready data (CONTRACT, ``simulate``, ``state``).

        mL, mL/min, degC, bar, s since the world's birth, mol/L; None where nothing is known.
        """
        t, plant = self.now()
        stream = plant.log.last
        cell = self.cell_content(np.array([t]))
        return {
            "t": t - plant.birth,
            "pumps": {name: self._pump_truth(t, name) for name in plant.heads},
            "heaters": {
                name: {"temperature": zone.wall(t), "goal": zone.goal, "power": zone.power(t)}
                for name, zone in plant.zones.items()
            },
            "line": {"pressure": plant.line.pressure(t), "flow": 60.0 * stream.cold},
            "coil": {
                "temperature": plant.coil_zone.liquid(t),
                "volume_passed": plant.log.cold(t),
                "bodenstein": bodenstein(self.spec.coil, stream.hot) if stream.hot else None,
            },
            "inlet": self.named(stream.content),
            "cell": self.named(cell),
            "valves": {name: valve.position() for name, valve in self._valves.items()},
            "faults": [asdict(fault) for fault in plant.faults.active],
        }

    def now(self) -> tuple[float, Plant]:
        """Return the clock's time and the plant brought to it."""
        t = self._clock()
        self._plant.advance(t)
        return t, self._plant

    def open_to(self, pump: str) -> bool:
        """Return whether what a pump delivers gets past the valve it is behind, if any."""
        at = self._behind.get(pump)
        return at is None or any(self._valves[v].position() == p for v, p in at)

    def _turned(self, valve: str, goal: int) -> None:
        """Give pumps what their valve lets through now; shut those in that it leaves."""
        t, plant = self.now()
        for pump, at in self._behind.items():
            if not any(its == valve for its, _ in at):
                continue
            source = at.get((valve, goal))
            if source is None:
                plant.block(t, pump)
            else:
                plant.draw_from(t, pump, source)

    def rng(self, name: str, purpose: str) -> np.random.Generator | None:
        """Return an instrument's own stream of noise; None when the world has none."""
        if not self.spec.noise:
            return None
        return np.random.default_rng([self._seed, crc32(name.encode()), crc32(purpose.encode())])

    def noise(self, name: str, purpose: str) -> Callable[[], float]:
        """Return an instrument's source of standard normal numbers, or of zeros."""
        return noise_of(self.rng(name, purpose))

    def dead(self, name: str) -> bool:
        """Return whether the instrument's sensor is dead now."""
        return self._plant.faults.dead(name)

    def cell_content(self, times: Array) -> Array:
        """Return the cell's mean content over these rising times, species and gas fraction."""
        return self._plant.cell(times).mean(axis=1)

    def named(self, content: Array) -> dict[str, float]:
        """Return a content by species, and ``gas``, its gas fraction."""
        return dict(zip([*self.spec.chemistry.species, "gas"], content.tolist(), strict=True))

    def _pump_truth(self, t: float, name: str) -> dict[str, Any]:
        head = self._plant.head(t, name)
        return {
            "flow": 60.0 * head.running,
            "displaced": head.displaced,
            "stalled": head.stalled or head.held,
            "gas": head.gas,
            "stock": head.bottle if isfinite(head.bottle) else None,
            "syringe": head.barrel_liquid if head.spec.syringe_ml else None,
        }


def _known(name: str, there_are: Mapping[str, Part]) -> Part:
    if name not in there_are:
        raise PlantError(f"{name}: not part of the plant; there are {sorted(there_are)}")
    return there_are[name]


def noise_of(rng: np.random.Generator | None) -> Callable[[], float]:
    """Return a source of standard normal numbers, or of zeros."""
    return (lambda: 0.0) if rng is None else rng.standard_normal


class _Pump:
    """Fills ``PumpPort``."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self._noise = world.noise(name, "pressure")

    def set_flow(self, ml_min: float) -> None:
        t, plant = self._world.now()
        plant.command(t, self._name, ml_min / 60.0)
        if ml_min > 0 and not self._world.open_to(self._name):
            plant.block(t, self._name)

    def displaced_ml(self) -> float:
        t, plant = self._world.now()
        return plant.displaced(t, self._name)

    def pressure_bar(self) -> float:
        t, plant = self._world.now()
        true = plant.line.pressure(t)
        rough = PRESSURE_SD_BAR + PULSATION * (true - plant.line.outlet(t))
        return nan if self._world.dead(self._name) else true + rough * self._noise()

    def stalled(self) -> bool:
        _, plant = self._world.now()
        head = plant.heads[self._name]
        return head.stalled or head.held


class _Heater:
    """Fills ``HeaterPort``."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self._noise = world.noise(name, "temperature")

    def set_goal(self, degc: float | None) -> None:
        t, plant = self._world.now()
        plant.heat(t, self._name, degc)

    def temperature_degc(self) -> float:
        t, plant = self._world.now()
        read = plant.zones[self._name].wall(t) + TEMPERATURE_SD_K * self._noise()
        return nan if self._world.dead(self._name) else read

    def power_fraction(self) -> float:
        t, plant = self._world.now()
        return plant.zones[self._name].power(t)


class _Pressure:
    """Fills ``PressurePort``."""

    def __init__(self, world: World, spec: PressureSpec) -> None:
        self._world, self._spec = world, spec
        self._noise = world.noise(spec.name, "pressure")

    def pressure_bar(self) -> float:
        t, plant = self._world.now()
        true = plant.line.pressure(t) if self._spec.at == "inlet" else plant.line.outlet(t)
        rough = PRESSURE_SD_BAR + PULSATION * (true - plant.line.outlet(t))
        return nan if self._world.dead(self._spec.name) else true + rough * self._noise()

    def temperature_degc(self) -> float:
        self._world.now()
        read = self._world.spec.ambient_degc + TEMPERATURE_SD_K * self._noise()
        return nan if self._world.dead(self._spec.name) else read


class _Cell:
    """Fills ``CellPort``."""

    def __init__(self, world: World, spec: AnalyserSpec) -> None:
        self._world, self._spec = world, spec
        species = world.spec.chemistry.species
        self._nmr = Nmr(spec, species, world.rng(spec.name, "spectrum"))
        self._axis = self._nmr.axis.tolist()

    def concentrations(self) -> Mapping[str, float]:
        t, _ = self._world.now()
        named = self._world.named(self._world.cell_content(np.array([t])))
        named.pop("gas")
        return named

    def spectrum(self, seconds: float) -> tuple[list[float], list[float], str, str]:
        t, _ = self._world.now()
        n = min(max(ceil(seconds / SAMPLE_S), 1), MOST_SAMPLES)
        middles = t - seconds * (1.0 - (np.arange(n) + 0.5) / n)
        content = self._world.cell_content(middles)
        signal = self._nmr.draw(t, content, dead=self._world.dead(self._spec.name))
        return self._axis, signal.tolist(), "ppm", "a.u."
