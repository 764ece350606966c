"""One campaign of one planner on one problem, judged by the noise-free truth.

The rule, the same for every planner: after each experiment, the merit of all points run so far is
taken from the noise-free truth (the greatest value, the dominated area, or the nearness to targets)
and divided by what can be reached (references.json). The number that counts is the first
experiment after which this share is at least 95 %. The planner sees noisy measurements only. An
experiment that fails counts as one and is worth nothing; so does a point outside the domain or
against a known constraint, which is also counted apart.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.planners.problems.case import Case, Truth
from planners.base import Observation, Planner, Point
from planners.suggest import generator

GOAL = 0.95


class Asker(Protocol):
    """A planner in the middle of a campaign."""

    def ask(self) -> Point: ...

    def tell(self, run: Observation) -> None: ...


@dataclass
class Own:
    """A planner of this project: it is asked anew with the whole history."""

    planner: Planner
    case: Case
    seed: int
    history: list[Observation] = field(default_factory=list)

    def ask(self) -> Point:
        rng = generator(self.seed, len(self.history))
        return self.planner.suggest(self.case.problem, self.history, 1, rng)[0]

    def tell(self, run: Observation) -> None:
        self.history.append(run)


@dataclass
class Result:
    """What came of one campaign; ``to_goal`` is None when the cap came first."""

    seed: int
    shares: list[float]
    outside: int
    failed: int
    cpu_s: list[float]
    wall_s: list[float]

    @property
    def to_goal(self) -> int | None:
        return next((i + 1 for i, share in enumerate(self.shares) if share >= GOAL), None)

    def to_json(self) -> dict[str, Any]:
        """Return the figures that may be kept: no times."""
        shares = [round(share, 4) for share in self.shares]
        own = {"seed": self.seed, "to_95": self.to_goal, "best": shares[-1] if shares else 0.0}
        return own | {"outside": self.outside, "failed": self.failed, "shares": shares}


def campaign(
    case: Case,
    asker: Asker,
    seed: int,
    reference: float,
    *,
    runs: int | None = None,
    whole: bool = False,
    cpu: Callable[[], float] = time.process_time,
) -> Result:
    """Run up to ``runs`` experiments; stop at the goal unless the ``whole`` campaign is asked for.

    ``cpu`` gives the CPU seconds that the planner's process has spent so far.
    """
    truths: list[Truth] = []
    result = Result(seed, [], 0, 0, [], [])
    for index in range(runs or case.runs):
        before, start = cpu(), time.perf_counter()
        point = asker.ask()
        result.cpu_s.append(cpu() - before)
        result.wall_s.append(time.perf_counter() - start)
        run = measured(case, point, seed, index)
        result.outside += bool(case.problem.faults(point))
        result.failed += run.status == "failed"
        if run.status == "ok" and (true := case.truth(point)) is not None:
            truths.append(true)
        result.shares.append(case.merit.of(truths) / reference)
        if result.shares[-1] >= GOAL and not whole:
            break
        asker.tell(run)
    return result


def measured(case: Case, point: Point, seed: int, index: int) -> Observation:
    """Return the run of a point; one that is outside the domain fails."""
    if case.problem.faults(point):
        return Observation(point, {}, "failed")
    return case.measure(point, seed, index)


def median_spent(results: Sequence[Result]) -> Mapping[str, float]:
    """Return median CPU and wall seconds of one suggestion, over all campaigns."""
    cpu = sorted(s for r in results for s in r.cpu_s)
    wall = sorted(s for r in results for s in r.wall_s)
    if not cpu:
        return {}
    return {"cpu_s": round(cpu[len(cpu) // 2], 4), "wall_s": round(wall[len(wall) // 2], 4)}
