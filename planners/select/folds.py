"""Who is left out together: folds that never part rows of one group.

Groups are replicates, or rows of one feed: a model that has seen one of them knows the others.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planners.factors import Array
from planners.scaling import Scale

Rows = NDArray[np.intp]
Setting = Mapping[str, Any]  # hyper-parameters by name
# scaled x, scaled y, scaled rows, settings -> scaled predictions (settings, rows)
Paths = Callable[[Array, Array, Array, Sequence[Setting]], Array]

FEW = 30  # groups below which each is left out by itself


def folds(groups: Rows, parts: int, rng: np.random.Generator) -> list[Rows]:
    """Return the rows of every fold; one group each when there are fewer than 30 groups."""
    names = np.unique(groups)
    if len(names) < FEW:
        return [np.flatnonzero(groups == name) for name in names]
    shares = np.array_split(rng.permutation(names), parts)
    return [np.flatnonzero(np.isin(groups, share)) for share in shares]


def grouped(x: Array, labels: Sequence[str] | None = None) -> Rows:
    """Return the number of each row's group: rows of equal ``x`` (replicates) or equal label.

    Groups that share a row are one; an empty label is none.
    """
    _, numbers = np.unique(x, axis=0, return_inverse=True)
    numbers = numbers.reshape(-1).astype(np.intp)
    for label in sorted(set(labels or ()) - {""}):
        rows = np.array([other == label for other in labels or ()])
        linked = np.isin(numbers, numbers[rows])
        numbers[linked] = numbers[rows].min()
    return np.unique(numbers, return_inverse=True)[1].reshape(-1).astype(np.intp)


def without(n: int, rows: Rows) -> NDArray[np.bool_]:
    """Return a mask of ``n`` rows that leaves ``rows`` out."""
    kept = np.ones(n, dtype=bool)
    kept[rows] = False
    return kept


def left_out(
    paths: Paths, x: Array, y: Array, parts: Sequence[Rows], settings: Sequence[Setting]
) -> Array:
    """Return what each row is predicted to be while its fold is left out, ``(settings, n)``.

    Each training set is scaled by itself.
    """
    found = np.empty((len(settings), len(y)))
    for rows in parts:
        kept = without(len(y), rows)
        of_x, of_y = Scale.of(x[kept]), Scale.of(y[kept])
        scaled = paths(of_x.apply(x[kept]), of_y.apply(y[kept]), of_x.apply(x[rows]), settings)
        found[:, rows] = of_y.undo(scaled)
    return found


def errors(
    paths: Paths, x: Array, y: Array, parts: Sequence[Rows], settings: Sequence[Setting]
) -> Array:
    """Return the mean squared error of every setting, ``(settings,)``; infinite when not finite."""
    found = np.square(left_out(paths, x, y, parts, settings) - y).mean(axis=1)
    return np.where(np.isfinite(found), found, np.inf)
