"""What stands around the line: switching valves, flow meters and balances.

Each fills one port of :mod:`simulators.ports`. Valves turn by themselves; meters and balances read
the plant where they sit.
"""

from collections.abc import Callable
from math import isfinite, nan
from typing import TYPE_CHECKING

from simulators.ports import Clock
from simulators.spec import VALVES_BEGIN, BalanceSpec, FeedSpec, FlowMeterSpec, ValveSpec

if TYPE_CHECKING:
    from simulators.world import World

DENSITY_G_ML = 1.0  # of every liquid here
ENDLESS_ML = 1000.0  # what a balance sees in a bottle that never runs out
GAS_SHOWS = 0.01  # volume fraction that a flow meter calls gas


class Valve:
    """Fills ``ValvePort``."""

    def __init__(
        self, spec: ValveSpec, clock: Clock, turned: Callable[[int], None] = lambda _: None
    ) -> None:
        """``turned`` is called with the new goal of every turn."""
        self._spec, self._clock, self._turned = spec, clock, turned
        self._from, self._to, self._there_at = VALVES_BEGIN, VALVES_BEGIN, clock()

    def turn(self, position: int) -> None:
        """Begin to turn from where the rotor is now."""
        self._from, self._to = self.position(), position
        self._there_at = self._clock() + (self._spec.switching_s if position != self._from else 0.0)
        self._turned(position)

    def position(self) -> int:
        """Return the position; the old one while turning."""
        return self._to if self._clock() >= self._there_at else self._from


class FlowMeter:
    """Fills ``FlowPort``."""

    def __init__(self, world: "World", spec: FlowMeterSpec) -> None:
        self._world, self._spec = world, spec
        self._feed = _feed(world, spec.at)
        self._noise = world.noise(spec.name, "flow")

    def flow_ml_min(self) -> float:
        """Return the flow with the meter's noise; NaN of a dead sensor."""
        t, plant = self._world.now()
        if self._feed is None:
            true = 60.0 * plant.log.last.cold
        else:
            head, source = plant.head(t, self._feed.pump), plant.source_of(self._feed)
            true = 60.0 * head.running if head.source == source and not head.gas else 0.0
        rough = self._spec.floor_ml_min + self._spec.relative_sd * abs(true)
        return nan if self._world.dead(self._spec.name) else true + rough * self._noise()

    def temperature_degc(self) -> float:
        """Return the ambient temperature: the meter sits before the heat or after it."""
        return nan if self._world.dead(self._spec.name) else self._world.spec.ambient_degc

    def gas(self) -> bool:
        """Return whether gas is in what passes."""
        t, plant = self._world.now()
        if self._feed is None:
            return float(plant.log.last.content[-1]) > GAS_SHOWS
        return bool(plant.head(t, self._feed.pump).gas)


class Balance:
    """Fills ``BalancePort``."""

    def __init__(self, world: "World", spec: BalanceSpec) -> None:
        self._world, self._spec = world, spec
        self._feed = _feed(world, spec.at)
        self._noise = world.noise(spec.name, "mass")

    def mass_g(self) -> float:
        """Return bottle and liquid; NaN of a dead sensor."""
        if self._world.dead(self._spec.name):
            return nan
        liquid = DENSITY_G_ML * self._liquid_ml()
        return self._spec.empty_g + liquid + self._spec.sd_g * self._noise()

    def _liquid_ml(self) -> float:
        t, plant = self._world.now()
        if self._feed is None:
            return plant.log.cold(t)
        head, source = plant.head(t, self._feed.pump), plant.source_of(self._feed)
        left = head.left_in(source)
        return left if isfinite(left) else ENDLESS_ML - head.displaced


def _feed(world: "World", name: str) -> FeedSpec | None:
    return next((feed for feed in world.spec.feeds if feed.name == name), None)
