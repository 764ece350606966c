"""How many parts, of which shape: by the Bayesian information criterion or by cross-validation."""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np

from planners.factors import Array
from planners.inverse.learners import Covariance, fit_gaussians
from planners.inverse.mixture import Mixture

Choice = Literal["bic", "cv"]

SHAPES: tuple[Covariance, ...] = get_args(Covariance)
_FOLDS = 5
_FEWEST_A_PART = 3  # rows: fewer are no cloud
_SIMPLER = 1e-3  # of r2: a more complicated mixture must gain more than that


def choose(
    rows: Array, n_inputs: int, most: int, shape: Covariance | None, by: Choice
) -> tuple[Mixture, str]:
    """Return the mixture of autoscaled rows ``(n, inputs + outputs)``, and its name in words.

    ``most`` parts at most; ``shape`` None tries every one.
    """
    shapes = SHAPES if shape is None else (shape,)
    candidates = list(_candidates(len(rows), most, shapes))
    if by == "cv" and len(rows) >= 2 * _FOLDS and len(candidates) > 1:
        best = _best_by_cv(rows, n_inputs, candidates)
    else:
        best = min(candidates, key=lambda c: fit_gaussians(rows, *c)[1])
    k, chosen = best
    parts = "1 Gaussian" if k == 1 else f"{k} Gaussians"
    return fit_gaussians(rows, k, chosen)[0], f"{parts}, {chosen}"


def _candidates(
    n: int, most: int, shapes: tuple[Covariance, ...]
) -> Iterator[tuple[int, Covariance]]:
    for k in range(1, max(1, min(most, n // _FEWEST_A_PART)) + 1):
        for shape in shapes:
            if k > 1 or shape == "full" or len(shapes) == 1:
                yield k, shape


def _best_by_cv(
    rows: Array, n_inputs: int, candidates: list[tuple[int, Covariance]]
) -> tuple[int, Covariance]:
    best, best_score = candidates[0], -np.inf
    for candidate in candidates:
        score = cv_r2(rows, n_inputs, *candidate)
        if score > best_score + _SIMPLER:
            best, best_score = candidate, score
    return best


def cv_r2(rows: Array, n_inputs: int, k: int, shape: Covariance) -> float:
    """Return the mean r2 of the outputs over interleaved folds, predicted from the inputs."""
    inputs = list(range(n_inputs))
    missed = np.zeros_like(rows[:, n_inputs:])
    for fold in range(_FOLDS):
        out = np.arange(len(rows)) % _FOLDS == fold
        if int((~out).sum()) < k:
            return -np.inf
        mixture, _ = fit_gaussians(rows[~out], k, shape)
        missed[out] = rows[out, n_inputs:] - mixture.regress(inputs, rows[out, :n_inputs])
    spread = ((rows[:, n_inputs:] - rows[:, n_inputs:].mean(axis=0)) ** 2).sum(axis=0)
    return float(np.mean(1.0 - (missed**2).sum(axis=0) / np.maximum(spread, 1e-12)))
