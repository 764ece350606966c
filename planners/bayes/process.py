"""A Gaussian process for few, noisy, dear experiments, fitted by maximum a posteriori.

Scikit-learn's regressor with a Matern 5/2 kernel, one length-scale per group of feature columns
(automatic relevance determination), times a variance, plus learned noise on top of each run's own
known variance (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2,
4 and 5). What the regressor lacks comes in as its ``optimizer``: priors, and length-scales shared
by the columns of a group. With 5 to 40 runs, priors decide whether a length-scale is a guess or an
over-fit.

The one module that imports scikit-learn, which takes a second: never in the daemon's process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from planners.factors import Array

# scikit-learn has no types, and those guessed from defaults are too narrow
_Regressor: Any = GaussianProcessRegressor
_Matern: Any = Matern
_JITTER = 1e-8  # of the outputs' variance: keeps equal rows apart numerically
_ANY = (1e-12, 1e12)  # the regressor's own bounds, which the priors never reach
_VERY_BAD = 1e25  # instead of infinity, which a search for the minimum cannot digest

# minus the log likelihood and its gradient, of the kernel's theta
Likelihood = Callable[[Array], tuple[float, Array]]
# the regressor's ``optimizer``: likelihood, theta to start from, bounds -> theta, value
Search = Callable[[Likelihood, Array, Array], tuple[Array, float]]


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
        search: Search | None = None,
    ) -> None:
        """Condition on ``x`` ``(n, f)``, ``y`` ``(n,)`` with log length-scales, variance, noise.

        ``search`` finds other hyper-parameters than the given ones first.
        """
        self.x, self.y, self.known_variance, self.groups = x, y, known_variance, groups
        lengths = np.exp(log_parameters[:-2])[groups]
        variance, noise = np.exp(log_parameters[-2:])
        kernel = ConstantKernel(variance, _ANY) * _Matern(lengths, _ANY, nu=2.5)
        self._regressor = _Regressor(
            kernel + WhiteKernel(noise, _ANY), alpha=known_variance + _JITTER, optimizer=search
        ).fit(x, y)
        self.log_parameters = _logs(self._regressor.kernel_.theta, groups)
        self.noise_variance = float(np.exp(self.log_parameters[-1]))

    @property
    def surprise(self) -> float:
        """Return what ``search`` found least; without one, minus the log likelihood."""
        return -float(self._regressor.log_marginal_likelihood_value_)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        mean, sd = self._regressor.predict(x, return_std=True)
        return mean, np.sqrt(np.maximum(sd * sd - self.noise_variance, 1e-12))

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


def _theta(logs: Array, groups: NDArray[np.intp]) -> Array:
    """Return the kernel's theta: log variance, a log length-scale per column, log noise."""
    return np.concatenate([logs[-2:-1], logs[:-2][groups], logs[-1:]])


def _logs(theta: Array, groups: NDArray[np.intp]) -> Array:
    """Return the log length-scale of each group, variance and noise: ``_theta`` undone."""
    firsts = np.unique(groups, return_index=True)[1]
    return np.concatenate([theta[1:-1][firsts], theta[[0, -1]]])


class _Posterior:
    """Minus the log posterior density of the log hyper-parameters, and where it is least."""

    def __init__(self, groups: NDArray[np.intp], priors: Priors, starts: int) -> None:
        self.groups, self.starts = groups, starts
        self.n_lengths = int(groups.max()) + 1
        self.means, self.sds = priors.moments(self.n_lengths)

    def search(
        self,
        obj_func: Likelihood,
        initial_theta: Array,  # noqa: ARG002  # the priors say where to start
        bounds: Array,  # noqa: ARG002  # and where to end
    ) -> tuple[Array, float]:
        """Return the theta of the least value that a few local searches find, and the value."""
        low, high = self.means - 4 * self.sds, self.means + 4 * self.sds
        found: list[Any] = [
            minimize(
                self.value,
                self.means + shift * self.sds,
                args=(obj_func,),
                jac=True,
                method="L-BFGS-B",
                bounds=np.column_stack([low, high]),
                options={"maxiter": 100},
            )
            for shift in _shifts(len(self.means), self.starts)
        ]
        best = min(found, key=lambda result: float(result.fun))
        return _theta(best.x, self.groups), float(best.fun)

    def value(self, logs: Array, likelihood: Likelihood) -> tuple[float, Array]:
        """Return value and gradient ``(n_lengths + 2,)``; a hopeless matrix counts as very bad."""
        value, slopes = likelihood(_theta(logs, self.groups))
        if not np.isfinite(value):
            return _VERY_BAD, np.zeros_like(logs)
        gradient = np.empty_like(logs)
        gradient[:-2] = np.bincount(self.groups, weights=slopes[1:-1], minlength=self.n_lengths)
        gradient[-2:] = slopes[[0, -1]]
        offsets = (logs - self.means) / self.sds
        return float(value + 0.5 * offsets @ offsets), gradient + offsets / self.sds


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
    posterior = _Posterior(groups, priors, starts)
    process = GaussianProcess(x, y, known_variance, groups, posterior.means, posterior.search)
    return process, process.surprise


def _shifts(width: int, starts: int) -> list[Array]:
    """Return starting points in sds from the prior means: the middle, then wigglier ones."""
    middle, wiggly, noisy = np.zeros(width), np.zeros(width), np.zeros(width)
    wiggly[:-2] = -1.0
    noisy[-1] = 2.0
    return [middle, wiggly, noisy][:starts]
