"""Latin hypercube: a space-filling first design."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from planners.base import Observation, Problem, Suggestion, Tabular
from planners.errors import BadOption
from planners.factors import Array
from planners.sampling import all_rows, feasible_rows, known_rows, legal_rows

_TRIES = 32  # tables drawn; the one with the widest closest pair is kept
_NEIGHBOURS = 5  # of a row, itself among them: pairs beyond are looked for when these are used up
_ASKED = 256  # rows for how far that is
_LEAF = 40  # rows in a leaf of the tree: in many columns faster than the usual ten


@dataclass(frozen=True)
class LatinHypercube(Tabular):
    """Spread ``n_runs`` points evenly over the factors; looks at no response.

    The table follows from ``seed`` alone, so it is the same at every call; rows already in the
    history are passed over, and nothing is left when all are done.
    """

    n_runs: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_runs < 1:
            raise BadOption([f"n_runs: must be at least 1, got {self.n_runs}"])
        if self.seed < 0:
            raise BadOption([f"seed: must be at least 0, got {self.seed}"])

    def size(self, problem: Problem) -> int:
        """Return how many runs the design has."""
        return len(design_rows(problem, self.n_runs, np.random.default_rng(self.seed)))

    def propose(
        self,
        problem: Problem,
        history: Sequence[Observation],
        n: int,
        rng: np.random.Generator,  # noqa: ARG002  # every planner gets one; this one has its own
    ) -> Sequence[Suggestion]:
        """Return the next rows, each with its number in the table."""
        table = design_rows(problem, self.n_runs, np.random.default_rng(self.seed))
        done = np.array([problem.encode(run.point) for run in history])
        known = known_rows(problem, table, done, 0.005 / self.n_runs)
        left = [i for i in range(len(table)) if not known[i]][:n]
        return [
            Suggestion(problem.scale(table[i]), note=f"design {i + 1} of {len(table)}")
            for i in left
        ]


def design_rows(problem: Problem, n_runs: int, rng: np.random.Generator) -> Array:
    """Return a space-filling design of different feasible rows, at most ``n_runs`` of them.

    A finite problem with no more points than that is listed completely, in random order.
    """
    every = all_rows(problem)
    if every is not None and len(every) <= n_runs:
        return rng.permutation(every)
    tables = [_table(problem, n_runs, rng) for _ in range(_TRIES)]
    best = max(tables, key=lambda rows: (len(rows), _closest(rows)))
    if len(best) == n_runs:
        return best
    pool = every if every is not None else feasible_rows(problem, 16 * n_runs, rng)
    return _filled(different(best), rng.permutation(pool), n_runs)


def _table(problem: Problem, n_runs: int, rng: np.random.Generator) -> Array:
    """Return the feasible, different rows of Latin hypercubes just large enough."""
    size = n_runs
    rows = different(legal_rows(problem, _hypercube(size, problem.dimension, rng)))
    while problem.constraints and len(rows) < n_runs and size < 16 * n_runs:
        size = 2 * size
        rows = different(legal_rows(problem, _hypercube(size, problem.dimension, rng)))
    return _thinned(rows, n_runs)


def _hypercube(n: int, width: int, rng: np.random.Generator) -> Array:
    """Return one row in every stratum of every column, shape ``(n, width)``."""
    strata = rng.permuted(np.tile(np.arange(n), (width, 1)), axis=1).T
    return (strata + rng.random(strata.shape)) / n


def different(rows: Array) -> Array:
    """Return the rows without repetitions, in their order."""
    _, first = np.unique(np.round(rows, 9), axis=0, return_index=True)
    return rows[np.sort(first)]


def _closest(rows: Array) -> float:
    """Return the least distance between rows, infinite for one row.

    In the order of the first column, only so many neighbours count as may still be nearer there.
    """
    ordered = rows[np.argsort(rows[:, 0], kind="stable")]
    least = np.inf
    for lag in range(1, len(rows)):
        steps = ordered[lag:] - ordered[:-lag]
        if steps[:, 0].min() ** 2 >= least:
            break
        least = min(least, float(np.einsum("ij,ij->i", steps, steps).min()))
    return float(np.sqrt(least))


def _thinned(rows: Array, n: int) -> Array:
    """Return ``n`` of the rows, giving up the first of the closest pair again and again.

    The pairs are looked at from the nearest on: rows that are given up take their pairs with them.
    """
    keep = np.ones(len(rows), dtype=bool)
    spare, within = len(rows) - n, 0.0
    while spare > 0:
        within = _wider(rows[keep], within)
        for one, other in _pairs(rows, keep, within):
            if spare and keep[one] and keep[other]:
                keep[one] = False
                spare -= 1
    return rows[keep]


def _wider(rows: Array, within: float) -> float:
    """Return a distance within which half the rows have neighbours, more than ``within``."""
    some = rows[:: max(1, len(rows) // _ASKED)]
    near = KDTree(rows).query(some, k=min(_NEIGHBOURS, len(rows)))[0][:, -1]
    return max(float(np.median(near)), 1.2 * within)


def _pairs(rows: Array, keep: NDArray[np.bool_], within: float) -> list[list[int]]:
    """Return the pairs of kept rows that are no further apart, the nearest first, each in order."""
    kept = np.flatnonzero(keep)
    tree = KDTree(rows[kept], leafsize=_LEAF)
    pairs = kept[tree.query_pairs(within, output_type="ndarray")]
    squares = ((rows[pairs[:, 0]] - rows[pairs[:, 1]]) ** 2).sum(axis=1)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], squares))
    return pairs[order].tolist()


def _filled(rows: Array, pool: Array, n: int) -> Array:
    """Return the rows and those of the pool that lie furthest from all before, up to ``n``."""
    found = list(rows)
    gaps = KDTree(rows).query(pool)[0] ** 2 if found else np.full(len(pool), np.inf)
    while len(found) < n and len(pool) and gaps.max() > 1e-12:
        found.append(pool[int(np.argmax(gaps))])
        gaps = np.minimum(gaps, ((pool - found[-1]) ** 2).sum(axis=1))
    return np.array(found).reshape(-1, pool.shape[1])
