"""From a history to models: which runs count, on what scale, and what they predict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from planners.base import Observation, Predicted, Problem, Response
from planners.bayes import acquisition
from planners.bayes.blend import Blend, blended
from planners.bayes.process import GaussianProcess, Layout, Priors, fit
from planners.factors import Array, Continuous, Discrete

_PRIORS = Priors()
_BEYOND = 0.2  # of the cube: runs further outside count as if they were there
_FLOOR = 0.002  # of the greatest value (the median, when minimising): added before logarithms
_FEWEST_FOR_LOG = 5  # runs without which the data cannot tell which scale suits them
_WIDEST = 1.5  # sd of a logarithm: beyond, its mean means nothing
_DOUBT = 0.5  # of a response's spread: the least uncertainty of a suspect run


@dataclass(frozen=True, slots=True)
class Scale:
    """How a response becomes the model's output: perhaps its logarithm, then standardised.

    Rates, yields and concentrations multiply, and their errors grow with them; their logarithms
    are simpler functions, with even noise. ``offset`` is added first, so that a yield next to
    nothing is not a world apart from a small one. ``sign`` -1 turns minimising into maximising.
    """

    logarithm: bool
    centre: float
    spread: float
    sign: float
    offset: float = 0.0

    def forward(self, values: Array) -> Array:
        """Return responses in the model's units, larger is better, shape as given."""
        plain = values
        if self.logarithm:
            plain = np.log(np.maximum(values + self.offset, 1e-9 * self.offset + 1e-300))
        return self.sign * (plain - self.centre) / self.spread

    def variances(self, values: Array, sds: Array) -> Array:
        """Return known standard uncertainties as variances in the model's units."""
        return (sds / ((values + self.offset) if self.logarithm else 1.0) / self.spread) ** 2

    def back(self, mean: float, sd: float) -> Predicted:
        """Return a normal prediction as mean and sd of the response in its own unit."""
        middle, width = self.centre + self.sign * mean * self.spread, sd * self.spread
        if not self.logarithm:
            return Predicted(float(middle), float(width))
        width = min(width, 2.0)  # beyond, the mean of a log-normal means nothing
        expected = float(np.exp(min(middle + 0.5 * width**2, 700.0)))
        return Predicted(expected - self.offset, expected * float(np.sqrt(np.expm1(width**2))))

    def shortfall(self, mean: Array, sd: Array, bound: Array) -> Array:
        """Return E[gain over a bound], in the response's unit over its spread, as they broadcast.

        Of a logarithm this is the price of an option on what is log-normal (Black and Scholes, "The
        pricing of options and corporate liabilities", 1973): areas are those of the responses.
        """
        if not self.logarithm:
            return acquisition.expected_shortfall(mean, sd, bound)
        width = np.minimum(sd * self.spread, _WIDEST)
        middle = self.sign * mean * self.spread
        strike = np.clip(self.sign * bound * self.spread, -50.0, 50.0)
        place = (middle - strike) / width
        grown = np.exp(np.minimum(middle + 0.5 * width**2, 50.0))
        gain = grown * ndtr(self.sign * (place + width)) - np.exp(strike) * ndtr(self.sign * place)
        return np.maximum(self.sign * gain / self.spread, 0.0)

    def own(self, outcomes: Array) -> Array:
        """Return outcomes as ``shortfall`` counts them: larger is better, shape as given."""
        if not self.logarithm:
            return outcomes
        logs = np.clip(self.sign * outcomes * self.spread, -50.0, 50.0)
        return self.sign * np.exp(logs) / self.spread

    def plain(self, mean: float) -> float:
        """Return the response in its own unit that stands at ``mean`` in the model's."""
        middle = self.centre + self.sign * mean * self.spread
        return float(np.exp(min(middle, 700.0))) - self.offset if self.logarithm else float(middle)


@dataclass(frozen=True, slots=True)
class Space:
    """How rows of the unit cube become what models see.

    With runs of an earlier campaign, one more column says whose a run is; its length-scale says
    how alike both are, and is learned like any other (a task factor).
    """

    problem: Problem
    transfer: bool = False

    def features(self, rows: Array, *, earlier: bool = False) -> Array:
        """Return features of snapped rows ``(m, dimension)``."""
        own = self.problem.features(rows)
        if not self.transfer:
            return own
        return np.column_stack([own, np.full(len(rows), 1.0 if earlier else 0.0)])

    @property
    def layout(self) -> Layout:
        """Return what each feature column is."""
        groups = self.problem.groups
        return Layout(np.append(groups, groups.max() + 1) if self.transfer else groups)

    @property
    def ridge(self) -> NDArray[np.intp]:
        """Return the feature columns that may act together: those of numbers that vary."""
        numbers = [
            isinstance(factor, Continuous | Discrete) and factor.n_levels > 1
            for factor in self.problem.factors
        ]
        widths = [len(factor.groups) for factor in self.problem.factors]
        return np.flatnonzero(np.repeat(numbers, widths))


@dataclass(frozen=True, slots=True)
class Model:
    """One response's Gaussian process, or a blend of two, and its scale."""

    response: Response
    process: GaussianProcess | Blend
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
    for scale in _scales(response, values):
        known = scale.variances(values, sds)
        process, surprise = fit(features, scale.forward(values), known, space.layout, _PRIORS)
        whole = surprise + len(values) * np.log(scale.spread)
        whole += float(np.log(values + scale.offset).sum()) if scale.logarithm else 0.0
        found.append((whole, surprise, process, scale))
    _, surprise, process, scale = min(found, key=lambda one: one[0])
    best = Model(response, blended(process, surprise, space.ridge), scale)
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


def _scales(response: Response, values: Array) -> list[Scale]:
    sign = -1.0 if response.goal == "minimise" else 1.0
    scales = [_standardised(values, sign, logarithm=False)]
    if len(values) >= _FEWEST_FOR_LOG and values.min() > 0 and values.max() > values.min():
        offset = _FLOOR * float(np.median(values) if response.goal == "minimise" else values.max())
        logs = _standardised(np.log(values + offset), sign, logarithm=True)
        scales.append(replace(logs, offset=offset))
    return scales


def _standardised(values: Array, sign: float, *, logarithm: bool) -> Scale:
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    # constant responses tell nothing about scale; any positive one keeps the numbers finite
    spread = spread if spread > 1e-12 * max(1.0, float(np.abs(values).max())) else 1.0
    return Scale(logarithm, float(values.mean()), spread, sign)
