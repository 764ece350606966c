"""Lists of points that somebody made: read, checked, and what is left of them in an edited space.

A list of which nothing has been run must be without fault. One that is being worked off was without
fault when it began, so that a point outside now means that the space was edited meanwhile: it
counts when it has been run, and is passed over and told when it has not.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from planners.base import Observation, Point, Problem
from planners.errors import BadHistory, BadOption
from planners.factors import Array, Categorical, Composition, Continuous, Factor, number
from planners.factors.held import free
from planners.history import read_history
from planners.protocol import tidy_point
from planners.rounding import counted
from planners.tables import left_rows

_FILES = (".csv", ".json", ".txt")
_SHOWN = 5  # faults named; a wrong column makes the same one in every row
_TOLD = 3  # points passed over that are named with their faults


@dataclass(frozen=True)
class Listed:
    """The points of a list in its order, and by number what is wrong with those ``beyond``.

    ``wide`` is a problem with room for them all, and for the runs of the history.
    """

    points: tuple[Point, ...]
    wide: Problem
    beyond: Mapping[int, str]

    @cached_property
    def rows(self) -> Array:
        """Return the points in the unit cube of ``wide``, ``(len(points), dimension)``."""
        return np.array([self.wide.encode(point) for point in self.points])

    def left(self, history: Sequence[Observation]) -> list[int]:
        """Return the numbers of the points that no run of the history has done, in order."""
        return left_rows(self.wide, self.rows, history)

    def passed_over(self, left: Sequence[int]) -> str:
        """Return which of the points left lie beyond, why, and what to do; empty for none."""
        gone = [i for i in left if i in self.beyond]
        if not gone:
            return ""
        total = len(self.points)
        named = [f"point {i + 1} of {total} ({self.beyond[i]})" for i in gone[:_TOLD]]
        more = [f"{len(gone) - _TOLD} more"] if len(gone) > _TOLD else []
        return f"passed over until the space holds them: {', '.join(named + more)}"


def listed(
    given: Any, problem: Problem, history: Sequence[Observation], where: str = "points"
) -> Listed:
    """Return the points of a list, some perhaps beyond what the problem holds by now.

    That is so beside a factor that is held, and once some of the list has been run. Raises
    BadOption naming faulty ones, or when there is none; ``where`` names the list in it.
    """
    whole = replace(problem, factors=tuple(free(factor) for factor in problem.factors))
    try:
        points = _checked(given, whole, where)
    except BadOption:
        found = _begun(given, problem, history) if history else None
        if found is None:
            raise
        return found
    return Listed(tuple(points), whole, {} if whole == problem else _beyond(problem, points))


def _beyond(problem: Problem, points: Sequence[Point]) -> dict[int, str]:
    faults = [problem.faults(point) for point in points]
    return {i: "; ".join(own) for i, own in enumerate(faults) if own}


def _checked(given: Any, problem: Problem, where: str) -> list[Point]:
    """Return the points; raise BadOption when one is not feasible, or there is none."""
    faults: list[str] = []
    points: list[Point] = []
    for i, row in enumerate(read_rows(given, problem, where)):
        own = problem.faults(plain(row))
        faults += [f"{where}.{i}: {fault}" for fault in own]
        points += [] if own else [tidy_point(problem, plain(row))]
    if len(faults) > _SHOWN:
        faults = [*faults[:_SHOWN], f"{where}: and {counted(len(faults) - _SHOWN, 'fault')} more"]
    if not faults and not points:
        faults = [f"{where}: must hold at least one point, got none"]
    if faults:
        raise BadOption(faults)
    return points


def _begun(given: Any, problem: Problem, history: Sequence[Observation]) -> Listed | None:
    """Return a list of which some point has been run and all could have been; else None."""
    try:
        rows = [plain(row) for row in read_rows(given, problem, "points", anywhere=True)]
    except BadOption:
        return None
    if not rows or not all(_complete(problem, row) for row in rows):
        return None
    wide, beyond = _room_for(problem, [*rows, *(r.point for r in history)]), _beyond(problem, rows)
    points = [row if i in beyond else tidy_point(problem, row) for i, row in enumerate(rows)]
    found = Listed(tuple(points), wide, beyond)
    return found if len(found.left(history)) < len(rows) else None


def _complete(problem: Problem, row: Any) -> bool:
    """Return whether a row has a value of the right kind for each factor, in range or not."""
    names = {factor.name for factor in problem.factors}
    return (
        isinstance(row, Mapping)
        and set(row) == names
        and all(_of_the_kind(factor, row[factor.name]) for factor in problem.factors)
    )


def _of_the_kind(factor: Factor, value: Any) -> bool:
    if isinstance(factor, Categorical):
        return isinstance(value, str) and bool(value) and value == value.strip()
    if isinstance(factor, Composition):
        return isinstance(value, Mapping) and all(number(v) is not None for v in value.values())
    return number(value) is not None


def _room_for(problem: Problem, points: Sequence[Point]) -> Problem:
    """Return the factors alone, with room for points of any values of their kinds."""
    return Problem(
        tuple(_widened(free(f), [point[f.name] for point in points]) for f in problem.factors)
    )


def _widened(factor: Factor, values: Sequence[Any]) -> Factor:
    if isinstance(factor, Continuous):
        low, high = min(factor.low, *values), max(factor.high, *values)
        if (low, high) == (factor.low, factor.high):
            return factor
        return replace(factor, low=float(low), high=float(high), transform="none")
    if isinstance(factor, Composition):
        parts = dict.fromkeys([*factor.components, *(part for value in values for part in value)])
        return replace(factor, components=tuple(parts), max_components=None)
    if isinstance(factor, Categorical):
        known = dict.fromkeys([*factor.levels, *factor.dropped, *values])
        return Categorical(factor.name, tuple(known))
    known = dict.fromkeys([*factor.values, *factor.dropped, *values])
    return replace(factor, values=tuple(known), dropped=())


def read_rows(given: Any, problem: Problem, where: str, *, anywhere: bool = False) -> Sequence[Any]:
    """Return the rows of a list as they stand; those of a table lie in range, or ``anywhere``.

    Raises BadOption when it cannot be read; ``where`` names the list in it.
    """
    if not isinstance(given, str):
        return given
    if not is_table(given):
        return _parsed(given, where)
    if names_file(given):
        option = f'--option "points=$(cat {given})"'
        toml = "[[campaign.options.points]] in a configuration"
        advice = f"give what is in it: {toml}, else {option}"
        raise BadOption([f"{where}: {given!r} is the name of a file; {advice}"])
    bare = Problem(problem.factors, (), problem.constraints)  # a list has no columns for responses
    try:
        runs = read_history(given.splitlines(), bare, anywhere=anywhere)
    except BadHistory as error:
        raise BadOption(error.under(where)) from None
    return [run.point for run in runs]


def names_file(given: str) -> bool:
    """Return whether the text of a list is rather the name of its file."""
    return given.endswith(_FILES) and "\n" not in given


def is_table(given: Any) -> bool:
    """Return whether a list is the text of a table, and neither JSON text nor points."""
    return isinstance(given, str) and given.lstrip()[:1] not in ("[", "{")


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


def plain(given: Any) -> Any:
    """Return a point without the prediction that an answer of a planner may carry."""
    if not isinstance(given, Mapping):
        return given
    return {name: value for name, value in given.items() if name != "predicted"}
