"""How a fault of a file is said: the key's path, what is wrong, what was given, what is allowed."""

from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from planners.foreign import own_keys
from planners.spelling import closest

Loc = Sequence[int | str]
MAX_KEY = 64  # characters shown of a key


def fault_lines(model: type[BaseModel], error: ValidationError, under: Loc = ()) -> list[str]:
    """Return one line per fault of a pydantic error, in file order, without duplicates."""
    lines: dict[str, None] = {}
    faults = error.errors()
    for fault in _of_the_likeliest_branch(faults):
        loc = _plain(fault["loc"])
        lines[f"{key_path([*under, *loc])}: {_says(model, loc, fault)}"] = None
    return list(lines)


def _of_the_likeliest_branch(faults: Sequence[Any]) -> list[Any]:
    """Leave out that a value is no string, where the union's other branch says more."""
    others = {_plain(fault["loc"]) for fault in faults if fault["loc"][-1:] != ("str",)}
    return [
        fault
        for fault in faults
        if fault["loc"][-1:] != ("str",)
        or not any(other[: len(own)] == own for own in [_plain(fault["loc"])] for other in others)
    ]


def _plain(loc: Loc) -> tuple[int | str, ...]:
    return tuple(part for part in loc if not _is_branch(part))


def key_of(fault: str) -> str:
    """Return the key's path of a fault line."""
    return fault.partition(": ")[0]


def key_path(loc: Loc) -> str:
    """Return a dotted path, list positions counted from 0: ``feeds.0.pump``."""
    return ".".join(_key(part) for part in loc) or "(file)"


def _key(part: int | str) -> str:
    """Return a key as TOML writes it: quoted when it is no bare one, cut when it is long."""
    text = str(part)
    bare = text.replace("-", "").replace("_", "").isalnum()
    return text if bare and len(text) <= MAX_KEY else repr(text[:MAX_KEY])


def nearest(given: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?``, or what is known, or nothing."""
    names = sorted(known)
    if (close := closest(given, names)) is not None:
        return f"; did you mean {close!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def _is_branch(part: int | str) -> bool:
    """Tell whether pydantic put the name of a union's branch in the path."""
    return isinstance(part, str) and (
        part in {"str", "float", "int", "PlannerCommand", "[key]"}
        or part.startswith(("function-", "tuple[", "constrained-", "literal[", "dict["))
    )


def _says(model: type[BaseModel], loc: Loc, fault: Mapping[str, Any]) -> str:
    given = fault.get("input")
    match fault["type"]:
        case "extra_forbidden":
            return f"unknown key{_meant(str(loc[-1]), _keys_at(model, loc[:-1]))}"
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            return f"must match {fault['ctx']['pattern']}, got {given!r}"
        case "value_error":
            return str(fault["ctx"]["error"])
        case "dict_type" | "model_type" | "model_attributes_type" | "dataclass_type":
            return f"must be a table, {_EXAMPLES['table']}, got {shown(given)}"
        case "list_type" | "tuple_type":
            return f"must be a list, {_EXAMPLES['list']}, got {shown(given)}"
        case "too_short" | "too_long":
            return _length(fault["ctx"], given)
        case _:
            return f"{allowed(fault['msg'])}, got {shown(given)}"


def _meant(key: str, keys: Sequence[str]) -> str:
    """Return which key was meant, also where it is called otherwise in other tools."""
    if ours := own_keys(key, keys):
        return f"; write {' and '.join(map(repr, ours))}"
    return nearest(key, keys)


_EXAMPLES = {"table": "[section] or { key = value }", "list": "[1, 2] or [[section]]"}


def _length(bounds: Mapping[str, Any], given: object) -> str:
    least, most = bounds.get("min_length"), bounds.get("max_length")
    count = f"at least {least}" if most is None else f"at most {most}"
    return f"must have {count} entries, got {bounds['actual_length']}: {shown(given)}"


def allowed(message: str) -> str:
    """Return pydantic's sentence on what a value may be as part of a line."""
    message = message.replace("Input should be", "must be")
    return message[:1].lower() + message[1:]


def shown(given: object, most: int = 80) -> str:
    """Return what was given, at most ``most`` characters of it."""
    text = repr(given)
    return text if len(text) <= most else f"{text[: most - 3]}..."


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
        return [field.alias or key for key, field in annotation.model_fields.items()]
    field = annotation.model_fields.get(str(loc[0]))
    return _keys_at(field.annotation, loc[1:]) if field else []
