"""How a fault of a file is said: the key's path, what is wrong, what was given, what is allowed."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

Loc = Sequence[int | str]


def fault_lines(model: type[BaseModel], error: ValidationError, under: Loc = ()) -> list[str]:
    """Return one line per fault of a pydantic error, in file order, without duplicates."""
    lines: dict[str, None] = {}
    for fault in error.errors():
        loc = [part for part in fault["loc"] if not _is_branch(part)]
        lines[f"{key_path([*under, *loc])}: {_says(model, loc, fault)}"] = None
    return list(lines)


def key_path(loc: Loc) -> str:
    """Return a dotted path, list positions counted from 0: ``feeds.0.pump``."""
    return ".".join(str(part) for part in loc) or "(file)"


def nearest(given: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?``, or what is known, or nothing."""
    names = sorted(known)
    close = get_close_matches(given, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def _is_branch(part: int | str) -> bool:
    """Tell whether pydantic put the name of a union's branch in the path."""
    return isinstance(part, str) and (
        part in {"str", "float", "int", "PlannerCommand"}
        or part.startswith(("function-", "tuple["))
    )


def _says(model: type[BaseModel], loc: Loc, fault: Mapping[str, Any]) -> str:
    given = fault.get("input")
    match fault["type"]:
        case "extra_forbidden":
            return f"unknown key{nearest(str(loc[-1]), _keys_at(model, loc[:-1]))}"
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            return f"must match {fault['ctx']['pattern']}, got {given!r}"
        case "value_error":
            return str(fault["ctx"]["error"])
        case _:
            return f"{_lower(fault['msg'])}, got {_short(given)}"


def _lower(message: str) -> str:
    message = message.replace("Input should be", "must be")
    return message[:1].lower() + message[1:]


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 80 else text[:77] + "..."


def _keys_at(annotation: Any, loc: Loc) -> list[str]:
    """Return the known keys of the table at this path below an annotated type."""
    origin, branches = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return [key for branch in branches for key in _keys_at(branch, loc)]
    if origin in (list, dict):
        return _keys_at(branches[-1], loc[1:]) if loc else []
    if origin is Annotated:
        return _keys_at(branches[0], loc)
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return []
    if not loc:
        return list(annotation.model_fields)
    field = annotation.model_fields.get(str(loc[0]))
    return _keys_at(field.annotation, loc[1:]) if field else []
