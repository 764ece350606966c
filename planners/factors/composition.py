"""A factor that is a mixture: amounts of components with a fixed total."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from planners.factors.common import (
    SLACK,
    Array,
    FactorValue,
    check,
    exact,
    name_faults,
    number,
    too_large,
    unique_faults,
)


@dataclass(frozen=True, slots=True)
class Composition:
    """Amounts of several components that add up to ``total``, at most ``max_components`` of them.

    Unit-cube rows are the fractions, one column per component.
    """

    name: str
    components: tuple[str, ...]
    total: float = 1.0
    max_components: int | None = None

    def __post_init__(self) -> None:
        faults = name_faults(self.name) + unique_faults("components", self.components)
        if not (isfinite(self.total) and self.total > 0):
            faults.append(f"total: must be > 0, got {self.total}")
        else:
            faults += too_large("total", (self.total,))
        most = self.max_components
        if most is not None and not 1 <= most <= len(self.components):
            faults.append(f"max_components: must be 1 to {len(self.components)}, got {most}")
        check(faults)

    @property
    def width(self) -> int:
        """Return the number of unit-cube columns."""
        return len(self.components)

    @property
    def most(self) -> int:
        """Return how many components may be present at once."""
        return self.max_components or len(self.components)

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the names under which linear constraints and CSV columns use the amounts."""
        return tuple(f"{self.name}.{c}" for c in self.components)

    @property
    def groups(self) -> tuple[int, ...]:
        """Return the length-scale of each feature column: one per component."""
        return tuple(range(len(self.components)))

    @property
    def n_levels(self) -> float:
        """Return how many different values there are."""
        return len(self.components) if self.most == 1 else float("inf")

    @property
    def slack(self) -> float:
        """Return how far apart amounts may be that are the same but for rounding."""
        return SLACK * self.total

    def spread(self, rows: Array) -> Array:
        """Return uniform rows as fractions spread evenly over the mixtures (Dirichlet)."""
        return -np.log1p(-np.clip(rows, 0.0, 1.0 - 1e-12))

    def snap(self, rows: Array) -> Array:
        """Return the largest ``max_components`` parts of each row, as fractions of their sum."""
        parts = np.maximum(rows, 0.0)
        rank = np.argsort(np.argsort(-parts, axis=1, kind="stable"), axis=1, kind="stable")
        parts = np.where(rank < self.most, parts, 0.0)
        sums = parts.sum(axis=1, keepdims=True)
        empty = np.eye(1, self.width)  # a row of zeros stands for the first component alone
        return np.where(sums > 1e-12, parts / np.maximum(sums, 1e-12), empty)

    def features(self, rows: Array) -> Array:
        """Return the fractions."""
        return rows

    def amounts(self, rows: Array) -> Array:
        """Return the amounts of snapped rows, shape ``(n, n_components)``."""
        return rows * self.total

    def value(self, row: Array) -> FactorValue:
        """Return the amounts a snapped row stands for, by component."""
        return {c: float(w) * self.total for c, w in zip(self.components, row, strict=True)}

    def row(self, value: FactorValue) -> Array:
        """Return the fractions of the amounts; absent components count as zero."""
        amounts: Mapping[str, float] = value  # type: ignore[assignment]
        parts = np.array([float(amounts.get(c, 0.0)) for c in self.components])
        return parts / self.total

    def has_row(self, value: object) -> bool:
        """Return whether ``row`` can place a value, in range or not."""
        if not isinstance(value, Mapping):
            return False
        return all(number(value.get(c, 0.0)) is not None for c in self.components)

    def fault(self, value: object) -> str | None:
        """Return what is wrong with a value, or None."""
        if not isinstance(value, Mapping):
            return f"must be an object of amounts by component, got {value!r}"
        unknown = [str(c) for c in value if c not in self.components]
        if unknown:
            return f"has unknown components {', '.join(unknown)}; they are {self._listed()}"
        amounts = {c: number(value.get(c, 0.0)) for c in self.components}
        bad = [c for c, a in amounts.items() if a is None or a < -self.slack]
        if bad:
            return f"must have amounts >= 0, got {value[bad[0]]!r} of {bad[0]}"
        return self._mixture_fault([a for a in amounts.values() if a is not None])

    def _listed(self) -> str:
        return ", ".join(self.components)

    def _mixture_fault(self, amounts: list[float]) -> str | None:
        if abs(sum(amounts) - self.total) > self.slack:
            return f"must add up to {exact(self.total)}, got {exact(sum(amounts))}"
        present = sum(a > self.slack for a in amounts)
        if present > self.most:
            return f"must have at most {self.most} components, got {present}"
        return None

    def tidy(self, value: FactorValue) -> FactorValue:
        """Return a faultless value without the rounding that ``fault`` lets pass."""
        amounts: Mapping[str, float] = value  # type: ignore[assignment]
        return {c: max(0.0, float(amounts.get(c, 0.0))) for c in self.components}

    def to_json(self) -> dict[str, Any]:
        """Return the factor as CONTRACT's JSON."""
        plain: dict[str, Any] = {"name": self.name, "kind": "composition"}
        plain |= {"components": list(self.components), "total": self.total}
        return plain | ({"max_components": self.most} if self.max_components else {})
