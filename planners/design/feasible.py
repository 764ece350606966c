"""Rows of a scheme that break a constraint: moved to the edge, left out, or refused."""

import numpy as np
from numpy.typing import NDArray

from planners.base import Problem
from planners.design.hypercube import different
from planners.errors import CannotSuggest
from planners.factors import Array, Categorical
from planners.sampling import all_rows, feasible_rows

_CANDIDATES = 512
_STEPS = 64  # of the way from an infeasible row to a feasible one
_HALVINGS = 20


def fitted(
    problem: Problem, rows: Array, infeasible: str, rng: np.random.Generator
) -> tuple[Array, str]:
    """Return different feasible rows, and what was done about the others in words.

    ``infeasible`` is ``replace``, ``drop`` or ``refuse``. Raises CannotSuggest when refusing, and
    when nothing is left.
    """
    rows = problem.snap(rows)
    good = problem.keeps_constraints(rows)
    n_bad = int((~good).sum())
    if not n_bad:
        return different(rows), ""
    if infeasible == "refuse":
        raise CannotSuggest(_refusal(problem, rows[~good]))
    if infeasible == "drop":
        if not good.any():
            raise CannotSuggest("no run of the design keeps the constraints: replace them instead")
        return different(rows[good]), f"{_that_break(n_bad)} left out"
    moved = rows.copy()
    moved[~good] = _moved(problem, rows[~good], rng)
    kept = different(moved)
    lost = len(different(rows)) - len(kept)
    said = f"{_that_break(n_bad)} moved to its edge"
    return kept, said + (f" ({lost} fall together)" if lost else "")


def _that_break(count: int) -> str:
    one = "1 run that breaks a constraint is"
    return one if count == 1 else f"{count} runs that break a constraint are"


def _refusal(problem: Problem, rows: Array) -> str:
    breach = "; ".join(problem.faults(problem.scale(rows[0])))
    runs = "run" if len(rows) == 1 else "runs"
    return (
        f"{len(rows)} {runs} of the design cannot be done, the first {breach}:"
        " set infeasible to replace or drop, or narrow the factors"
    )


def in_the_middle(problem: Problem, rows: Array, rng: np.random.Generator) -> tuple[Array, str]:
    """Return centre points: where one breaks a constraint, the middle of what is feasible.

    Equal rows stay equal, so that they are replicates. The words say what was done.
    """
    good = problem.keeps_constraints(rows)
    if good.all():
        return rows, ""
    pool = _pool(problem, rng)
    moved = [r if ok else _middle(problem, r, pool) for r, ok in zip(rows, good, strict=True)]
    return np.array(moved), "centre points stand in the middle of what the constraints leave"


def _middle(problem: Problem, row: Array, pool: Array) -> Array:
    """Return the mean of the feasible rows with a row's names, or the one nearest to it."""
    names = _names(problem)
    like = pool[(np.abs(pool[:, names] - row[names]) < 1e-9).all(axis=1)]
    rows = like if len(like) else pool
    mean = rows.mean(axis=0)
    mean[names] = rows[0, names]
    legal = problem.snap(mean[None, :])
    if problem.keeps_constraints(legal)[0]:
        return np.asarray(legal[0], dtype=float)
    return _nearest(mean, rows, names)


def _pool(problem: Problem, rng: np.random.Generator) -> Array:
    every = all_rows(problem)
    return every if every is not None else feasible_rows(problem, _CANDIDATES, rng)


def _names(problem: Problem) -> list[int]:
    return [
        columns.start
        for factor, columns in zip(problem.factors, problem.slices, strict=True)
        if isinstance(factor, Categorical)
    ]


def _moved(problem: Problem, rows: Array, rng: np.random.Generator) -> Array:
    """Return the first feasible row on the way from each to the nearest feasible candidate."""
    pool, names = _pool(problem, rng), _names(problem)
    return _edges(problem, rows, np.array([_nearest(row, pool, names) for row in rows]))


def _nearest(row: Array, pool: Array, names: list[int]) -> Array:
    """Return the nearest row; another name counts as far away."""
    gaps = ((pool - row) ** 2).sum(axis=1)
    gaps += 10.0 * (np.abs(pool[:, names] - row[names]) > 1e-9).sum(axis=1)
    return np.asarray(pool[int(np.argmin(gaps))], dtype=float)


def _edges(problem: Problem, rows: Array, inside: Array) -> Array:
    """Return the first feasible row on the way from each row to that ``inside``, ``(n, d)``."""

    def at(shares: Array, which: NDArray[np.intp]) -> Array:
        return problem.snap(rows[which] + shares[:, None] * (inside - rows)[which])

    every = np.arange(len(rows))
    high, waiting = np.ones(len(rows)), every
    for step in range(_STEPS):
        share = np.full(len(waiting), step / _STEPS)
        legal = problem.keeps_constraints(at(share, waiting))
        high[waiting[legal]] = step / _STEPS
        waiting = waiting[~legal]
    low = np.maximum(high - 1.0 / _STEPS, 0.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        legal = problem.keeps_constraints(at(middle, every))
        low, high = np.where(legal, low, middle), np.where(legal, middle, high)
    return np.where((high == 1.0)[:, None], inside, at(high, every))
