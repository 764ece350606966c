"""What the experiments said so far, as the simplex asks for it: the value at a point.

The simplex is replayed from its start at every question, so each answer must be the one it got at
that time: the mean of the first ``count`` good runs at a point, however many there are by now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from planners.base import Observation, Problem, Response
from planners.factors import Array

_WITHIN = 2e-3  # of the unit cube's edge: values in files have few digits
Scenario = Literal["middling", "good", "bad"]


class Wanted(Exception):  # not a fault: the replay has reached the next experiment
    """The replay needs a run that is not there; ``row`` is where, ``why`` says for what."""

    def __init__(self, row: Array, why: str) -> None:
        super().__init__(why)
        self.row, self.why = row, why


@dataclass(frozen=True, slots=True)
class _Run:
    row: Array  # as asked for
    place: Array  # where it was in truth, if known
    value: float | None  # None: not known yet
    doubtful: bool


def worth(response: Response, value: float) -> float:
    """Return a value on the scale on which more is better; of a target minus the miss."""
    if response.goal == "minimise":
        return -value
    if response.goal == "target" and response.low is not None and response.high is not None:
        return -max(response.low - value, value - response.high, 0.0)
    return value


class Runs:
    """The history on one scale, more is better; failed runs are worth minus infinity."""

    def __init__(
        self, problem: Problem, response: Response, history: Sequence[Observation]
    ) -> None:
        self._problem, self._response = problem, response
        self._runs = [run for o in history if (run := self._run(o)) is not None]
        self.take("middling")

    def take(self, scenario: Scenario) -> None:
        """Take runs under way for what a scenario says, from here on; ``guessed`` says if any."""
        self._scenario: Scenario = scenario
        self.guessed = False

    def _run(self, run: Observation) -> _Run | None:
        factors = self._problem.factors
        if any(f.name not in run.point or f.fault(run.point[f.name]) for f in factors):
            return None  # not of this problem's ranges: the simplex never asked for it
        row = self._problem.encode(run.point)
        value = None
        if run.status == "failed":
            value = -inf
        elif run.status != "pending" and self._response.name in run.responses:
            value = worth(self._response, run.responses[self._response.name].value)
        return _Run(row, self._place(run, row), value, run.status == "suspect")

    def _place(self, run: Observation, row: Array) -> Array:
        """Return where the run was in truth; what cannot be placed counts as done as asked."""
        if run.achieved is None:
            return row
        place = row.copy()
        for factor, columns in zip(self._problem.factors, self._problem.slices, strict=True):
            value = run.achieved.get(factor.name)
            if factor.n_levels == inf and value is not None and not factor.fault(value):
                place[columns] = factor.row(value)
        return place

    def wait_for(self, row: Array) -> None:
        """Count a run as asked for."""
        self._runs.append(_Run(row, row, None, False))

    @property
    def best(self) -> Array | None:
        """Return the row of the best result, whoever asked for it; None where there is none.

        A suspect reading, which is the best as a rule, is none.
        """
        sure = [run for run in self._runs if not run.doubtful]
        known = [run for run in sure if run.value is not None and np.isfinite(run.value)]
        return max(known, key=lambda run: run.value or 0.0).row if known else None

    def _at(self, row: Array) -> list[_Run]:
        return [r for r in self._runs if np.max(np.abs(r.row - row)) <= _WITHIN]

    def measure(self, row: Array, count: int, why: str) -> tuple[float, Array]:
        """Return the mean of the first ``count`` results at a row, and where the first was.

        Where a run is under way, no other is wanted: all that are missing are as it is taken for.
        Failed runs count only where there is nothing else. Raises Wanted when results are missing.
        """
        runs = self._at(row)
        results = self._results(runs)
        if any(run.value is None for run in runs):
            results += [self._assumed()] * (count - len(results))
        if len(results) < count:
            doubted = ", again: the last run was suspect" if len(runs) > len(results) else ""
            raise Wanted(row, why + doubted)
        good = [value for value in results[:count] if value > -inf]
        return (float(np.mean(good)) if good else -inf), runs[0].place

    def _results(self, runs: list[_Run]) -> list[float]:
        """Return what the runs say in their order; two suspect ones together say one thing."""
        results: list[float] = []
        held: float | None = None
        for run in runs:
            value = self._assumed() if run.value is None else run.value
            if not run.doubtful:
                results.append(value)
            elif held is None:
                held = value
            else:
                results.append((held + value) / 2.0)
                held = None
        return results

    def _assumed(self) -> float:
        """Return what a run under way is taken for: middling, or better or worse than all."""
        self.guessed = True
        known = [r.value for r in self._runs if r.value is not None and np.isfinite(r.value)]
        if not known:
            return 0.0
        low, high = min(known), max(known)
        room = max(high - low, abs(high) * 1e-3, 1e-9)
        choices = {"good": high + room, "bad": low - room, "middling": float(np.median(known))}
        return choices[self._scenario]
