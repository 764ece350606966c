"""One call of Bayesian optimisation: models from the history, then pick after pick."""

from collections.abc import Sequence

import numpy as np

from planners.base import Observation, Point, Problem, Suggestion
from planners.bayes.fill import emptiest
from planners.bayes.first import first_rows, first_runs, looks_around
from planners.bayes.models.chance import Chance, chance
from planners.bayes.models.surrogate import Model
from planners.bayes.planner import Bayes
from planners.bayes.price import Price
from planners.bayes.reasons import Outlook, hopeless, outlook, why
from planners.bayes.search import Domain, greatest
from planners.bayes.situation import Situation, stack
from planners.bayes.surprise import surprise
from planners.bayes.worth import SAME, Worth, is_tried
from planners.factors import Array
from planners.factors.held import AnyHeld
from planners.sampling import all_rows, feasible_rows, n_different

_SURE = 0.5  # of the noise: an sd below it means there is nothing left to learn
_TINY = 0.003  # of a response's spread: an sd below it is not worth an experiment either
_DOUBTS = 4  # times the length-scales are shortened before giving in
_DOUBT = 1.5
_EVEN = float(np.log(0.5))  # ln of a chance of success below which a run is more likely wasted
_SHY = 3.0  # how fast such rows lose worth, beyond their chance: a blocked reactor costs a night
_EXPLAINED = 0.25  # probability of a kinetic law from which the first runs count as understood
_EARLY = "fill: a look around, as little is known yet"
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
        self._known = known = Situation(options, problem, history)
        self._tried, self._waiting = known.tried, known.waiting
        self._price = Price(problem, options.move_cost or {}, options.run_cost or {}, known.last)
        self._domain = self._held(self._waiting[-1]) if self._waiting else Domain(problem)
        self._finite = all_rows(problem)
        self._models: list[Model] | None = None
        self._success: Chance | None = None
        self._picked: list[Point] = []

    def _held(self, row: Array) -> Domain:
        """Return the rows that share the values of the shared factors with ``row``."""
        shared = [
            np.arange(columns.start, columns.stop)
            for factor, columns in zip(self._problem.factors, self._problem.slices, strict=True)
            if factor.name in (self._options.shared or ())
        ]
        if not shared:
            return Domain(self._problem)
        columns = np.concatenate(shared)
        return Domain(self._problem, columns, self._problem.snap(row[None])[0, columns])

    def pick(self) -> Suggestion | None:
        """Return the next point, or None when every point has been tried.

        Nor is one picked twice, as would be where constraints leave hardly more than a point.
        """
        if self._finite is not None:
            self._finite = self._finite[~is_tried(self._finite, self._tried)]
            if not len(self._finite):
                return None
        found = self._found()
        if found is None and len(self._domain.columns):
            self._domain = Domain(self._problem)  # better another value than no experiment
            found = self._found()
        if found is None:
            return None
        row, note = found
        point = self._problem.scale(row)
        if point in self._picked:
            return None
        self._picked.append(point)
        self._tried = np.vstack([self._tried, row[None]])
        self._waiting.append(row)
        self._domain = self._held(row)
        self._price.moved_from(row)
        predicted = {}
        if self._models is not None:
            features = self._known.space.features(row[None])
            predicted = {m.response.name: m.predicted(features[0]) for m in self._models}
            self._models = [m.believing(features) for m in self._models]
        return Suggestion(point, predicted, note)

    @property
    def remark(self) -> str:
        """Return which goals do not count, and why; empty where all do."""
        names = ", ".join(self._known.constant)
        return f"{names} never varied, so that the other goals decide" if names else ""

    def _found(self) -> tuple[Array, str] | None:
        return self._designed() or self._spread_out() or self._promising()

    @property
    def _runs(self) -> int:
        """Return how many runs teach something, or will; replicates count as one."""
        waiting = stack(self._waiting, self._problem.dimension)
        rows = np.vstack([self._known.requested, self._known.earlier, waiting])
        return n_different(rows)

    def _designed(self) -> tuple[Array, str] | None:
        """Return the next row of the first design, while it is not complete."""
        if self._runs >= (self._options.n_initial or first_runs(self._problem)):
            return None
        rng = np.random.default_rng(self._options.seed)
        table = first_rows(self._problem, self._options.n_initial, rng)
        count = len(table)
        left = np.flatnonzero(~is_tried(table, self._tried))
        rows = self._domain.legal(table[left])
        rows = rows[~is_tried(rows, self._tried)]
        chosen = self._next_of(rows)
        if chosen is None:
            return None
        return rows[chosen], f"first design, {left[chosen] + 1} of {count}"

    def _next_of(self, rows: Array) -> int | None:
        """Return the first row's number; beside a factor that is held, that of the furthest one.

        Runs at another value of that factor have looked there as well: the table is another one
        since, and may be theirs but for that value. None where all of it is.
        """
        free = [not isinstance(factor, AnyHeld) for factor in self._problem.factors]
        asked = np.vstack([self._known.asked, self._tried])  # also the picks of this call
        if not len(rows) or all(free) or not any(free) or not len(asked):
            return 0 if len(rows) else None
        own = np.repeat(free, [factor.width for factor in self._problem.factors])
        gaps = np.abs(rows[:, None, own] - asked[None, :, own]).max(axis=2).min(axis=1)
        furthest = int(np.argmax(gaps))
        return furthest if gaps[furthest] > SAME else None

    def _spread_out(self) -> tuple[Array, str] | None:
        """Return the row furthest from all tried ones while a response has no model yet."""
        if self._known.enough:
            return None
        pool = self._candidates()
        if not len(pool):
            return None
        gaps = ((pool[:, None] - self._tried[None]) ** 2).sum(axis=2).min(axis=1, initial=np.inf)
        return pool[int(np.argmax(gaps))], "fill: too few results for a model, as far as can be"

    def _candidates(self) -> Array:
        """Return untried rows: all of a finite problem, else a pool."""
        if self._finite is not None:
            return self._finite[self._domain.within(self._finite)]
        rows = self._domain.draw(_POOL, self._rng)
        new = rows[~is_tried(rows, self._tried)]
        return new if len(new) or len(self._domain.columns) else rows

    def _promising(self) -> tuple[Array, str] | None:
        if not self._known.enough:
            return None
        models = self._models = self._models or self._known.models()
        worth, row = self._best(models)
        if row is None:
            return None
        if self._unexplained(models):
            return self._elsewhere(worth, row), _EARLY
        left = self._outlook(worth, row)
        found = self._unpromising(models, worth, row, left)
        if found is None:
            found = row, why(worth, row, float(np.exp(self._chances(row[None])[0])))
        if left is None:
            return found
        return found[0], f"{found[1]}; {left.note(waiting=bool(self._waiting))}"

    def _unpromising(
        self, models: Sequence[Model], worth: Worth, row: Array, left: Outlook | None
    ) -> tuple[Array, str] | None:
        """Return where to go once even the most promising row promises little, else None."""
        little = left is None or left.little
        settled = left is not None and left.stop
        bleak = left is not None and hopeless(worth, row)
        if not (settled or bleak or (little and self._exhausted(models, row))):
            return None
        if left and (found := self._surprising(models, worth)):
            return found
        if settled and len(self._tried) % 2:
            return self._elsewhere(worth, row), "fill: between the runs"
        if bleak:
            return self._elsewhere(worth, row), "fill: nowhere else is promising"
        if not little:
            return None
        note = "fill: nothing promises more than noise here, looking elsewhere"
        return self._doubtful(models, row), note

    def _surprising(self, models: Sequence[Model], worth: Worth) -> tuple[Array, str] | None:
        """Return the best row around the most surprising run, by models that are doubted.

        Not of several goals: a front has many ends, and to look around each is worth nothing.
        """
        if len(worth.goals) != 1:
            return None
        goal = worth.goals[0]
        stood = self._known.stood(goal.response.name)
        found = surprise(self._problem, goal, stood, self._tried)
        if found is None:
            return None
        rows = found.around(self._domain, self._rng)
        rows = rows[~is_tried(rows, self._tried)]
        if not len(rows):
            return None
        doubted = self._worth([m.doubting(_DOUBT**2) for m in models])
        return rows[int(np.argmax(self._merits(doubted, rows)))], f"explore: around {found.text}"

    def _doubtful(self, models: Sequence[Model], row: Array) -> Array:
        """Return the row that promises most once models are doubted enough to promise anything."""
        for _ in range(_DOUBTS):
            models = [m.doubting(_DOUBT) for m in models]
            _, found = self._best(models)
            if found is None:
                break
            row = found
            if not self._exhausted(models, row):
                break
        return row

    def _unexplained(self, models: Sequence[Model]) -> bool:
        """Return whether the runs are so few that only a kinetic law could be trusted."""
        lawful = max(model.process.lawful for model in models)
        asked = self._options.n_initial
        return lawful < _EXPLAINED and looks_around(self._problem, asked, self._runs)

    def _elsewhere(self, worth: Worth, row: Array) -> Array:
        """Return the emptiest place where success and the targets are not out of the question."""
        pool = self._candidates()
        pool = pool if len(pool) else row[None]
        sane = self._chances(pool) + worth.target_logs(pool)
        pool = pool[sane >= min(_EVEN, float(np.quantile(sane, 0.7)))]
        prices = np.exp(self._price.logs(pool))
        return emptiest(self._known.space, pool, self._tried, worth, prices)

    def _outlook(self, worth: Worth, row: Array) -> Outlook | None:
        pool = self._finite
        if pool is None:
            pool = feasible_rows(self._problem, _POOL // 2, self._rng)
        pool = np.vstack([row[None], pool, worth.seen])
        chances = self._chances(pool)
        sound, success = chances >= _EVEN, float(np.exp(chances[0]))
        pool = pool[sound] if sound.any() else row[None]
        return outlook(self._known.space, worth, pool, row, success)

    def _chances(self, rows: Array) -> Array:
        """Return ln of the chance of success, ``(m,)``."""
        if self._success is None:
            self._success = chance(self._known.space, self._known.good, self._known.failed)
        return self._success(rows)

    def _exhausted(self, models: Sequence[Model], row: Array) -> bool:
        """Return whether noise hides whatever could still be learned at a row.

        A process too sure of itself would otherwise repeat its favourite for ever.
        """
        features = self._known.space.features(row[None])
        return all(
            m.process.predict(features)[1][0]
            < max(_SURE * np.sqrt(m.process.noise_variance), _TINY)
            for m in models
        )

    def _worth(self, models: Sequence[Model]) -> Worth:
        known, width = self._known, self._problem.dimension
        seen = np.vstack([known.good, known.earlier, stack(self._waiting, width)])
        counted = [m for m in models if m.response.name not in known.constant]
        return Worth(known.space, counted, seen, self._rng)

    def _merits(self, worth: Worth, rows: Array) -> Array:
        """Return what rows are worth with their chances of success and their prices, ``(m,)``."""
        chances = self._chances(rows)
        shy = _SHY * np.minimum(chances - _EVEN, 0.0)
        return worth(rows) + chances + shy - self._price.logs(rows)

    def _best(self, models: Sequence[Model]) -> tuple[Worth, Array | None]:
        worth = self._worth(models)

        def smooth(rows: Array) -> Array:
            return self._merits(worth, rows)

        def score(rows: Array) -> Array:
            return np.where(is_tried(rows, self._tried), -np.inf, smooth(rows))

        if self._finite is None:
            row = greatest(self._domain, score, smooth, worth.best, self._rng)
            spent = row is not None and bool(is_tried(row[None], self._tried)[0])
            return worth, None if spent and len(self._domain.columns) else row
        rows = self._finite[self._domain.within(self._finite)]
        return worth, rows[int(np.argmax(score(rows)))] if len(rows) else None
