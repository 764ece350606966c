"""Bayesian optimisation: model what is known, try what promises most, learn, repeat.

A first design spreads a few runs evenly; then each response gets a Gaussian process, and the next
point is where the expected improvement is greatest. Runs in flight count as if they came out as
expected; failed ones make their surroundings doubtful; suspect ones are not learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planners.base import Observation, Point, Problem, Suggestion
from planners.errors import BadOption, CannotSuggest


@dataclass(frozen=True)
class Bayes:
    """Gaussian-process Bayesian optimisation, for one goal or several.

    ``n_initial`` runs are spread evenly first (default: 1 more than the cube has columns, at least
    4), by a table that follows from ``seed``; ``use_suspect`` learns from suspect runs too.
    """

    n_initial: int | None = None
    use_suspect: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_initial is not None and self.n_initial < 1:
            raise BadOption([f"n_initial: must be at least 1, got {self.n_initial}"])
        if self.seed < 0:
            raise BadOption([f"seed: must be at least 0, got {self.seed}"])

    def suggest(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Point]:
        """Return the ``n`` most promising points; fewer when no untried point is left."""
        return [suggestion.point for suggestion in self.propose(problem, history, n, rng)]

    def propose(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Suggestion]:
        """Return the most promising points, with what is expected there.

        Raises CannotSuggest when the problem has no responses or no feasible point.
        """
        if not problem.responses:
            raise CannotSuggest("bayes needs at least one response to improve; lhs needs none")
        from planners.bayes.picker import (
            Picker,
            one_thread,
        )  # scikit-learn: not in the process that only checks us

        found: list[Suggestion] = []
        with one_thread():
            picker = Picker(self, problem, history, rng)
            while len(found) < n and (pick := picker.pick()) is not None:
                found.append(pick)
        return found
