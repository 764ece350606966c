"""The planner's world: factors, responses, constraints, problems, observations.

A planner is a pure function of problem, history, count and generator (``suggest``): a restart
suggests the same point. History holds pending, failed and suspect runs as well as good ones.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from planners.errors import NothingLeft
from planners.factors import (
    Array,
    Categorical,
    Composition,
    Continuous,
    Discrete,
    Factor,
    FactorValue,
)
from planners.goals import Constraint, FormulaConstraint, Response
from planners.problem import Point, Problem

Status = Literal["ok", "suspect", "failed", "pending"]
STATUSES: tuple[Status, ...] = ("ok", "suspect", "failed", "pending")


@dataclass(frozen=True, slots=True)
class Measured:
    """One response of one run; ``sd`` is its standard uncertainty, None when unknown."""

    value: float
    sd: float | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One run: what was requested, what was achieved (None: not known), and what came out.

    Responses that were not measured are absent.
    """

    point: Point
    responses: Mapping[str, Measured] = field(default_factory=dict[str, Measured])
    status: Status = "ok"
    achieved: Point | None = None

    def stood(self, problem: Problem) -> Point:
        """Return where the run was in truth: as achieved, where all of it is known and placed."""
        real = self.achieved or {}
        placed = all(factor.has_row(real.get(factor.name)) for factor in problem.factors)
        return real if placed else self.point

    def to_json(self) -> dict[str, Any]:
        """Return the run as external planners get it."""
        responses = {n: {"value": m.value, "sd": m.sd} for n, m in self.responses.items()}
        plain: dict[str, Any] = {"point": plain_point(self.point), "status": self.status}
        plain["responses"] = responses
        if self.achieved is not None:
            plain["achieved"] = plain_point(self.achieved)
        return plain


def plain_point(point: Point) -> dict[str, Any]:
    """Return a point as JSON-ready plain dictionaries."""
    return {n: dict(v) if isinstance(v, Mapping) else v for n, v in point.items()}


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a model expects of one response, in its own unit."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A point, what its planner expects there (if it says so), and why it was chosen."""

    point: Point
    predicted: Mapping[str, Predicted] = field(default_factory=dict[str, Predicted])
    note: str = ""

    def also(self, *remarks: str) -> "Suggestion":
        """Return the same with these remarks after its note; empty ones say nothing."""
        return replace(self, note="; ".join(filter(None, [self.note, *remarks])))

    def to_json(self) -> dict[str, Any]:
        """Return the point as CONTRACT's JSON, with ``predicted`` when there is any."""
        plain = plain_point(self.point)
        if self.predicted:
            plain["predicted"] = {
                name: {"mean": p.mean, "sd": p.sd} for name, p in self.predicted.items()
            }
        return plain


class Planner(Protocol):
    """What the campaign asks; options are keywords of the constructor."""

    def suggest(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Point]:
        """Return up to ``n`` next points; an empty answer ends the campaign."""
        ...


@runtime_checkable
class Proposer(Protocol):
    """A planner that also says what it expects and why; asked instead of ``suggest``."""

    def propose(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Suggestion]:
        """Return up to ``n`` next points with predictions and notes."""
        ...


class Proposing(ABC):
    """A planner of ours: its points are those it proposes."""

    def suggest(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Point]:
        """Return up to ``n`` different next points; fewer, or none, when nothing is left."""
        try:
            return [suggestion.point for suggestion in self.propose(problem, history, n, rng)]
        except NothingLeft:
            return []

    @abstractmethod
    def propose(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Suggestion]:
        """Return up to ``n`` next points with predictions and notes."""


class Tabular(Proposing):
    """A planner of ours that works off a table: asked for more points it answers the same first."""

    @abstractmethod
    def size(self, problem: Problem) -> int:
        """Return how many runs the whole table has; raise what a question would."""


__all__ = [
    "STATUSES",
    "Array",
    "Categorical",
    "Composition",
    "Constraint",
    "Continuous",
    "Discrete",
    "Factor",
    "FactorValue",
    "FormulaConstraint",
    "Measured",
    "Observation",
    "Planner",
    "Point",
    "Predicted",
    "Problem",
    "Proposer",
    "Proposing",
    "Response",
    "Status",
    "Suggestion",
    "Tabular",
    "plain_point",
]
