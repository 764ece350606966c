"""D- and I-optimal designs: the runs that tell most about a model, under constraints.

Candidates are the levels' grid, the corners of the feasible region, and feasible points between.
Where factors are continuous, a second exchange tries points near the chosen ones.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from planners.base import Composition, Continuous, Problem
from planners.design.coordinate import moved
from planners.design.exchange import best_subset, climbed, d_score, i_score
from planners.design.hypercube import different
from planners.design.model import independent, terms
from planners.errors import CannotSuggest
from planners.factors import Array
from planners.narrow import vertex_rows
from planners.rounding import counted
from planners.sampling import all_rows, feasible_rows
from planners.threads import one_thread

_SPARE = 4  # runs beyond the terms, where the number is not given
_GRID = 1500  # candidates of the levels' grid at most
_BETWEEN = 400  # feasible candidates spread over the region
_CORNERS = 48  # of a constrained region looked for
_REGION = 1000  # points over which predictions are averaged
_ROUNDS = 8  # of exchanges with points near the design
_WORK = 8e6  # of all these rounds: runs squared, times columns that move, times terms
_LEVELS = (0.0, 0.5, 1.0)  # that one factor of a chosen run may take instead
_STEPS = (0.02, 0.1)  # of the unit cube, around chosen runs
_SAME = 1e-9  # names and listed values are this or another
_ALIKE = 0.05  # of the unit cube's edge: runs nearer to each other are meant to be one, repeated
_PRICE = 0.01  # of the efficiency that may be lost by repeating it exactly

Table = tuple[Array, str]


def optimal(
    problem: Problem, kind: str, model: str, n_runs: int | None, rng: np.random.Generator
) -> Table:
    """Return the best runs found for a model; ``kind`` is ``d-optimal`` or ``i-optimal``.

    Raises CannotSuggest when there are fewer runs than terms.
    """
    rows, kept, wanted = _wanted(problem, model, n_runs, rng)
    said = f"{kind}, {model} model of {counted(len(kept), 'term')}"
    weights = _region(problem, model, kept, rng) if kind == "i-optimal" else None
    with one_thread():
        chosen = rows[best_subset(terms(problem, rows, model)[:, kept], wanted, rng, weights)]
        chosen = _refined(problem, chosen, model, kept, weights)
        chosen = _repeated(problem, chosen, model, kept, weights)
    if (count := len(different(chosen))) < wanted:
        said += f", {counted(wanted, 'run')} at {counted(count, 'point')}"
    return chosen, f"{said}, {_figure(terms(problem, chosen, model)[:, kept], weights)}"


def size(problem: Problem, model: str, n_runs: int | None, rng: np.random.Generator) -> int:
    """Return how many runs the design will have, without looking for the best ones.

    Raises CannotSuggest when there are fewer runs than terms.
    """
    return _wanted(problem, model, n_runs, rng)[2]


def _wanted(
    problem: Problem, model: str, n_runs: int | None, rng: np.random.Generator
) -> tuple[Array, list[int], int]:
    """Return the candidates, the model's terms that they tell apart, and how many runs are wanted.

    Raises CannotSuggest when there are fewer runs than terms.
    """
    rows = candidates(problem, rng, model)
    kept = independent(terms(problem, rows, model))
    wanted = len(kept) + _SPARE if n_runs is None else n_runs
    if wanted < len(kept):
        raise CannotSuggest(
            f"n_runs: the {model} model of these factors has {counted(len(kept), 'term')} and needs"
            f" at least as many runs, got {wanted}"
        )
    return rows, kept, wanted


def _figure(table: Array, weights: Array | None) -> str:
    efficiency = _efficiency(table, weights)
    if not efficiency:
        return "some terms of which hardly vary where the constraints leave room"
    if weights is not None:
        return f"mean variance of prediction {1.0 / efficiency:.3f} of a run's"
    return f"D-efficiency {100 * efficiency:.1f} %"


def _efficiency(table: Array, weights: Array | None) -> float:
    if weights is not None:
        return -1.0 / i_score(table, weights)
    return float(np.exp(d_score(table) / table.shape[1])) / len(table)


def candidates(problem: Problem, rng: np.random.Generator, model: str = "quadratic") -> Array:
    """Return different feasible rows from which a design may be chosen; raise CannotSuggest."""
    every = all_rows(problem)
    if every is not None:
        return every
    ends = model != "quadratic" and not problem.constraints
    found = [_grid(problem, rng, ends=ends), feasible_rows(problem, _BETWEEN, rng)]
    if problem.constraints:
        found.append(vertex_rows(problem, _CORNERS, rng))
    rows = problem.snap(np.vstack(found))
    return different(rows[problem.keeps_constraints(rows)])


def _grid(problem: Problem, rng: np.random.Generator, *, ends: bool) -> Array:
    """Return combinations of the factors' levels: all of them, or a random part.

    Without squares nothing is gained between the ends of a number.
    """
    levels = [_levels(factor, ends=ends) for factor in problem.factors]
    if np.prod([float(len(own)) for own in levels]) <= _GRID:
        rows = np.array([np.concatenate(choice) for choice in product(*levels)])
    else:
        drawn = [own[rng.integers(len(own), size=_GRID)] for own in levels]
        rows = np.concatenate(drawn, axis=1)
    rows = problem.snap(rows)
    return rows[problem.keeps_constraints(rows)]


def _levels(factor: object, *, ends: bool) -> Array:
    if isinstance(factor, Continuous):
        return np.array([[0.0], [1.0]] if ends else [[0.0], [0.5], [1.0]])
    if isinstance(factor, Composition):
        pure = np.eye(factor.width)
        pairs = [(a + b) / 2 for i, a in enumerate(pure) for b in pure[:i]]
        return np.vstack([pure, *pairs]) if factor.most > 1 else pure
    count = int(getattr(factor, "n_levels"))  # noqa: B009  # names and discrete numbers
    return ((np.arange(count) + 0.5) / count)[:, None]


def _region(problem: Problem, model: str, kept: list[int], rng: np.random.Generator) -> Array:
    """Return the mean of ``f f'`` over the feasible region."""
    table = terms(problem, feasible_rows(problem, _REGION, rng), model)[:, kept]
    moments = table.T @ table / len(table)
    return moments + 1e-9 * float(np.trace(moments)) * np.eye(len(kept))


