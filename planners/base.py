"""The planner's world: factors, responses, constraints, problems, observations.

A planner is a pure function of problem, history, count and generator (``suggest``): a restart
suggests the same point. History holds pending, failed and suspect runs as well as good ones.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

# A factor's value: number, level name, or {component: amount} of a composition.
FactorValue = float | int | str | Mapping[str, float]
Point = Mapping[str, FactorValue]


class Planner(Protocol):
    """What the campaign asks; options are keywords of the constructor."""

    def suggest(
        self, problem: "Problem", history: "Sequence[Observation]", n: int, rng: np.random.Generator
    ) -> "Sequence[Point]":
        """Return up to ``n`` next points; an empty answer ends the campaign."""
        ...
