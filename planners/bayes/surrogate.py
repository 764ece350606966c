"""From a history to models: which runs count, on what scale, and what they predict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from planners.base import Observation, Predicted, Problem, Response
from planners.bayes.process import GaussianProcess, Priors, fit
from planners.factors import Array

_PRIORS = Priors()
_BEYOND = 0.2  # of the cube: runs further outside count as if they were there
_FEWEST_FOR_LOG = 5  # runs without which the data cannot tell which scale suits them


@dataclass(frozen=True, slots=True)
class Scale:
    """How a response becomes the model's output: perhaps its logarithm, then standardised.

    Rates, yields and concentrations multiply, and their errors grow with them; their logarithms
    are simpler functions, with even noise. ``sign`` -1 turns minimising into maximising.
    """

    logarithm: bool
    centre: float
    spread: float
    sign: float

    def forward(self, values: Array) -> Array:
        """Return responses in the model's units, larger is better, shape as given."""
        plain = np.log(np.maximum(values, 1e-300)) if self.logarithm else values
        return self.sign * (plain - self.centre) / self.spread

    def variances(self, values: Array, sds: Array) -> Array:
        """Return known standard uncertainties as variances in the model's units."""
        return (sds / (values if self.logarithm else 1.0) / self.spread) ** 2

    def back(self, mean: float, sd: float) -> Predicted:
        """Return a normal prediction as mean and sd of the response in its own unit."""
        middle, width = self.centre + self.sign * mean * self.spread, sd * self.spread
        if not self.logarithm:
            return Predicted(float(middle), float(width))
        width = min(width, 2.0)  # beyond, the mean of a log-normal means nothing
        expected = float(np.exp(min(middle + 0.5 * width**2, 700.0)))
        return Predicted(expected, expected * float(np.sqrt(np.expm1(width**2))))


@dataclass(frozen=True, slots=True)
class Model:
    """One response's Gaussian process, and its scale."""

    response: Response
    process: GaussianProcess
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
    """Return where a run really was in the unit cube: as achieved where that is known."""
    achieved = run.achieved or {}
    known = all(factor.has_row(achieved.get(factor.name)) for factor in problem.factors)
    row = problem.encode(achieved if known else run.point)
    return np.clip(row, -_BEYOND, 1.0 + _BEYOND)


def usable(history: Sequence[Observation], name: str, use_suspect: bool) -> list[Observation]:
    """Return the runs that measured a response well enough to learn from."""
    allowed = ("ok", "suspect") if use_suspect else ("ok",)
    return [run for run in history if run.status in allowed and name in run.responses]


def model(problem: Problem, response: Response, runs: Sequence[Observation]) -> Model:
    """Return the fitted model of one response, on the scale the runs find more probable."""
    features = problem.features(np.array([run_row(problem, run) for run in runs]))
    values = np.array([run.responses[response.name].value for run in runs])
    sds = np.array([run.responses[response.name].sd or 0.0 for run in runs])
    found: list[tuple[float, Model]] = []
    for scale in _scales(response, values):
        known = scale.variances(values, sds)
        process, surprise = fit(features, scale.forward(values), known, problem.groups, _PRIORS)
        surprise += len(values) * np.log(scale.spread)
        surprise += float(np.log(values).sum()) if scale.logarithm else 0.0
        found.append((surprise, Model(response, process, scale)))
    return min(found, key=lambda pair: pair[0])[1]


def _scales(response: Response, values: Array) -> list[Scale]:
    sign = -1.0 if response.goal == "minimise" else 1.0
    scales = [_standardised(values, sign, logarithm=False)]
    if len(values) >= _FEWEST_FOR_LOG and values.min() > 0 and values.max() > values.min():
        scales.append(_standardised(np.log(values), sign, logarithm=True))
    return scales


def _standardised(values: Array, sign: float, *, logarithm: bool) -> Scale:
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    # constant responses tell nothing about scale; any positive one keeps the numbers finite
    spread = spread if spread > 1e-12 * max(1.0, float(np.abs(values).max())) else 1.0
    return Scale(logarithm, float(values.mean()), spread, sign)
