"""How a campaign stands: the most probable best runs, and how much better the best could be.

The expected regret (``planners.bayes.reasons``) is in the response's own unit.

Imports scikit-learn: import this in the planner's process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planners.base import Observation, Point, Problem
from planners.bayes import reasons
from planners.bayes.best import BestRun, best_runs
from planners.bayes.planner import Bayes
from planners.bayes.situation import Situation
from planners.bayes.worth import Worth
from planners.errors import CannotSuggest
from planners.factors import Array
from planners.sampling import all_rows, feasible_rows, n_different
from planners.threads import one_thread

_DRAWS = 128
_POOL = 512
_FEWEST = 2  # different conditions: replicates of one tell how noisy it is, and nothing else


@dataclass(frozen=True, slots=True)
class Standing:
    """The best runs, most of them one, and the expected regret, None where it is not known.

    ``outside`` says of each best run whether it lies outside the problem, as after an edit of it;
    the regret is that of the best run inside.
    """

    best: tuple[BestRun, ...]
    regret: float | None
    outside: tuple[bool, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain dictionaries."""
        outside = self.outside or (False,) * len(self.best)
        rows = [
            run.to_json() | ({"outside": True} if out else {})
            for run, out in zip(self.best, outside, strict=True)
        ]
        return {"best": rows, "regret": self.regret}


def standing(problem: Problem, whole: Problem, history: Sequence[Observation]) -> Standing:
    """Return how things stand; ``whole`` is the problem with room for every run of the history."""
    best = tuple(best_runs(whole, history))
    outside = tuple(not held for held in inside(problem, [run.point for run in best]))
    return Standing(best, expected_regret(problem, history), outside)


def expected_regret(problem: Problem, history: Sequence[Observation]) -> float | None:
    """Return the expected regret of one goal to maximise or minimise; None where not known.

    It is not known for targets and several goals, while there is no model, while all runs are
    replicates of one, and while none lies inside the problem. The same history gives the same
    answer.
    """
    if len(problem.responses) != 1 or problem.responses[0].goal == "target":
        return None
    done = [run for run in history if run.status != "pending"]
    known = Situation(Bayes(), problem, done)
    own = known.good
    if len(own):
        kept = problem.keeps_constraints(problem.snap(known.requested))
        own = own[kept & _near(problem, own)]
    if not known.enough or not len(own) or n_different(known.requested) < _FEWEST:
        return None
    try:
        pool = all_rows(problem)
        pool = feasible_rows(problem, _POOL, np.random.default_rng(0)) if pool is None else pool
    except CannotSuggest:
        return None
    with one_thread():
        worth = Worth(known.space, known.models(), own, np.random.default_rng(0))
        return reasons.expected_regret(known.space, worth, pool, _DRAWS)[1]


def inside(problem: Problem, points: Sequence[Point]) -> list[bool]:
    """Return which points that were asked for once may still be asked for."""
    if not points:
        return []
    rows = np.array([problem.encode(point) for point in points])
    return list(_near(problem, rows) & problem.keeps_constraints(problem.snap(rows)))


def _near(problem: Problem, rows: Array) -> NDArray[np.bool_]:
    """Return which rows lie inside the problem, as far as a rig makes what it is asked for."""
    return np.max(np.abs(rows - problem.snap(rows)), axis=1) <= 0.05
