"""How much a row is worth trying, from the models of all responses and the runs that failed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from planners.bayes import acquisition
from planners.bayes.surrogate import Model
from planners.factors import Array
from planners.problem import Problem

_DRAWS = 64  # of the scalarised improvement
_REACH = 0.15  # how far, in the unit cube, one failure casts doubt
_SAME = 1e-3  # rows closer than this in every column are the same experiment
_MARGIN = 0.1  # of the known range, from the front's worst corner to the reference


class Worth:
    """Scores rows for one pick: expected improvement, times chances of targets and of success."""

    def __init__(
        self, problem: Problem, models: Sequence[Model], seen: Array, rng: np.random.Generator
    ) -> None:
        """Take the models and the rows ``(k, dimension)`` of the runs they learned from."""
        self._problem = problem
        self._goals = [m for m in models if m.response.goal != "target"]
        self._gates = [m for m in models if m.response.goal == "target"]
        features = problem.features(problem.snap(seen))
        means = np.array([m.process.predict(features)[0] for m in self._goals]).T
        likely = self._target_logs(features) > len(self._gates) * np.log(0.5) - 1e-9
        self._known = means[likely] if self._goals else np.empty((0, 0))
        self.seen = seen
        count = len(self._goals)
        self._weights = rng.dirichlet(np.ones(count)) if count > 2 else np.ones(count)
        self._normals = rng.normal(size=(_DRAWS, count)) if count > 2 else np.empty((0, count))

    @property
    def best(self) -> Array:
        """Return the rows of the best known runs, up to three, to look around, ``(k, dim)``."""
        features = self._problem.features(self._problem.snap(self.seen))
        worth = self._target_logs(features)
        for goal in self._goals:
            worth = worth + goal.process.predict(features)[0]
        return self._problem.snap(self.seen[np.argsort(-worth, kind="stable")[:3]])

    def __call__(self, rows: Array) -> Array:
        """Return the logarithmic worth of snapped rows ``(m, dimension)``, shape ``(m,)``."""
        features = self._problem.features(rows)
        worth = self._target_logs(features)
        if len(self._known):
            worth = worth + self._improvement(features)
        return worth

    def _target_logs(self, features: Array) -> Array:
        """Return ln of the probability that every target is met, ``(m,)``."""
        logs = np.zeros(len(features))
        for gate in self._gates:
            mean, sd = gate.process.predict(features)
            logs = logs + acquisition.log_probability_between(mean, sd, *gate.bounds())
        return logs

    def _improvement(self, features: Array) -> Array:
        predicted = [goal.process.predict(features) for goal in self._goals]
        if len(predicted) == 1:
            mean, sd = predicted[0]
            return acquisition.log_expected_improvement(mean, sd, float(self._known.max()))
        means = np.column_stack([mean for mean, _ in predicted])
        sds = np.column_stack([sd for _, sd in predicted])
        if len(predicted) == 2:
            return acquisition.log_hypervolume_improvement(
                means, sds, self._known, _reference(self._known)
            )
        return acquisition.log_scalarised_improvement(
            means, sds, self._known, self._weights, self._normals
        )


def _reference(known: Array) -> Array:
    """Return the corner from which dominated area counts: a little below the front's worst."""
    edge = acquisition.front(known)
    span = np.maximum(known.max(axis=0) - known.min(axis=0), 1e-3)
    return edge.min(axis=0) - _MARGIN * span


def success_logs(rows: Array, good: Array, failed: Array) -> Array:
    """Return ln of the chance that an experiment succeeds, by its neighbours' fates, ``(m,)``.

    A kernel vote: one success in advance everywhere, so that far from any run all is well.
    """
    if not len(failed):
        return np.zeros(len(rows))

    def votes(others: Array) -> Array:
        gaps = ((rows[:, None, :] - others[None, :, :]) ** 2).sum(axis=2)
        return np.exp(-0.5 * gaps / _REACH**2).sum(axis=1)

    successes = 1.0 + votes(good)
    return np.log(successes / (successes + 2.0 * votes(failed)))


def is_tried(rows: Array, tried: Array) -> NDArray[np.bool_]:
    """Return which rows are the same experiment as one already tried, ``(m,)``."""
    if not len(tried):
        return np.zeros(len(rows), dtype=bool)
    gaps = np.abs(rows[:, None, :] - tried[None, :, :]).max(axis=2)
    return gaps.min(axis=1) < _SAME
