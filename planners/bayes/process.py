"""A Gaussian process for few, noisy, dear experiments, fitted by maximum a posteriori.

Scikit-learn's regressor with the kernel of ``planners.bayes.kernel`` and learned noise on top of
each run's own known variance (Rasmussen and Williams, "Gaussian Processes for Machine Learning",
2006, chapters 2 and 5). What the regressor lacks comes in as its ``optimizer``: priors. With 5 to
40 runs, priors decide whether a length-scale is a guess or an over-fit. The classifier of failures
(Laplace's approximation, chapter 3) is fitted the same way.

Imports scikit-learn, by way of the kernel: never in the daemon's process.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from planners.bayes.kernel import Classifier, Covariance, Regressor
from planners.factors import Array

_JITTER = 1e-8  # of the outputs' variance: keeps equal rows apart numerically
_ENOUGH = 1e-5  # of the density's logarithm: steps that change it less end a search
_VERY_BAD = 1e25  # instead of infinity, which a search for the minimum cannot digest
_MANY = 160  # runs beyond which hyper-parameters come from a part of them: cost grows as n cubed
_LATEST = 40  # of that part; the others are spread over the history
_SIGNS = 3  # columns beyond the first that all signs are tried on; of more, as many at random
_LONG = 0.7  # of the prior's sd: the weights that a search for a ridge starts from

# minus the log likelihood, of the kernel's theta, and its gradient unless that is not asked for
Likelihood = Callable[..., Any]
# the regressor's ``optimizer``: likelihood, theta to start from, bounds -> theta, value
Search = Callable[[Likelihood, Array, Array], tuple[Array, float]]


def _no_columns() -> NDArray[np.intp]:
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class Layout:
    """The number of each feature column's length-scale, and the columns on a common ridge.

    Hyper-parameters are listed as log length-scales, the ridge's weights, and the logs of narrow
    variance, variance and noise.
    """

    groups: NDArray[np.intp]
    ridge: NDArray[np.intp] = field(default_factory=_no_columns)

    @property
    def n_lengths(self) -> int:
        """Return the number of length-scales."""
        return int(self.groups.max()) + 1

    @property
    def named(self) -> NDArray[np.bool_]:
        """Return which length-scales are those of a name: of a column for each of its levels."""
        return np.bincount(self.groups) > 1

    def kernel(self, logs: Array) -> Any:
        """Return scikit-learn's kernel of hyper-parameters."""
        return Covariance(self.groups, self.ridge, logs)


@dataclass(frozen=True, slots=True)
class Priors:
    """Normal priors on logarithms: (mean, sd); inputs span about 1, outputs have variance 1.

    The weights of a ridge are no logarithms: their prior is normal around 0.
    """

    length: tuple[float, float] = (-1.2, 0.6)  # mean for one factor; grows with their number
    named: float = 0.8  # more than that for a name: levels share most of what temperature does
    narrow: tuple[float, float] = (-6.0, 1.5)  # of the narrow part's variance
    variance: tuple[float, float] = (0.0, 1.0)
    noise: tuple[float, float] = (-6.0, 1.5)  # of the noise variance
    ridge: float = 4.0  # sd of the length of a ridge's weights, all together

    def moments(self, layout: Layout) -> tuple[Array, Array]:
        """Return means and sds of all hyper-parameters, as the layout lists them.

        Distances grow with the root of the dimension, and so must length-scales (Hvarfner,
        Hellsten and Nardi, "Vanilla Bayesian optimization performs great in high dimensions",
        2024).
        """
        middle = self.length[0] + 0.5 * np.log(layout.n_lengths)
        rows = [(middle + self.named * named, self.length[1]) for named in layout.named]
        rows += [(0.0, self.ridge / np.sqrt(max(1, len(layout.ridge))))] * len(layout.ridge)
        rows += [self.narrow, self.variance, self.noise]
        means, sds = np.array(rows).T
        return means, sds


