"""What a history says, sorted: which rows were tried, failed, wait, and teach what."""

from collections.abc import Sequence

import numpy as np

from planners.base import Observation, Problem
from planners.bayes import options as reading
from planners.bayes.models.space import Space
from planners.bayes.models.surrogate import Lessons, Model, model, run_row, usable
from planners.bayes.planner import Bayes
from planners.factors import Array
from planners.sampling import inside

_FEWEST = 2  # runs without which a response has no model
_CONSTANT = 8  # equal readings after which a goal is not traded for others


class Situation:
    """One history of one problem; all rows are in the unit cube, ``(k, dimension)``."""

    def __init__(self, options: Bayes, problem: Problem, history: Sequence[Observation]) -> None:
        self.problem = problem
        width = problem.dimension
        self.asked = asked = stack([problem.encode(run.point) for run in history], width)
        self.tried = problem.snap(asked[inside(problem, asked)])
        self.failed = stack([run_row(problem, r) for r in history if r.status == "failed"], width)
        self.waiting = [problem.encode(r.point) for r in history if r.status == "pending"]
        told = reading.whole(options.earlier or (), problem, history)
        earlier = reading.observations("earlier", told, problem)
        self._lessons = {
            r.name: _lessons(r.name, history, earlier, options.use_suspect)
            for r in problem.responses
        }
        self.space = Space(problem, any(part.earlier for part in self._lessons.values()))
        taught = {id(r) for part in self._lessons.values() for r in (*part.sure, *part.earlier)}
        self.taught = [i for i, r in enumerate(history) if id(r) in taught]
        self.requested = asked[self.taught]
        self.good = stack([run_row(problem, history[i]) for i in self.taught], width)
        self.earlier = stack([run_row(problem, r) for r in earlier if id(r) in taught], width)
        self.last = self._last(history)

    def _last(self, history: Sequence[Observation]) -> Array | None:
        """Return where the rig will stand before the next run: the last run asked for."""
        if not history:
            return None
        return self.problem.snap(self.problem.encode(history[-1].point)[None])[0]

    @property
    def enough(self) -> bool:
        """Return whether every response has runs enough for a model."""
        return all(len(p.sure) + len(p.earlier) >= _FEWEST for p in self._lessons.values())

    @property
    def constant(self) -> list[str]:
        """Return the goals that never varied while others did: nothing is to be gained there.

        A front of them and others would have no extent, and any doubt of the model would be growth.
        """
        goals = [r.name for r in self.problem.responses if r.goal != "target"]
        found = [name for name in goals if _is_constant(name, self._lessons[name])]
        return found if len(found) < len(goals) else []

    def stood(self, response: str) -> Array:
        """Return where runs stood that teach a response in full, ``(k, dimension)``."""
        runs = self._lessons[response].sure
        return stack([run_row(self.problem, run) for run in runs], self.problem.dimension)

    def models(self) -> list[Model]:
        """Return the fitted models of all responses, with runs in flight as expected."""
        found = [model(self.space, r, self._lessons[r.name]) for r in self.problem.responses]
        if not self.waiting:
            return found
        features = self.space.features(self.problem.snap(np.array(self.waiting)))
        return [m.believing(features) for m in found]


def _lessons(
    name: str, history: Sequence[Observation], earlier: Sequence[Observation], use_suspect: bool
) -> Lessons:
    if use_suspect:
        sure, doubtful = usable(history, name, ("ok", "suspect")), []
    else:
        sure, doubtful = usable(history, name), usable(history, name, ("suspect",))
    return Lessons(sure, doubtful, usable(earlier, name))


def _is_constant(name: str, lessons: Lessons) -> bool:
    runs = (*lessons.sure, *lessons.doubtful, *lessons.earlier)
    return len(runs) >= _CONSTANT and len({run.responses[name].value for run in runs}) == 1


def stack(rows: Sequence[Array], width: int) -> Array:
    """Return rows as one array, ``(k, width)`` even when there are none."""
    return np.array(rows) if rows else np.empty((0, width))
