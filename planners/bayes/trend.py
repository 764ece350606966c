"""A Gaussian process around a kinetic law whose constants are learned from the same runs.

The law's constants and the hyper-parameters of what it misses are found together, where their
posterior density is greatest. What is left of the doubt about the constants, with the law made
linear there, adds to predictions (explicit basis functions with a prior: Rasmussen and Williams,
"Gaussian Processes for Machine Learning", 2006, section 2.7), and how far the runs narrowed it to
the surprise, which makes laws comparable with views that have no constants (Laplace's method:
MacKay, "Information Theory, Inference, and Learning Algorithms", 2003, chapter 27).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from planners.bayes.law import Law
from planners.bayes.posterior import ENOUGH, Likelihood, Posterior
from planners.bayes.priors import Layout, Priors
from planners.bayes.process import GaussianProcess, Process, deciding, drawn
from planners.factors import Array

_PRIORS = Priors(variance=(-3.0, 1.5))  # a law that is believed leaves little
_SHIFTS = (-1.0, 0.5), (-1.0, 1.0)  # of what is made and lost, in sds: where searches start
_COARSE, _FINE, _SCALE = 0.3, 0.1, 0.03  # variance that the law may miss, while it is first fitted
_STEPS = 40
_SETTLED = 1e-3
_REACH = 12.0  # sds of what is known, within which constants are sought


class Trend(Process):
    """What a law expects, corrected by runs."""

    def __init__(self, law: Law, constants: Array, y: Array, rest: GaussianProcess) -> None:
        """Take the law with its constants, the runs' outputs, and the process of what it misses."""
        super().__init__(rest.x, y, rest.known_variance)
        self.law, self.constants, self._rest = law, constants, rest
        means, self._sds = law.believed()
        _, slopes = law.expected(constants, law.coordinates.of(self.x))
        self._slopes = rest.whitened(slopes)
        seen = self._slopes * self._sds
        self._lower = np.linalg.cholesky(np.eye(len(means)) + seen.T @ seen)
        pull = seen.T @ rest.whitened(rest.y[:, None])[:, 0] - (constants - means) / self._sds
        self._shift = self._sds * np.linalg.solve(self._lower.T, np.linalg.solve(self._lower, pull))

    @property
    def noise_variance(self) -> float:
        """Return the variance of noise, beside what is known."""
        return self._rest.noise_variance

    @property
    def hyperparameters(self) -> Array:
        """Return the logs of the hyper-parameters of what the law misses."""
        return self._rest.log_parameters

    @property
    def occam(self) -> float:
        """Return by how much, in logarithms, the runs have narrowed the constants' priors."""
        return float(np.log(self._lower.diagonal()).sum())

    def _told(self, x: Array) -> tuple[Array, Array, Array]:
        """Return the mean ``(m,)``, and what runs say and constants leave open: ``(n or p, m)``."""
        expected, slopes = self.law.expected(self.constants, self.law.coordinates.of(x))
        mean, known = self._rest.told(x)
        own = slopes - known.T @ self._slopes
        open_ = solve_triangular(self._lower, (own * self._sds).T, lower=True, check_finite=False)
        return expected + mean + own @ self._shift, known, open_

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        mean, known, left = self._told(x)
        taken = np.einsum("nm,nm->m", known, known) - np.einsum("pm,pm->m", left, left)
        return mean, np.sqrt(np.maximum(self._rest.variance - taken, 1e-12))

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Return mean ``(m,)`` and covariance ``(m, m)`` (without noise) at rows ``x``."""
        mean, _, left = self._told(x)
        return mean, self._rest.moments(x)[1] + left.T @ left

    def draws(self, x: Array, normals: Array) -> Array:
        """Return joint draws (without noise) at rows ``x`` ``(m, f)``, shape of ``normals``."""
        return drawn(self.moments(x), normals)

    def rescaled(self, factor: float) -> "Trend":
        """Return the trend with every length-scale of what the law misses times ``factor``."""
        return Trend(self.law, self.constants, self.y, self._rest.rescaled(factor))

    def given(self, x: Array, y: Array, known_variance: Array) -> "Trend":
        """Return the trend that knows these runs instead, with the law linear where it was."""
        expected, _ = self.law.expected(self.constants, self.law.coordinates.of(x))
        rest = self._rest.given(x, y - expected, known_variance)
        return Trend(self.law, self.constants, y, rest)


@dataclass(frozen=True, slots=True)
class _Start:
    """A law with constants that agree with the runs, and how badly they do."""

    law: Law
    constants: Array
    slopes: Array
    gaps: Array  # of the runs from what is expected
    misfit: float


class _Fit:
    """Runs that a law is fitted to: outputs ``y`` at rows ``x``."""

    def __init__(self, x: Array, y: Array, known_variance: Array) -> None:
        self.x, self.y, self.known_variance = x, y, known_variance

    def started(self, law: Law, constants: Array, missed: float) -> _Start:
        means, sds = law.believed()
        expected, slopes = law.expected(constants, law.coordinates.of(self.x))
        gaps = self.y - expected
        offsets = (constants - means) / sds
        misfit = gaps**2 @ (1.0 / (missed + self.known_variance)) + offsets @ offsets
        return _Start(law, constants, slopes, gaps, float(misfit))

    def curvature(self, start: _Start, missed: float) -> Array:
        """Return the Gauss-Newton matrix of the misfit, ``(p, p)``."""
        _, sds = start.law.believed()
        weighed = start.slopes / (missed + self.known_variance)[:, None]
        return start.slopes.T @ weighed + np.diag(1.0 / sds**2)

    def settled(self, start: _Start, missed: float) -> _Start:
        """Return constants of less misfit (Levenberg and Marquardt's method)."""
        means, sds = start.law.believed()
        start, damping = self.started(start.law, start.constants, missed), 1e-2
        for _ in range(_STEPS):
            matrix = self.curvature(start, missed)
            pull = start.slopes.T @ (start.gaps / (missed + self.known_variance))
            pull -= (start.constants - means) / sds**2
            step = np.linalg.solve(matrix + damping * np.diag(matrix.diagonal()), pull)
            tried = self.started(start.law, start.constants + step, missed)
            gain = start.misfit - tried.misfit
            damping = max(damping / 5.0, 1e-6) if gain > 0 else damping * 5.0
            start = tried if gain > 0 else start
            if 0 < gain < _SETTLED or damping > 1e6:
                break
        return start

    def first(self, laws: Sequence[Law]) -> _Start:
        """Return the least misfit of a few searches."""
        found: list[_Start] = []
        for law in laws:
            means, sds = law.believed()
            third = len(means) // 3
            for made in _SHIFTS[0]:
                for lost in _SHIFTS[1]:
                    shift = np.zeros(len(means))
                    shift[[third, 2 * third]] = made, lost
                    start = self.started(law, means + shift * sds, _COARSE)
                    found.append(self.settled(start, _COARSE))
        best = min(found, key=lambda start: start.misfit)
        return self.settled(best, _FINE)


def follow(
    x: Array, y: Array, known_variance: Array, layout: Layout, laws: Sequence[Law]
) -> tuple[Trend, float]:
    """Return the trend after the law that fits runs best, and the runs' surprise.

    The surprise counts as that of ``planners.bayes.process.fit`` does. Of many runs, a part decides
    on constants and hyper-parameters, and all on the predictions.
    """
    part = deciding(len(x))
    runs = _Fit(x[part], y[part], known_variance[part])
    start = runs.first(laws)
    constants, logs, surprise = _joint(runs, start, layout)
    decided = _trend(start.law, constants, logs, layout, (runs.x, runs.y, runs.known_variance))
    surprise += decided.occam
    if len(part) == len(x):
        return decided, surprise
    return _trend(start.law, constants, logs, layout, (x, y, known_variance)), surprise


def _trend(
    law: Law, constants: Array, logs: Array, layout: Layout, runs: tuple[Array, Array, Array]
) -> Trend:
    x, y, known = runs
    expected, _ = law.expected(constants, law.coordinates.of(x))
    return Trend(law, constants, y, GaussianProcess(x, y - expected, known, layout, logs))


def _joint(runs: _Fit, start: _Start, layout: Layout) -> tuple[Array, Array, float]:
    """Return the most probable constants and hyper-parameters, and minus the log density.

    Constants are sought in units of what is known of them, in which they hardly depend on each
    other: a third of the steps.
    """
    posterior, likelihood = (
        Posterior(layout, _PRIORS),
        Likelihood(runs.x, runs.known_variance, layout),
    )
    law, count, terms = start.law, len(start.constants), start.law.coordinates.of(runs.x)
    means, sds = law.believed()
    root = np.linalg.inv(np.linalg.cholesky(runs.curvature(start, _SCALE))).T

    def value(both: Array) -> tuple[float, Array]:
        constants, logs = start.constants + root @ both[:count], both[count:]
        expected, slopes = law.expected(constants, terms)
        gaps = runs.y - expected
        pulls: list[Array] = []

        def objective(logs: Array) -> tuple[float, Array]:
            found, slopes_, weights = likelihood.of(logs, gaps)
            pulls.append(weights)
            return found, slopes_

        density, by_logs = posterior.value(logs, objective)
        offsets = (constants - means) / sds
        by_constants = root.T @ (offsets / sds - slopes.T @ pulls[0])
        return density + 0.5 * float(offsets @ offsets), np.concatenate([by_constants, by_logs])

    bounds = np.vstack([np.tile([-_REACH, _REACH], (count, 1)), posterior.bounds])
    found: Any = minimize(
        value,
        np.concatenate([np.zeros(count), posterior.means]),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 100, "ftol": ENOUGH},
    )
    return start.constants + root @ found.x[:count], found.x[count:], float(found.fun)
