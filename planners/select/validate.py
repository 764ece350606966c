"""Scores on rows a model has not seen: double cross-validation, and midpoints of neighbours.

Inner folds choose hyper-parameters, outer folds judge; no outer row has helped to choose (Baumann
and Baumann, J. Cheminform. 2014, 6, 47). Midpoints: Kaneko and Funatsu, J. Chem. Inf. Model. 2013,
53, 2341 (not re-read).
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from planners.factors import Array
from planners.scaling import Scale
from planners.select.distances import squared_distances
from planners.select.folds import Rows, Setting, folds, without
from planners.select.pool import Kind, predict

OUTER, INNER = 10, 5  # folds; each group by itself when there are fewer than 30
_SEED = 20


@dataclass(frozen=True)
class Scores:
    """How far predictions are off; RMSE and MAE in the response's unit."""

    r2: float
    rmse: float
    mae: float

    @classmethod
    def of(cls, y: Array, predicted: Array) -> "Scores":
        """Return the scores of predictions ``(n,)``."""
        off = y - predicted
        spread = float(np.square(y - y.mean()).sum())
        r2 = 1.0 - float(np.square(off).sum()) / spread if spread > 0 else float("-inf")
        return cls(r2, float(np.sqrt(np.square(off).mean())), float(np.abs(off).mean()))


@dataclass(frozen=True)
class Validated:
    """Outer predictions ``(n,)``, their scores, and how often the usual setting was chosen."""

    predicted: Array
    scores: Scores
    agreement: float


def inner_folds(groups: Rows) -> list[Rows]:
    """Return the inner folds of a training set."""
    return folds(groups, INNER, np.random.default_rng(_SEED))


def tuned(kind: Kind, x: Array, y: Array, groups: Rows) -> Setting:
    """Return the hyper-parameters chosen on all these rows."""
    return kind.tune(x, y, inner_folds(groups))


def double_cross_validation(kind: Kind, x: Array, y: Array, groups: Rows) -> Validated:
    """Return what is predicted of each row ``x`` ``(n, f)`` by models that know nothing of it."""
    predicted = np.empty(len(y))
    chosen: Counter[str] = Counter()
    outer = folds(groups, OUTER, np.random.default_rng(_SEED + 1))
    for rows in outer:
        kept = without(len(y), rows)
        setting = tuned(kind, x[kept], y[kept], groups[kept])
        chosen[str(setting)] += 1
        predicted[rows] = predict(kind, x[kept], y[kept], x[rows], setting)
    agreement = max(chosen.values()) / len(outer)
    return Validated(predicted, Scores.of(y, predicted), agreement)


def midpoints(x: Array, y: Array, k: int) -> tuple[Array, Array]:
    """Return the midpoints of every row and its ``k`` nearest others, ``(n k, f)``, ``(n k,)``.

    Nearest in autoscaled columns.
    """
    scaled = Scale.of(x).apply(x)
    distances = squared_distances(scaled, scaled)
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1, kind="stable")[:, : min(k, len(x) - 1)]
    return (
        (0.5 * (x[:, None, :] + x[near])).reshape(-1, x.shape[1]),
        (0.5 * (y[:, None] + y[near])).reshape(-1),
    )


def midknn(kind: Kind, x: Array, y: Array, setting: Setting, k: int = 3) -> Scores:
    """Return the scores on midpoints of neighbours: a wiggly model fails between its rows."""
    between, expected = midpoints(x, y, k)
    return Scores.of(expected, predict(kind, x, y, between, setting))
