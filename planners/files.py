"""Problems and histories as files; faults start with the file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from planners.base import Observation, Problem
from planners.cells import NO_TEXT
from planners.errors import BadHistory, BadProblem
from planners.history import read_history


def load_problem(path: Path) -> Problem:
    """Return the problem of a JSON file; raise BadProblem whose faults start with the file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadProblem([f"{path}: cannot be read: {reason(error)}"]) from None
    try:
        return Problem.from_json(_parsed(text))
    except BadProblem as error:
        raise BadProblem(error.under(str(path))) from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise BadProblem([f"is not JSON: {error}"]) from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a key that comes twice the last would win, without a word."""
    names = [name for name, _ in pairs]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise BadProblem([f"key {name!r} comes twice in one object" for name in twice])
    return dict(pairs)


def load_history(path: Path, problem: Problem) -> list[Observation]:
    """Return the runs of a CSV file; raise BadHistory whose faults start with the file."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        return read_history(lines, problem)
    except UnicodeDecodeError:
        raise BadHistory([f"{path}: cannot be read: {NO_TEXT}"]) from None
    except OSError as error:
        raise BadHistory([f"{path}: cannot be read: {reason(error)}"]) from None
    except BadHistory as error:
        raise BadHistory(error.under(str(path))) from None


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Return why a file cannot be read or written."""
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"
