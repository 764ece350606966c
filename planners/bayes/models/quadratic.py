"""A response surface of second order: the polynomial that designed experiments are read with.

Over numbers from -1 to 1, a constant, slopes, curvatures and interactions of pairs (Box and Draper,
"Response Surfaces, Mixtures, and Ridge Analyses", 2nd ed. 2007, chapter 7; ISBN 978-0-470-05357-7),
each with a normal prior, in sds of all outputs. Curvatures are more likely downwards: a range is
chosen so that the best is inside it more often than at an end.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planners.factors import Array

_CONSTANT, _SLOPE, _CURVATURE, _INTERACTION = 1.0, 0.5, 0.3, 0.15  # sds
_DOWN = -0.5  # mean of a curvature


@dataclass(frozen=True)
class Quadratic:
    """The polynomial of some feature columns, which go from 0 to 1."""

    columns: NDArray[np.intp]

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return np.triu_indices(len(self.columns), 1)

    def _even(self, rows: Array) -> Array:
        return 2.0 * rows[:, self.columns] - 1.0

    def _terms(self, rows: Array) -> Array:
        even = self._even(rows)
        one, other = self._pairs
        return np.hstack([np.ones((len(rows), 1)), even, even**2, even[:, one] * even[:, other]])

    def expected(self, rows: Array) -> Array:
        """Return what is expected at feature rows ``(m, f)``, ``(m,)``: 0 on average."""
        return _DOWN * (self._even(rows) ** 2 - 1.0 / 3.0).sum(axis=1)

    def scaled(self, rows: Array) -> Array:
        """Return all terms times their priors' sds, ``(m, terms)``.

        Products of two rows are the covariances of what may come on top of what is expected.
        """
        width = len(self.columns)
        counts = (1, width, width, len(self._pairs[0]))
        return self._terms(rows) * np.repeat((_CONSTANT, _SLOPE, _CURVATURE, _INTERACTION), counts)
