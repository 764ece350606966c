"""Factors that are numbers: continuous between bounds, or one of a few."""

from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, get_args

import numpy as np

from planners.factors.common import (
    ONE_VALUE,
    SLACK,
    Array,
    FactorValue,
    check,
    dropped_faults,
    exact,
    known_index,
    level_index,
    name_faults,
    number,
    too_large,
    unique_faults,
)
from planners.factors.spelling import TEMPERATURES, ZERO_CELSIUS, known

Transform = Literal["none", "log", "reciprocal_kelvin"]


@dataclass(frozen=True, slots=True)
class Continuous:
    """A number between two bounds, spread evenly on the scale of ``transform``.

    ``reciprocal_kelvin`` spreads a temperature (``unit`` degC, the default, or K) evenly in 1/T,
    as rates do (Arrhenius).
    """

    name: str
    low: float
    high: float
    unit: str = ""
    transform: Transform = "none"

    def __post_init__(self) -> None:
        faults = name_faults(self.name)
        if not (isfinite(self.low) and isfinite(self.high) and self.low < self.high):
            faults.append(
                f"low: must be finite and below high, got {self.low} and {self.high}"
                f"{ONE_VALUE if self.low == self.high else ''}"
            )
        elif large := too_large("low", (self.low,)) + too_large("high", (self.high,)):
            faults += large
        elif self.transform not in (allowed := get_args(Transform)):
            faults.append(f"transform: must be one of {', '.join(allowed)}, got {self.transform!r}")
        elif self.transform == "log" and self.low <= 0:
            faults.append(f"low: must be > 0 with transform 'log', got {self.low}")
        elif self.transform == "reciprocal_kelvin":
            faults += self._kelvin_faults()
        if not faults and not self._ends()[0] < self._ends()[1]:
            faults.append(f"low: too close to high for {self.transform}, got {self.low}")
        check(faults)

    def _kelvin_faults(self) -> list[str]:
        if known(self.unit) not in ("", *TEMPERATURES):
            return [f"unit: must be degC or K with reciprocal_kelvin, got {self.unit!r}"]
        if self.low + self._offset <= 0:
            return [f"low: must be above absolute zero, got {self.low}"]
        return []

    @property
    def _offset(self) -> float:
        return TEMPERATURES.get(known(self.unit), ZERO_CELSIUS)

    @property
    def width(self) -> int:
        """Return the number of unit-cube columns."""
        return 1

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the names under which linear constraints may use this factor."""
        return (self.name,)

    @property
    def groups(self) -> tuple[int, ...]:
        """Return, for each feature column, the number of its length-scale within this factor."""
        return (0,)

    @property
    def n_levels(self) -> float:
        """Return how many different values there are."""
        return float("inf")

    @property
    def slack(self) -> float:
        """Return how far apart values may be that are the same but for rounding."""
        return SLACK * (self.high - self.low)

    def _forward(self, value: Array) -> Array:
        if self.transform == "log":
            return np.log(value)
        if self.transform == "reciprocal_kelvin":
            return -1.0 / (value + self._offset)
        return value

    def _backward(self, scaled: Array) -> Array:
        if self.transform == "log":
            return np.exp(scaled)
        if self.transform == "reciprocal_kelvin":
            return -1.0 / scaled - self._offset
        return scaled

    def _ends(self) -> tuple[float, float]:
        if self.transform == "none":
            return self.low, self.high
        low, high = self._forward(np.array([self.low, self.high]))
        return float(low), float(high)

    def spread(self, rows: Array) -> Array:
        """Return uniform rows as rows that spread evenly over the legal values."""
        return rows

    def snap(self, rows: Array) -> Array:
        """Return the nearest legal rows, shape as given."""
        return np.clip(rows, 0.0, 1.0)

    def features(self, rows: Array) -> Array:
        """Return the model's columns of snapped rows, shape ``(n, len(groups))``."""
        return rows

    def amounts(self, rows: Array) -> Array:
        """Return the plain numbers of snapped rows, shape ``(n, len(terms))``."""
        low, high = self._ends()
        plain = np.clip(self._backward(low + rows * (high - low)), self.low, self.high)
        return np.where(rows <= 0.0, self.low, np.where(rows >= 1.0, self.high, plain))

    def value(self, row: Array) -> FactorValue:
        """Return the value a snapped row stands for."""
        return float(self.amounts(row[None, :])[0, 0])

    def row(self, value: FactorValue) -> Array:
        """Return the unit-cube row of a value; measured values may lie outside [0, 1]."""
        low, high = self._ends()
        plain = float(value)  # type: ignore[arg-type]
        if self.transform == "none":
            return np.array([(plain - low) / (high - low)])
        floor = 1e-3 * self.low if self.transform == "log" else 1e-3 - self._offset
        return (self._forward(np.array([max(plain, floor)])) - low) / (high - low)

    def has_row(self, value: object) -> bool:
        """Return whether ``row`` can place a value, in range or not."""
        return number(value) is not None

    def fault(self, value: object) -> str | None:
        """Return what is wrong with a value, or None."""
        given = number(value)
        if given is None:
            return f"must be a number, got {value!r}"
        if not self.low - self.slack <= given <= self.high + self.slack:
            return f"must be in [{exact(self.low)}, {exact(self.high)}], got {exact(given)}"
        return None

    def tidy(self, value: FactorValue) -> FactorValue:
        """Return a faultless value without the rounding that ``fault`` lets pass."""
        return min(max(float(value), self.low), self.high)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """Return the factor as CONTRACT's JSON."""
        plain: dict[str, Any] = {"name": self.name, "kind": "continuous"}
        plain |= {"low": self.low, "high": self.high}
        return plain | {"unit": self.unit, "transform": self.transform}


