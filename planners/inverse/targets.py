"""What is aimed at: a value or a range for every response that counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planners.base import Observation, Problem, Response
from planners.errors import BadOption
from planners.problem import nearest
from planners.rounding import rounded

_ALL = 10  # digits: what a person wrote is told as it was written

# runs in which a response could be learned from
Runs = Sequence[Observation]


@dataclass(frozen=True, slots=True)
class Target:
    """``low`` to ``high`` of one response; ``stated`` by a person, or else the best so far."""

    name: str
    low: float
    high: float
    stated: bool

    @property
    def middle(self) -> float:
        """Return the value aimed at first."""
        return 0.5 * (self.low + self.high)

    def __str__(self) -> str:
        if not self.stated:
            return f"{self.name} as good as the best seen, {rounded(self.low, _ALL)}"
        if self.low == self.high:
            return f"{self.name} = {rounded(self.low, _ALL)}"
        return f"{self.name} in [{rounded(self.low, _ALL)}, {rounded(self.high, _ALL)}]"


def check_names(problem: Problem, wanted: Mapping[str, float]) -> None:
    """Raise BadOption when targets name no response of the problem."""
    names = [response.name for response in problem.responses]
    listed = ", ".join(names)
    faults = [
        f"target: no response is named {name!r}{nearest(name, names)}; they are {listed}"
        for name in wanted
        if name not in names
    ]
    if faults:
        raise BadOption(faults)


def aimed_at(problem: Problem, wanted: Mapping[str, float]) -> list[Response]:
    """Return the responses that count: those named or with a target range, or else all."""
    stated = [r for r in problem.responses if r.name in wanted or r.goal == "target"]
    return stated or list(problem.responses)


def targets(responses: Sequence[Response], wanted: Mapping[str, float], runs: Runs) -> list[Target]:
    """Return the targets; a response without one aims at the best of ``runs``, at least one."""
    return [_one(response, wanted, runs) for response in responses]


def _one(response: Response, wanted: Mapping[str, float], runs: Runs) -> Target:
    name = response.name
    if name in wanted:
        return Target(name, wanted[name], wanted[name], stated=True)
    if response.low is not None and response.high is not None:
        return Target(name, response.low, response.high, stated=True)
    values = np.array([run.responses[name].value for run in runs])
    best = float(values.min() if response.goal == "minimise" else values.max())
    return Target(name, best, best, stated=False)
