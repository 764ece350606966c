"""One call of inverse design: model, aim, candidates, checks, picks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from planners.base import Observation, Predicted, Problem, Suggestion
from planners.design import design_rows
from planners.factors import Array
from planners.inverse.aiming import Aim, aim_of
from planners.inverse.joint import Joint, fit_joint
from planners.inverse.judging import Judged, judge
from planners.inverse.learners import ForwardKind, fit_forward, selectable
from planners.inverse.planner import Inverse
from planners.inverse.rows import achieved_row, legal_rows, seen_features, stacked
from planners.inverse.targets import aimed_at, check_names, targets
from planners.sampling import all_rows, asked_rows, feasible_rows, known_rows, n_different
from planners.scaling import Scale
from planners.unordered import unordered

_FEWEST = 4  # runs without which a mixture of two columns means nothing
_DRAWS = 384  # conditions drawn from p(x | y)
_POOL = 256  # conditions drawn from everywhere, for when those are not allowed
_SAME = 1e-3  # of the cube: closer rows are one
_MOST_GP = 150  # runs: beyond, trees answer sooner


@dataclass
class Designer:
    """Finds the points of one call."""

    options: Inverse
    problem: Problem
    history: Sequence[Observation]
    rng: np.random.Generator
    _tried: Array = field(init=False)
    _failed: Array = field(init=False)

    def __post_init__(self) -> None:
        check_names(self.problem, self.options.target)
        self._responses = aimed_at(self.problem, self.options.target)
        self._names = [response.name for response in self._responses]
        width = self.problem.dimension
        self._tried = stacked([self._row(run) for run in self.history], width)
        failed = [self._row(run) for run in self.history if run.status == "failed"]
        self._failed = stacked(failed, width)
        allowed = ("ok", "suspect") if self.options.use_suspect else ("ok",)
        self._runs = [
            run
            for run in self.history
            if run.status in allowed and all(_measured(run, name) for name in self._names)
        ]

    def _row(self, run: Observation) -> Array:
        return asked_rows(self.problem, [run.point])[0]

    def points(self, n: int) -> list[Suggestion]:
        """Return up to ``n`` points: rows of the first design while it lasts, then designs."""
        finite = all_rows(self.problem)
        found = self._first(n)
        if len(found) < n and self._learnable():
            found += self._designed(n - len(found), finite)
        while len(found) < n and (more := self._spread_out(finite)) is not None:
            found.append(more)
        return found

    def _learnable(self) -> bool:
        return len(self._runs) >= _FEWEST

    def _known(self, rows: Array) -> NDArray[np.bool_]:
        return np.asarray(known_rows(self.problem, rows, self._tried, _SAME), dtype=bool)

    def _take(self, row: Array) -> None:
        self._tried = np.vstack([self._tried, row[None, :]])

    # -- before there is a model -----------------------------------------------------------------

    def _first(self, n: int) -> list[Suggestion]:
        """Return what is left of the space-filling design: failed runs are made up for."""
        wanted = self.options.n_initial or max(_FEWEST, self.problem.dimension + 3)
        begun = [*self._runs, *(run for run in self.history if run.status == "pending")]
        rows = stacked([self._row(run) for run in begun], self.problem.dimension)
        lacking = min(n, wanted - n_different(rows))
        if lacking <= 0:
            return []
        table = design_rows(self.problem, wanted, np.random.default_rng(self.options.seed))
        left = np.flatnonzero(~self._known(table))[:lacking]
        for i in left:
            self._take(table[i])
        return [
            Suggestion(self.problem.scale(table[i]), note=f"first design, {i + 1} of {len(table)}")
            for i in left
        ]

    def _spread_out(self, finite: Array | None) -> Suggestion | None:
        """Return the row furthest from all tried ones; None when every one has been tried."""
        rows = feasible_rows(self.problem, _POOL, self.rng) if finite is None else finite
        rows = rows[~self._known(rows)]
        if not len(rows):
            return None
        gaps = ((rows[:, None] - self._tried[None]) ** 2).sum(axis=2).min(axis=1, initial=np.inf)
        row = rows[int(np.argmax(gaps))]
        self._take(row)
        note = "too few results for a model: as far as can be"
        return Suggestion(self.problem.scale(row), note=note)

    # -- with a model ----------------------------------------------------------------------------

    def _designed(self, n: int, finite: Array | None) -> list[Suggestion]:
        rows = np.array([achieved_row(self.problem, run) for run in self._runs])
        features = seen_features(self.problem, rows)
        values = np.array([[run.responses[m].value for m in self._names] for run in self._runs])
        order = unordered(features, values)
        features, values = features[order], values[order]
        scale_x, scale_y = Scale.of(features), Scale.of(values)
        x, y = scale_x.apply(features), scale_y.apply(values)
        joint = fit_joint(self.options, x, y)
        wanted = targets(self._responses, self.options.target, self._runs)
        aim = aim_of(wanted, joint, scale_y, values, beyond=self.options.beyond)
        candidates, direct = self._candidates(joint, aim, scale_x, finite)
        if not len(candidates):
            return []
        scaled = scale_x.apply(self.problem.features(candidates))
        forward = fit_forward(self._forward(x, y), x, y)
        judged = judge(candidates, scaled, joint, forward, aim, self._failed, direct)
        return [self._suggestion(judged, i, aim, scale_y) for i in self._picks(judged, n)]

    def _forward(self, x: Array, y: Array) -> ForwardKind:
        if self.options.forward == "select" and selectable(x, y):
            return "select"
        if self.options.forward in ("auto", "select"):
            return "gp" if len(x) <= _MOST_GP else "trees"
        return "trees" if self.options.forward == "trees" else "gp"

    def _candidates(
        self, joint: Joint, aim: Aim, scale_x: Scale, finite: Array | None
    ) -> tuple[Array, int]:
        """Return untried legal rows, and how many at the front are direct solutions.

        First the conditional estimate that was asked for, then the other means, draws from the
        conditional distribution, and rows from everywhere.
        """
        backwards = joint.backwards(aim.y)
        order = np.argsort(-backwards.weights, kind="stable")
        own = backwards.mean() if self.options.estimate == "mean" else backwards.mode()
        direct = self._untried(scale_x.undo(own[None, :]))
        drawn = [
            backwards.mean()[None, :],
            backwards.means[order],
            backwards.draw(_DRAWS, self.rng),
        ]
        others = feasible_rows(self.problem, _POOL, self.rng) if finite is None else finite
        others = others[~self._known(others)]
        rows = np.vstack([direct, self._untried(scale_x.undo(np.vstack(drawn))), others])
        _, first = np.unique(np.round(rows, 6), axis=0, return_index=True)
        return rows[np.sort(first)], len(direct)

    def _untried(self, features: Array) -> Array:
        rows = legal_rows(self.problem, features)
        return rows[~self._known(rows)]

    def _picks(self, judged: Judged, n: int) -> list[int]:
        """Return the direct solution if it passes, the best if not, then ever different ones."""
        picks: list[int] = []
        while len(picks) < min(n, len(judged.rows)):
            i = judged.next_pick(picks, self._tried)
            if i is None:
                break
            picks.append(i)
            self._take(judged.rows[i])
        return picks

    def _suggestion(self, judged: Judged, i: int, aim: Aim, scale_y: Scale) -> Suggestion:
        means, sds = scale_y.undo(judged.expected[i]), judged.sds[i] * scale_y.sd
        predicted = {
            name: Predicted(float(m), float(s))
            for name, m, s in zip(self._names, means, sds, strict=True)
        }
        note = f"{aim.text}: {judged.reason(i)}"
        return Suggestion(self.problem.scale(judged.rows[i]), predicted, note)


def _measured(run: Observation, name: str) -> bool:
    """Return whether a run has a finite value of a response."""
    return name in run.responses and isfinite(run.responses[name].value)
