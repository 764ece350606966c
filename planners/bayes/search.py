"""Where a function of the unit cube is greatest: an even sweep, clouds, then gradients.

Levels of discrete and categorical factors are tried one and all around the best rows; continuous
factors and mixtures climb from two of them, along constraints where there are any.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from planners.factors import Array, Composition, Continuous
from planners.problem import Problem
from planners.sampling import feasible_rows

Score = Callable[[Array], Array]  # rows (m, dimension) -> (m,)

_SWEEP = 768  # rows of the first look
_KEEP = 6  # best rows followed up
_APART = 0.05  # rows closer than this in every column climb the same hill
_CLOUD = 24  # neighbours drawn around each
_RADII = (0.15, 0.06, 0.025, 0.01, 0.004)
_STEP = 1e-5  # of the forward differences
_SETTLED = 1e-8  # share of the height that a step must gain for the climb to go on
_LEVELS = 24  # of a factor: so many are tried one and all
_FLAT = 1e-6  # of a mixture: parts below it are absent and stay so


@dataclass(frozen=True)
class Domain:
    """The feasible rows of a problem, perhaps with some columns held at given values."""

    problem: Problem
    columns: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    values: Array = field(default_factory=lambda: np.empty(0))

    def legal(self, rows: Array) -> Array:
        """Return the nearest legal rows; those that break a constraint are left out."""
        held = rows.copy()
        held[:, self.columns] = self.values
        legal = self.problem.snap(held)
        return legal[self.problem.keeps_constraints(legal)]

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Return about ``n`` feasible rows; perhaps none where columns are held."""
        rows = feasible_rows(self.problem, n, rng)
        return self.legal(rows) if len(self.columns) else rows

    def within(self, rows: Array) -> NDArray[np.bool_]:
        """Return which snapped rows have the held values, ``(m,)``."""
        return np.all(np.abs(rows[:, self.columns] - self.values) < _STEP, axis=1)


def greatest(
    domain: Domain, score: Score, smooth: Score, around: Array, rng: np.random.Generator
) -> Array | None:
    """Return the feasible row of the highest score found, shape ``(dimension,)``, or None.

    ``score`` may be minus infinity where a row is not wanted; ``smooth`` is the same without those
    holes, for gradients. ``around`` are rows worth looking near, shape ``(k, dimension)``.
    """
    rows = domain.draw(_SWEEP, rng)
    near = [_cloud(domain, around, radius, rng) for radius in (0.1, 0.02)] if len(around) else []
    rows = np.vstack([rows, *near])
    if not len(rows):
        return None
    rows, scores = _best(rows, score(rows), _KEEP)
    for radius in _RADII:
        more = _cloud(domain, rows, radius, rng)
        rows, scores = _joined(rows, scores, more, score)
    rows, scores = _joined(rows, scores, _varied(domain, rows), score)
    tops = [_climbed(domain, smooth, row) for row in _feet(rows)]
    rows, scores = _joined(rows, scores, np.array(tops), score)
    return rows[0]


def _joined(rows: Array, scores: Array, more: Array, score: Score) -> tuple[Array, Array]:
    if not len(more):
        return rows, scores
    return _best(np.vstack([rows, more]), np.concatenate([scores, score(more)]), _KEEP)


def _best(rows: Array, scores: Array, n: int) -> tuple[Array, Array]:
    order = np.argsort(-scores, kind="stable")[:n]
    return rows[order], scores[order]


def _feet(rows: Array) -> Array:
    """Return where to climb from: the best of ``rows``, and the best one of another hill."""
    apart = np.max(np.abs(rows - rows[0]), axis=1) > _APART
    return rows[[0, int(np.argmax(apart))]] if apart.any() else rows[:1]


def _cloud(domain: Domain, rows: Array, radius: float, rng: np.random.Generator) -> Array:
    """Return feasible rows near each of ``rows``; a few columns move at a time, and levels jump."""
    problem = domain.problem
    many = np.repeat(rows, _CLOUD, axis=0)
    moves = rng.random(many.shape) < max(0.5, 1.5 / problem.dimension)
    shifted = many + moves * radius * rng.normal(size=many.shape)
    for factor, columns in zip(problem.factors, problem.slices, strict=True):
        if factor.width == 1 and np.isfinite(factor.n_levels):
            jump = rng.random((len(many), 1)) < 0.25
            shifted[:, columns] = np.where(jump, rng.random((len(many), 1)), many[:, columns])
    return domain.legal(shifted)


