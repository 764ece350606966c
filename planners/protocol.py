"""The line protocol of planners in other processes (CONTRACT, problems and planners); no I/O.

One JSON request per line, ``{"problem", "history", "n", "seed"}``, and one JSON answer per line,
``{"points": [...]}`` or ``{"error": "..."}``. Whatever an answer holds is checked here before
anything else sees it.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planners.base import Observation, Point, Predicted, Problem, Suggestion
from planners.errors import NonsenseAnswer, PlannerRefused
from planners.factors import FactorValue, number
from planners.rounding import counted

NOTHING_LEFT = "nothing left to suggest"  # begins the note of an answer without points
MAX_ANSWER = 4 << 20  # bytes of one line; no list of points is that long
_SHOWN = 3  # faults named; a wrong program makes the same one everywhere


@dataclass(frozen=True, slots=True)
class Answer:
    """Points that were checked against the problem, and the planner's remark."""

    suggestions: tuple[Suggestion, ...]
    note: str = ""


def called(command: Sequence[str]) -> str:
    """Return how messages call a program: with its first argument, which is often the script."""
    return " ".join(word for word in command[:2] if word == command[0] or word[:1] != "-")


def request_line(
    problem: Problem, history: Sequence[Observation], n: int, seed: int, **more: Any
) -> bytes:
    """Return one request; ``more`` are keys of our own worker."""
    return joined_request(problem, [run_text(run) for run in history], n, seed, **more)


def run_text(run: Observation) -> str:
    """Return one run of the history as it stands in a request."""
    return json.dumps(run.to_json(), allow_nan=False)


def joined_request(problem: Problem, runs: Iterable[str], n: int, seed: int, **more: Any) -> bytes:
    """Return one request of runs that are text already (:func:`run_text`)."""
    request = {"problem": problem.to_json(), "n": n, "seed": seed, **more}
    rest = json.dumps(request, allow_nan=False)
    return f'{{"history": [{", ".join(runs)}], {rest[1:]}\n'.encode()


def read_answer(line: bytes, problem: Problem, n: int, pending: Collection[Point] = ()) -> Answer:
    """Return a checked answer.

    Raises PlannerRefused when the planner says why it cannot answer, and NonsenseAnswer when the
    line is anything but up to ``n`` different feasible points, none of them ``pending``.
    """
    document = _parsed(line)
    if document.get("error") is not None:
        raise PlannerRefused(_readable(document["error"], 2000) or "no reason given")
    points = document.get("points")
    if not isinstance(points, list):
        raise NonsenseAnswer(f"answered without a list of points: {_short(document)}")
    if len(points) > n:
        raise NonsenseAnswer(f"answered {len(points)} points where {n} were asked for")
    suggestions = checked_points(problem, points)
    for i, suggestion in enumerate(suggestions):
        if suggestion.point in pending:
            raise NonsenseAnswer(f"answered a point that is pending already: point {i + 1}")
    notes = document.get("notes")
    if isinstance(notes, list) and len(notes) == len(suggestions):  # one for each point
        pairs = zip(suggestions, notes, strict=True)
        suggestions = [replace(s, note=_readable(note or "", 500)) for s, note in pairs]
    return Answer(tuple(suggestions), _readable(document.get("note") or "", 500))


def _readable(said: object, most: int) -> str:
    """Return what a program said as text that every screen, file and message can take."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in str(said)[:most]).strip()


def _parsed(line: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        why = f"answered a line that is not JSON ({error}): {line[:80]!r}"
        if line.strip():
            why += "; anything but answers must go to standard error"
        raise NonsenseAnswer(why) from None
    if not isinstance(document, dict):
        raise NonsenseAnswer(f"answered no JSON object: {_short(document)}")
    return document


def _short(document: object) -> str:
    text = json.dumps(document)
    return text if len(text) <= 100 else f"{text[:100]}…"


def checked_points(problem: Problem, points: Sequence[object]) -> list[Suggestion]:
    """Return the points, tidied; raise NonsenseAnswer naming the faults of any of them."""
    faults: list[str] = []
    suggestions: list[Suggestion] = []
    for i, item in enumerate(points):
        plain = dict(item) if isinstance(item, Mapping) else item
        expected = plain.pop("predicted", None) if isinstance(plain, dict) else None
        own = problem.faults(plain)
        if not own and isinstance(plain, dict):
            point = tidy_point(problem, plain)
            own = ["is the same as another"] if any(point == s.point for s in suggestions) else []
            suggestions.append(Suggestion(point, _predicted(problem, expected, own)))
        faults += [f"point {i + 1}: {fault}" for fault in own]
    if faults:
        rest = f" and {counted(len(faults) - _SHOWN, 'fault')} more" if len(faults) > _SHOWN else ""
        raise NonsenseAnswer(
            f"answered points that are not valid: {'; '.join(faults[:_SHOWN])}{rest}"
        )
    return suggestions


def tidy_point(problem: Problem, point: Point) -> dict[str, FactorValue]:
    """Return a faultless point in the problem's own order, free of rounding at the bounds."""
    return {factor.name: factor.tidy(point[factor.name]) for factor in problem.factors}


def _predicted(problem: Problem, given: object, faults: list[str]) -> dict[str, Predicted]:
    if given is None:
        return {}
    names = [response.name for response in problem.responses]
    predicted: dict[str, Predicted] = {}
    for name, item in given.items() if isinstance(given, Mapping) else [("predicted", None)]:
        mean = number(item.get("mean")) if isinstance(item, Mapping) else None
        sd = number(item.get("sd")) if isinstance(item, Mapping) else None
        if name not in names or mean is None or sd is None or sd < 0:
            faults.append(f"predicted: must be mean and sd by response, got {given!r:.80}")
            break
        predicted[name] = Predicted(mean, sd)
    return predicted
