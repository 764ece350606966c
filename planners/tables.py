"""Fixed tables of runs, worked off row by row: what is left of one, given a history.

A row may stand in a table several times (replicates). Every run of the history does one of them,
whatever became of it: a failed run is not proposed again.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from planners.base import Observation, Problem
from planners.factors import Array

_WITHIN = 2e-3  # of the unit cube's edge: values in files have few digits


def placed(problem: Problem, history: Sequence[Observation]) -> Array:
    """Return the rows of the runs that lie within the factors' ranges, ``(n, dimension)``."""
    legal = [
        problem.encode(run.point)
        for run in history
        if all(f.name in run.point and not f.fault(run.point[f.name]) for f in problem.factors)
    ]
    return np.array(legal).reshape(len(legal), problem.dimension)


def closeness(rows: Array) -> float:
    """Return within which distance in every column a run is one of these rows and no other."""
    apart = np.unique(np.round(rows, 9), axis=0)
    if len(apart) < 2:
        return _WITHIN
    from scipy.spatial import KDTree  # only where a table is worked off

    gaps: Any = KDTree(apart).query(apart, k=2, p=np.inf)[0]
    return max(min(_WITHIN, float(gaps[:, 1].min()) / 3.0), 1e-9)


def left_rows(problem: Problem, table: Array, history: Sequence[Observation]) -> list[int]:
    """Return the numbers of the rows that no run of the history has done, in order."""
    runs = placed(problem, history)
    within = closeness(table)
    free = np.ones(len(runs), dtype=bool)
    left: list[int] = []
    for i, row in enumerate(table):
        same = np.flatnonzero(free & (np.max(np.abs(runs - row), axis=1) <= within))
        if len(same):
            free[same[0]] = False
        else:
            left.append(i)
    return left


def different(table: Array, left: Sequence[int], n: int) -> list[int]:
    """Return the numbers of the first ``n`` rows of those left that differ from each other."""
    chosen: list[int] = []
    for i in left:
        if len(chosen) == n:
            break
        if not np.isclose(table[i], table[chosen], atol=1e-9).all(axis=1).any():
            chosen.append(i)
    return chosen
