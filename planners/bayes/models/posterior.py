"""How probable hyper-parameters are given runs, and where they are most probable.

The likelihood and its gradient are those of Rasmussen and Williams, "Gaussian Processes for Machine
Learning", 2006, equations 5.8 and 5.9. Scikit-learn's are the same to rounding (a test holds them
against each other); these take half the time, by one inversion of a matrix that is known to be
symmetric and by never building the covariance's derivatives one by one.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import minimize

from planners.bayes.models.matrices import inverted, rooted, twice_solved
from planners.bayes.models.priors import Layout, Priors
from planners.factors import Array

JITTER = 1e-8  # of the outputs' variance: keeps equal rows apart numerically
_ENOUGH = 1e-5  # of the density's logarithm: steps that change it less end a search
_VERY_BAD = 1e25  # instead of infinity, which a search for the minimum cannot digest
_WIDEST = 4.0  # sds of a prior within which hyper-parameters are sought
_SIGNS = 3  # columns beyond the first that all signs are tried on; of more, as many at random
_LONG = 0.7  # of the prior's sd: the weights that a search for a ridge starts from

# minus the log likelihood, of log hyper-parameters, and its gradient unless that is not asked for
Objective = Callable[..., Any]


def descend(value: Callable[[Array], tuple[float, Array]], start: Array, bounds: Array) -> Any:
    """Return scipy's result for the least of ``value``, which returns its gradient, too."""
    return minimize(
        value,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 100, "ftol": _ENOUGH},
    )


class Likelihood:
    """Minus the log likelihood of outputs at rows ``x`` ``(n, f)``, as hyper-parameters change."""

    def __init__(self, x: Array, known_variance: Array, layout: Layout) -> None:
        """Take the rows and what is known of each output's variance, ``(n,)``."""
        self._x, self._known = x, known_variance + JITTER
        self._kernel = layout.kernel(np.zeros(layout.size))
        self._constant = 0.5 * len(x) * np.log(2.0 * np.pi)

    def of(self, logs: Array, y: Array) -> tuple[float, Array, Array]:
        """Return value, gradient by ``logs`` and by ``y`` ``(n,)``; infinite where it has none."""
        self._kernel.theta = logs
        covariance, pulled = self._kernel.differentiable(self._x)
        lower = self._rooted(covariance)
        if lower is None:
            return np.inf, np.zeros_like(logs), np.zeros_like(y)
        weights = twice_solved(lower, y)
        pull = 0.5 * (inverted(lower) - np.outer(weights, weights))
        return self._value(lower, y, weights), pulled(pull), weights

    def value(self, logs: Array, y: Array) -> float:
        """Return the value alone: a gradient costs more than that."""
        self._kernel.theta = logs
        lower = self._rooted(self._kernel(self._x))
        return np.inf if lower is None else self._value(lower, y, twice_solved(lower, y))

    def _rooted(self, covariance: Array) -> Array | None:
        covariance[np.diag_indices(len(covariance))] += self._known
        return rooted(covariance)

    def _value(self, lower: Array, y: Array, weights: Array) -> float:
        halves = np.log(lower.diagonal()).sum()
        return float(0.5 * y @ weights + halves + self._constant)

    def objective(self, y: Array) -> Objective:
        """Return the function of hyper-parameters alone."""

        def found(logs: Array, eval_gradient: bool = True) -> Any:
            return self.of(logs, y)[:2] if eval_gradient else self.value(logs, y)

        return found


class Posterior:
    """Minus the log posterior density of the hyper-parameters, and where it is least."""

    def __init__(self, layout: Layout, priors: Priors) -> None:
        self.layout = layout
        self.means, self.sds = priors.moments(layout)

    @property
    def bounds(self) -> Array:
        """Return where hyper-parameters are sought, ``(p, 2)``."""
        reach = _WIDEST * self.sds
        return np.column_stack([self.means - reach, self.means + reach])

    def search(self, objective: Objective) -> tuple[Array, float]:
        """Return the hyper-parameters of the least value local searches find, and the value."""
        found = [
            descend(lambda logs: self.value(logs, objective), start, self.bounds)
            for start in self._starts(objective)
        ]
        best = min(found, key=lambda result: float(result.fun))
        return best.x, float(best.fun)

    def value(self, logs: Array, objective: Objective) -> tuple[float, Array]:
        """Return value and gradient, as wide as ``logs``; a hopeless matrix counts as very bad."""
        return self._with_priors(logs, *objective(logs))

    def _with_priors(self, logs: Array, value: float, slopes: Array) -> tuple[float, Array]:
        if not np.isfinite(value):
            return _VERY_BAD, np.zeros_like(logs)
        rarity, pull = self.rarity(logs)
        return value + rarity, slopes + pull

    def given(self, likelihood: Likelihood, logs: Array, y: Array) -> tuple[float, Array, Array]:
        """Return value and gradient, and the latter by ``y`` ``(n,)`` as well."""
        found = likelihood.of(logs, y)
        value, slopes = self._with_priors(logs, *found[:2])
        return value, slopes, found[2]

    def rarity(self, logs: Array) -> tuple[float, Array]:
        """Return minus the log prior density, up to a constant, and its gradient."""
        offsets = (logs - self.means) / self.sds
        return float(0.5 * offsets @ offsets), offsets / self.sds

    def _starts(self, objective: Objective) -> list[Array]:
        """Return where searches start; with a ridge, in the most probable of its directions."""
        if not len(self.layout.ridge):
            return [self.means + shift * self.sds for shift in self._roughnesses()]
        ridges = [self.means + shift * self.sds for shift in self._directions()]
        return [min(ridges, key=lambda start: self._height(start, objective))]

    def _height(self, logs: Array, objective: Objective) -> float:
        return float(objective(logs, eval_gradient=False)) + self.rarity(logs)[0]

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
