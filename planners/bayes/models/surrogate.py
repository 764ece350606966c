"""From a history to models: which runs count, on what scale, and what they predict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from planners.base import Observation, Predicted, Problem, Response
from planners.bayes.models.coordinates import Coordinates
from planners.bayes.models.priors import Priors
from planners.bayes.models.process import GaussianProcess, Process, fit
from planners.bayes.models.scale import Scale, scales
from planners.bayes.models.space import Space
from planners.bayes.models.views import laws, viewed
from planners.factors import Array

_PRIORS = Priors()
_BEYOND = 2.0  # of the cube: runs further outside count as if they were there
_DOUBT = 0.5  # of a response's spread: the least uncertainty of a suspect run


@dataclass(frozen=True, slots=True)
class Model:
    """One response's Gaussian process, or a blend of several, and its scale."""

    response: Response
    process: Process
    scale: Scale

    def bounds(self) -> tuple[float, float]:
        """Return a target's low and high in the model's units."""
        edges = np.array([self.response.low, self.response.high], dtype=float)
        low, high = self.scale.forward(edges)
        return float(low), float(high)

    def predicted(self, features: Array) -> Predicted:
        """Return what is expected at one row of features, in the response's own unit."""
        mean, sd = self.process.predict(features[None, :])
        return self.scale.back(float(mean[0]), float(sd[0]))

    def believing(self, features: Array) -> "Model":
        """Return the model as if these rows ``(m, f)`` had come out as expected."""
        return replace(self, process=self.process.believing(features))

    def doubting(self, factor: float) -> "Model":
        """Return the model with its length-scales divided by ``factor``: surer of less."""
        return replace(self, process=self.process.rescaled(1.0 / factor))


def run_row(problem: Problem, run: Observation) -> Array:
    """Return the row where a run stood, at most twice the range outside the unit cube."""
    row = problem.encode(run.stood(problem))
    return np.clip(row, -_BEYOND, 1.0 + _BEYOND)


def usable(
    history: Sequence[Observation], name: str, allowed: Sequence[str] = ("ok",)
) -> list[Observation]:
    """Return the runs of the given statuses that measured a response."""
    return [run for run in history if run.status in allowed and name in run.responses]


@dataclass(frozen=True, slots=True)
class Lessons:
    """The runs one response is learned from: in full, with doubt, and of an earlier campaign."""

    sure: Sequence[Observation]
    doubtful: Sequence[Observation] = ()
    earlier: Sequence[Observation] = ()


def model(space: Space, response: Response, lessons: Lessons) -> Model:
    """Return the fitted model of one response, on the scale the runs find more probable."""
    runs = [*lessons.sure, *lessons.earlier]
    own, count = _features(space, lessons.sure), len(lessons.earlier)
    features = own
    if count:
        features = np.vstack([own, _features(space, lessons.earlier, earlier=True)])
    values, sds = _measured(runs, response.name)
    found: list[tuple[float, float, GaussianProcess, Scale]] = []
    for scale in scales(response, values):
        known = scale.variances(values, sds)
        process, surprise = fit(features, scale.forward(values), known, space.layout, _PRIORS)
        found.append((surprise + scale.cost(values), surprise, process, scale))
    _, surprise, process, scale = min(found, key=lambda one: one[0])
    lawful = laws(Coordinates(space.problem), response, scale, (features, values))
    whole = viewed(process, surprise, lawful, space.numbers)
    best = Model(response, whole, scale)
    return _doubtfully(space, best, lessons.doubtful) if lessons.doubtful else best


def _features(space: Space, runs: Sequence[Observation], *, earlier: bool = False) -> Array:
    rows = np.array([run_row(space.problem, run) for run in runs])
    return space.features(rows.reshape(-1, space.problem.dimension), earlier=earlier)


def _measured(runs: Sequence[Observation], name: str) -> tuple[Array, Array]:
    """Return values and their sds, 0 where unknown."""
    values = np.array([run.responses[name].value for run in runs])
    return values, np.array([run.responses[name].sd or 0.0 for run in runs])


def _doubtfully(space: Space, known: Model, runs: Sequence[Observation]) -> Model:
    """Return the model that also heard of suspect runs: each counts as far as it agrees.

    Its variance is a fixed doubt and the square of its distance from what the others expect, so
    one wild value moves the model by half its own sd there at most.
    """
    values, sds = _measured(runs, known.response.name)
    features = _features(space, runs)
    heard = known.scale.forward(values)
    mean, sd = known.process.predict(features)
    gaps = np.clip(heard - mean, -1e6, 1e6)
    variances = _DOUBT**2 + gaps**2
    if not known.scale.logarithm:
        variances += np.minimum(known.scale.variances(values, sds), 1e6)
    plausible = np.abs(gaps) < 1e3 * (sd + 1.0)  # others have nothing to say, only to upset sums
    if not plausible.any():
        return known
    process = known.process.hearing(
        features[plausible], (mean + gaps)[plausible], variances[plausible]
    )
    return replace(known, process=process)
