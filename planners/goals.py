"""What is wanted of a point: goals for responses, and constraints on factors."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from planners.errors import BadProblem
from planners.expressions import Formula
from planners.factors.common import name_faults

_FAR = 4.0  # of a response's spread: a target as far from all that was seen is out of sight

Goal = Literal["maximise", "minimise", "target"]


@dataclass(frozen=True, slots=True)
class Response:
    """A measured outcome and its goal; ``low`` and ``high`` bound a target."""

    name: str
    goal: Goal = "maximise"
    low: float | None = None
    high: float | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        faults = name_faults(self.name) + self._range_faults()
        if faults:
            raise BadProblem(faults)

    def _range_faults(self) -> list[str]:
        if self.goal != "target":
            given = [key for key in ("low", "high") if getattr(self, key) is not None]
            return [f"{key}: only a target has one, the goal is {self.goal}" for key in given]
        if self.low is None or self.high is None:
            missing = "low" if self.low is None else "high"
            return [f"{missing}: a target needs low and high"]
        if not (isfinite(self.low) and isfinite(self.high) and self.low < self.high):
            return [f"low: must be finite and below high, got {self.low} and {self.high}"]
        return []

    def to_json(self) -> dict[str, Any]:
        """Return the response as CONTRACT's JSON."""
        plain: dict[str, Any] = {"name": self.name, "goal": self.goal}
        plain |= {"low": self.low, "high": self.high} if self.goal == "target" else {}
        return plain | ({"unit": self.unit} if self.unit else {})


def far_side(response: Response, values: NDArray[np.float64]) -> float:
    """Return 1 where a target lies far above all ``values`` ``(n,)`` seen, -1 far below, else 0."""
    if response.low is None or response.high is None or not len(values):
        return 0.0
    spread = float(values.std())
    return side_of(response.low, response.high, values, spread) if spread else 0.0


def side_of(low: float, high: float, values: NDArray[np.float64], spread: float) -> float:
    """Return the same of a range and values ``(n,)``, at least one, that vary by ``spread``."""
    reach = _FAR * spread
    if values.max() < low - reach:
        return 1.0
    return -1.0 if values.min() > high + reach else 0.0


class _Bounded:
    """The half that all constraints share: ``at_least`` and ``at_most``, one of them or both."""

    __slots__ = ()
    at_most: float | None
    at_least: float | None

    def _bound_faults(self) -> list[str]:
        if self.at_most is None and self.at_least is None:
            return ["at_most: give at_most, at_least or both"]
        if any(b is not None and not isfinite(b) for b in (self.at_most, self.at_least)):
            return ["at_most: bounds must be finite numbers"]
        if self.low > self.high:
            return [f"at_least: must not exceed at_most, got {self.low} and {self.high}"]
        return []

    @property
    def low(self) -> float:
        """Return the lower bound, minus infinity when there is none."""
        return float("-inf") if self.at_least is None else self.at_least

    @property
    def high(self) -> float:
        """Return the upper bound, infinity when there is none."""
        return float("inf") if self.at_most is None else self.at_most

    def _between(self, text: str) -> str:
        lower = "" if self.at_least is None else f"{self.at_least:g} <= "
        upper = "" if self.at_most is None else f" <= {self.at_most:g}"
        return f"{lower}{text}{upper}"

    def _bounds_json(self) -> dict[str, float]:
        bounds = {"at_most": self.at_most, "at_least": self.at_least}
        return {key: bound for key, bound in bounds.items() if bound is not None}


@dataclass(frozen=True, slots=True)
class Constraint(_Bounded):
    """``at_least <= sum of coefficient * amount <= at_most``, in the factors' own units.

    Terms are numeric factors by name, and components of compositions as ``ratio.Pt``.
    """

    terms: Mapping[str, float]
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        faults: list[str] = []
        if not self.terms:
            faults.append("terms: must name at least one factor")
        if not all(isfinite(c) for c in self.terms.values()):
            faults.append(f"terms: must be finite numbers, got {dict(self.terms)}")
        if faults := faults + self._bound_faults():
            raise BadProblem(faults)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the terms."""
        return tuple(self.terms)

    def __str__(self) -> str:
        return self._between(" + ".join(f"{c:g} {name}" for name, c in self.terms.items()))

    def to_json(self) -> dict[str, Any]:
        """Return the constraint as CONTRACT's JSON."""
        return {"kind": "linear", "terms": dict(self.terms)} | self._bounds_json()


@dataclass(frozen=True)
class FormulaConstraint(_Bounded):
    """``at_least <= expression <= at_most``, in the factors' own units.

    ``expression`` is a formula in numeric factors and components (``planners.expressions``); a
    point where it has no value breaks the constraint.
    """

    expression: str
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if faults := self._bound_faults():
            raise BadProblem(faults)
        _ = self.formula

    @cached_property
    def formula(self) -> Formula:
        """Return the expression, parsed; raise BadProblem."""
        return Formula(self.expression)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the factors and components it uses."""
        return self.formula.names

    def __str__(self) -> str:
        return self._between(self.expression)

    def to_json(self) -> dict[str, Any]:
        """Return the constraint as the JSON document has it."""
        return {"kind": "formula", "expression": self.expression} | self._bounds_json()
