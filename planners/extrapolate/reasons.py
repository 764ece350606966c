"""Why a point was chosen, in words."""

from collections.abc import Mapping

import numpy as np

from planners.base import Composition, Problem
from planners.extrapolate.lessons import PRESENT, Lessons
from planners.factors import Array
from planners.goals import far_side
from planners.rounding import beside, spread


class Reasons:
    """Compares a row with what is known."""

    def __init__(self, problem: Problem, known: Lessons) -> None:
        self._problem, self._known = problem, known

    def why(self, row: Array, expected: Mapping[str, tuple[float, float]]) -> str:
        """Return a sentence; ``expected`` are mean and sd by response."""
        new = self._new(row)
        words = [f"extrapolate: no run has held {' or '.join(new)} yet"] if new else []
        words += [
            self._compared(r.name, r.goal == "minimise", *expected[r.name], first=not new)
            for r in self._known.objectives[:1]
        ]
        far = [r.name for r in self._known.targets if far_side(r, self._known.of(r.name).values)]
        if not words:
            likely = "exploit: most likely to meet the targets"
            words = ["explore: expected nearest to the targets" if far else likely]
        words += [f"the target of {', '.join(far)} is far from anything seen"] if far else []
        return ", ".join(words)

    def _new(self, row: Array) -> list[str]:
        """Return the components of a row that no measured run holds."""
        found: list[str] = []
        for factor, columns in zip(self._problem.factors, self._problem.slices, strict=True):
            if isinstance(factor, Composition):
                held = np.any(self._known.rows[:, columns] > PRESENT, axis=0)
                new = (row[columns] > PRESENT) & ~held
                found += [factor.components[i] for i in np.flatnonzero(new)]
        return found

    def _compared(self, name: str, less: bool, mean: float, sd: float, *, first: bool) -> str:
        known = [k for k in self._known.known if name in k.responses]
        surest = max(k.weight for k in known)  # what a suspect run read is no best to beat
        values = [k.responses[name] for k in known if k.weight == surest]
        best = min(values) if less else max(values)
        better = mean < best if less else mean > best
        verb = ("exploit: " if better else "explore: ") if first else ""
        return f"{verb}{name} {spread(mean, sd, 3)} expected, best so far {beside(best, sd, 3)}"
