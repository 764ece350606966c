"""What another experiment is worth: logarithms of expected improvements, larger is better.

All objectives are maximised here, in standardised units; callers turn the sign of minimised ones.
Logarithms keep their slope where the improvement itself is smaller than any float (Ament et al.,
"Unexpected improvements to expected improvement for Bayesian optimization", 2023).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr

from planners.factors import Array

_ROOT_2PI = np.sqrt(2.0 * np.pi)
_ROOM = 0.01  # of a response's spread, that is always left to improve
_LEAST = 1e-12  # a difference of logarithms


def log_expected_improvement(mean: Array, sd: Array, best: float, top: float = np.inf) -> Array:
    """Return ln E[max(min(y, top) - best, 0)] for normal y, shape as given.

    ``top`` is the best that there can be. Where ``best`` is next to it, what counts is the chance
    to be better.
    """
    whole = np.log(sd) + _log_h((mean - best) / sd)
    if not np.isfinite(top):
        return whole
    beyond = np.log(sd) + _log_h((mean - max(top, best + _ROOM)) / sd)
    return whole + np.log1p(-np.exp(np.minimum(beyond - whole, -_LEAST)))


def _log_h(z: Array) -> Array:
    """Return ln(phi(z) + z Phi(z)), stable for every z."""
    near = z > -5.0
    safe = np.where(near, z, 0.0)
    direct = np.log(np.exp(-0.5 * safe**2) / _ROOT_2PI + safe * ndtr(safe))
    if near.all():
        return direct
    far = np.where(near, -6.0, z)
    # phi(z) + z Phi(z) = phi(z) [1 + z sqrt(pi / 2) erfcx(-z / sqrt 2)]; far out the bracket
    # cancels to 1 / z**2 - 3 / z**4 + 15 / z**6
    scaled = 1.0 + far * np.sqrt(np.pi / 2.0) * erfcx(-far / np.sqrt(2.0))
    series = (1.0 - 3.0 / far**2 + 15.0 / far**4) / far**2
    bracket = np.where(far > -60.0, np.maximum(scaled, 1e-12), series)
    tail = -0.5 * far**2 - np.log(_ROOT_2PI) + np.log(bracket)
    return np.where(near, direct, tail)


def shown(sds: Array, noise_variance: Array | float) -> Array:
    """Return how far one noisy run can move a model's mean, from its sd; shape as ``sds``.

    The sd of the change of the posterior mean (Frazier, Powell and Dayanik, "The knowledge
    gradient policy for correlated normal beliefs", 2009): small where only noise would be seen.
    """
    return sds * sds / np.sqrt(sds * sds + noise_variance)


def log_probability_between(mean: Array, sd: Array, low: float, high: float) -> Array:
    """Return ln P(low <= y <= high) for normal y, stable in both tails."""
    a, b = (low - mean) / sd, (high - mean) / sd
    swap = a > 0  # measure in the tail where differences do not cancel
    a, b = np.where(swap, -b, a), np.where(swap, -a, b)
    upper, lower = log_ndtr(b), log_ndtr(a)
    return upper + np.log1p(-np.exp(np.minimum(lower - upper, -1e-16)))


def log_expected_nearing(mean: Array, sd: Array, middle: float, gap: float) -> Array:
    """Return ln E[max(gap - |y - middle|, 0)] for normal y, ``(m,)``.

    How much nearer to ``middle`` than ``gap`` a run is expected to come: a second difference of
    expected improvements.
    """
    off = np.abs(mean - middle)
    near, there, beyond = (_log_h((edge - off) / sd) for edge in (gap, 0.0, -gap))
    left = 1.0 - 2.0 * np.exp(there - near) + np.exp(beyond - near)
    return np.log(sd) + near + np.log(np.maximum(left, _LEAST))


def unbeaten(values: Array) -> NDArray[np.bool_]:
    """Return which of ``values`` ``(s, k, goals)`` no other of the ``k`` beats, ``(s, k)``."""
    if values.shape[2] == 1:
        return values[:, :, 0] >= values[:, :, 0].max(axis=1, keepdims=True)
    if values.shape[2] == 2:
        return _on_edge(values)
    found = np.ones(values.shape[:2], dtype=bool)
    for k in range(values.shape[1]):
        gaps = values - values[:, k : k + 1]
        found[:, k] = ~np.any(np.all(gaps >= 0, axis=2) & np.any(gaps > 0, axis=2), axis=1)
    return found


def _on_edge(values: Array) -> NDArray[np.bool_]:
    """Return the same of two goals: down the first one, whatever is a new height of the other."""
    order = np.lexsort((-values[:, :, 1], -values[:, :, 0]), axis=1)
    second = np.take_along_axis(values[:, :, 1], order, axis=1)
    before = np.maximum.accumulate(second, axis=1)
    before = np.concatenate([np.full((len(values), 1), -np.inf), before[:, :-1]], axis=1)
    found = np.empty(order.shape, dtype=bool)
    np.put_along_axis(found, order, (second > before) | np.isinf(second), axis=1)
    return found


def volume_growth(known: Array, draws: Array, reference: Array, directions: Array) -> float:
    """Return by which share of itself the dominated volume grows, on average over ``draws``.

    ``known`` are ``(k, goals)``, ``draws`` ``(s, goals)`` outcomes of one more run, ``directions``
    ``(d, goals)`` positive unit vectors. The volume is the mean over directions of the goals' th
    power of how far the dominated set reaches (Zhang and Golovin, "Random hypervolume
    scalarizations for provable multi-objective black box optimization", 2020): any number of goals.
    """

    def reach(values: Array) -> Array:
        gains = np.maximum(values - reference, 0.0)
        return (gains[:, None, :] / directions).min(axis=2) ** len(reference)

    before = reach(known).max(axis=0)
    after = np.maximum(reach(draws), before).mean(axis=0)
    return float((after.sum() - before.sum()) / max(before.sum(), 1e-12))


def log_scalarised_improvement(
    mean: Array, sd: Array, known: Array, weights: Array, normals: Array, tops: Array
) -> Array:
    """Return ln of the expected improvement of a weighted worst objective, any number of them.

    Augmented Chebyshev scalarisation with random weights (Knowles, "ParEGO", 2006), averaged over
    ``normals`` ``(s, k)``, the same draws for every row. No goal can be better than ``tops``
    ``(k,)``.
    """
    low, high = known.min(axis=0), known.max(axis=0)
    span = np.maximum(high - low, 1e-9)

    def worth(values: Array) -> Array:
        part = weights * (values - low) / span
        return part.min(axis=-1) + 0.05 * part.sum(axis=-1)

    best = float(worth(known).max())
    draws = np.minimum(mean[:, None, :] + sd[:, None, :] * normals[None, :, :], tops)
    gain = np.maximum(worth(draws) - best, 0.0).mean(axis=1)
    return np.log(gain + 1e-12 * np.exp(np.minimum(worth(mean + sd) - best, 0.0)))
