"""Where a run came out better than the others let expect: a hill may begin there.

Where a model holds that nothing is left to gain, it may be wrong, and a run that it would not have
foretold says where: beside a narrow peak, say, that lies away from a broad hill. The model itself
takes the run in its stride once it knows it, so each run is foretold from all others (Rasmussen and
Williams, "Gaussian Processes for Machine Learning", 2006, section 5.4.2).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from planners.base import Problem, Response
from planners.bayes.columns import numbers
from planners.bayes.models.surrogate import Model
from planners.bayes.search import Domain
from planners.factors import Array
from planners.rounding import rounded

_SURE = 1.0  # sds, noise included, by which a run must beat what was foretold
_MUCH = 0.3  # and in sds of all readings: what noise does at the top of a known hill is no news
_NOISES = 3.0  # and in sds of the noise
_REACH = 0.1  # of each number's range: how far around such a run is looked
_CLOSE = 0.03  # but not closer
_ENOUGH = 8  # further runs within that reach, after which it has been looked around
_POOL = 512


@dataclass(frozen=True, slots=True)
class Surprise:
    """A run that came out better than foretold: its row ``(dimension,)``, and by how much."""

    row: Array
    response: Response
    value: float
    foretold: float
    sds: float

    @property
    def text(self) -> str:
        """Return what was surprising, in the response's own unit."""
        value, foretold = rounded(self.value, 3), rounded(self.foretold, 3)
        return f"a run with {self.response.name} {value}, where the others let expect {foretold}"

    def around(self, domain: Domain, rng: np.random.Generator) -> Array:
        """Return feasible rows ``(m, dimension)`` around the run, at its names and levels."""
        free = numbers(domain.problem)
        rows = np.tile(self.row, (_POOL, 1))
        rows[:, free] += rng.uniform(-_REACH, _REACH, (_POOL, int(free.sum())))
        rows = domain.legal(np.clip(rows, 0.0, 1.0))
        gaps = _gaps(rows, self.row)
        return rows[(gaps > _CLOSE) & (gaps <= _REACH)]


def surprise(problem: Problem, goal: Model, rows: Array, tried: Array) -> Surprise | None:
    """Return the most surprising run that has not been looked around, or None.

    ``rows`` ``(n, dimension)`` are where the runs stood that the goal is learned from first;
    ``tried`` ``(k, dimension)`` are all rows of this campaign, with those in flight.
    """
    if not numbers(problem).any():
        return None
    found: list[Surprise] = []
    for i, foretold, sds in _better(goal, len(rows)):
        if np.all((rows[i] >= 0.0) & (rows[i] <= 1.0)):
            row = problem.snap(rows[[i]])[0]
            value, expected = (goal.scale.plain(y) for y in (goal.process.y[i], foretold))
            found.append(Surprise(row, goal.response, value, expected, sds))
    left = [one for one in found if (_gaps(tried, one.row) <= _REACH).sum() <= _ENOUGH]
    return max(left, key=lambda one: one.sds, default=None)


def _better(goal: Model, count: int) -> list[tuple[int, float, float]]:
    """Return which of the first runs beat what was foretold, that, and by how many sds."""
    mean, sd = goal.process.left_out()
    beyond = (goal.process.y - mean)[:count]
    sds = beyond / sd[:count]
    much = max(_MUCH, _NOISES * float(np.sqrt(goal.process.noise_variance)))
    better = np.flatnonzero((sds > _SURE) & (beyond > much))
    return [(int(i), float(mean[i]), float(sds[i])) for i in better]


def _gaps(rows: Array, row: Array) -> Array:
    """Return how far rows ``(m, dimension)`` are from one, in the column of most, ``(m,)``."""
    gaps: Any = cdist(rows, row[None], "chebyshev")
    return gaps[:, 0]
