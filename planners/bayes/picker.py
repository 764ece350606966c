"""One call of Bayesian optimisation: models from the history, then pick after pick."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from planners.base import Observation, Problem, Suggestion
from planners.bayes.planner import Bayes
from planners.bayes.search import greatest
from planners.bayes.surrogate import Model, model, run_row, usable
from planners.bayes.worth import Worth, is_tried, success_logs
from planners.design import design_rows
from planners.factors import Array
from planners.sampling import all_rows, feasible_rows

_FEWEST = 2  # runs without which a response has no model
_SURE = 0.5  # of the noise: an sd below it means there is nothing left to learn
_TINY = 0.003  # of a response's spread: an sd below it is not worth an experiment either
_DOUBTS = 4  # times the length-scales are shortened before giving in
_DOUBT = 1.5
_POOL = 512  # rows among which a space-filling pick is made


class Picker:
    """Picks points one after the other for one call; each pick counts as pending for the next."""

    def __init__(
        self,
        options: Bayes,
        problem: Problem,
        history: Sequence[Observation],
        rng: np.random.Generator,
    ) -> None:
        self._problem, self._rng, self._options = problem, rng, options
        width = problem.dimension
        self._tried = _stack(
            [problem.snap(problem.encode(r.point)[None])[0] for r in history], width
        )
        self._failed = _stack([run_row(problem, r) for r in history if r.status == "failed"], width)
        self._waiting = [problem.encode(r.point) for r in history if r.status == "pending"]
        self._runs = {
            r.name: usable(history, r.name, options.use_suspect) for r in problem.responses
        }
        self._good = _stack([run_row(problem, r) for r in history if self._taught(r)], width)
        self._finite = all_rows(problem)
        self._models: list[Model] | None = None

    def _taught(self, run: Observation) -> bool:
        """Return whether any model learns from this run."""
        return any(usable([run], name, self._options.use_suspect) for name in self._runs)

    def pick(self) -> Suggestion | None:
        """Return the next point, or None when every point has been tried."""
        if self._finite is not None:
            self._finite = self._finite[~is_tried(self._finite, self._tried)]
            if not len(self._finite):
                return None
        row, note = self._designed() or self._spread_out() or self._promising()
        self._tried = np.vstack([self._tried, row[None]])
        self._waiting.append(row)
        predicted = {}
        if self._models is not None:
            features = self._problem.features(row[None])[0]
            predicted = {m.response.name: m.predicted(features) for m in self._models}
            self._models = [m.believing(features[None]) for m in self._models]
        return Suggestion(self._problem.scale(row), predicted, note)

    def _designed(self) -> tuple[Array, str] | None:
        """Return the next row of the first design, while it is not complete."""
        wanted = self._options.n_initial or max(4, self._problem.dimension + 1)
        if len(self._good) + len(self._waiting) >= wanted:
            return None
        table = design_rows(self._problem, wanted, np.random.default_rng(self._options.seed))
        left = np.flatnonzero(~is_tried(table, self._tried))
        if not len(left):
            return None
        return table[left[0]], f"first design, {left[0] + 1} of {len(table)}"

    def _spread_out(self) -> tuple[Array, str] | None:
        """Return the row furthest from all tried ones while a response has no model yet."""
        if min(len(runs) for runs in self._runs.values()) >= _FEWEST:
            return None
        pool = self._candidates()
        gaps = ((pool[:, None] - self._tried[None]) ** 2).sum(axis=2).min(axis=1, initial=np.inf)
        return pool[int(np.argmax(gaps))], "too few results for a model: as far as can be"

    def _candidates(self) -> Array:
        """Return untried rows: all of a finite problem, else a pool."""
        if self._finite is not None:
            return self._finite
        rows = feasible_rows(self._problem, _POOL, self._rng)
        new = rows[~is_tried(rows, self._tried)]
        return new if len(new) else rows

    def _promising(self) -> tuple[Array, str]:
        models = self._models = self._models or self._learned()
        row = self._best(models)
        for _ in range(_DOUBTS):
            if not self._exhausted(models, row):
                return row, "most promising"
            models = [m.doubting(_DOUBT) for m in models]
            row = self._best(models)
        return row, "nothing promises more than noise here: looking elsewhere"

    def _learned(self) -> list[Model]:
        """Return the models of all responses, with runs in flight as expected."""
        models = [model(self._problem, r, self._runs[r.name]) for r in self._problem.responses]
        if not self._waiting:
            return models
        features = self._problem.features(self._problem.snap(np.array(self._waiting)))
        return [m.believing(features) for m in models]

    def _exhausted(self, models: Sequence[Model], row: Array) -> bool:
        """Return whether noise hides whatever could still be learned at a row.

        A process too sure of itself would otherwise repeat its favourite for ever.
        """
        features = self._problem.features(row[None])
        return all(
            m.process.predict(features)[1][0]
            < max(_SURE * np.sqrt(m.process.noise_variance), _TINY)
            for m in models
        )

    def _best(self, models: Sequence[Model]) -> Array:
        worth = Worth(self._problem, models, self._good, self._rng)

        def smooth(rows: Array) -> Array:
            return worth(rows) + success_logs(rows, self._good, self._failed)

        def score(rows: Array) -> Array:
            return np.where(is_tried(rows, self._tried), -np.inf, smooth(rows))

        if self._finite is not None:
            return self._finite[int(np.argmax(score(self._finite)))]
        return greatest(self._problem, score, smooth, worth.best, self._rng)


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Keep numerics on one thread inside: for small matrices more of them only wait."""
    return _libraries().limit(limits=1)


def _stack(rows: Sequence[Array], width: int) -> Array:
    return np.array(rows) if rows else np.empty((0, width))