@dataclass(frozen=True, slots=True)
class Discrete:
    """One of a few numbers, in ascending order.

    ``dropped`` values were legal once: runs at them still teach, and lie outside the cube.
    """

    name: str
    values: tuple[float, ...]
    unit: str = ""
    dropped: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        faults = name_faults(self.name) + unique_faults("values", self.values)
        faults += too_large("values", self.values) + too_large("dropped", self.dropped)
        faults += dropped_faults(self.values, self.dropped)
        check(faults)
        object.__setattr__(self, "values", tuple(sorted(self.values)))
        object.__setattr__(self, "dropped", tuple(sorted(self.dropped)))

    @property
    def width(self) -> int:
        """Return the number of unit-cube columns."""
        return 1

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the names under which linear constraints may use this factor."""
        return (self.name,)

    @property
    def groups(self) -> tuple[int, ...]:
        """Return, for each feature column, the number of its length-scale within this factor."""
        return (0,)

    @property
    def n_levels(self) -> float:
        """Return how many different values there are."""
        return len(self.values)

    @property
    def slack(self) -> float:
        """Return how far apart values may be that are the same but for rounding."""
        return SLACK * (self.values[-1] - self.values[0])

    def spread(self, rows: Array) -> Array:
        """Return uniform rows as rows that spread evenly over the legal values."""
        return rows

    def snap(self, rows: Array) -> Array:
        """Return the middles of the levels' equal shares of the column."""
        return (level_index(rows, len(self.values)) + 0.5) / len(self.values)

    def features(self, rows: Array) -> Array:
        """Return the numbers between 0 and 1, so that unequal steps stay unequal."""
        low, high = self.values[0], self.values[-1]
        return (self.amounts(rows) - low) / (high - low)

    def amounts(self, rows: Array) -> Array:
        """Return the plain numbers of snapped rows, shape ``(n, 1)``."""
        every = np.asarray((*self.values, *self.dropped), dtype=float)
        return every[known_index(rows, len(self.values), len(self.dropped))]

    def value(self, row: Array) -> FactorValue:
        """Return the value a snapped row stands for, an int where an int was given."""
        return self.values[int(level_index(row, len(self.values))[0])]

    def row(self, value: FactorValue) -> Array:
        """Return the unit-cube row of the nearest of the values, dropped ones among them."""
        every = np.asarray((*self.values, *self.dropped), dtype=float)
        gaps = np.abs(every - float(value))  # type: ignore[arg-type]
        return np.array([(int(np.argmin(gaps)) + 0.5) / len(self.values)])

    def has_row(self, value: object) -> bool:
        """Return whether ``row`` can place a value, in range or not."""
        return number(value) is not None

    def fault(self, value: object) -> str | None:
        """Return what is wrong with a value, or None."""
        given = number(value)
        if given is None:
            return f"must be a number, got {value!r}"
        if min(abs(given - v) for v in self.values) > self.slack:
            listed = ", ".join(map(exact, self.values))
            return f"must be one of {listed}, got {exact(given)}"
        return None

    def tidy(self, value: FactorValue) -> FactorValue:
        """Return a faultless value without the rounding that ``fault`` lets pass."""
        return self.value(self.row(value))

    def to_json(self) -> dict[str, Any]:
        """Return the factor as CONTRACT's JSON."""
        plain: dict[str, Any] = {"name": self.name, "kind": "discrete"}
        plain |= {"values": list(self.values), "unit": self.unit}
        return plain | ({"dropped": list(self.dropped)} if self.dropped else {})
