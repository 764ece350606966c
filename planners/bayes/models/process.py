"""A Gaussian process for few, noisy, dear experiments, fitted by maximum a posteriori.

Scikit-learn's regressor with the kernel of ``planners.bayes.models.kernel`` and learned noise on
top of each run's own known variance (Rasmussen and Williams, "Gaussian Processes for Machine
Learning", 2006, chapters 2 and 5). What the regressor lacks is priors: with 5 to 40 runs, they
decide whether a length-scale is a guess or an over-fit. The classifier of failures (Laplace's
approximation, chapter 3) is fitted the same way.

Imports scikit-learn, by way of the kernel: never in the daemon's process.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from planners.bayes.models.kernel import Classifier, Regressor
from planners.bayes.models.matrices import inverted, solved
from planners.bayes.models.posterior import JITTER, Likelihood, Objective, Posterior
from planners.bayes.models.priors import Layout, Priors
from planners.factors import Array

_MANY = 160  # runs beyond which hyper-parameters come from a part of them: cost grows as n cubed
_LATEST = 40  # of that part; the others are spread over the history
_DOUBTED = 4  # power of a length-scale's shortening by which the variance of a rest grows


class Process(ABC):
    """What is expected of a response given runs, in feature space and standardised outputs."""

    def __init__(self, x: Array, y: Array, known_variance: Array) -> None:
        """Take runs at ``x`` ``(n, f)``, their outputs and known variances, each ``(n,)``."""
        self.x, self.y, self.known_variance = x, y, known_variance

    @property
    @abstractmethod
    def noise_variance(self) -> float:
        """Return the variance of noise, beside what is known."""

    @property
    @abstractmethod
    def lawful(self) -> float:
        """Return the probability that the response follows a kinetic law."""

    @abstractmethod
    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""

    @abstractmethod
    def draws(self, x: Array, normals: Array) -> Array:
        """Return joint draws (without noise) at rows ``x`` ``(m, f)``, shape of ``normals``.

        ``normals`` is ``(s, m)``; the same numbers give the same draws.
        """

    @abstractmethod
    def left_out(self) -> tuple[Array, Array]:
        """Return mean and sd, noise included, at each run as if it were not known; ``(n,)`` each.

        The hyper-parameters stay those of all runs (chapter 5, section 5.4.2).
        """

    @abstractmethod
    def rescaled(self, factor: float) -> Self:
        """Return the process with every length-scale times ``factor``."""

    @abstractmethod
    def given(self, x: Array, y: Array, known_variance: Array) -> Self:
        """Return the process that knows these runs instead, at the same hyper-parameters."""

    def believing(self, x: Array) -> Self:
        """Return the process as if rows ``x`` had come out as expected (kriging believer)."""
        mean, _ = self.predict(x)
        return self.hearing(x, mean, np.zeros(len(x)))

    def hearing(self, x: Array, y: Array, known_variance: Array) -> Self:
        """Return the process that knows more runs, at the same hyper-parameters."""
        return self.given(
            np.vstack([self.x, x]),
            np.concatenate([self.y, y]),
            np.concatenate([self.known_variance, known_variance]),
        )


class GaussianProcess(Process):
    """The posterior given runs and hyper-parameters, around a mean of zero."""

    def __init__(
        self, x: Array, y: Array, known_variance: Array, layout: Layout, log_parameters: Array
    ) -> None:
        """Take runs and log hyper-parameters, as the layout lists them.

        It is conditioned on the runs when it is first asked: many a process never is.
        """
        super().__init__(x, y, known_variance)
        self.layout, self.log_parameters = layout, log_parameters

    @cached_property
    def _regressor(self) -> Any:
        kernel = self.layout.kernel(self.log_parameters)
        alpha = self.known_variance + JITTER
        return Regressor(kernel, alpha=alpha, optimizer=None).fit(self.x, self.y)

    @cached_property
    def _lower(self) -> Array:
        return np.asfortranarray(self._regressor.L_)  # as LAPACK likes it, or it is copied

    @property
    def noise_variance(self) -> float:
        """Return the variance of noise, beside what is known."""
        return float(np.exp(self.log_parameters[-1]))

    @property
    def lawful(self) -> float:
        """Return 0: it knows of no law."""
        return 0.0

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        mean, known = self.told(x)
        variance = self.variances(x) - np.einsum("nm,nm->m", known, known)
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def variances(self, x: Array) -> Array:
        """Return the variances at rows ``x`` before any run, noise left out, ``(m,)``."""
        return self._regressor.kernel_.variances(x)

    def told(self, x: Array) -> tuple[Array, Array]:
        """Return the mean ``(m,)``, and what the runs say of rows ``x``: ``(n, m)``.

        Chapter 2, algorithm 2.1; the products of the latter are what runs take off covariances.
        """
        cross = self._regressor.kernel_.between(self.x, x)
        return cross.T @ self._regressor.alpha_, self.whitened(cross)

    def whitened(self, values: Array) -> Array:
        """Return values at the runs ``(n, m)`` as if the runs were independent, of variance 1."""
        return solved(self._lower, values)

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Return mean ``(m,)`` and covariance ``(m, m)`` (without noise) at rows ``x``."""
        mean, known = self.told(x)
        return mean, self._regressor.kernel_.between(x, x) - known.T @ known

    def draws(self, x: Array, normals: Array) -> Array:
        """Return joint draws (without noise) at rows ``x`` ``(m, f)``, shape of ``normals``."""
        return drawn(self.moments(x), normals)

    @property
    def pull(self) -> Array:
        """Return how strongly each run pulls at the mean, ``(n,)``."""
        return self._regressor.alpha_

    @cached_property
    def precision(self) -> Array:
        """Return the inverse of the covariance of readings at the runs, ``(n, n)``."""
        return inverted(self._lower)

    def left_out(self) -> tuple[Array, Array]:
        """Return mean and sd, noise included, at each run as if it were not known; ``(n,)`` each.

        Chapter 5, equations 5.12.
        """
        return foretold(self.y, self.pull, self.precision.diagonal())

    def rescaled(self, factor: float) -> "GaussianProcess":
        """Return the process with every length-scale times ``factor``."""
        return self._with(self.layout.stretched(self.log_parameters, factor))

    def doubted(self, factor: float) -> "GaussianProcess":
        """Return the same of what a law or a surface leaves over: with shorter ones, that is more.

        Whoever doubts the process doubts them.
        """
        return self._with(self.layout.stretched(self.log_parameters, factor, factor**-_DOUBTED))

    def _with(self, logs: Array) -> "GaussianProcess":
        return GaussianProcess(self.x, self.y, self.known_variance, self.layout, logs)

    def given(self, x: Array, y: Array, known_variance: Array) -> "GaussianProcess":
        """Return the process that knows these runs instead, at the same hyper-parameters."""
        return GaussianProcess(x, y, known_variance, self.layout, self.log_parameters)


