"""The best so far, as the most probable best: by what the model makes of all runs together.

The greatest reading of a noisy response is the luckiest one. The posterior mean at a run weighs its
reading with those of its neighbours, and joint draws of the posterior say how sure the choice is.

Imports scikit-learn: import this in the planner's process or inside a command, not in the daemon.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planners.base import Observation, Point, Predicted, Problem
from planners.bayes.acquisition import unbeaten
from planners.bayes.models.surrogate import Model
from planners.bayes.planner import Bayes
from planners.bayes.situation import Situation
from planners.bayes.worth import Worth
from planners.factors import Array
from planners.threads import one_thread

_DRAWS = 256
_HARDLY = 4.0  # sds that a draw hardly ever is away


@dataclass(frozen=True, slots=True)
class BestRun:
    """A run of the history that is probably the best, or on the front of several goals.

    ``index`` is its place in the history, ``predicted`` mean and sd of each response there, without
    the noise of a reading, ``probability`` that of being the best of all runs, or on their front,
    and of meeting the targets. ``alike`` are all runs at its conditions, itself among them, and
    ``meets`` says whether the targets are more likely met there than not. ``lucky`` are the runs
    that read more of a single goal than is expected of them, by more than that is uncertain.
    """

    index: int
    point: Point
    predicted: Mapping[str, Predicted] = field(default_factory=dict[str, Predicted])
    probability: float = 1.0
    alike: tuple[int, ...] = ()
    meets: bool = True
    lucky: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain dictionaries."""
        predicted = {n: {"mean": p.mean, "sd": p.sd} for n, p in self.predicted.items()}
        plain: dict[str, Any] = {"index": self.index, "point": dict(self.point)}
        return plain | {"predicted": predicted, "probability": self.probability}


def best_runs(
    problem: Problem, history: Sequence[Observation], options: Mapping[str, Any] | None = None
) -> list[BestRun]:
    """Return the most probable best run; of several goals, the runs on the front; or nothing.

    With targets, only runs that more likely meet them than not count, or where there is none, the
    likeliest alone. ``options`` are those of ``bayes``. Nothing is returned while a response has
    fewer than two runs. The same history gives the same answer.
    """
    places = [i for i, run in enumerate(history) if run.status != "pending"]
    done = [history[i] for i in places]
    known = Situation(Bayes(**(options or {})), problem, done)
    if not problem.responses or not known.enough or not len(known.good):
        return []
    with one_thread():
        worth = Worth(known.space, known.models(), known.good, np.random.default_rng(0))
        features = known.space.features(worth.seen)
        first, group = _alike(features)
        able = _able(worth, features[first])
        shares = np.zeros(len(first))
        shares[able] = _shares(worth, features[first][able])
        lucky = tuple(places[i] for i in _lucky(worth, known, done))
        found: list[BestRun] = []
        for k in dict.fromkeys(int(first[group[k]]) for k in _chosen(worth)):
            expected = {
                m.response.name: m.predicted(features[k]) for m in (*worth.goals, *worth.gates)
            }
            ordered = {r.name: expected[r.name] for r in problem.responses}
            place = known.taught[k]
            share = round(float(shares[group[k]]), 3)
            same = tuple(places[known.taught[i]] for i in np.flatnonzero(group == group[k]))
            meets = bool(worth.likely[k])
            run = BestRun(places[place], done[place].point, ordered, share, same, meets, lucky)
            found.append(run)
    return found


def _lucky(worth: Worth, known: Situation, done: Sequence[Observation]) -> list[int]:
    """Return which runs read more of a single goal than is expected, beyond its uncertainty."""
    if len(worth.goals) != 1:
        return []
    goal = worth.goals[0]
    name = goal.response.name
    read = [k for k, i in enumerate(known.taught) if name in done[i].responses]
    means, sds = goal.process.predict(known.space.features(worth.seen[read]))
    values = np.array([done[known.taught[k]].responses[name].value for k in read])
    above = goal.scale.forward(values) > means + sds
    return [known.taught[k] for k, more in zip(read, above, strict=True) if more]


def _alike(features: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first run at each of the different conditions, and of every run which they are.

    Replicates are one place of the posterior: rounding must not choose among them in every draw.
    """
    _, first, group = np.unique(
        np.round(features, 9), axis=0, return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    return first[order], np.argsort(order)[group.ravel()]


def _chosen(worth: Worth) -> list[int]:
    """Return the runs to report, by their numbers among the seen ones, best first."""
    if not worth.goals or not worth.likely.any():
        return [int(np.argmax(worth.target_logs(worth.seen)))]
    numbers = np.flatnonzero(worth.likely)
    front = numbers[unbeaten(worth.known[None])[0]]
    means = worth.predicted(worth.seen[front])[0]
    order = np.argsort(-means[:, 0], kind="stable")
    return [int(k) for k in (front[order][:1] if len(worth.goals) == 1 else front[order])]


def _able(worth: Worth, features: Array) -> NDArray[np.bool_]:
    """Return which rows may be the best: joint draws of thousands take the cube of their number.

    Left out is whatever is worse at its best than another row, sure of the targets, at its worst.
    """
    if not worth.goals:
        return np.ones(len(features), dtype=bool)
    low, high = np.array([_ends(goal, features) for goal in worth.goals]).transpose(1, 2, 0)
    sure = np.ones(len(features), dtype=bool)
    for gate in worth.gates:
        (least, most), (bottom, top) = _ends(gate, features), gate.bounds()
        sure &= (least >= bottom) & (most <= top)
    return np.array([not np.any(np.all(low[sure] >= best, axis=1)) for best in high])


def _ends(model: Model, features: Array) -> tuple[Array, Array]:
    """Return what rows hardly fall below and hardly exceed, model's units, ``(k,)`` each."""
    means, sds = model.process.predict(features)
    return means - _HARDLY * sds, means + _HARDLY * sds


def _shares(worth: Worth, features: Array) -> Array:
    """Return the share of joint draws in which each run is best and meets the targets, ``(k,)``."""
    rng = np.random.default_rng(0)
    meets = np.ones((_DRAWS, len(features)), dtype=bool)
    for gate in worth.gates:
        drawn = gate.process.draws(features, rng.normal(size=meets.shape))
        low, high = gate.bounds()
        meets &= (drawn >= low) & (drawn <= high)
    if not worth.goals:
        return meets.mean(axis=0)
    drawn = [goal.process.draws(features, rng.normal(size=meets.shape)) for goal in worth.goals]
    values = np.where(meets[:, :, None], np.stack(drawn, axis=2), -np.inf)
    with np.errstate(invalid="ignore"):  # those that miss a target beat nobody
        return (unbeaten(values) & meets).mean(axis=0)
