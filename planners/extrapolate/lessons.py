"""What a history teaches: where runs were, what they gave, and what is wanted of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from planners.base import Observation, Problem, Response
from planners.extrapolate.model import Data
from planners.extrapolate.sight import Sight
from planners.factors import Array, Composition
from planners.sampling import asked_rows, n_different
from planners.unordered import unordered

PRESENT = 1e-6  # of a mixture: less is nothing
_DOUBT = 0.25  # weight of a suspect run
_SURE = 4  # good runs that tell how far a suspect one may lie from them
_FEWEST = 3  # runs without which there is no model
_COMPROMISE = 0.05  # share of the sum in a weighted worst objective


@dataclass(frozen=True, slots=True)
class Known:
    """One measured run: its row, its responses and its weight."""

    row: Array
    responses: dict[str, float]
    weight: float


class Lessons:
    """One history of one problem; rows are in the unit cube, ``(k, dimension)``.

    ``begun`` is how many experiments teach something or are under way; replicates are one.
    """

    def __init__(self, problem: Problem, history: Sequence[Observation], see: Sight) -> None:
        self._problem, self._see = problem, see
        width = problem.dimension
        self.tried = asked_rows(problem, [run.point for run in history])
        status = np.array([run.status for run in history])
        failed, waiting = self.tried[status == "failed"], self.tried[status == "pending"]
        self.failed, self.waiting = failed[unordered(failed)], waiting[unordered(waiting)]
        names = {response.name for response in problem.responses}
        teaches = [
            run.status in {"ok", "suspect"} and bool(names & set(run.responses)) for run in history
        ]
        begun = np.array(teaches, dtype=bool) | (status == "pending")
        self.begun = n_different(self.tried[begun])
        sure = {name: _believable(name, history) for name in names}
        read = [
            Known(
                _row(problem, run),
                {k: m.value for k, m in run.responses.items() if k in names},
                1.0 if run.status == "ok" else _DOUBT,
            )
            for run, some in zip(history, teaches, strict=True)
            if some
        ]
        believed = [k for k in read if k.weight == 1.0 or _within(k.responses, sure)]
        self.known = _unordered(believed, [response.name for response in problem.responses])
        self.rows = np.array([k.row for k in self.known]).reshape(-1, width)

    def holds_new(self, rows: Array) -> NDArray[np.bool_]:
        """Return which rows hold an element that no run was asked to hold, ``(m,)``."""
        found = np.zeros(len(rows), dtype=bool)
        for factor, columns in zip(self._problem.factors, self._problem.slices, strict=True):
            if isinstance(factor, Composition):
                some = self._see.described(factor.name)
                held = np.any(self.tried[:, columns][:, some] > PRESENT, axis=0)
                found |= np.any((rows[:, columns][:, some] > PRESENT) & ~held, axis=1)
        return found

    @property
    def objectives(self) -> list[Response]:
        """Return the responses to maximise or minimise."""
        return [r for r in self._problem.responses if r.goal != "target"]

    @property
    def targets(self) -> list[Response]:
        """Return the responses to bring between bounds."""
        return [r for r in self._problem.responses if r.goal == "target"]

    @property
    def enough(self) -> bool:
        """Return whether every response has runs enough for a model."""
        names = [r.name for r in self._problem.responses]
        whole = sum(set(names) <= set(k.responses) for k in self.known)
        return whole >= _FEWEST

    def of(self, name: str) -> Data:
        """Return what is known of one response."""
        runs = [k for k in self.known if name in k.responses]
        return self._data(runs, np.array([k.responses[name] for k in runs]))

    def worth(self, rng: np.random.Generator) -> Data:
        """Return what is known of the one number to maximise.

        With several objectives that is a weighted worst one, by weights of its own each time, so
        that points spread along the front (Knowles, "ParEGO", 2006).
        """
        signs = np.array([-1.0 if r.goal == "minimise" else 1.0 for r in self.objectives])
        names = [r.name for r in self.objectives]
        runs = [k for k in self.known if set(names) <= set(k.responses)]
        values = signs * np.array([[k.responses[name] for name in names] for k in runs])
        if len(names) == 1:
            return self._data(runs, values[:, 0])
        low, span = values.min(axis=0), np.ptp(values, axis=0)
        parts = rng.dirichlet(np.ones(len(names))) * (values - low) / np.where(span > 0, span, 1.0)
        return self._data(runs, parts.min(axis=1) + _COMPROMISE * parts.sum(axis=1))

    def _data(self, runs: Sequence[Known], values: Array) -> Data:
        rows = np.array([k.row for k in runs])
        return Data(self._see(rows), values, np.array([k.weight for k in runs]))


def _row(problem: Problem, run: Observation) -> Array:
    """Return the row where a run stood, of mixtures within the cube."""
    row = problem.encode(run.stood(problem))
    for factor, columns in zip(problem.factors, problem.slices, strict=True):
        if isinstance(factor, Composition):  # others may lie outside what is asked for now
            row[columns] = np.clip(row[columns], 0.0, 1.0)
    return row


def _unordered(known: Sequence[Known], names: Sequence[str]) -> list[Known]:
    """Return runs in an order that does not tell how they were listed."""
    told = [[*k.row, k.weight, *(k.responses.get(name, nan) for name in names)] for k in known]
    return [known[i] for i in unordered(np.array(told))] if known else []


def _believable(name: str, history: Sequence[Observation]) -> tuple[float, float]:
    """Return between what a suspect reading still teaches: those of good runs, and as far again."""
    good = [r.responses[name].value for r in history if r.status == "ok" and name in r.responses]
    span = max(good) - min(good) if len(good) >= _SURE else 0.0
    if span == 0:
        return -inf, inf
    return min(good) - span, max(good) + span


def _within(responses: Mapping[str, float], sure: Mapping[str, tuple[float, float]]) -> bool:
    return all(sure[name][0] <= value <= sure[name][1] for name, value in responses.items())
