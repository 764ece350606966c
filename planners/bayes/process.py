"""A Gaussian process for few, noisy, dear experiments, fitted by maximum a posteriori.

Kernel: Matern 5/2 with one length-scale per group of feature columns (automatic relevance
determination), times a variance, plus learned noise on top of each run's own known variance
(Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2, 4 and 5).

Written out on numpy and scipy rather than with scikit-learn's regressor, which knows neither priors
on its hyper-parameters nor per-run noise together with learned noise, and takes ten times as long:
the gradient of all length-scales costs one matrix product here. With 5 to 40 runs, priors decide
whether a length-scale is a guess or an over-fit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, get_lapack_funcs, solve_triangular
from scipy.optimize import minimize

from planners.factors import Array

_ROOT5 = np.sqrt(5.0)
# the Cholesky factor, solutions and the inverse from it, without checks: called a hundred times
_POTRF, _POTRS, _POTRI = get_lapack_funcs(("potrf", "potrs", "potri"), dtype=np.float64)
_JITTER = 1e-8  # of the output variance: keeps equal rows apart numerically


@dataclass(frozen=True, slots=True)
class Priors:
    """Normal priors on the logarithms: (mean, sd); inputs span about 1, outputs have variance 1."""

    length: tuple[float, float] = (-1.2, 0.6)  # mean for one factor; grows with their number
    variance: tuple[float, float] = (0.0, 1.0)
    noise: tuple[float, float] = (-6.0, 1.5)  # of the noise variance

    def moments(self, n_lengths: int) -> tuple[Array, Array]:
        """Return means and sds of all log hyper-parameters, ``(n_lengths + 2,)`` each.

        Distances grow with the root of the dimension, and so must length-scales (Hvarfner,
        Hellsten and Nardi, "Vanilla Bayesian optimization performs great in high dimensions",
        2024).
        """
        middle = self.length[0] + 0.5 * np.log(n_lengths)
        means = np.array([middle] * n_lengths + [self.variance[0], self.noise[0]])
        sds = np.array([self.length[1]] * n_lengths + [self.variance[1], self.noise[1]])
        return means, sds


class GaussianProcess:
    """The posterior given runs; every array is in feature space and standardised outputs."""

    def __init__(
        self,
        x: Array,
        y: Array,
        known_variance: Array,
        groups: NDArray[np.intp],
        log_parameters: Array,
    ) -> None:
        """Condition on ``x`` ``(n, f)``, ``y`` ``(n,)`` with log length-scales, variance, noise."""
        self.x, self.y, self.known_variance, self.groups = x, y, known_variance, groups
        self.log_parameters = log_parameters
        self._inverse_lengths = np.exp(-log_parameters[:-2])[groups]
        self.variance = float(np.exp(log_parameters[-2]))
        self.noise_variance = float(np.exp(log_parameters[-1]))
        self._scaled = x * self._inverse_lengths
        noise = self.noise_variance + known_variance + _JITTER * self.variance
        covariance = self.variance * _matern(_squared(self._scaled, self._scaled))
        covariance[np.diag_indices_from(covariance)] += noise
        self._factor = cholesky(covariance, lower=True)
        self._weights = cho_solve((self._factor, True), y)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        cross = self.variance * _matern(_squared(self._scaled, x * self._inverse_lengths))
        mean = cross.T @ self._weights
        half = solve_triangular(self._factor, cross, lower=True, check_finite=False)
        variance = self.variance - np.einsum("ij,ij->j", half, half)
        return mean, np.sqrt(np.maximum(variance, 1e-12 * self.variance))

    def rescaled(self, factor: float) -> "GaussianProcess":
        """Return the process with every length-scale times ``factor``."""
        logs = self.log_parameters.copy()
        logs[:-2] += np.log(factor)
        return GaussianProcess(self.x, self.y, self.known_variance, self.groups, logs)

    def believing(self, x: Array) -> "GaussianProcess":
        """Return the process as if rows ``x`` had come out as expected (kriging believer)."""
        mean, _ = self.predict(x)
        return GaussianProcess(
            np.vstack([self.x, x]),
            np.concatenate([self.y, mean]),
            np.concatenate([self.known_variance, np.zeros(len(x))]),
            self.groups,
            self.log_parameters,
        )


def _squared(a: Array, b: Array) -> Array:
    """Return squared distances between rows, ``(len(a), len(b))``."""
    gaps = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2.0 * (a @ b.T)
    return np.maximum(gaps, 0.0)


def _matern(squared: Array) -> Array:
    scaled = _ROOT5 * np.sqrt(squared)
    return (1.0 + scaled + scaled * scaled / 3.0) * np.exp(-scaled)


class _Posterior:
    """Minus the log posterior density of the log hyper-parameters, with its gradient."""

    def __init__(
        self, x: Array, y: Array, known: Array, groups: NDArray[np.intp], priors: Priors
    ) -> None:
        self.x, self.y, self.known, self.groups = x, y, known, groups
        self.n_lengths = int(groups.max()) + 1
        self.means, self.sds = priors.moments(self.n_lengths)

    def __call__(self, logs: Array) -> tuple[float, Array]:
        """Return value and gradient ``(n_lengths + 2,)``; a hopeless matrix counts as very bad."""
        scaled = self.x * np.exp(-logs[:-2])[self.groups]
        variance, noise = np.exp(logs[-2]), np.exp(logs[-1])
        distance = _ROOT5 * np.sqrt(_squared(scaled, scaled))
        decay = np.exp(-distance)
        kernel = variance * (1.0 + distance + distance * distance / 3.0) * decay
        covariance = kernel.copy()
        covariance[np.diag_indices_from(covariance)] += noise + self.known + _JITTER * variance
        factor, failed = _POTRF(covariance, lower=1)
        if failed:
            return 1e25, np.zeros_like(logs)
        weights, _ = _POTRS(factor, self.y, lower=1)
        inverse, _ = _POTRI(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        slope = inverse - np.outer(weights, weights)  # 2 d value / d covariance
        value = 0.5 * self.y @ weights + np.log(np.diag(factor)).sum()
        gradient = np.empty_like(logs)
        gradient[:-2] = self._length_slopes(scaled, slope * (1.0 + distance) * decay * variance)
        gradient[-2] = 0.5 * ((slope * kernel).sum() + _JITTER * variance * np.trace(slope))
        gradient[-1] = 0.5 * noise * np.trace(slope)
        offsets = (logs - self.means) / self.sds
        return float(value + 0.5 * offsets @ offsets), gradient + offsets / self.sds

    def _length_slopes(self, scaled: Array, slopes: Array) -> Array:
        """Return the gradient by log length-scales: sums of slope times squared difference."""
        columns = (scaled * scaled * slopes.sum(axis=1)[:, None]).sum(axis=0)
        columns -= (scaled * (slopes @ scaled)).sum(axis=0)
        sums = np.bincount(self.groups, weights=columns, minlength=self.n_lengths)
        return np.asarray(5.0 / 3.0 * sums, dtype=float)


def fit(
    x: Array,
    y: Array,
    known_variance: Array,
    groups: NDArray[np.intp],
    priors: Priors,
    starts: int = 2,
) -> tuple[GaussianProcess, float]:
    """Return the process at the most probable hyper-parameters of a few local searches.

    Also returns minus the log posterior density there (up to a constant): the data's surprise.
    """
    posterior = _Posterior(x, y, known_variance, groups, priors)
    low, high = posterior.means - 4 * posterior.sds, posterior.means + 4 * posterior.sds
    found: list[Any] = [
        minimize(
            posterior,
            posterior.means + shift * posterior.sds,
            jac=True,
            method="L-BFGS-B",
            bounds=np.column_stack([low, high]),
            options={"maxiter": 100},
        )
        for shift in _shifts(len(posterior.means), starts)
    ]
    best = min(found, key=lambda result: float(result.fun))
    logs = np.asarray(best.x, dtype=float)
    return GaussianProcess(x, y, known_variance, groups, logs), float(best.fun)


def _shifts(width: int, starts: int) -> list[Array]:
    """Return starting points in sds from the prior means: the middle, then wigglier ones."""
    middle, wiggly, noisy = np.zeros(width), np.zeros(width), np.zeros(width)
    wiggly[:-2] = -1.0
    noisy[-1] = 2.0
    return [middle, wiggly, noisy][:starts]