class GaussianProcess:
    """The posterior given runs; every array is in feature space and standardised outputs."""

    def __init__(
        self,
        x: Array,
        y: Array,
        known_variance: Array,
        layout: Layout,
        log_parameters: Array,
        search: Search | None = None,
    ) -> None:
        """Condition on ``x`` ``(n, f)``, ``y`` ``(n,)`` with log hyper-parameters.

        ``search`` finds other hyper-parameters than the given ones first.
        """
        self.x, self.y, self.known_variance, self.layout = x, y, known_variance, layout
        self._regressor = Regressor(
            layout.kernel(log_parameters), alpha=known_variance + _JITTER, optimizer=search
        ).fit(x, y)
        self.log_parameters: Array = self._regressor.kernel_.theta
        self.noise_variance = float(np.exp(self.log_parameters[-1]))
        self._variance = float(np.exp(self.log_parameters[-3:-1]).sum())

    @property
    def surprise(self) -> float:
        """Return what ``search`` found least; without one, minus the log likelihood."""
        return -float(self._regressor.log_marginal_likelihood_value_)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        mean, known = self._told(x)
        variance = self._variance - np.einsum("nm,nm->m", known, known)
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def _told(self, x: Array) -> tuple[Array, Array]:
        """Return the mean ``(m,)``, and what the runs say of rows ``x``: ``(n, m)``.

        Chapter 2, algorithm 2.1; the products of the latter are what runs take off covariances.
        """
        cross = self._regressor.kernel_.between(self.x, x)
        known = solve_triangular(self._regressor.L_, cross, lower=True, check_finite=False)
        return cross.T @ self._regressor.alpha_, known

    def draws(self, x: Array, normals: Array) -> Array:
        """Return joint draws (without noise) at rows ``x`` ``(m, f)``, shape of ``normals``.

        ``normals`` is ``(s, m)``; the same numbers give the same draws.
        """
        mean, known = self._told(x)
        covariance = self._regressor.kernel_.between(x, x) - known.T @ known
        values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return mean + normals @ root.T

    def rescaled(self, factor: float) -> "GaussianProcess":
        """Return the process with every length-scale times ``factor``."""
        logs = self.log_parameters.copy()
        logs[: self.layout.n_lengths] += np.log(factor)
        return GaussianProcess(self.x, self.y, self.known_variance, self.layout, logs)

    def believing(self, x: Array) -> "GaussianProcess":
        """Return the process as if rows ``x`` had come out as expected (kriging believer)."""
        mean, _ = self.predict(x)
        return self.hearing(x, mean, np.zeros(len(x)))

    def hearing(self, x: Array, y: Array, known_variance: Array) -> "GaussianProcess":
        """Return the process that knows more runs, at the same hyper-parameters."""
        return GaussianProcess(
            np.vstack([self.x, x]),
            np.concatenate([self.y, y]),
            np.concatenate([self.known_variance, known_variance]),
            self.layout,
            self.log_parameters,
        )

    def without(self, left: int) -> tuple[float, float]:
        """Return mean and sd, noise included, at a run as if it were not known.

        The hyper-parameters stay those of all runs (chapter 5, section 5.4.2).
        """
        keep = np.arange(len(self.x)) != left
        rest = GaussianProcess(
            self.x[keep],
            self.y[keep],
            self.known_variance[keep],
            self.layout,
            self.log_parameters,
        )
        mean, sd = rest.predict(self.x[left : left + 1])
        noise = self.noise_variance + self.known_variance[left]
        return float(mean[0]), float(np.sqrt(sd[0] ** 2 + noise))


