"""A Gaussian process around a kinetic law whose constants are learned from the same runs.

The law's constants and the hyper-parameters of what it misses are found together, where their
posterior density is greatest. What is left of the doubt about the constants, with the law made
linear there, adds to predictions (explicit basis functions with a prior: Rasmussen and Williams,
"Gaussian Processes for Machine Learning", 2006, section 2.7), and how far the runs narrowed it to
the surprise, which makes laws comparable with views that have no constants (Laplace's method:
MacKay, "Information Theory, Inference, and Learning Algorithms", 2003, chapter 27).
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from planners.bayes.models.law import Law
from planners.bayes.models.matrices import solved, squared, twice_solved
from planners.bayes.models.misfit import Misfit
from planners.bayes.models.posterior import Likelihood, Posterior, descend
from planners.bayes.models.priors import Layout, Priors
from planners.bayes.models.process import GaussianProcess, Process, deciding, drawn, foretold
from planners.factors import Array

_PRIORS = Priors(variance=(-3.0, 1.5))  # a law that is believed leaves little
_NAMED = Priors()  # but what names and mixtures do, it does not know
_MISSED = 0.03  # variance that a law misses, by which the search for its constants is scaled
_REACH = 12.0  # sds of what is then known, within which constants are sought


class Trend(Process):
    """What a law expects, corrected by runs."""

    def __init__(self, law: Law, constants: Array, y: Array, rest: GaussianProcess) -> None:
        """Take the law with its constants, the runs' outputs, and the process of what it misses."""
        super().__init__(rest.x, y, rest.known_variance)
        self.law, self.constants, self.rest = law, constants, rest

    @cached_property
    def _slopes(self) -> Array:
        _, slopes = self.law.expected(self.constants, self.law.coordinates.of(self.x))
        return self.rest.whitened(slopes)

    @cached_property
    def _lower(self) -> Array:
        """Return the root of what is known of the constants, in sds of their priors."""
        return squared(np.vstack([self._slopes * self.law.sds, np.eye(len(self.constants))]))

    @cached_property
    def _shift(self) -> Array:
        """Return how far the constants are expected from where the law is linear, ``(p,)``."""
        left = self.rest.whitened(self.rest.y[:, None])[:, 0]
        pull = (self._slopes * self.law.sds).T @ left - self.law.offsets(self.constants)
        return self.law.sds * twice_solved(self._lower, pull)

    @property
    def noise_variance(self) -> float:
        """Return the variance of noise, beside what is known."""
        return self.rest.noise_variance

    @property
    def lawful(self) -> float:
        """Return 1: it follows one."""
        return 1.0

    @property
    def occam(self) -> float:
        """Return by how much, in logarithms, the runs have narrowed the constants' priors."""
        return float(np.log(np.abs(self._lower.diagonal())).sum())

    def _told(self, x: Array) -> tuple[Array, Array, Array]:
        """Return the mean ``(m,)``, and what runs say and constants leave open: ``(n or p, m)``."""
        expected, slopes = self.law.expected(self.constants, self.law.coordinates.of(x))
        mean, known = self.rest.told(x)
        own = slopes - known.T @ self._slopes
        left = solved(self._lower, (own * self.law.sds).T)
        return expected + mean + own @ self._shift, known, left

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        mean, known, left = self._told(x)
        taken = np.einsum("nm,nm->m", known, known) - np.einsum("pm,pm->m", left, left)
        return mean, np.sqrt(np.maximum(self.rest.variances(x) - taken, 1e-12))

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Return mean ``(m,)`` and covariance ``(m, m)`` (without noise) at rows ``x``."""
        mean, _, left = self._told(x)
        return mean, self.rest.moments(x)[1] + left.T @ left

    def draws(self, x: Array, normals: Array) -> Array:
        """Return joint draws (without noise) at rows ``x`` ``(m, f)``, shape of ``normals``."""
        return drawn(self.moments(x), normals)

    def left_out(self) -> tuple[Array, Array]:
        """Return mean and sd, noise included, at each run as if it were not known; ``(n,)`` each.

        The law is linear where it was for all runs.
        """
        _, slopes = self.law.expected(self.constants, self.law.coordinates.of(self.x))
        heard = self.rest.precision @ slopes
        pull = self.rest.pull - heard @ self._shift
        open_ = solved(self._lower, (heard * self.law.sds).T)
        own = self.rest.precision.diagonal() - np.einsum("pn,pn->n", open_, open_)
        return foretold(self.y, pull, own)

    def rescaled(self, factor: float) -> "Trend":
        """Return the trend with every length-scale of what the law misses times ``factor``.

        With shorter ones it misses more: whoever doubts the process doubts the law.
        """
        rest = self.rest.doubted(factor)
        return Trend(self.law, self.constants, self.y, rest)

    def given(self, x: Array, y: Array, known_variance: Array) -> "Trend":
        """Return the trend that knows these runs instead, with the law linear where it was."""
        expected, _ = self.law.expected(self.constants, self.law.coordinates.of(x))
        rest = self.rest.given(x, y - expected, known_variance)
        return Trend(self.law, self.constants, y, rest)


Runs = tuple[Array, Array, Array]  # rows ``(n, f)``, outputs and known variances, each ``(n,)``


def follow(
    x: Array, y: Array, known_variance: Array, layout: Layout, laws: Sequence[Law]
) -> tuple[Trend, float]:
    """Return the trend after the law that fits runs best, and the runs' surprise.

    ``laws`` share their coordinates. The surprise counts as that of ``process.fit`` does. Of many
    runs, a part decides on constants and hyper-parameters, and all on predictions.
    """
    part = deciding(len(x))
    runs = x[part], y[part], known_variance[part]
    law, constants, logs, surprise = _decided(runs, layout, laws)
    trend = _trend(law, constants, logs, layout, runs)
    surprise += trend.occam
    if len(part) < len(x):
        trend = _trend(law, constants, logs, layout, (x, y, known_variance))
    return trend, surprise


def _trend(law: Law, constants: Array, logs: Array, layout: Layout, runs: Runs) -> Trend:
    x, y, known = runs
    expected, _ = law.expected(constants, law.coordinates.of(x))
    return Trend(law, constants, y, GaussianProcess(x, y - expected, known, layout, logs))


def _decided(runs: Runs, layout: Layout, laws: Sequence[Law]) -> tuple[Law, Array, Array, float]:
    """Return the law that fits best, its most probable constants and hyper-parameters.

    Also returns minus the log density there. Constants are sought in units of what is known of
    them, in which they hardly depend on each other: half the steps.
    """
    x, y, known = runs
    terms = laws[0].coordinates.of(x)
    misfit = Misfit(y, known, terms)
    start = misfit.least(laws)
    law, count = start.law, len(start.constants)
    root = solved(misfit.curvature(start, _MISSED), np.eye(count)).T
    posterior = Posterior(layout, _PRIORS if law.coordinates.whole else _NAMED)
    likelihood = Likelihood(x, known, layout)

    def value(both: Array) -> tuple[float, Array]:
        constants, logs = start.constants + root @ both[:count], both[count:]
        expected, slopes = law.expected(constants, terms)
        density, by_logs, weights = posterior.given(likelihood, logs, y - expected)
        offsets = law.offsets(constants)
        by_constants = root.T @ (offsets / law.sds - slopes.T @ weights)
        return density + 0.5 * float(offsets @ offsets), np.concatenate([by_constants, by_logs])

    bounds = np.vstack([np.tile([-_REACH, _REACH], (count, 1)), posterior.bounds])
    found = descend(value, np.concatenate([np.zeros(count), posterior.means]), bounds)
    return law, start.constants + root @ found.x[:count], found.x[count:], float(found.fun)
