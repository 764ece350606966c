"""The list of a call: checked points, as rows of the unit cube, without those that cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.base import Observation, Point, Problem
from planners.candidates.planner import Candidates
from planners.errors import CannotSuggest, NothingLeft
from planners.factors import Array
from planners.factors.held import free
from planners.listed import listed
from planners.sampling import all_rows, feasible_rows
from planners.silent import completed


@dataclass(frozen=True, slots=True)
class Listing:
    """Candidates that may be run: legal ``rows``, their points (None: that of the row), numbers.

    ``numbers`` ``(m,)`` are places in the list, which has ``total`` entries; ``passed`` says which
    of it the space does not hold any more, ``silent`` what it says nothing of.
    """

    rows: Array
    points: tuple[Point | None, ...]
    numbers: NDArray[np.intp]
    total: int
    passed: str = ""
    silent: str = ""


def listing(options: Candidates, problem: Problem, history: Sequence[Observation]) -> Listing:
    """Return the candidates that keep the constraints and the values held, each once.

    Raises BadOption with the faults of candidates that are none of the problem's,
    CannotSuggest when not one keeps the constraints, and NothingLeft when the space holds none of
    a list any more that has been begun.
    """
    if options.listed is None:
        return _drawn(options, problem)
    whole = unheld(problem)
    where = options.file or "points"
    points, silent = completed(options.listed, problem, history, where)
    found = listed(points, whole, history, where)
    passed = found.passed_over(found.left(history)) if found.beyond else ""
    inside = np.array([i for i in range(len(found.points)) if i not in found.beyond], dtype=np.intp)
    if not len(inside):
        raise NothingLeft(passed or "every candidate of the list has been run")
    points = [found.points[i] for i in inside]
    rows = np.array([whole.encode(point) for point in points])
    kept = np.array([_held(problem, point) for point in points], dtype=bool) & _unique(rows)
    legal = problem.snap(rows)
    within = problem.keeps_constraints(legal)
    if not kept.any():
        raise CannotSuggest("no candidate of the list has the values that are held")
    if not (kept & within).any():
        broken = "; ".join(str(constraint) for constraint in problem.constraints)
        raise CannotSuggest(f"no candidate keeps the constraints: {broken}")
    chosen = np.flatnonzero(kept & within)
    total = len(found.points)
    own = tuple(points[i] for i in chosen)
    return Listing(legal[chosen], own, inside[chosen], total, passed, silent)


def unheld(problem: Problem) -> Problem:
    """Return the factors free of what they are held at: runs at other values stand there, too."""
    return Problem(tuple(free(factor) for factor in problem.factors))


def _drawn(options: Candidates, problem: Problem) -> Listing:
    rows = all_rows(problem)
    if rows is None:
        rng = np.random.default_rng(options.seed)
        rows = feasible_rows(problem, options.number, rng)[: options.number]
        rows = rows[_unique(rows)]
    return Listing(rows, (None,) * len(rows), np.arange(len(rows)), len(rows))


def _unique(rows: Array) -> NDArray[np.bool_]:
    """Return which rows come for the first time."""
    first = np.zeros(len(rows), dtype=bool)
    first[np.unique(np.round(rows, 9), axis=0, return_index=True)[1]] = True
    return first


def _held(problem: Problem, point: Point) -> bool:
    """Return whether a point has the values of the factors that are held."""
    return all(factor.fault(point[factor.name]) is None for factor in problem.factors)