def _varied(domain: Domain, rows: Array) -> Array:
    """Return the rows with every other level of every factor of few levels, one at a time."""
    problem, found = domain.problem, [rows[:0]]
    for factor, columns in zip(problem.factors, problem.slices, strict=True):
        if factor.width == 1 and factor.n_levels <= _LEVELS:
            count = int(factor.n_levels)
            many = np.repeat(rows, count, axis=0)
            many[:, columns] = np.tile((np.arange(count) + 0.5) / count, len(rows))[:, None]
            found.append(many)
    return domain.legal(np.vstack(found))


def _free(domain: Domain, row: Array) -> NDArray[np.intp]:
    """Return the columns that can move a little: numbers, and parts present in a mixture."""
    free = np.zeros(domain.problem.dimension, dtype=bool)
    for factor, columns in zip(domain.problem.factors, domain.problem.slices, strict=True):
        if isinstance(factor, Continuous):
            free[columns] = True
        elif isinstance(factor, Composition):
            free[columns] = row[columns] > _FLAT
    free[domain.columns] = False
    return free.nonzero()[0]


def _climbed(domain: Domain, smooth: Score, row: Array) -> Array:
    """Return the top of the hill along the free columns, or ``row`` if that is infeasible."""
    problem, free = domain.problem, _free(domain, row)
    if not len(free):
        return row

    def around(values: Array) -> tuple[Array, Array]:
        """Return legal rows at and a step beside some values, and the steps."""
        steps = np.where(values > 0.5, -_STEP, _STEP)  # never leave the cube
        rows = np.tile(row, (len(free) + 1, 1))
        rows[:, free] = values
        rows[np.arange(1, len(free) + 1), free] += steps
        return problem.snap(rows), steps

    def downhill(values: Array) -> tuple[float, Array]:
        rows, steps = around(np.clip(values, 0.0, 1.0))
        heights = smooth(rows)
        return -float(heights[0]), -(heights[1:] - heights[0]) / steps

    def room(values: Array) -> Array:
        return _margins(problem, around(np.clip(values, 0.0, 1.0))[0])[0]

    def room_slopes(values: Array) -> Array:
        rows, steps = around(np.clip(values, 0.0, 1.0))
        margins = _margins(problem, rows)
        return ((margins[1:] - margins[0]) / steps[:, None]).T

    bounds: Any = [(0.0, 1.0)] * len(free)
    more: dict[str, Any] = {"method": "L-BFGS-B"}
    if problem.constraints:
        keep = {"type": "ineq", "fun": room, "jac": room_slopes}
        more = {"method": "SLSQP", "constraints": [keep]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a step beyond a bound is clipped, here too
        options = {"maxiter": 30, "ftol": _SETTLED}
        found: Any = minimize(downhill, row[free], jac=True, bounds=bounds, options=options, **more)
    top = row.copy()
    top[free] = np.clip(np.where(np.isfinite(found.x), found.x, row[free]), 0.0, 1.0)
    return _inside(problem, row, top)


def _inside(problem: Problem, row: Array, top: Array) -> Array:
    """Return the last feasible row on the way from a feasible ``row`` to ``top``."""
    shares = np.concatenate([[1.0], 1.0 - np.logspace(-6, 0, 13)])
    way = problem.snap(row + shares[:, None] * (top - row))
    return way[int(np.argmax(problem.keeps_constraints(way)))]


def _margins(problem: Problem, rows: Array) -> Array:
    """Return how far snapped rows are from breaking each bound, ``(m, bounds)``; inside is > 0."""
    found: list[Array] = []
    sums = problem.sums(rows) / problem.sizes
    for constraint, size, sum_ in zip(problem.constraints, problem.sizes, sums.T, strict=True):
        gaps = (constraint.high / size - sum_, sum_ - constraint.low / size)
        found += [np.where(np.isfinite(g), g, -1.0) for g in gaps if not np.all(np.isinf(g))]
    return np.column_stack(found)
