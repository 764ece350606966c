"""One call: the list, what the runs teach, scores, the best, and the next as if it had been run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from planners.base import Observation, Predicted, Problem, Suggestion
from planners.candidates.learners import Data, Learner, enough, learned
from planners.candidates.listing import Listing, listing, unheld
from planners.candidates.planner import Candidates
from planners.candidates.scores import IMPOSSIBLE, Seen
from planners.errors import NothingLeft
from planners.factors import Array
from planners.sampling import n_different
from planners.scaling import Scale
from planners.threads import one_thread

_NEVER = -14.0  # ln of a chance, about one in a million, that is none
_WITHIN = 2e-3  # of the unit cube's edge: values in files have few digits


def picked(
    options: Candidates, problem: Problem, history: Sequence[Observation], n: int
) -> list[Suggestion]:
    """Return up to ``n`` suggestions; fewer when the list is used up."""
    with one_thread():
        return _Picker(options, problem, history).pick(n)


@dataclass(frozen=True, slots=True)
class _Expected:
    """Means and sds by response, each ``(m,)``, and where all models may be believed."""

    told: Mapping[str, tuple[Array, Array]]
    inside: NDArray[np.bool_]


class _Picker:
    def __init__(
        self, options: Candidates, problem: Problem, history: Sequence[Observation]
    ) -> None:
        self._options, self._problem = options, problem
        self._list: Listing = listing(options, problem, history)
        self._whole = unheld(problem)
        self._x = problem.features(self._list.rows)
        tried = _rows(problem, list(history))
        self._free = ~_tried(self._list.rows, tried)
        allowed = ("ok", "suspect") if options.use_suspect else ("ok",)
        self._runs = [run for run in history if run.status in allowed]
        self._waiting = [run for run in history if run.status == "pending"]
        self._tried = self._features(tried)
        names = [response.name for response in problem.responses]
        self._data = {name: self._of(name) for name in names}
        self._begun = min((self._different(name) for name in names), default=0)
        self._seen = [Seen(r, self._data[r.name].y) for r in problem.responses]

    def _features(self, rows: Array) -> Array:
        """Return the columns of where runs stand, ``(k, f)``, also beside what is held now."""
        return self._whole.features(self._whole.snap(rows)).reshape(len(rows), self._x.shape[1])

    def _of(self, name: str) -> Data:
        runs = [run for run in self._runs if name in run.responses]
        found = [run.responses[name] for run in runs]
        return Data(
            self._features(_rows(self._problem, runs, achieved=True)),
            np.array([m.value for m in found]),
            np.array([(m.sd or 0.0) ** 2 for m in found]),
        )

    def _different(self, name: str) -> int:
        """Return how many experiments have a response or are under way; replicates are one."""
        runs = [run for run in self._runs if name in run.responses]
        return n_different(_rows(self._problem, [*runs, *self._waiting]))

    @property
    def _wanted(self) -> int:
        usual = max(4, min(12, self._problem.dimension + 2))
        least = 8 if self._options.model == "select" else 1
        return max(self._options.n_initial or usual, least)

    def pick(self, n: int) -> list[Suggestion]:
        """Return the first runs while they last, then the most promising."""
        ready = all(enough(self._options.model, data) for data in self._data.values())
        fill = min(n, max(0, self._wanted - self._begun)) if ready else n
        found = self._spread_out(fill)
        if ready and len(found) < n:
            found += self._promising(n - len(found))
        return self._with_passed_over(found)

    def _with_passed_over(self, found: list[Suggestion]) -> list[Suggestion]:
        """Return the answer whose first point also says what is odd about the list."""
        passed, silent = self._list.passed, self._list.silent
        if passed and not found:
            raise NothingLeft(passed)
        return [*(first.also(silent, passed) for first in found[:1]), *found[1:]]

    # -- before there is a model -----------------------------------------------------------------

    def _spread_out(self, n: int) -> list[Suggestion]:
        """Return candidates far from all runs and from each other (Kennard and Stone, 1969)."""
        scale = Scale.of(self._x)
        places, runs = scale.apply(self._x), scale.apply(self._tried)
        gaps = -np.square(places).sum(axis=1)  # the first of all is the most usual one
        if len(runs):
            gaps = KDTree(runs).query(places)[0]
        found: list[Suggestion] = []
        while len(found) < n and self._free.any():
            best = int(np.argmax(np.where(self._free, gaps, -np.inf)))
            found.append(self._suggestion(best, "explore: unlike all runs so far"))
            apart = np.sqrt(np.square(places - places[best]).sum(axis=1))
            gaps = np.minimum(gaps, apart) if len(runs) or len(found) > 1 else apart
            self._take(best)
        return found

    def _take(self, chosen: int) -> None:
        self._free[chosen] = False
        self._tried = np.vstack([self._tried, self._x[chosen][None]])

    # -- with a model ----------------------------------------------------------------------------

    def _promising(self, n: int) -> list[Suggestion]:
        models = {name: learned(self._options.model, data) for name, data in self._data.items()}
        waiting = self._features(_rows(self._problem, self._waiting))
        if len(self._waiting):
            models = self._believing(models, waiting)
        gained = self._gained(models)
        found: list[Suggestion] = []
        while len(found) < n and self._free.any():
            free = np.flatnonzero(self._free)
            expected = _expected(models, self._x[free])
            scores = self._scores(expected, gained)
            best = int(np.argmax(np.where(expected.inside, scores, scores + IMPOSSIBLE)))
            found.append(self._told(int(free[best]), best, expected, float(scores[best])))
            chosen = self._x[free[best]][None]
            gained += float(np.square(expected.told[self._seen[0].response.name][1][best]))
            self._take(int(free[best]))
            if len(found) < n:
                models = self._believing(models, chosen)
        return found

    def _believing(self, models: Mapping[str, Learner], rows: Array) -> dict[str, Learner]:
        """Return the models as if rows had come out as expected; so do the bars to improve on."""
        told = {name: model.predict(rows)[0] for name, model in models.items()}
        self._seen = [seen.and_(told[seen.response.name]) for seen in self._seen]
        return {name: model.believing(rows) for name, model in models.items()}

    def _gained(self, models: Mapping[str, Learner]) -> float:
        if self._options.acquisition != "mi":
            return 0.0
        return models[self._seen[0].response.name].gained(self._wanted)

    def _scores(self, expected: _Expected, gained: float) -> Array:
        first = self._seen[0]
        mean, sd = expected.told[first.response.name]
        if self._options.acquisition == "mi":
            return first.mutual_information(mean, sd, gained)
        if self._by_improvement:
            return first.log_improvement(mean, sd)
        logs = [seen.log_probability(*expected.told[seen.response.name]) for seen in self._seen]
        return np.maximum(np.sum(logs, axis=0), IMPOSSIBLE)

    @property
    def _by_improvement(self) -> bool:
        single = len(self._seen) == 1 and self._seen[0].response.goal != "target"
        return self._options.acquisition == "ei" or (self._options.acquisition == "auto" and single)

    def _told(self, number: int, at: int, expected: _Expected, score: float) -> Suggestion:
        predicted = {
            name: Predicted(float(mean[at]), float(sd[at]))
            for name, (mean, sd) in expected.told.items()
        }
        doubt = "" if expected.inside[at] else ", outside the model's domain like all that are left"
        return self._suggestion(number, f"{self._reason(score)}{doubt}", predicted)

    def _reason(self, score: float) -> str:
        if self._options.acquisition == "mi":
            return f"best bound by mutual information, {score:.4g}"
        if self._by_improvement:
            return f"best expected improvement, ln {score:.4g}"
        if far := [seen.response.name for seen in self._seen if seen.far]:
            return f"expected nearest to the target of {', '.join(far)}, far from anything seen"
        goals = "every goal at once" if len(self._seen) > 1 else "the goal"
        if score < _NEVER:
            return f"no entry is expected to meet {goals}, this is the least unlikely"
        return f"most likely to meet {goals}, ln p {score:.4g}"

    def _suggestion(
        self, number: int, why: str, predicted: Mapping[str, Predicted] | None = None
    ) -> Suggestion:
        which = f"candidate {self._list.numbers[number] + 1} of {self._list.total}"
        point = self._problem.scale(self._list.rows[number])
        return Suggestion(self._list.points[number] or point, predicted or {}, f"{which}: {why}")


def _expected(models: Mapping[str, Learner], rows: Array) -> _Expected:
    told = {name: model.predict(rows) for name, model in models.items()}
    inside = np.all([model.inside(rows) for model in models.values()], axis=0)
    return _Expected(told, inside)


def _rows(problem: Problem, runs: Sequence[Observation], *, achieved: bool = False) -> Array:
    """Return where runs stand, ``(k, dimension)``; in truth where that is asked."""
    points = [run.stood(problem) if achieved else run.point for run in runs]
    found = [problem.encode(point) for point in points]
    return np.array(found).reshape(len(found), problem.dimension)


def _tried(rows: Array, tried: Array) -> NDArray[np.bool_]:
    """Return which rows have been run, as near as files have digits but no nearer than others."""
    if not len(tried) or not len(rows):
        return np.zeros(len(rows), dtype=bool)
    within = _WITHIN
    if len(rows) > 1:
        within = min(within, float(KDTree(rows).query(rows, k=2, p=np.inf)[0][:, 1].min()) / 3.0)
    return np.asarray(KDTree(tried).query(rows, p=np.inf)[0]) <= max(within, 1e-9)
