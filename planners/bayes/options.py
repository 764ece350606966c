"""Options that are tables or lists: as TOML gives them, or as text on a command line."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from planners.base import Observation, Problem
from planners.errors import BadHistory, BadOption
from planners.history_json import history_from_json
from planners.problem import nearest

_MAX_EARLIER = 400  # runs; more cost time and teach nothing


def weights(name: str, given: object) -> dict[str, float]:
    """Return factor -> weight >= 0; text is ``{"temperature": 2}`` or ``temperature=2,flow=1``."""
    table = _table(name, given) if isinstance(given, str) else given
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise BadOption([f"{name}: must be a table of factor and weight, got {given!r:.80}"])
    found: dict[str, float] = {}
    for key, value in table.items():
        number = _number(value)
        if number is None or not (isfinite(number) and number >= 0):
            raise BadOption([f"{name}.{key}: must be a number, at least 0, got {value!r:.80}"])
        found[str(key)] = number
    return found


def _table(name: str, text: str) -> object:
    if text.lstrip().startswith("{"):
        return _json(name, text)
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    return {key.strip(): value.strip() for key, _, value in pairs}


def _json(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadOption([f"{name}: is not JSON: {text!r:.80}"]) from None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def names(name: str, given: object) -> tuple[str, ...]:
    """Return a list of factors; text is ``temperature,flow``."""
    if given is None:
        return ()
    if isinstance(given, str):
        given = _json(name, given) if given.lstrip().startswith("[") else given.split(",")
    if not isinstance(given, Sequence) or not all(isinstance(item, str) for item in given):
        raise BadOption([f"{name}: must be a list of factors' names, got {given!r:.80}"])
    return tuple(item.strip() for item in given if item.strip())


def runs(name: str, given: object) -> tuple[Mapping[str, Any], ...]:
    """Return runs as in a history's JSON; a response may be a plain number. Text is JSON."""
    if given is None:
        return ()
    rows = _json(name, given) if isinstance(given, str) else given
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise BadOption([f"{name}: must be a list of runs, got {given!r:.80}"])
    if len(rows) > _MAX_EARLIER:
        raise BadOption([f"{name}: at most {_MAX_EARLIER} runs, got {len(rows)}"])
    return tuple(_run(f"{name}.{i}", row) for i, row in enumerate(rows))


def _run(where: str, row: object) -> Mapping[str, Any]:
    if not isinstance(row, Mapping) or not isinstance(row.get("responses", {}), Mapping):
        raise BadOption([f"{where}: must be a run with point and responses, got {row!r:.80}"])
    responses = {
        key: value if isinstance(value, Mapping) else {"value": value}
        for key, value in row.get("responses", {}).items()
    }
    return {**row, "responses": responses}


def lacking(row: Mapping[str, Any], problem: Problem) -> list[str]:
    """Return the factors that a run of an earlier campaign has no value of."""
    point = row.get("point")
    names = [factor.name for factor in problem.factors]
    return [name for name in names if isinstance(point, Mapping) and name not in point]


def whole(
    rows: Sequence[Mapping[str, Any]], problem: Problem, history: Sequence[Observation]
) -> list[Mapping[str, Any]]:
    """Return the runs of an earlier campaign that can teach.

    What becomes a factor in mid-campaign was none of theirs; before any run, that is a fault.
    """
    return [row for row in rows if not (history and lacking(row, problem))]


def left_out(
    rows: Sequence[Mapping[str, Any]], problem: Problem, history: Sequence[Observation]
) -> str:
    """Return how many runs of an earlier campaign teach nothing, and why; empty for none."""
    gone = [names for row in rows if history and (names := lacking(row, problem))]
    if not gone:
        return ""
    factors = ", ".join(dict.fromkeys(name for names in gone for name in names))
    count = f"{len(gone)} of {len(rows)} earlier runs"
    return f"{count} have no value of {factors} and teach nothing until it is added to them"


def observations(
    name: str, rows: Sequence[Mapping[str, Any]], problem: Problem
) -> list[Observation]:
    """Return the runs of an earlier campaign that fit the problem; raise BadOption else."""
    known = [response.name for response in problem.responses]
    measured = sorted({key for row in rows for key in row["responses"]})
    if measured and not set(measured) & set(known):
        theirs, ours = ", ".join(measured), ", ".join(known)
        raise BadOption([f"{name}: no run has a response of this problem, {ours}, only {theirs}"])
    trimmed = [
        {**row, "responses": {k: v for k, v in row["responses"].items() if k in known}}
        for row in rows
    ]
    try:
        return history_from_json(trimmed, problem)
    except BadHistory as error:
        raise BadOption(error.under(name)) from None


def check_factors(problem: Problem, **options: Sequence[str] | Mapping[str, float]) -> None:
    """Raise BadOption when an option names what is no factor of the problem."""
    known = [factor.name for factor in problem.factors]
    faults = [
        f"{option}: {name!r} is no factor of this problem{nearest(name, known)};"
        f" they are {', '.join(known)}"
        for option, given in options.items()
        for name in given
        if name not in known
    ]
    if faults:
        raise BadOption(faults)
