"""Linear models in closed form: ordinary least squares, partial least squares, ridge.

All take and give autoscaled values. Least squares gives the solution of least norm, so that columns
that are sums of others (closure) do no harm to predictions.
"""

from collections.abc import Sequence

import numpy as np

from planners.factors import Array
from planners.select.folds import Setting

_TINY = 1e-10


def least_squares(x: Array, y: Array, rows: Array, settings: Sequence[Setting]) -> Array:
    """Return predictions ``(settings, m)`` of ordinary least squares; it has no settings."""
    slopes = np.linalg.lstsq(x, y, rcond=1e-9)[0]
    return np.tile(rows @ slopes, (len(settings), 1))


def ridge(x: Array, y: Array, rows: Array, settings: Sequence[Setting]) -> Array:
    """Return predictions ``(settings, m)``, each with its ``penalty``."""
    left, sizes, right = np.linalg.svd(x, full_matrices=False)
    along, seen = left.T @ y, rows @ right.T
    shrunk = [along * sizes / (sizes**2 + s["penalty"]) for s in settings]
    return np.array(shrunk) @ seen.T


def partial_least_squares(x: Array, y: Array, rows: Array, settings: Sequence[Setting]) -> Array:
    """Return predictions ``(settings, m)``, each with its number of ``components`` (PLS1).

    Wold, Sjöström and Eriksson, Chemom. Intell. Lab. Syst. 2001, 58, 109.
    """
    most = max(int(s["components"]) for s in settings)
    slopes = pls_slopes(x, y, most)
    return np.array([rows @ slopes[int(s["components"]) - 1] for s in settings])


def pls_slopes(x: Array, y: Array, components: int) -> Array:
    """Return the regression coefficients after 1, 2, ... components, ``(components, f)``."""
    weights, loads, answers = np.zeros((3, components, x.shape[1])), [], []
    slopes = np.zeros((components, x.shape[1]))
    left_x, left_y = x.copy(), y.copy()
    for number in range(components):
        weight = left_x.T @ left_y
        size = float(np.linalg.norm(weight))
        if size < _TINY * len(y):
            slopes[number:] = slopes[number - 1] if number else 0.0
            break
        weight /= size
        score = left_x @ weight
        spread = float(score @ score)
        load, answer = left_x.T @ score / spread, float(left_y @ score) / spread
        left_x, left_y = left_x - np.outer(score, load), left_y - score * answer
        weights[0, number], weights[1, number] = weight, load
        answers.append(answer)
        loads.append(load)
        own, towards = weights[0, : number + 1].T, weights[1, : number + 1].T
        slopes[number] = own @ np.linalg.solve(towards.T @ own, np.array(answers))
    return slopes
