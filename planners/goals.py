"""What is wanted of a point: goals for responses, and linear constraints on factors."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from planners.errors import BadProblem
from planners.factors.common import name_faults

Goal = Literal["maximise", "minimise", "target"]


@dataclass(frozen=True, slots=True)
class Response:
    """A measured outcome and its goal; ``low`` and ``high`` bound a target."""

    name: str
    goal: Goal = "maximise"
    low: float | None = None
    high: float | None = None

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
        return plain | ({"low": self.low, "high": self.high} if self.goal == "target" else {})


@dataclass(frozen=True, slots=True)
class Constraint:
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
        if self.at_most is None and self.at_least is None:
            faults.append("at_most: give at_most, at_least or both")
        if any(b is not None and not isfinite(b) for b in (self.at_most, self.at_least)):
            faults.append("at_most: bounds must be finite numbers")
        elif None not in (self.at_most, self.at_least) and self.low > self.high:
            faults.append(f"at_least: must not exceed at_most, got {self.low} and {self.high}")
        if faults:
            raise BadProblem(faults)

    @property
    def low(self) -> float:
        """Return the lower bound, minus infinity when there is none."""
        return float("-inf") if self.at_least is None else self.at_least

    @property
    def high(self) -> float:
        """Return the upper bound, infinity when there is none."""
        return float("inf") if self.at_most is None else self.at_most

    def __str__(self) -> str:
        text = " + ".join(f"{c:g} {name}" for name, c in self.terms.items())
        lower = "" if self.at_least is None else f"{self.at_least:g} <= "
        upper = "" if self.at_most is None else f" <= {self.at_most:g}"
        return f"{lower}{text}{upper}"

    def to_json(self) -> dict[str, Any]:
        """Return the constraint as CONTRACT's JSON."""
        plain: dict[str, Any] = {"kind": "linear", "terms": dict(self.terms)}
        bounds = {"at_most": self.at_most, "at_least": self.at_least}
        return plain | {key: bound for key, bound in bounds.items() if bound is not None}
