"""Random forest and extra trees, bagged here so that each tree's left-out rows judge the setting.

Breiman, Machine Learning 2001, 45, 5; Geurts, Ernst and Wehenkel, Machine Learning 2006, 63, 3. The
extra trees are grown on resampled rows too, for the sake of those left-out rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planners.factors import Array
from planners.select import sk
from planners.select.folds import Setting

_SEED = 1107


@dataclass(frozen=True)
class Forest:
    """Trees on resampled rows; ``rows_in`` ``(trees, n)`` counts each row in each tree."""

    trees: Sequence[sk.Predict]
    rows_in: Array

    def all(self, rows: Array) -> Array:
        """Return every tree's prediction, ``(trees, m)``."""
        return np.array([tree(rows) for tree in self.trees])


def grow(x: Array, y: Array, setting: Setting, trees: int, *, extra: bool) -> Forest:
    """Return a forest; the same rows and setting give the same one."""
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(0, len(y), (trees, len(y)))
    grown = [
        sk.tree(x[rows], y[rows], setting, seed=_SEED + i, extra=extra)
        for i, rows in enumerate(drawn)
    ]
    counts = np.array([np.bincount(rows, minlength=len(y)) for rows in drawn], dtype=float)
    return Forest(grown, counts)


def out_of_bag(forest: Forest, x: Array, y: Array) -> float:
    """Return the mean squared error of rows by the trees that have not seen them."""
    unseen = forest.rows_in == 0
    seen_by = unseen.sum(axis=0)
    means = (forest.all(x) * unseen).sum(axis=0) / np.maximum(seen_by, 1)
    return float(np.square(means - y)[seen_by > 0].mean())
