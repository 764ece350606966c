"""One call of the extrapolating planner: what is known, what could be tried, what to try."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from planners.base import Composition, Observation, Predicted, Problem, Suggestion
from planners.bayes.acquisition import log_expected_improvement, log_probability_between
from planners.extrapolate.candidates import Candidates
from planners.extrapolate.forest import clusters
from planners.extrapolate.lessons import PRESENT, Lessons
from planners.extrapolate.model import Data, Model
from planners.extrapolate.planner import Extrapolate
from planners.extrapolate.reasons import Reasons
from planners.extrapolate.sight import Sight
from planners.extrapolate.smooth import Frame
from planners.factors import Array
from planners.goals import far_side
from planners.threads import one_thread

_SAME = 0.004  # of the cube: rows closer than that in every column are the same experiment
_FILL = 128  # rows among which a space-filling pick is made
_TOP = 24  # rows varied
_ROUNDS = 4
_SHORTLIST = 256  # best rows clustered for a batch
_EVEN = 512  # rows among which the one furthest from all runs is sought
_LITTLE = 0.04  # of the spread of the values: an improvement that is not worth a run
_EVERY = 2  # of so many runs one holds a new element, while there are any
_BOLD = 3.0  # standard deviations that such a run counts on
_IN_TURN = "every other run tries an element that none has held"
_ELSEWHERE = "explore: little promise is left near the runs, looking far from them"
_REACH = 0.15  # of the cube: so far a failed run makes others doubtful


def picked(
    options: Extrapolate,
    problem: Problem,
    history: Sequence[Observation],
    n: int,
    rng: np.random.Generator,
) -> list[Suggestion]:
    """Return up to ``n`` suggestions."""
    with one_thread():
        return _Picker(options, problem, history, rng).pick(n)


class _Picker:
    def __init__(
        self,
        options: Extrapolate,
        problem: Problem,
        history: Sequence[Observation],
        rng: np.random.Generator,
    ) -> None:
        self._options, self._problem, self._rng = options, problem, rng
        self._see = Sight(problem, options)
        self._known = Lessons(problem, history, self._see)
        self._candidates = Candidates(problem, options.grid, options.candidates)
        self._wanted = options.n_initial or max(4, min(12, problem.dimension + 1))

    def pick(self, n: int) -> list[Suggestion]:
        pool = _untried(self._candidates.pool(self._rng), self._known.tried)
        count = self._known.begun
        fill = n if not self._known.enough else min(n, max(0, self._wanted - count))
        found = self._spread_out(pool, fill, count)
        if len(found) < n and self._known.enough:
            taken = self._rows_of(found)
            found += self._promising(_untried(pool, taken), n - len(found), taken)
        return [self._doubted(suggestion) for suggestion in found]

    def _doubted(self, suggestion: Suggestion) -> Suggestion:
        """Return a suggestion that says which of its components are known by name alone."""
        row = self._problem.encode(suggestion.point)
        bare = [
            factor.components[i]
            for factor, columns in zip(self._problem.factors, self._problem.slices, strict=True)
            if isinstance(factor, Composition)
            for i in self._see.bare(factor)
            if row[columns][i] > PRESENT
        ]
        words = f"; no properties of {', '.join(bare)} are known" if bare else ""
        return replace(suggestion, note=suggestion.note + words)

    def _spread_out(self, pool: Array, n: int, count: int) -> list[Suggestion]:
        """Return rows far from all tried ones and each other, by what the model will see."""
        if not n or not len(pool):
            return []
        order = self._rng.permutation(len(pool))[: max(_FILL, n)]
        frame, some = Frame.of(self._see.places(pool)), pool[order]
        places = frame(self._see.places(some))
        gaps = np.full(len(some), np.inf)
        if len(self._known.tried):
            gaps = KDTree(frame(self._see.places(self._known.tried))).query(places)[0]
        found: list[Suggestion] = []
        for i in range(min(n, len(some))):
            best = int(np.argmax(gaps))
            number = count + i + 1
            note = f"first runs, {number} of {self._wanted}: unlike the others"
            if number > self._wanted:
                note = "first runs: too few results for a model, unlike the others"
            found.append(Suggestion(self._problem.scale(some[best]), note=note))
            gaps = np.minimum(gaps, np.sqrt(((places - places[best]) ** 2).sum(axis=1)))
            gaps[best] = -1.0
        return found

    def _promising(self, pool: Array, n: int, taken: Array) -> list[Suggestion]:
        if not len(pool):
            return []
        search = _Search(self._options, self._problem, self._known, self._see, pool, self._rng)
        rows, little = search.refined(pool, self._candidates)
        count = len(self._known.tried)
        news = sum((count + i) % _EVERY == _EVERY - 1 for i in range(n))
        new = self._new(search, pool, news, taken) if news else []
        rows = _untried(rows, np.vstack([taken, self._rows_of(new)]))
        wanted = min(n - len(new), len(rows))
        best = rows[_batch(rows, wanted, self._options.seed)] if wanted else rows[:0]
        found = [*search.told(best), *new]
        if little and not new and count % 2:  # refine in one call, look elsewhere in the next
            found = found[: n - 1]
            if len(left := _untried(pool, self._rows_of(found))):
                told = search.told(self._furthest(left)[None])[0]
                found.append(replace(told, note=f"{_ELSEWHERE}; {told.note}"))
        return found

    def _rows_of(self, found: list[Suggestion]) -> Array:
        rows = np.array([self._problem.encode(s.point) for s in found])
        return rows.reshape(-1, self._problem.dimension)

    def _new(self, search: "_Search", pool: Array, n: int, taken: Array) -> list[Suggestion]:
        """Return up to ``n`` rows that hold an element no run was asked to hold.

        Beside it stands what promises most with it, were the models far too modest.
        """
        rows = pool[self._known.holds_new(pool)]
        if not len(rows):
            return []
        rows, _ = search.refined(rows, self._candidates, bold=True)
        rows = _untried(rows[self._known.holds_new(rows)], taken)
        told = search.told(rows[_batch(rows, n, self._options.seed)])
        return [replace(s, note=f"{s.note}; {_IN_TURN}") for s in told]

    def _furthest(self, pool: Array) -> Array:
        """Return the row of a share of the pool that is least like all tried ones."""
        some = self._rng.permutation(pool)[:_EVEN]
        frame = Frame.of(self._see.places(pool))
        tried = KDTree(frame(self._see.places(self._known.tried)))
        return some[int(np.argmax(tried.query(frame(self._see.places(some)))[0]))]


class _Search:
    """Scores of rows by the models of one history."""

    def __init__(
        self,
        options: Extrapolate,
        problem: Problem,
        known: Lessons,
        see: Sight,
        pool: Array,
        rng: np.random.Generator,
    ) -> None:
        self._problem, self._known, self._see, self._rng = problem, known, see, rng
        views = see.views(pool)
        waiting = see(known.waiting)

        def fitted(data: Data) -> Model:
            return Model(views, data, waiting, options.seed)

        self._models = {r.name: fitted(known.of(r.name)) for r in problem.responses}
        self._worth, self._best, self._spread, self._little = None, 0.0, 1.0, -np.inf
        if known.objectives:
            data = known.worth(rng)
            self._spread = float(data.values.std()) or 1.0
            self._little = float(np.log(_LITTLE * data.values.std() + 1e-300))
            self._best = float(data.values[data.weights == data.weights.max()].max())
            one = len(known.objectives) == 1 and known.objectives[0].goal == "maximise"
            self._worth = self._models[known.objectives[0].name] if one else fitted(data)

    def scores(self, rows: Array, *, bold: bool = False) -> Array:
        """Return ln of what trying each row is worth, ``(m,)``.

        A ``bold`` score is what there might be: some standard deviations above what is expected.
        """
        features, total = self._see(rows), _chance(rows, self._known.rows, self._known.failed)
        if self._worth is not None:
            mean, sd = self._worth.predict(features)
            gain = (mean + _BOLD * sd - self._best) / self._spread
            total = total + (gain if bold else log_expected_improvement(mean, sd, self._best))
        for target in self._known.targets:
            mean, sd = self._models[target.name].predict(features)
            sd = _BOLD * sd if bold else sd
            values = self._known.of(target.name).values
            if side := far_side(target, values):  # the chance would be best where it is least sure
                total = total + log_expected_improvement(side * mean, sd, (side * values).max())
                continue
            low, high = float(target.low or 0.0), float(target.high or 0.0)
            total = total + log_probability_between(mean, sd, low, high)
        return np.where(np.isfinite(total), total, -1e30)

    def refined(
        self, pool: Array, candidates: Candidates, *, bold: bool = False
    ) -> tuple[Array, bool]:
        """Return the pool and what was found around its best rows, the best first.

        Also whether even the best promises next to nothing.
        """
        rows, scores = _sorted(pool, self.scores(pool, bold=bold))
        for _ in range(_ROUNDS):
            near = candidates.near(rows[:_TOP], self._rng)
            near = _untried(
                np.unique(near, axis=0), np.vstack([self._known.tried, rows[:_SHORTLIST]])
            )
            if len(near):
                both = (
                    np.vstack([rows, near]),
                    np.concatenate([scores, self.scores(near, bold=bold)]),
                )
                rows, scores = _sorted(*both)
        return rows, self._worth is not None and float(scores[0]) < self._little

    def told(self, rows: Array) -> list[Suggestion]:
        """Return rows as suggestions, with what is expected there and why they were chosen."""
        features = self._see(rows)
        found = {name: model.predict(features) for name, model in self._models.items()}
        reasons = Reasons(self._problem, self._known)
        return [
            Suggestion(
                self._problem.scale(row),
                {name: Predicted(float(m[i]), float(s[i])) for name, (m, s) in found.items()},
                reasons.why(
                    row, {name: (float(m[i]), float(s[i])) for name, (m, s) in found.items()}
                ),
            )
            for i, row in enumerate(rows)
        ]


def _untried(rows: Array, tried: Array) -> Array:
    """Return the rows that are not the same experiment as a tried one."""
    if not len(tried) or not len(rows):
        return rows
    return rows[KDTree(tried).query(rows, p=np.inf)[0] > _SAME]


def _sorted(rows: Array, scores: Array) -> tuple[Array, Array]:
    order = np.argsort(-scores, kind="stable")
    return rows[order], scores[order]


def _batch(rows: Array, n: int, seed: int) -> NDArray[np.intp]:
    """Return the numbers of the best rows of ``n`` clusters of the best; rows come best first."""
    if n == 1:
        return np.array([0])
    labels = clusters(rows[: max(_SHORTLIST, 4 * n)], n, seed)
    _, first = np.unique(labels, return_index=True)
    rest = np.setdiff1d(np.arange(len(rows)), first)[: max(0, n - len(first))]
    return np.concatenate([np.sort(first), rest])[:n]


def _chance(rows: Array, good: Array, failed: Array) -> Array:
    """Return ln of the chance of success: less where failed runs are near and good ones are not."""
    if not len(failed):
        return np.zeros(len(rows))

    def near(others: Array) -> Array:
        total = np.zeros(len(rows))
        for other in others:
            total += np.exp(-0.5 * ((rows - other) ** 2).sum(axis=1) / _REACH**2)
        return total

    well = 1.0 + near(good)
    return np.log(well / (well + near(failed)))
