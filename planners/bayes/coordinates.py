"""What factors do to the rates of a reaction: the coordinates of a kinetic law, and its priors.

Units say what a factor is. Over the reciprocal temperature the logarithm of a rate constant is a
straight line, whose slope is an activation energy (Arrhenius), and over the logarithms of time and
amounts that of a conversion's Damkohler number, whose slopes are orders of reaction (Levenspiel,
"Chemical Reaction Engineering", 3rd ed. 1999, chapters 3 and 5; ISBN 978-0-471-25424-9). Of pumps'
flows, the sum is the reciprocal of the residence time, and shares of it are the amounts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planners.base import Problem
from planners.factors import Array, Continuous, Discrete
from planners.factors.numeric import ZERO_CELSIUS

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
_TEMPERATURES = {"degC": ZERO_CELSIUS, "K": 0.0}  # what to add for kelvins
_TIMES = frozenset({"s", "min", "h"})
_FLOWS = frozenset({"uL/min", "mL/min", "L/min", "uL/h", "mL/h", "L/h"})
_CONCENTRATIONS = frozenset({"mol/L", "mmol/L", "M", "mM", "g/L"})
_WIDE = 1.5  # highest over lowest amount from which on a logarithm differs from a line
_STOPPED = 0.02  # of the greatest flow: less counts as that, as the logarithm of nothing is none

Number = Continuous | Discrete
Believed = tuple[float, float]  # mean and sd of a normal prior
Curve = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Effect:
    """Priors of what one coordinate does to making, to losing and to the amount of product."""

    makes: Believed
    loses: Believed
    scales: Believed


_HEAT = Effect((55.0, 20.0), (75.0, 25.0), (0.0, 6.0))  # kJ/mol
_TIME = Effect((1.0, 0.15), (1.0, 0.15), (-0.3, 0.5))  # a rate's reciprocal: hours of a reactor
_CONCENTRATION = Effect((0.5, 0.4), (0.3, 0.4), (0.3, 0.6))
_SHARE = Effect((0.5, 0.4), (0.3, 0.4), (0.4, 0.5))  # of a flow
_AMOUNT = Effect((0.5, 0.4), (0.3, 0.4), (0.0, 0.4))
_OTHER = Effect((0.0, 1.5), (0.0, 1.5), (0.0, 0.7))  # over the whole range


@dataclass(frozen=True, slots=True)
class _Part:
    """Coordinates of some feature columns: a curve from rows to ``(m, k)``, and their effects."""

    curve: Curve
    effects: tuple[Effect, ...]
    timed: bool = False


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
        pumped = [pair for pair in numbers if _is_flow(pair[1])]
        self._parts = [_single(*pair) for pair in numbers if not _is_flow(pair[1])]
        self._parts += [_flows(pumped)] if pumped else []
        middle = np.full((1, int(starts[-1])), 0.5)
        self._middles = [part.curve(middle) for part in self._parts]
        self.effects = [effect for part in self._parts for effect in part.effects]

    @property
    def timed(self) -> bool:
        """Return whether the residence time varies, without which kinetics have no clock."""
        return any(part.timed for part in self._parts)

    def of(self, features: Array) -> Array:
        """Return 1 and the coordinates of feature rows, ``(m, 1 + k)``, 0 in the middle."""
        found = [
            part.curve(features) - middle
            for part, middle in zip(self._parts, self._middles, strict=True)
        ]
        return np.column_stack([np.ones(len(features)), *found])


def _is_flow(factor: Number) -> bool:
    return factor.unit in _FLOWS and _ends(factor)[0] >= 0.0


def _ends(factor: Number) -> tuple[float, float]:
    if isinstance(factor, Continuous):
        return factor.low, factor.high
    return factor.values[0], factor.values[-1]


def _amounts(factor: Number, column: Array) -> Array:
    """Return a factor's plain numbers of one feature column, within its range."""
    if isinstance(factor, Continuous):
        return factor.amounts(column[:, None])[:, 0]
    low, high = _ends(factor)
    return np.clip(low + column * (high - low), low, high)


def _single(start: int, factor: Number) -> _Part:
    """Return what one factor beside the pumps does to rates."""
    low, high = _ends(factor)
    offset = _TEMPERATURES.get(_unit(factor))
    if offset is not None and low + offset > 0.0:
        return _Part(
            lambda rows: -1.0 / (GAS_CONSTANT * (_column(factor, rows, start) + offset)), (_HEAT,)
        )
    timed = factor.unit in _TIMES and low > 0.0
    if timed or (low > 0.0 and high / low >= _WIDE):
        effect = _CONCENTRATION if factor.unit in _CONCENTRATIONS else _AMOUNT
        effects = (_TIME if timed else effect,)
        return _Part(lambda rows: np.log(_column(factor, rows, start)), effects, timed)
    return _Part(lambda rows: rows[:, start : start + 1], (_OTHER,))


def _unit(factor: Number) -> str:
    if isinstance(factor, Continuous) and factor.transform == "reciprocal_kelvin":
        return factor.unit or "degC"
    return factor.unit


def _column(factor: Number, rows: Array, start: int) -> Array:
    return _amounts(factor, rows[:, start])[:, None]


def _flows(pumped: list[tuple[int, Number]]) -> _Part:
    """Return what flows do: together they rule the time, and each its feed's share."""

    def curve(rows: Array) -> Array:
        flows = np.column_stack(
            [
                np.maximum(_amounts(factor, rows[:, start]), _STOPPED * _ends(factor)[1])
                for start, factor in pumped
            ]
        )
        total = flows.sum(axis=1, keepdims=True)
        shares = np.log(flows / total) if len(pumped) > 1 else flows[:, :0]
        return np.column_stack([-np.log(total), shares])

    shares = (_SHARE,) * (len(pumped) if len(pumped) > 1 else 0)
    return _Part(curve, (_TIME, *shares), timed=True)
