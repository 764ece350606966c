"""Options that are lists or tables: as TOML gives them, or as text on a command line."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite

from planners.base import Problem
from planners.errors import BadOption
from planners.factors import Composition, number
from planners.problem import nearest

WEIGHTS = (0.2, 0.5, 0.7, 1.0, 1.2, 1.5, 2.0)  # as in the paper


def one_of(name: str, given: str, known: Sequence[str]) -> list[str]:
    """Return the fault of a word that is none of those known, if any."""
    if given in known:
        return []
    return [f"{name}: must be one of {', '.join(known)}, got {given!r}{nearest(given, known)}"]


def weights(name: str, given: object) -> tuple[float, ...]:
    """Return relative amounts > 0, ascending; text is ``0.5,1,2`` or a list; none: the paper's."""
    if given is None:
        return WEIGHTS
    items = given.strip().strip("[]").split(",") if isinstance(given, str) else given
    if not isinstance(items, Sequence) or not 1 <= len(items) <= 32:
        raise BadOption([f"{name}: must be a list of 1 to 32 numbers, got {given!r:.80}"])
    found = [_number(item) for item in items]
    if any(value is None or value <= 0 for value in found):
        raise BadOption([f"{name}: must be numbers above 0, got {given!r:.80}"])
    return tuple(sorted({value for value in found if value is not None}))


def _number(item: object) -> float | None:
    if isinstance(item, str):
        try:
            value = float(item)
        except ValueError:
            return None
        return value if isfinite(value) else None
    return number(item)


def check_components(problem: Problem, given: Mapping[str, object]) -> None:
    """Raise BadOption where properties are given of what is no component of the problem."""
    known = [c for f in problem.factors if isinstance(f, Composition) for c in f.components]
    wrong = [
        f"properties.{name}: no component of this problem{nearest(name, known)}"
        for name in given
        if name not in known
    ]
    if wrong:
        raise BadOption(wrong)


def properties(name: str, given: object) -> dict[str, dict[str, float]]:
    """Return component -> property -> value; text is JSON."""
    if given is None:
        return {}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise BadOption([f"{name}: is not JSON: {given!r:.80}"]) from None
    if not isinstance(given, Mapping):
        raise BadOption([f"{name}: must be a table of components, got {given!r:.80}"])
    found: dict[str, dict[str, float]] = {}
    for component, row in given.items():
        if not isinstance(row, Mapping) or not row:
            raise BadOption([f"{name}.{component}: must be a table of numbers, got {row!r:.80}"])
        wrong = [key for key, value in row.items() if number(value) is None]
        if wrong:
            value = row[wrong[0]]
            raise BadOption([f"{name}.{component}.{wrong[0]}: must be a number, got {value!r:.80}"])
        found[str(component)] = {str(key): float(value) for key, value in row.items()}
    return found
