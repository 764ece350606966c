"""A list of points, run one after the other: somebody has decided already."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from planners.base import Observation, Point, Problem, Proposing, Suggestion
from planners.errors import BadHistory, BadOption
from planners.history import read_history
from planners.protocol import tidy_point
from planners.tables import next_rows

_FILES = (".csv", ".json", ".txt")
_SHOWN = 5  # faults named; a wrong column makes the same one in every row


@dataclass(frozen=True)
class Replay(Proposing):
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

    def propose(
        self,
        problem: Problem,
        history: Sequence[Observation],
        n: int,
        rng: np.random.Generator,  # noqa: ARG002  # every planner gets one
    ) -> Sequence[Suggestion]:
        """Return the next points, each with its number; raise BadOption naming faulty ones."""
        points = self.checked(problem)
        rows = np.array([problem.encode(point) for point in points])
        total = len(points)
        return [
            Suggestion(points[i], note=f"point {i + 1} of {total} of the list")
            for i in next_rows(problem, rows, history, n)
        ]

    def checked(self, problem: Problem, where: str = "points") -> list[Point]:
        """Return the points; raise BadOption when one is not feasible, or there is none.

        ``where`` names the list in faults.
        """
        faults: list[str] = []
        points: list[Point] = []
        for i, given in enumerate(self._given(problem, where)):
            own = problem.faults(_plain(given))
            faults += [f"{where}.{i}: {fault}" for fault in own]
            points += [] if own else [tidy_point(problem, _plain(given))]
        if len(faults) > _SHOWN:
            faults = [*faults[:_SHOWN], f"{where}: and {len(faults) - _SHOWN} faults more"]
        if not faults and not points:
            faults = [f"{where}: must hold at least one point, got none"]
        if faults:
            raise BadOption(faults)
        return points

    def _given(self, problem: Problem, where: str) -> Sequence[Any]:
        if not isinstance(self.points, str):
            return self.points
        if self.points.lstrip()[:1] in ("[", "{"):
            return _parsed(self.points, where)
        if self.points.endswith(_FILES) and "\n" not in self.points:
            given = f'--option "points=$(cat {self.points})"'
            advice = (
                f"give what is in it: [[campaign.options.points]] in a configuration, else {given}"
            )
            raise BadOption([f"{where}: {self.points!r} is the name of a file; {advice}"])
        try:
            return [run.point for run in read_history(self.points.splitlines(), _bare(problem))]
        except BadHistory as error:
            raise BadOption(error.under(where)) from None


def _bare(problem: Problem) -> Problem:
    """Return the problem without responses: a list of points has no columns for them."""
    return Problem(problem.factors, (), problem.constraints)


def _parsed(text: str, where: str) -> Sequence[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadOption([f"{where}: is not JSON: {error}"]) from None
    if isinstance(document, Mapping):
        document = document.get("points", [document])
    if not isinstance(document, list) or not document:
        raise BadOption([f"{where}: must be a list of at least one point"])
    return document


def _plain(given: Any) -> Any:
    """Return a point without the prediction that an answer of a planner may carry."""
    if not isinstance(given, Mapping):
        return given
    return {name: value for name, value in given.items() if name != "predicted"}
