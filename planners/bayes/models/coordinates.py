"""What factors do to the rates of a reaction: the coordinates of a kinetic law, and its priors.

Units say what a factor is, or else its name. Over the reciprocal temperature the logarithm of a
rate constant is a straight line, whose slope is an activation energy (Arrhenius), and over the
logarithms of time and amounts that of a conversion's Damkohler number, whose slopes are orders of
reaction (Levenspiel, "Chemical Reaction Engineering", 3rd ed. 1999, chapters 3 and 5; ISBN
978-0-471-25424-9). Of pumps' flows, the sum is the reciprocal of the residence time, and shares of
it are the amounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from planners.base import Problem
from planners.factors import Array, Continuous, Discrete
from planners.factors.spelling import CONCENTRATIONS, FLOWS, TEMPERATURES, TIMES
from planners.factors.units import ends, unit_of
from planners.measure import ANY, Believed, Measure

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
_WIDE = 1.5  # highest over lowest amount from which on a logarithm differs from a line
_NEAREST = 0.5  # of the lowest number: what lies below counts as that, runs without sense too
_STOPPED = 0.02  # of the greatest flow: less counts as that, as the logarithm of nothing is none

Number = Continuous | Discrete


@dataclass(frozen=True, slots=True)
class Effect:
    """Priors of what one coordinate does to making, to losing and to the amount of product."""

    makes: Believed
    loses: Believed
    scales: Believed


_HEAT = Effect((55.0, 20.0), (75.0, 25.0), (0.0, 6.0))  # kJ/mol
_TIME = Effect((1.0, 0.15), (1.0, 0.15), ANY.times)
_CONCENTRATION = Effect((0.5, 0.4), (0.3, 0.4), ANY.concentrations)
_SHARE = Effect((0.5, 0.4), (0.3, 0.4), (0.4, 0.5))  # of a flow
_AMOUNT = Effect((0.5, 0.4), (0.3, 0.4), (0.0, 0.4))
_OTHER = Effect((0.0, 1.5), (0.0, 1.5), (0.0, 0.7))  # over the whole range


@dataclass(frozen=True, slots=True)
class _Column:
    """A feature column whose number goes evenly from low to high, and what becomes of it."""

    kind: Literal["even", "log", "heat", "flow"]
    place: int
    low: float
    high: float
    effect: Effect
    scaled: bool = False  # the number is a logarithm

    @property
    def positive(self) -> bool:
        """Return whether the number has a logarithm or a reciprocal."""
        return self.kind != "even" and not self.scaled


class _Block:
    """Columns of one kind."""

    def __init__(self, columns: Sequence[_Column]) -> None:
        self._places = np.array([c.place for c in columns], dtype=np.intp)
        self._lows = np.array([c.low for c in columns])
        self._spans = np.array([c.high - c.low for c in columns])
        self._least = np.array([_NEAREST * c.low if c.positive else -np.inf for c in columns])
        self._scaled = np.array([c.scaled for c in columns], dtype=bool)
        self.size = len(columns)

    @property
    def flow_effects(self) -> list[Effect]:
        """Return the effects of flows: of the time, and of shares where there are several."""
        return [_TIME, *[_SHARE] * (self.size if self.size > 1 else 0)] if self.size else []

    def of(self, features: Array) -> Array:
        """Return the numbers of feature rows, ``(m, k)``, also of runs beyond a narrowed range.

        Those that have logarithms or reciprocals are not let come close to 0.
        """
        numbers = self._lows + self._spans * features[:, self._places]
        return np.maximum(numbers, self._least)

    def flows(self, features: Array) -> Array:
        """Return the logarithms of the reciprocal of all flows together, and of their shares."""
        numbers = self.of(features)
        plain = np.maximum(numbers, _STOPPED * (self._lows + self._spans))
        flows = np.where(self._scaled, np.exp(numbers * self._scaled), plain)
        total = flows.sum(axis=1, keepdims=True)
        shares = np.log(flows / total) if flows.shape[1] > 1 else flows[:, :0]
        return np.hstack([-np.log(total), shares])


class Coordinates:
    """The coordinates of a problem's numbers, also of held ones; names and mixtures have none."""

    def __init__(self, problem: Problem) -> None:
        starts = np.cumsum([0, *(len(factor.groups) for factor in problem.factors)])
        numbers = [
            (int(start), factor)
            for start, factor in zip(starts, problem.factors, strict=False)
            if isinstance(factor, Continuous | Discrete)
        ]
        self.whole = len(numbers) == len(problem.factors)  # nothing but numbers
        columns = [_column(*pair) for pair in numbers]
        blocks = [[c for c in columns if c.kind == kind] for kind in ("even", "log", "heat")]
        self._even, self._logs, self._heats = (_Block(block) for block in blocks)
        self._pumps = _Block([c for c in columns if c.kind == "flow"])
        self._order = np.argsort([c.place for block in blocks for c in block], kind="stable")
        self.effects = [c.effect for c in columns if c.kind != "flow"]
        self.effects += self._pumps.flow_effects
        self._middle = self._all(np.full((1, int(starts[-1])), 0.5))

    @property
    def timed(self) -> bool:
        """Return whether time or flows are among the factors: a reaction is likely behind it."""
        return _TIME in self.effects

    @property
    def heated(self) -> bool:
        """Return whether a temperature is among the factors: at one time, rates still differ."""
        return _HEAT in self.effects

    def amounts(self, measure: Measure) -> list[Believed]:
        """Return what each coordinate does to the amount of what a response counts.

        Where the amount goes with the time or a concentration and there are several, nobody has
        said with which one.
        """
        slopes = ((_TIME, measure.times), (_CONCENTRATION, measure.concentrations))
        told = {e: slope for e, slope in slopes if slope[0] == 0.0 or self.effects.count(e) == 1}
        return [told.get(effect, effect.scales) for effect in self.effects]

    def of(self, features: Array) -> Array:
        """Return 1 and the coordinates of feature rows, ``(m, 1 + k)``, 0 in the middle."""
        found = np.ones((len(features), 1 + len(self.effects)))
        found[:, 1:] = self._all(features) - self._middle
        return found

    def _all(self, features: Array) -> Array:
        """Return coordinates in the order of factors, and then those of flows."""
        heats = -1.0 / (GAS_CONSTANT * self._heats.of(features))
        found = [self._even.of(features), np.log(self._logs.of(features)), heats]
        single = np.hstack(found)[:, self._order]
        return np.hstack([single, self._pumps.flows(features)]) if self._pumps.size else single


