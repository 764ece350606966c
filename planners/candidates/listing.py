"""The list of a call: checked points, as rows of the unit cube, without those that cannot be."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.base import Point, Problem
from planners.candidates.planner import Candidates
from planners.errors import CannotSuggest
from planners.factors import Array
from planners.factors.held import free
from planners.replay import Replay
from planners.sampling import all_rows, feasible_rows


@dataclass(frozen=True, slots=True)
class Listing:
    """Candidates that may be run: legal ``rows``, their points (None: that of the row), numbers.

    ``numbers`` ``(m,)`` are places in the list, which has ``total`` entries.
    """

    rows: Array
    points: tuple[Point | None, ...]
    numbers: NDArray[np.intp]
    total: int


def listing(options: Candidates, problem: Problem) -> Listing:
    """Return the candidates that keep the constraints and the values held, each once.

    Raises BadOption with the faults of candidates that are none of the problem's, and
    CannotSuggest when not one keeps the constraints.
    """
    if options.listed is None:
        return _drawn(options, problem)
    whole = unheld(problem)
    points = Replay(options.listed).checked(whole, options.file or "points")
    rows = np.array([whole.encode(point) for point in points])
    kept = np.array([_held(problem, point) for point in points], dtype=bool) & _unique(rows)
    legal = problem.snap(rows)
    within = problem.keeps_constraints(legal)
    if not kept.any():
        raise CannotSuggest("no candidate of the list has the values that are held")
    if not (kept & within).any():
        listed = "; ".join(str(constraint) for constraint in problem.constraints)
        raise CannotSuggest(f"no candidate keeps the constraints: {listed}")
    numbers = np.flatnonzero(kept & within)
    return Listing(legal[numbers], tuple(points[i] for i in numbers), numbers, len(points))


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