def foretold(y: Array, pull: Array, own: Array) -> tuple[Array, Array]:
    """Return mean and sd of each run's reading given all others, ``(n,)`` each.

    ``pull`` is the inverse covariance of readings times what the runs are off their prior mean,
    ``own`` that inverse's diagonal (chapter 5, equations 5.12).
    """
    return y - pull / own, np.sqrt(1.0 / own)


def drawn(moments: tuple[Array, Array], normals: Array) -> Array:
    """Return draws of a normal mean ``(m,)`` and covariance ``(m, m)``, shape of ``normals``."""
    mean, covariance = moments
    values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return mean + normals @ root.T


def fit(
    x: Array, y: Array, known_variance: Array, layout: Layout, priors: Priors
) -> tuple[GaussianProcess, float]:
    """Return the process at the most probable hyper-parameters of a few local searches.

    Also returns minus the log posterior density there (up to a constant): the data's surprise.
    Of many runs, a part decides on the hyper-parameters, and all on the predictions.
    """
    part = deciding(len(x))
    likelihood = Likelihood(x[part], known_variance[part], layout)
    logs, surprise = Posterior(layout, priors).search(likelihood.objective(y[part]))
    return GaussianProcess(x, y, known_variance, layout, logs), surprise


def deciding(n: int) -> NDArray[np.intp]:
    """Return which of ``n`` runs decide on hyper-parameters: the latest, and others evenly."""
    if n <= _MANY:
        return np.arange(n)
    early = np.linspace(0, n - _LATEST - 1, _MANY - _LATEST).round().astype(np.intp)
    return np.concatenate([early, np.arange(n - _LATEST, n)])


def classified(
    x: Array, good: NDArray[np.bool_], layout: Layout, priors: Priors
) -> Callable[[Array], Array]:
    """Return the chance of success as a function of rows ``(m, f)``, from both kinds of fates.

    ``good`` ``(n,)`` must hold both. The noise term is what fails for no reason of the point.
    """
    posterior = Posterior(layout, priors)

    def searched(objective: Objective, *_: Array, **_bounds: Array) -> tuple[Array, float]:
        return posterior.search(objective)  # the priors say where to start, and how far to go

    part = deciding(len(x))
    if good[part].all() or not good[part].any():
        part = np.arange(len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Newton's method may stop early; the mode is close enough
        found = Classifier(layout.kernel(posterior.means), optimizer=searched)
        found.fit(x[part], good[part])
    return lambda rows: found.predict_proba(rows)[:, 1]