class Posterior:
    """Minus the log posterior density of the hyper-parameters, and where it is least."""

    def __init__(self, layout: Layout, priors: Priors) -> None:
        self.layout = layout
        self.means, self.sds = priors.moments(layout)

    def search(
        self,
        obj_func: Likelihood,
        initial_theta: Array,  # noqa: ARG002  # the priors say where to start
        bounds: Array,  # noqa: ARG002  # and where to end
    ) -> tuple[Array, float]:
        """Return the theta of the least value that local searches find, and the value."""
        inside = np.column_stack([self.means - 4 * self.sds, self.means + 4 * self.sds])
        found: list[Any] = [
            minimize(
                self.value,
                start,
                args=(obj_func,),
                jac=True,
                method="L-BFGS-B",
                bounds=inside,
                options={"maxiter": 100, "ftol": _ENOUGH},
            )
            for start in self._starts(obj_func)
        ]
        best = min(found, key=lambda result: float(result.fun))
        return best.x, float(best.fun)

    def _starts(self, likelihood: Likelihood) -> list[Array]:
        """Return where searches start; with a ridge, in the most probable of its directions."""
        if not len(self.layout.ridge):
            return [self.means + shift * self.sds for shift in self._roughnesses()]
        ridges = [self.means + shift * self.sds for shift in self._directions()]
        return [min(ridges, key=lambda start: self._height(start, likelihood))]

    def _height(self, logs: Array, likelihood: Likelihood) -> float:
        """Return the value alone: a gradient costs more than that."""
        value: Any = likelihood(logs, eval_gradient=False)
        return float(value + 0.5 * (((logs - self.means) / self.sds) ** 2).sum())

    def _roughnesses(self) -> list[Array]:
        """Return shifts to the priors' means, and to shorter length-scales than those."""
        middle, rough = np.zeros(len(self.means)), np.zeros(len(self.means))
        rough[: self.layout.n_lengths] = -1.0
        return [middle, rough]

    def _directions(self) -> list[Array]:
        """Return shifts that give a ridge some length, in different directions."""
        count, first = len(self.layout.ridge), self.layout.n_lengths
        signs = np.array(list(product([1.0, -1.0], repeat=min(count - 1, _SIGNS))))
        if count - 1 > _SIGNS:
            signs = np.random.default_rng(0).choice([1.0, -1.0], size=(len(signs), count - 1))
        shifts = np.zeros((len(signs), len(self.means)))
        shifts[:, first] = _LONG
        shifts[:, first + 1 : first + count] = _LONG * signs
        return list(shifts)

    def value(self, logs: Array, likelihood: Likelihood) -> tuple[float, Array]:
        """Return value and gradient, as wide as ``logs``; a hopeless matrix counts as very bad."""
        value, slopes = likelihood(logs)
        if not np.isfinite(value):
            return _VERY_BAD, np.zeros_like(logs)
        offsets = (logs - self.means) / self.sds
        return float(value + 0.5 * offsets @ offsets), slopes + offsets / self.sds


def fit(
    x: Array, y: Array, known_variance: Array, layout: Layout, priors: Priors
) -> tuple[GaussianProcess, float]:
    """Return the process at the most probable hyper-parameters of a few local searches.

    Also returns minus the log posterior density there (up to a constant): the data's surprise.
    Of many runs, a part decides on the hyper-parameters, and all on the predictions.
    """
    posterior = Posterior(layout, priors)
    part = _part(len(x))
    process = GaussianProcess(
        x[part], y[part], known_variance[part], layout, posterior.means, posterior.search
    )
    surprise = process.surprise
    if len(part) < len(x):
        process = GaussianProcess(x, y, known_variance, layout, process.log_parameters)
    return process, surprise


def _part(n: int) -> NDArray[np.intp]:
    """Return the runs that decide on hyper-parameters: the latest, and others evenly."""
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
    part = _part(len(x))
    if good[part].all() or not good[part].any():
        part = np.arange(len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Newton's method may stop early; the mode is close enough
        found = Classifier(layout.kernel(posterior.means), optimizer=posterior.search)
        found.fit(x[part], good[part])
    return lambda rows: found.predict_proba(rows)[:, 1]
