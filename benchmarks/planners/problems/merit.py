"""What counts on a problem: the best value, the dominated area, or how near targets are.

All merits are greater for better sets of runs, and 0 for a set that is worth nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Truths = Sequence[Mapping[str, float]]


class Merit(Protocol):
    """How good noise-free outcomes of some runs are together."""

    def of(self, truths: Truths) -> float: ...


@dataclass(frozen=True)
class Greatest:
    """The greatest value of one response."""

    response: str

    def of(self, truths: Truths) -> float:
        return max((truth[self.response] for truth in truths), default=0.0)


@dataclass(frozen=True)
class Between:
    """How far the best value of one response is on the way from the worst, 0, to the best, 1."""

    response: str
    worst: float
    best: float

    def of(self, truths: Truths) -> float:
        span = self.best - self.worst
        return max(((truth[self.response] - self.worst) / span for truth in truths), default=0.0)


@dataclass(frozen=True)
class Area:
    """The area dominated by two responses above a reference point.

    Each response is ``(name, reference, best)``: counted from 0 at the reference point to 1 at the
    best that any point reaches, whichever direction that is. The reference point is the median of
    random feasible points, rounded: what is better than a typical blind experiment counts. Runs
    outside ``within`` (response -> bounds) do not count.
    """

    first: tuple[str, float, float]
    second: tuple[str, float, float]
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def of(self, truths: Truths) -> float:
        return dominated([self.shares(t) for t in truths if self.counts(t)])

    def counts(self, truth: Mapping[str, float]) -> bool:
        """Return whether a run keeps the ranges."""
        return all(low <= truth[name] <= high for name, (low, high) in self.within.items())

    def shares(self, truth: Mapping[str, float]) -> tuple[float, float]:
        """Return both responses, 0 at the reference point and 1 at the best."""
        return _share(truth, self.first), _share(truth, self.second)


@dataclass(frozen=True)
class Volume:
    """The volume dominated by three responses above a reference point; each as in ``Area``."""

    spans: tuple[tuple[str, float, float], ...]

    def of(self, truths: Truths) -> float:
        points = [tuple(_share(truth, span) for span in self.spans) for truth in truths]
        inside = sorted((p for p in points if min(p) > 0), key=lambda p: -p[2])
        floors = [p[2] for p in inside[1:]] + [0.0]
        return sum(
            (point[2] - floor) * dominated([(p[0], p[1]) for p in inside[: n + 1]])
            for n, (point, floor) in enumerate(zip(inside, floors, strict=False))
            if point[2] > floor
        )


@dataclass(frozen=True)
class Nearness:
    """How near one run comes to all its target ranges: 1 inside all of them.

    For each range the score falls from 1 at its edge to 0 at one whole width away from it; a run
    has the least score of its responses, a set of runs that of its best run.
    """

    ranges: Mapping[str, tuple[float, float]]

    def of(self, truths: Truths) -> float:
        return max((self._one(truth) for truth in truths), default=0.0)

    def _one(self, truth: Mapping[str, float]) -> float:
        scores = [
            1.0 - max(low - truth[name], truth[name] - high, 0.0) / (high - low)
            for name, (low, high) in self.ranges.items()
        ]
        return max(0.0, min(scores))


def _share(truth: Mapping[str, float], span: tuple[str, float, float]) -> float:
    name, worst, best = span
    return (truth[name] - worst) / (best - worst)


def dominated(points: Sequence[tuple[float, float]]) -> float:
    """Return the area dominated by points (greater is better) above the origin."""
    area = height = 0.0
    for x, y in sorted((p for p in points if p[0] > 0 and p[1] > 0), reverse=True):
        if y > height:
            area, height = area + x * (y - height), y
    return area
