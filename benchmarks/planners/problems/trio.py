"""Three goals with a hill each, in 2 to 4 factors that say nothing of themselves.

Of goals that fall with the distance from a place, whatever is on the front lies between the places:
on their triangle. So what runs spread evenly over the front reach is known without a search.
"""

import numpy as np

from benchmarks.planners.problems.merit import Volume
from planners.base import Continuous, Factor
from planners.factors import Array

NAMES = ("first", "second", "third")
_EVEN = 6  # steps along a side of the triangle: 28 runs
_BLIND = 4000  # random rows; the volume counts from their medians


class Trio:
    """The factors, the hills and the merit of one drawn problem."""

    def __init__(self, rng: np.random.Generator) -> None:
        count = int(rng.integers(2, 5))
        ranges = np.round(rng.uniform(1.0, 100.0, count), 1)
        self.factors: tuple[Factor, ...] = tuple(
            Continuous(f"x{n}", 0.0, float(high)) for n, high in enumerate(ranges, 1)
        )
        self.places = rng.random((len(NAMES), count))
        self.widths = rng.uniform(0.4, 0.9, len(NAMES))
        blind = np.median(self.heights(rng.random((_BLIND, count))), axis=0)
        self.merit = Volume(
            tuple((name, float(low), 100.0) for name, low in zip(NAMES, blind, strict=True))
        )

    def heights(self, rows: Array) -> Array:
        """Return the goals at rows of the unit cube ``(m, factors)``, ``(m, 3)``."""
        far = ((rows[:, None] - self.places) ** 2).sum(axis=2)
        return 100.0 * np.exp(-far / 2.0 / self.widths**2)

    def truth(self, rows: Array) -> list[dict[str, float]]:
        """Return the goals at rows of the unit cube by name."""
        return [dict(zip(NAMES, map(float, row), strict=True)) for row in self.heights(rows)]

    @property
    def most(self) -> float:
        """Return the volume that 28 runs evenly on the triangle dominate."""
        steps = [(i, k, _EVEN - i - k) for i in range(_EVEN + 1) for k in range(_EVEN + 1 - i)]
        return self.merit.of(self.truth(np.array(steps) / _EVEN @ self.places))
