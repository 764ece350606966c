"""How badly a kinetic law agrees with runs, and constants with which it agrees well.

Least squares by Levenberg and Marquardt's method (Marquardt, J. Soc. Ind. Appl. Math. 1963, 11,
431; 10.1137/0111030), with the constants' priors among the squares, from several starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planners.bayes.models.law import Law
from planners.bayes.models.matrices import squared
from planners.factors import Array

_COARSE, _FINE = 0.3, 0.1  # variance that the law may miss, while it is first fitted
_STEPS = 40
_SETTLED = 1e-2
_WORST = 1e6  # damping at which a search gives up


@dataclass(frozen=True, slots=True)
class Start:
    """A law with constants that agree with the runs, and how badly they do."""

    law: Law
    constants: Array
    slopes: Array
    gaps: Array  # of the runs from what is expected
    misfit: float


class Misfit:
    """Outputs ``y`` ``(n,)`` at ``terms`` ``(n, k + 1)``, which are a law's coordinates."""

    def __init__(self, y: Array, known_variance: Array, terms: Array) -> None:
        self._y, self._known, self._terms = y, known_variance, terms

    def at(self, law: Law, constants: Array, missed: float) -> Start:
        """Return how badly a law agrees that is expected to miss by a variance ``missed``."""
        expected, slopes = law.expected(constants, self._terms)
        gaps = self._y - expected
        offsets = law.offsets(constants)
        misfit = gaps**2 @ (1.0 / (missed + self._known)) + offsets @ offsets
        return Start(law, constants, slopes, gaps, float(misfit))

    def curvature(self, start: Start, missed: float) -> Array:
        """Return the lower root of the Gauss-Newton matrix of half the misfit, ``(p, p)``."""
        weighed = start.slopes / np.sqrt(missed + self._known)[:, None]
        return squared(np.vstack([weighed, np.diag(1.0 / start.law.sds)]))

    def _step(self, start: Start, missed: float, damping: float) -> Array:
        law, weighed = start.law, start.slopes / (missed + self._known)[:, None]
        matrix = start.slopes.T @ weighed + np.diag(1.0 / law.sds**2)
        pull = weighed.T @ start.gaps - law.offsets(start.constants) / law.sds
        return np.linalg.solve(matrix + damping * np.diag(matrix.diagonal()), pull)

    def settled(self, law: Law, constants: Array, missed: float) -> Start:
        """Return constants of less misfit than these."""
        start, damping = self.at(law, constants, missed), 1e-2
        for _ in range(_STEPS):
            step = self._step(start, missed, damping)
            tried = self.at(law, start.constants + step, missed)
            gain = start.misfit - tried.misfit
            damping = max(damping / 5.0, 1e-6) if gain > 0 else damping * 5.0
            start = tried if gain > 0 else start
            if 0 < gain < _SETTLED or damping > _WORST:
                break
        return start

    def least(self, laws: Sequence[Law]) -> Start:
        """Return the least misfit of a few searches."""
        found = [self.settled(law, constants, _COARSE) for law in laws for constants in law.starts]
        best = min(found, key=lambda start: start.misfit)
        return self.settled(best.law, best.constants, _FINE)
