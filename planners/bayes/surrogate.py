"""From a history to models: which runs count, on what scale, and what they predict."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planners.base import Observation, Predicted, Problem, Response
from planners.bayes.process import GaussianProcess, Priors, fit
from planners.factors import Array

_PRIORS = Priors()


@dataclass(frozen=True, slots=True)
class Model:
    """One response's process; ``sign`` -1 turns minimising into maximising."""

    response: Response
    process: GaussianProcess
    centre: float
    spread: float
    sign: float

    def standard(self, value: float) -> float:
        """Return a response in the model's units, larger is better."""
        return self.sign * (value - self.centre) / self.spread

    def predicted(self, features: Array) -> Predicted:
        """Return what is expected at one row of features, in the response's own unit."""
        mean, sd = self.process.predict(features[None, :])
        return Predicted(
            self.centre + self.sign * float(mean[0]) * self.spread, float(sd[0]) * self.spread
        )

    def believing(self, features: Array) -> "Model":
        """Return the model as if these rows ``(m, f)`` had come out as expected."""
        process = self.process.believing(features)
        return Model(self.response, process, self.centre, self.spread, self.sign)


def run_row(problem: Problem, run: Observation) -> Array:
    """Return where a run really was in the unit cube: as achieved where that is known."""
    requested = problem.encode(run.point)
    achieved = run.achieved
    if achieved is None or any(f.name not in achieved for f in problem.factors):
        return requested
    if any(f.fault(achieved[f.name]) for f in problem.factors if not f.terms):
        return requested
    row = problem.encode(achieved)
    return np.clip(row, -0.2, 1.2) if np.all(np.isfinite(row)) else requested


def usable(history: Sequence[Observation], name: str, use_suspect: bool) -> list[Observation]:
    """Return the runs that measured a response well enough to learn from."""
    allowed = ("ok", "suspect") if use_suspect else ("ok",)
    return [run for run in history if run.status in allowed and name in run.responses]


def model(
    problem: Problem, response: Response, runs: Sequence[Observation], starts: int = 2
) -> Model:
    """Return the fitted model of one response."""
    rows = np.array([run_row(problem, run) for run in runs])
    values = np.array([run.responses[response.name].value for run in runs])
    sds = np.array([run.responses[response.name].sd or 0.0 for run in runs])
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    # constant responses tell nothing about scale; any positive one keeps the numbers finite
    spread = spread if spread > 1e-12 * max(1.0, float(np.abs(values).max())) else 1.0
    centre = float(values.mean())
    sign = -1.0 if response.goal == "minimise" else 1.0
    process = fit(
        problem.features(rows),
        sign * (values - centre) / spread,
        (sds / spread) ** 2,
        problem.groups,
        _PRIORS,
        starts,
    )
    return Model(response, process, centre, spread, sign)
