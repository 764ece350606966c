"""Bayesian optimisation: model what is known, try what promises most, learn, repeat.

A first design spreads a few runs evenly; then each response gets a Gaussian process, and the next
point is where the expected improvement is greatest. Runs in flight count as if they came out as
expected; failed ones make their surroundings doubtful; suspect ones count as far as they agree
with the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from planners.base import Observation, Problem, Proposing, Suggestion
from planners.bayes import options
from planners.errors import BadOption, CannotSuggest


@dataclass(frozen=True)
class Bayes(Proposing):
    """Gaussian-process Bayesian optimisation, for one goal or several.

    ``n_initial`` runs are spread evenly first (default: 3 for one goal, the middle alone where it
    depends on a mixture, 2 for one target; with names or several goals or targets 1 more than the
    cube has columns, at least 4, and each of a factor's names once where it has at most 10), by a
    table that follows from ``seed``; ``use_suspect`` learns from suspect runs in full.

    ``move_cost`` (factor -> weight) prices changing a factor from one run to the next, by its full
    range, ``run_cost`` its being at the upper end of its range rather than the lower; both in
    units of what a run costs otherwise (an hour of heating beside a run of an hour: 1). Points
    are then chosen by improvement for the price. ``shared`` factors have one value in all points
    of one answer and in those pending. ``earlier`` are runs of an earlier campaign on the same
    factors (``{point = ..., responses = ...}`` each): how alike both campaigns are is learned.
    """

    n_initial: int | None = None
    use_suspect: bool = False
    seed: int = 0
    move_cost: Mapping[str, float] | None = None
    run_cost: Mapping[str, float] | None = None
    shared: Sequence[str] | None = None
    earlier: Sequence[Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        if self.n_initial is not None and self.n_initial < 1:
            raise BadOption([f"n_initial: must be at least 1, got {self.n_initial}"])
        if self.seed < 0:
            raise BadOption([f"seed: must be at least 0, got {self.seed}"])
        for name in ("move_cost", "run_cost"):
            object.__setattr__(self, name, options.weights(name, getattr(self, name)))
        object.__setattr__(self, "shared", options.names("shared", self.shared))
        object.__setattr__(self, "earlier", options.runs("earlier", self.earlier))

    def propose(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Suggestion]:
        """Return the most promising points, with what is expected there and why.

        Raises CannotSuggest when the problem has no responses or no feasible point, and BadOption
        when an option names an unknown factor or ``earlier`` does not fit the problem.
        """
        if not problem.responses:
            raise CannotSuggest("bayes needs at least one response to improve; lhs needs none")
        options.check_factors(
            problem,
            move_cost=self.move_cost or {},
            run_cost=self.run_cost or {},
            shared=self.shared or (),
        )
        from planners.bayes.picker import Picker  # scikit-learn: not where we are only checked
        from planners.threads import one_thread

        found: list[Suggestion] = []
        with one_thread():
            picker = Picker(self, problem, history, rng)
            while len(found) < n and (pick := picker.pick()) is not None:
                found.append(pick)
        said = (picker.remark, options.left_out(self.earlier or (), problem, history))
        return [*(first.also(*said) for first in found[:1]), *found[1:]]
