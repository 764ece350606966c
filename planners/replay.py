"""A list of points, run one after the other: somebody has decided already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from planners.base import Observation, Problem, Suggestion, Tabular
from planners.errors import BadOption, NothingLeft
from planners.listed import listed
from planners.silent import completed
from planners.tables import different


@dataclass(frozen=True)
class Replay(Tabular):
    """Run the points of a list in their order; a point listed twice is run twice.

    ``points`` is a list of objects with a value for each factor, the same as JSON text (also a
    whole answer of ``taylord suggest --json``), or the text of a CSV table with the columns of a
    history. Points already in the history are passed over; none left ends the campaign.
    """

    points: Any

    def __post_init__(self) -> None:
        if not isinstance(self.points, str | list | tuple):
            raise BadOption([f"points: must be a list or its text, got {self.points!r:.80}"])
        if not self.points:
            raise BadOption(["points: must hold at least one point, got none"])

    def size(self, problem: Problem) -> int:
        """Return how many points the list has."""
        return len(listed(self.points, problem, []).points)

    def propose(
        self,
        problem: Problem,
        history: Sequence[Observation],
        n: int,
        rng: np.random.Generator,  # noqa: ARG002  # every planner gets one
    ) -> Sequence[Suggestion]:
        """Return the next points, each with its number, the first with what is passed over.

        Raises BadOption naming faulty ones, and NothingLeft when only such are left as the space
        does not hold any more.
        """
        points, silent = completed(self.points, problem, history)
        found = listed(points, problem, history)
        left, total = found.left(history), len(found.points)
        passed = found.passed_over(left)
        chosen = different(found.rows, [i for i in left if i not in found.beyond], n)
        if passed and not chosen:
            raise NothingLeft(passed)
        told = [
            Suggestion(found.points[i], note=f"point {i + 1} of {total} of the list")
            for i in chosen
        ]
        return [*(first.also(silent, passed) for first in told[:1]), *told[1:]]
