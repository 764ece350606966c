"""Which candidates are good: in the domain, and giving the target by two models that differ."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.factors import Array
from planners.inverse.aiming import Aim
from planners.inverse.joint import Joint
from planners.inverse.learners import CHECKERS, Forward

_HIT = 0.3  # of a response's spread that a prediction may lie beside the target
_NEAR_FAILED = 0.05  # of the cube: where a run failed, others may fail
_OUTSIDE = 1e3  # cost of a nat outside the domain, in squared spreads
_ALIKE = 1.0  # nats within which candidates are as strange as each other


@dataclass(frozen=True, slots=True)
class Judged:
    """Candidates ``(m, dimension)`` with what the forward model expects of them, autoscaled."""

    rows: Array
    expected: Array  # (m, r)
    sds: Array  # (m, r)
    inside: NDArray[np.bool_]  # the applicability domain
    misses: Array  # by the other model, in spreads beside the target
    cost: Array
    direct: int  # so many at the front are the conditional estimate itself
    checker: str

    @property
    def _passing(self) -> NDArray[np.bool_]:
        return self.inside & (self.misses <= _HIT) & (self.cost < _OUTSIDE)

    def next_pick(self, picks: list[int], tried: Array) -> int | None:
        """Return the next candidate: a direct one, the best, then those furthest from the rest."""
        free = np.ones(len(self.rows), dtype=bool)
        free[picks] = False
        passing = np.flatnonzero(self._passing & free)
        if not picks:
            early = passing[passing < self.direct]
            return int(early[0]) if len(early) else int(np.argmin(self.cost))
        others = np.vstack([self.rows[picks], tried])
        if len(passing):
            gaps = ((self.rows[passing][:, None] - others[None]) ** 2).sum(axis=2).min(axis=1)
            return int(passing[int(np.argmax(gaps))])
        left = np.flatnonzero(free)
        return int(left[int(np.argmin(self.cost[left]))]) if len(left) else None

    def reason(self, i: int) -> str:
        """Return why a candidate is proposed, and what speaks against it."""
        way = "the direct solution" if i < self.direct else "another of the conditions that fit"
        doubts: list[str] = []
        if self.misses[i] > _HIT:
            doubts.append(f"{self.checker} expects a miss by {self.misses[i]:.2g} of the spread")
        if not self.inside[i]:
            doubts.append("it lies outside the domain of the runs so far")
        if doubts:
            return "the best that is allowed, but " + " and ".join(doubts)
        return f"{way}, within the domain, confirmed by {self.checker}"


def judge(
    rows: Array,
    x: Array,
    joint: Joint,
    forward: Forward,
    aim: Aim,
    failed: Array,
    direct: int,
) -> Judged:
    """Return the candidates judged; ``x`` are their autoscaled features, ``(m, f)``."""
    expected, sds = forward.predict(x)
    strange = joint.strangeness(x)
    miss, own = _beside(expected, aim), _beside(joint.predict(x), aim)
    off = np.sqrt(((expected - aim.y) ** 2).sum(axis=1))  # within a range, its middle is better
    cost = miss**2 + own**2 + 0.01 * off**2 + _OUTSIDE * _strange(strange)
    if len(failed):
        gaps = np.abs(rows[:, None, :] - failed[None, :, :]).max(axis=2).min(axis=1)
        cost = cost + np.where(gaps < _NEAR_FAILED, _OUTSIDE, 0.0)
    checker = CHECKERS[forward.kind]
    return Judged(rows, expected, sds, strange <= 0.0, miss, cost, direct, checker)


def _strange(nats: Array) -> Array:
    """Return how far candidates lie outside the domain; where all do, outside the least strange.

    Elsewhere the domain alone would decide, and not the target, among candidates that are hardly
    more or less strange than each other.
    """
    least = float(nats.min(initial=np.inf))
    return np.maximum(nats - (least + _ALIKE if least > 0.0 else 0.0), 0.0)


def _beside(y: Array, aim: Aim) -> Array:
    """Return how far results lie beside the box, at worst, ``(m,)``."""
    return np.maximum(np.maximum(aim.low - y, y - aim.high), 0.0).max(axis=1)
