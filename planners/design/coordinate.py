"""Coordinate exchange: runs of an optimal design moved along one factor (Meyer, Nachtsheim 1995).

Technometrics 37, 60; 10.1080/00401706.1995.10485889. Where a design has hundreds of terms, a pool
of all points near all its runs is too large to search: each run looks at those near itself alone.
They differ from it in few terms, so that little has to be multiplied.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from planners.design.exchange import GAIN, Information, Shares, ridge
from planners.factors import Array

_MAX_SWEEPS = 8
_SETTLED = 2e-3  # gain of a sweep, relatively, below which another one is not worth its time

Beside = Callable[[Array], tuple[Array, NDArray[np.intp]]]
Terms = Callable[[Array], Array]


def moved(rows: Array, beside: Beside, terms: Terms, weights: Array | None) -> Array:
    """Return the runs ``(n, d)`` of a design after moves that better it.

    ``beside`` gives the legal rows near one, and along which column each was moved; ``terms`` gives
    the model's columns. ``weights`` are those of an I-optimal design.
    """
    rows = rows.copy()
    for _ in range(_MAX_SWEEPS):
        table = terms(rows)
        known = Information(table, weights, ridge(table))  # anew: updates gather rounding
        gained = 0.0
        for place in range(len(rows)):
            near, columns = beside(rows[place])
            tried = terms(near)
            worth = gains(known, table[place], tried, columns)
            best = int(np.argmax(worth)) if len(worth) else -1
            if best < 0 or worth[best] <= GAIN:
                continue
            known.update(tried[best], 1.0)
            known.update(table[place], -1.0)
            rows[place], table[place] = near[best], tried[best]
            gained += float(worth[best])
        if gained < _SETTLED:
            break
    return rows


def gains(known: Information, row: Array, tried: Array, columns: NDArray[np.intp]) -> Array:
    """Return what each row of terms in place of ``row`` is worth, relatively."""
    steps = tried - row
    u, weighed = known.a @ row, known.weights is not None
    w = known.b @ row if weighed else u
    d, own = row @ u, row @ w
    cross, mixed = steps @ u, steps @ w
    new = Shares(
        d + 2.0 * cross + _squares(steps, known.a, columns),
        own + 2.0 * mixed + (_squares(steps, known.b, columns) if weighed else 0.0),
    )
    return known.gains(new, Shares(np.array([d]), np.array([own])), d + cross, own + mixed)


def _squares(steps: Array, matrix: Array, columns: NDArray[np.intp]) -> Array:
    """Return ``s'Ms`` of each step; steps along one column differ in the same few terms."""
    found = np.zeros(len(steps))
    for column in np.unique(columns):
        own = columns == column
        some = np.flatnonzero(np.any(steps[own] != 0.0, axis=0))
        part = steps[np.ix_(own, some)]
        found[own] = np.sum((part @ matrix[np.ix_(some, some)]) * part, axis=1)
    return found