def _refined(
    problem: Problem,
    chosen: Array,
    model: str,
    kept: list[int],
    weights: Array | None,
) -> Array:
    """Return the design after exchanges with points near its own, or beside one factor's levels.

    Again and again as long as that helps, within limits; never a worse design. Each run of a large
    design looks at the points near itself, else at those near all of them.
    """
    free = _free(problem)
    if not free:
        return chosen
    rounds = _WORK / (len(chosen) ** 2 * len(free) * len(kept))
    if rounds < 1.0:
        return moved(
            chosen,
            lambda row: beside(problem, row, free),
            lambda rows: terms(problem, rows, model)[:, kept],
            weights,
        )
    for _ in range(min(int(rounds), _ROUNDS)):
        pool = different(np.vstack([chosen, *(_near(problem, chosen, c) for c in free)]))
        table = terms(problem, pool, model)[:, kept]
        own = np.array([int(np.argmin(((pool - row) ** 2).sum(axis=1))) for row in chosen])
        better = climbed(table, own, weights)
        chosen = pool[better]
        if sorted(better.tolist()) == sorted(own.tolist()):
            break
    return chosen


def _free(problem: Problem) -> list[int]:
    """Return the columns that can move a little."""
    return [
        c
        for factor, columns in zip(problem.factors, problem.slices, strict=True)
        if isinstance(factor, Continuous | Composition)
        for c in range(columns.start, columns.stop)
    ]


def _repeated(
    problem: Problem, chosen: Array, model: str, kept: list[int], weights: Array | None
) -> Array:
    """Return the design with runs that nearly agree made replicates of the best of them.

    A copy that is a little off says neither how a run scatters nor what lies between. Where runs
    must lie close together to tell the terms apart, they stay as they are.
    """

    def worth(rows: Array) -> float:
        return _efficiency(terms(problem, rows, model)[:, kept], weights)

    reach = np.full(chosen.shape[1], _SAME)
    reach[_free(problem)] = _ALIKE
    least = (1.0 - _PRICE) * worth(chosen)
    for row in different(chosen):
        alike = (np.abs(chosen - row) <= reach).all(axis=1)
        ones = different(chosen[alike])
        if len(ones) < 2:
            continue
        best = max((np.where(alike[:, None], one, chosen) for one in ones), key=worth)
        if worth(best) >= least:
            chosen = best
    return chosen


def _near(problem: Problem, chosen: Array, column: int) -> Array:
    rows = problem.snap(_shifted(chosen, column))
    return rows[problem.keeps_constraints(rows)]


def beside(problem: Problem, row: Array, free: list[int]) -> tuple[Array, NDArray[np.intp]]:
    """Return the legal rows near one, and along which column each was moved."""
    shifted = [_shifted(row[None], column) for column in free]
    columns = np.repeat(free, [len(rows) for rows in shifted])
    rows = problem.snap(np.vstack(shifted))
    legal = problem.keeps_constraints(rows)
    return rows[legal], columns[legal]


def _shifted(chosen: Array, column: int) -> Array:
    """Return rows a little before and behind on one column, and at its levels."""
    moves = [chosen + step * np.eye(1, chosen.shape[1], column) for step in _STEPS]
    moves += [chosen - step * np.eye(1, chosen.shape[1], column) for step in _STEPS]
    for level in _LEVELS:
        moves.append(chosen.copy())
        moves[-1][:, column] = level
    return np.vstack(moves)
