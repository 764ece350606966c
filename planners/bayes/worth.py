"""How much a row is worth trying, from the models of all responses and the runs that failed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from planners.bayes import acquisition
from planners.bayes.corner import corner
from planners.bayes.growth import MOST_GOALS, Growth
from planners.bayes.models.space import Space
from planners.bayes.models.surrogate import Model
from planners.factors import Array
from planners.goals import side_of

_DRAWS = 64  # of the scalarised improvement
SAME = 1e-3  # rows closer than this in every column are the same experiment


class Worth:
    """Scores rows for one pick: expected improvement, times the chances that targets are met."""

    def __init__(
        self, space: Space, models: Sequence[Model], seen: Array, rng: np.random.Generator
    ) -> None:
        """Take the models and the rows ``(k, dimension)`` of known runs, with those in flight."""
        self._space = space
        self.goals = [m for m in models if m.response.goal != "target"]
        self.gates = [m for m in models if m.response.goal == "target"]
        self.seen = space.problem.snap(seen)
        features = space.features(self.seen)
        self.nears = len(self.gates) == len(models) == 1  # one target alone
        self._aims = [_Aim.of(gate, features, alone=self.nears) for gate in self.gates]
        self._means = np.array([m.process.predict(features)[0] for m in self.goals]).T
        self.likely = self._likely(self.seen)
        self.known = self._means[self.likely] if self.goals else np.empty((0, 0))
        count = len(self.goals)
        many = count > MOST_GOALS
        self._weights = rng.dirichlet(np.ones(count)) if many else np.ones(count)
        self._normals = rng.normal(size=(_DRAWS, count)) if many else np.empty((0, count))
        self.reference = self._corner() if count > 1 and len(self.known) else None
        self._growth = None if many else self._above()

    def _corner(self) -> Array:
        """Return the corner from which dominated volume counts, ``(goals,)``."""
        seen, noise = self.seen[self.likely], np.sqrt(self._noises)
        problem = self._space.problem
        return corner(problem, seen, self.known, self.predicted, noise, self._possible)

    def _above(self) -> Growth | None:
        """Return how much the front is expected to grow, in the responses' own units."""
        if self.reference is None:
            return None
        return Growth(self.known, self.reference, [goal.scale.shortfall for goal in self.goals])

    def _likely(self, rows: Array) -> NDArray[np.bool_]:
        """Return which rows are more likely to meet the targets than not, ``(m,)``."""
        return self.target_logs(rows) > len(self.gates) * np.log(0.5) - 1e-9

    def _possible(self, rows: Array) -> NDArray[np.bool_]:
        """Return where the models hold it possible that the targets are met, ``(m,)``."""
        if not self._aims:
            return np.ones(len(rows), dtype=bool)
        features = self._space.features(rows)
        return np.all([aim.possible(features) for aim in self._aims], axis=0)

    @property
    def tops(self) -> Array:
        """Return the best that each goal can be, infinite where unknown, ``(goals,)``."""
        return np.array([goal.scale.top for goal in self.goals])

    @property
    def _noises(self) -> Array:
        return np.array([goal.process.noise_variance for goal in self.goals])

    @property
    def best(self) -> Array:
        """Return the rows of the best known runs, up to three, to look around, ``(k, dim)``."""
        worth = self.nearing(self.seen) + (self._means.sum(axis=1) if self.goals else 0.0)
        order = np.argsort(-worth, kind="stable")[:3]
        if not len(self.known) or not 2 <= len(self.goals) <= MOST_GOALS:
            return self.seen[order]
        ends = np.flatnonzero(self.likely)[np.argmax(self.known, axis=0)]
        return self.seen[np.unique(np.concatenate([order[:1], ends]))]

    def __call__(self, rows: Array) -> Array:
        """Return the logarithmic worth of snapped rows ``(m, dimension)``, shape ``(m,)``."""
        worth = self.nearing(rows)
        return worth + self.improvement(rows) if len(self.known) else worth

    def target_logs(self, rows: Array) -> Array:
        """Return ln of the probability that every target is met, ``(m,)``."""
        return self._of_aims(rows, _Aim.met)

    def nearing(self, rows: Array) -> Array:
        """Return the same, but how far a row is expected to near a target alone or out of sight."""
        return self._of_aims(rows, _Aim.neared)

    def _of_aims(self, rows: Array, logs: Callable[["_Aim", Array], Array]) -> Array:
        if not self._aims:
            return np.zeros(len(rows))
        features = self._space.features(rows)
        return np.sum([logs(aim, features) for aim in self._aims], axis=0)

    @property
    def out_of_sight(self) -> list[str]:
        """Return the responses whose targets are far from anything seen."""
        return [aim.gate.response.name for aim in self._aims if aim.sign]

    def predicted(self, rows: Array) -> tuple[Array, Array]:
        """Return means and sds of all goals, in the models' units, ``(m, goals)`` each."""
        features = self._space.features(rows)
        found = [goal.process.predict(features) for goal in self.goals]
        return np.column_stack([m for m, _ in found]), np.column_stack([s for _, s in found])

    def shown(self, sds: Array) -> Array:
        """Return how far one noisy run can move the goals' models, ``(m, goals)``."""
        return acquisition.shown(sds, self._noises)

    def improvement(self, rows: Array) -> Array:
        """Return ln of the expected improvement over the known runs that meet the targets."""
        means, sds = self.predicted(rows)
        sds = self.shown(sds)
        if len(self.goals) == 1:
            best = float(self.known.max())
            return acquisition.log_expected_improvement(means[:, 0], sds[:, 0], best, self.tops[0])
        if self._growth is not None:
            return self._growth.log(means, sds)
        return acquisition.log_scalarised_improvement(
            means, sds, self.known, self._weights, self._normals, self.tops
        )


