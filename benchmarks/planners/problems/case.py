"""One problem of the benchmark, and how far the points of a campaign have come on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.planners.problems.merit import Merit
from planners.base import Measured, Observation, Point, Problem

Truth = Mapping[str, float]


@dataclass(frozen=True)
class Noise:
    """Standard deviation of one measurement: ``absolute + relative * |true value|``."""

    relative: float = 0.0
    absolute: float = 0.0

    def sd(self, value: float) -> float:
        return self.absolute + self.relative * abs(value)


@dataclass(frozen=True)
class Case:
    """A problem with its truth.

    ``truth`` gives the noise-free responses of a point, or None where the run fails (nothing is
    measured, and the point is worth nothing); ``may_fail`` says beforehand that this can happen.
    """

    name: str
    problem: Problem
    truth: Callable[[Point], Truth | None]
    noise: Mapping[str, Noise]
    merit: Merit
    runs: int = 40  # most experiments of a campaign
    may_fail: bool = False

    def measure(self, point: Point, seed: int, index: int) -> Observation:
        """Return the noisy run of a point; the noise depends on seed and index alone."""
        true = self.truth(point)
        if true is None:
            return Observation(point, {}, "failed")
        normals = np.random.default_rng([seed, index, 99]).normal(size=len(self.problem.responses))
        responses = {
            response.name: Measured(
                float(true[response.name] + self.noise[response.name].sd(true[response.name]) * z)
            )
            for response, z in zip(self.problem.responses, normals, strict=True)
        }
        return Observation(point, responses)

    def worth(self, points: Sequence[Point]) -> float:
        """Return the noise-free merit of points together, in the merit's own unit."""
        return self.merit.of([t for p in points if (t := self.truth(p)) is not None])

    def shares(self, points: Sequence[Point], reference: float) -> list[float]:
        """Return, after each point, the merit of all so far as a share of ``reference``."""
        truths = [self.truth(point) for point in points]
        known = [[t for t in truths[: i + 1] if t is not None] for i in range(len(truths))]
        return [self.merit.of(so_far) / reference for so_far in known]