def _column(place: int, factor: Number) -> _Column:
    """Return what one factor does to rates."""
    (low, high), unit = ends(factor), unit_of(factor)
    transform = factor.transform if isinstance(factor, Continuous) else "none"
    if unit in FLOWS and low >= 0.0:  # in one unit, or they could not be added up
        slow, fast = low * FLOWS[unit], high * FLOWS[unit]
        if transform == "log":
            logs = float(np.log(slow)), float(np.log(fast))
            return _Column("flow", place, *logs, _SHARE, scaled=True)
        return _Column("flow", place, slow, fast, _SHARE)
    offset = TEMPERATURES.get(unit)
    if offset is not None and low + offset > 0.0:
        kelvins = low + offset, high + offset
        if transform == "reciprocal_kelvin":
            cold, hot = (-1.0 / (GAS_CONSTANT * kelvin) for kelvin in kelvins)
            return _Column("even", place, cold, hot, _HEAT)
        return _Column("heat", place, *kelvins, _HEAT)
    effect = _effect(unit, low, high)
    if effect == _OTHER:
        return _Column("even", place, 0.0, 1.0, _OTHER)
    if transform == "log":
        return _Column("even", place, float(np.log(low)), float(np.log(high)), effect)
    return _Column("log", place, low, high, effect)


def _effect(unit: str, low: float, high: float) -> Effect:
    """Return what a number beside flows and temperatures does by its logarithm, if it has one."""
    if unit in TIMES and low > 0.0:
        return _TIME
    if low <= 0.0 or high / low < _WIDE:
        return _OTHER
    return _CONCENTRATION if unit in CONCENTRATIONS else _AMOUNT
