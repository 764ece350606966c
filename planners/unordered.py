"""Runs in an order that does not tell how they were listed: it means nothing to most models.

Mixtures start from rows by their number, folds are dealt by it, and trees break ties by it: the
same runs, sorted in a spreadsheet, would lead to other points.
"""

import numpy as np
from numpy.typing import NDArray

from planners.factors import Array


def unordered(*columns: Array) -> NDArray[np.intp]:
    """Return the order of runs ``(n,)`` that follows from ``columns`` alone, ``(n, k)`` each.

    Sorted and then shuffled, always alike: sorted rows could deal one level of a factor to each
    fold.
    """
    table = np.concatenate(columns, axis=1)
    return np.lexsort(table.T[::-1])[np.random.default_rng(0).permutation(len(table))]
