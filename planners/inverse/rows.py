"""Between runs, rows of the unit cube, and the features a mixture sees."""

from collections.abc import Sequence

import numpy as np

from planners.base import Observation, Problem
from planners.factors import Array, Composition, Continuous, Factor

_BEYOND = 0.2  # of the cube: runs further outside count as if they were there


def stacked(rows: Sequence[Array], width: int) -> Array:
    """Return rows as one array, ``(0, width)`` when there are none."""
    return np.array(rows) if rows else np.empty((0, width))


def achieved_row(problem: Problem, run: Observation) -> Array:
    """Return the row where a run stood, at most a little outside the unit cube."""
    row = problem.encode(run.stood(problem))
    for factor, columns in zip(problem.factors, problem.slices, strict=True):
        if isinstance(factor, Continuous | Composition):  # dropped values lie far outside
            row[columns] = np.clip(row[columns], -_BEYOND, 1.0 + _BEYOND)
    return row


def seen_features(problem: Problem, rows: Array) -> Array:
    """Return the features of achieved rows; numbers may lie a little outside their range."""
    pieces = [
        rows[:, columns]
        if isinstance(factor, Continuous | Composition)
        else factor.features(rows[:, columns])
        for factor, columns in zip(problem.factors, problem.slices, strict=True)
    ]
    return np.concatenate(pieces, axis=1)


def legal_rows(problem: Problem, features: Array) -> Array:
    """Return the legal rows nearest to feature rows; those that break a constraint are left out."""
    pieces: list[Array] = []
    start = 0
    for factor in problem.factors:
        end = start + len(factor.groups)
        pieces.append(_nearest(factor, features[:, start:end]))
        start = end
    rows = problem.snap(np.concatenate(pieces, axis=1))
    return rows[problem.keeps_constraints(rows)]


def _nearest(factor: Factor, features: Array) -> Array:
    if isinstance(factor, Continuous | Composition):
        return factor.snap(features)
    n = int(factor.n_levels)
    levels = ((np.arange(n) + 0.5) / n)[:, None]
    gaps = ((features[:, None, :] - factor.features(levels)[None, :, :]) ** 2).sum(axis=2)
    return levels[np.argmin(gaps, axis=1)]
