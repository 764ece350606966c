"""Feasible rows of the unit cube: the pool that designs and searches draw from.

Even spreading uses the additive recurrence of the generalised golden ratio (Roberts, "The
unreasonable effectiveness of quasirandom sequences", 2018) with a random shift. Where constraints
leave too little of the cube for draws to hit, ``planners.narrow`` solves for points instead.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from planners.errors import CannotSuggest
from planners.factors import Array
from planners.factors.held import AnyHeld, shown
from planners.problem import Point, Problem

_SAME = 1e-3  # of the unit cube's edge: closer values of a held factor are the same
_MAX_DRAWS = 1 << 15  # before constraints count as too narrow to hit
MAX_GRID = 4096  # finite problems up to this many points are enumerated


def even_rows(n: int, width: int, rng: np.random.Generator) -> Array:
    """Return ``n`` rows that fill the unit cube evenly, shape ``(n, width)``."""
    ratio = 2.0
    for _ in range(64):  # the positive root of x**(width + 1) = x + 1
        ratio = (1.0 + ratio) ** (1.0 / (width + 1))
    steps = ratio ** -np.arange(1.0, width + 1)
    return (rng.random(width) + np.arange(n)[:, None] * steps) % 1.0


def legal_rows(problem: Problem, rows: Array) -> Array:
    """Return uniform rows as legal ones; those that break a constraint are left out."""
    legal = problem.snap(problem.spread(rows))
    return legal[problem.keeps_constraints(legal)]


def feasible_rows(problem: Problem, n: int, rng: np.random.Generator) -> Array:
    """Return at least ``n`` feasible rows spread over the problem, some perhaps equal.

    Raises CannotSuggest when no point keeps the constraints.
    """
    rows = legal_rows(problem, even_rows(n, problem.dimension, rng))
    drawn = n
    while len(rows) < n and drawn < _MAX_DRAWS:
        more = legal_rows(problem, even_rows(drawn, problem.dimension, rng))
        rows, drawn = np.vstack([rows, more]), 2 * drawn
    if len(rows) >= n:
        return rows
    from planners.narrow import narrow_rows

    return np.vstack([rows, narrow_rows(problem, n - len(rows), rng)])


def all_rows(problem: Problem) -> Array | None:
    """Return every feasible row of a finite problem, or None when there are too many."""
    if problem.n_points > MAX_GRID:
        return None
    levels = [
        np.unique(factor.snap(np.eye(factor.width)), axis=0)
        if factor.width > 1
        else (np.arange(factor.n_levels)[:, None] + 0.5) / factor.n_levels
        for factor in problem.factors
    ]
    rows = problem.snap(np.array([np.concatenate(choice) for choice in product(*levels)]))
    rows = rows[problem.keeps_constraints(rows)]
    if not len(rows):
        raise CannotSuggest(no_point(problem))
    return rows


def no_point(problem: Problem) -> str:
    """Return the sentence for constraints that nothing keeps."""
    listed = "; ".join(str(constraint) for constraint in problem.constraints)
    fixed = [
        f"{f.name} fixed at {shown(f.held)}" for f in problem.factors if isinstance(f, AnyHeld)
    ]
    given = f"; with {', '.join(fixed)}" if fixed else ""
    return f"no point within the factors' ranges keeps the constraints: {listed}{given}"


def inside(problem: Problem, rows: Array) -> NDArray[np.bool_]:
    """Return which rows stand for points of the problem as it is now, constraints aside.

    Others were run before somebody narrowed a range, dropped a value or held a factor.
    """
    if not len(rows):
        return np.zeros(0, dtype=bool)
    return np.max(np.abs(rows - problem.snap(rows)), axis=1) <= _SAME


def asked_rows(problem: Problem, points: Sequence[Point]) -> Array:
    """Return the rows of points that were asked for, ``(k, dimension)``, tidy where they are legal.

    What was asked for before somebody narrowed the problem stays where it is, outside.
    """
    rows = np.array([problem.encode(point) for point in points]).reshape(-1, problem.dimension)
    return np.where(inside(problem, rows)[:, None], problem.snap(rows), rows)


def n_different(rows: Array) -> int:
    """Return how many experiments rows ``(k, dimension)`` are; replicates are one."""
    return len(np.unique(np.round(rows, 6), axis=0))


def known_rows(problem: Problem, rows: Array, others: Array, within: float) -> Array:
    """Return which rows lie within ``within`` of one of ``others`` in every column, ``(n,)``."""
    if not len(others) or not len(rows):
        return np.zeros(len(rows), dtype=bool)
    legal = problem.snap(others[inside(problem, others)])
    if not len(legal):
        return np.zeros(len(rows), dtype=bool)
    return np.array([bool(np.any(np.max(np.abs(legal - row), axis=1) <= within)) for row in rows])
