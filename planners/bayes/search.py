"""Where a function of the unit cube is greatest: an even sweep, clouds, then L-BFGS."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from planners.factors import Array, Continuous
from planners.problem import Problem
from planners.sampling import feasible_rows

Score = Callable[[Array], Array]  # rows (m, dimension) -> (m,)

_SWEEP = 768  # rows of the first look
_KEEP = 6  # best rows followed up
_CLOUD = 24  # neighbours drawn around each
_RADII = (0.15, 0.06, 0.025, 0.01, 0.004)
_STEP = 1e-5  # of the forward differences


def greatest(
    problem: Problem, score: Score, smooth: Score, around: Array, rng: np.random.Generator
) -> Array:
    """Return the feasible row of the highest score found, shape ``(dimension,)``.

    ``score`` may be minus infinity where a row is not wanted; ``smooth`` is the same without those
    holes, for gradients. ``around`` are rows worth looking near, shape ``(k, dimension)``.
    """
    rows = feasible_rows(problem, _SWEEP, rng)
    near = [_cloud(problem, around, radius, rng) for radius in (0.1, 0.02)] if len(around) else []
    rows = np.vstack([rows, *near])
    rows, scores = _best(rows, score(rows), _KEEP)
    for radius in _RADII:
        more = _cloud(problem, rows, radius, rng)
        if len(more):
            more = np.vstack([rows, more])
            rows, scores = _best(more, np.concatenate([scores, score(more[len(rows) :])]), _KEEP)
    top = _climbed(problem, smooth, rows[0])
    return top if score(top[None, :])[0] > scores[0] else rows[0]


def _best(rows: Array, scores: Array, n: int) -> tuple[Array, Array]:
    order = np.argsort(-scores, kind="stable")[:n]
    return rows[order], scores[order]


def _cloud(problem: Problem, rows: Array, radius: float, rng: np.random.Generator) -> Array:
    """Return feasible rows near each of ``rows``; a few columns move at a time, and levels jump."""
    many = np.repeat(rows, _CLOUD, axis=0)
    moves = rng.random(many.shape) < max(0.5, 1.5 / problem.dimension)
    shifted = many + moves * radius * rng.normal(size=many.shape)
    for factor, columns in zip(problem.factors, problem.slices, strict=True):
        if factor.width == 1 and np.isfinite(factor.n_levels):
            jump = rng.random((len(many), 1)) < 0.25
            shifted[:, columns] = np.where(jump, rng.random((len(many), 1)), many[:, columns])
    legal = problem.snap(shifted)
    return legal[problem.keeps_constraints(legal)]


def _climbed(problem: Problem, smooth: Score, row: Array) -> Array:
    """Return the top of the hill along the continuous columns, or ``row`` if that is infeasible."""
    free = np.concatenate(
        [np.full(f.width, isinstance(f, Continuous)) for f in problem.factors]
    ).nonzero()[0]
    if not len(free):
        return row

    def downhill(values: Array) -> tuple[float, Array]:
        steps = np.where(values > 0.5, -_STEP, _STEP)  # never leave the cube
        rows = np.tile(row, (len(free) + 1, 1))
        rows[:, free] = values
        rows[np.arange(1, len(free) + 1), free] += steps
        heights = smooth(rows)
        return -float(heights[0]), -(heights[1:] - heights[0]) / steps

    bounds = [(0.0, 1.0)] * len(free)
    found = minimize(
        downhill, row[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30}
    )
    top = row.copy()
    top[free] = np.clip(found.x, 0.0, 1.0)
    return top if problem.keeps_constraints(top[None, :])[0] else row
