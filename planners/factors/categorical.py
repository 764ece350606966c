"""A factor that is a name out of a list: solvent, catalyst, base."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from planners.factors.common import (
    Array,
    FactorValue,
    check,
    dropped_faults,
    known_index,
    level_index,
    name_faults,
    nearest,
    unique_faults,
)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of a few names; ``descriptors`` say which are alike (level -> name -> number).

    ``dropped`` levels were legal once: runs with them still teach, and lie outside the cube.
    """

    name: str
    levels: tuple[str, ...]
    descriptors: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Any])
    dropped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        faults = name_faults(self.name) + unique_faults("levels", self.levels)
        check(faults + dropped_faults(self.levels, self.dropped) + self._descriptor_faults())

    @property
    def _known(self) -> tuple[str, ...]:
        """Return every level a run may have had, in the order of their rows."""
        return (*self.levels, *self.dropped)

    def _descriptor_faults(self) -> list[str]:
        if not self.descriptors:
            return []
        faults = [
            f"descriptors.{level}: is not one of the levels {', '.join(self.levels)}"
            for level in self.descriptors
            if level not in self._known
        ]
        names = set(next(iter(self.descriptors.values())))
        for level in self._known:
            own = self.descriptors.get(level)
            if own is None or set(own) != names:
                have = "none" if own is None else ", ".join(sorted(own)) or "none"
                wanted = ", ".join(sorted(names))
                faults.append(f"descriptors.{level}: must have {wanted}, got {have}")
            elif not all(isfinite(v) for v in own.values()):
                faults.append(f"descriptors.{level}: must be finite numbers, got {dict(own)}")
        return faults

    @property
    def width(self) -> int:
        """Return the number of unit-cube columns."""
        return 1

    @property
    def terms(self) -> tuple[str, ...]:
        """Return no names: linear constraints cannot use names of levels."""
        return ()

    @property
    def groups(self) -> tuple[int, ...]:
        """Return each feature column's length-scale: one for all levels, one per descriptor."""
        n_described = self._table().shape[1] - len(self._known)
        return (0,) * len(self._known) + tuple(range(1, n_described + 1))

    @property
    def n_levels(self) -> float:
        """Return how many different values there are."""
        return len(self.levels)

    @property
    def slack(self) -> float:
        """Return how far apart values may be that are the same: names are, or are not."""
        return 0.0

    def _table(self) -> Array:
        """Return the features of every level, shape ``(n_levels, n_features)``.

        Indicator columns are scaled so that two levels are one unit apart; descriptors span
        [0, 1], and constant ones say nothing and are dropped.
        """
        table = np.eye(len(self._known)) / np.sqrt(2.0)
        for name in sorted(self.descriptors.get(self.levels[0], {})):
            column = np.array([self.descriptors[level][name] for level in self._known], dtype=float)
            span = float(np.ptp(column))
            if span > 0:
                table = np.column_stack([table, (column - column.min()) / span])
        return table

    def spread(self, rows: Array) -> Array:
        """Return uniform rows as rows that spread evenly over the legal values."""
        return rows

    def snap(self, rows: Array) -> Array:
        """Return the middles of the levels' equal shares of the column."""
        return (level_index(rows, len(self.levels)) + 0.5) / len(self.levels)

    def features(self, rows: Array) -> Array:
        """Return indicator and descriptor columns, shape ``(n, len(groups))``."""
        return self._table()[known_index(rows[:, 0], len(self.levels), len(self.dropped))]

    def amounts(self, rows: Array) -> Array:
        """Return no columns, shape ``(n, 0)``."""
        return np.empty((len(rows), 0))

    def value(self, row: Array) -> FactorValue:
        """Return the level a snapped row stands for."""
        return self.levels[int(level_index(row, len(self.levels))[0])]

    def row(self, value: FactorValue) -> Array:
        """Return the unit-cube row of a level."""
        return np.array([(self._known.index(str(value)) + 0.5) / len(self.levels)])

    def has_row(self, value: object) -> bool:
        """Return whether ``row`` can place a value, in range or not."""
        return isinstance(value, str) and value in self._known

    def fault(self, value: object) -> str | None:
        """Return what is wrong with a value, or None."""
        if not isinstance(value, str) or value not in self.levels:
            near = nearest(str(value), self.levels)
            return f"must be one of {', '.join(self.levels)}, got {value!r}{near}"
        return None

    def tidy(self, value: FactorValue) -> FactorValue:
        """Return a faultless value without the rounding that ``fault`` lets pass."""
        return value

    def to_json(self) -> dict[str, Any]:
        """Return the factor as CONTRACT's JSON."""
        plain: dict[str, Any] = {"name": self.name, "kind": "categorical"}
        plain["levels"] = list(self.levels)
        if self.descriptors:
            plain["descriptors"] = {level: dict(own) for level, own in self.descriptors.items()}
        if self.dropped:
            plain["dropped"] = list(self.dropped)
        return plain