@dataclass(frozen=True, slots=True)
class _Aim:
    """How a target is sought: by the chance to meet it, or nearer to it where that says nothing.

    Far beyond anything seen, the chance would be best where a model is least sure, whichever way
    that lies. ``sign`` is 1 where such a target lies above all, -1 below, 0 where it is in sight;
    ``nearest`` is what the nearest known run is expected to give, times the sign. A target
    ``alone`` is sought by how much nearer than ``gap`` to its middle a run is expected to come.
    """

    gate: Model
    sign: float = 0.0
    nearest: float = 0.0
    gap: float = 0.0
    alone: bool = False

    @classmethod
    def of(cls, gate: Model, features: Array, *, alone: bool) -> "_Aim":
        """Return the aim, given the features of known runs ``(k, f)``."""
        if not len(features):
            return cls(gate)
        low, high = gate.bounds()
        means = gate.process.predict(features)[0]
        sign = side_of(low, high, means, 1.0)
        gap = float(np.abs(means - (low + high) / 2.0).min())
        return cls(gate, sign, float((sign * means).max()), max(gap, (high - low) / 2.0), alone)

    def met(self, features: Array) -> Array:
        """Return the logarithm of the chance that the target is met, ``(m,)``."""
        mean, sd = self.gate.process.predict(features)
        return acquisition.log_probability_between(mean, sd, *self.gate.bounds())

    def possible(self, features: Array) -> NDArray[np.bool_]:
        """Return whether the target is within a sd of what is expected, ``(m,)``."""
        mean, sd = self.gate.process.predict(features)
        low, high = self.gate.bounds()
        return (mean > low - sd) & (mean < high + sd)

    def neared(self, features: Array) -> Array:
        """Return the same as ``met``, or that of the expected approach to the target, ``(m,)``."""
        mean, sd = self.gate.process.predict(features)
        if self.sign:
            return acquisition.log_expected_improvement(self.sign * mean, sd, self.nearest)
        if not self.alone:
            return self.met(features)
        low, high = self.gate.bounds()
        shown = acquisition.shown(sd, self.gate.process.noise_variance)
        return acquisition.log_expected_nearing(mean, shown, (low + high) / 2.0, self.gap)


def is_tried(rows: Array, tried: Array) -> NDArray[np.bool_]:
    """Return which rows are the same experiment as one already tried, ``(m,)``."""
    if not len(tried):
        return np.zeros(len(rows), dtype=bool)
    gaps: Any = cdist(rows, tried, "chebyshev")
    return gaps.min(axis=1) < SAME
