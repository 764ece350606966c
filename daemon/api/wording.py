"""How a fault of a command's arguments is said: where it is, what is allowed, what was given."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from daemon.settings.wording import allowed, shown

Path = tuple[int | str, ...]

_SHOWN = 60  # characters of what was given
# what a value may be, by the fault of the branch of a union that takes it
KINDS = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
}


def fault_lines(errors: Sequence[ErrorDetails], given: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each place of the arguments at which something is wrong."""
    places: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        places.setdefault(tuple(_place(error, given)), []).append(error)
    return [
        f"{'.'.join(map(str, place))}: {_said(found, at_top=len(place) == 1)}"
        for place, found in places.items()
        # where a branch of a union was looked into, the others were not meant
        if not any(place == other[: len(place)] and place != other for other in places)
    ]


def _place(error: ErrorDetails, given: Any) -> Iterator[int | str]:
    """Yield the path as the sender knows it, without the names of a union's branches."""
    for part in error["loc"]:
        if _is_in(given, part):
            yield part
            given = given[part]
    if error["type"] == "missing":
        yield error["loc"][-1]


def _is_in(given: Any, part: int | str) -> bool:
    if isinstance(given, list):
        return isinstance(part, int)
    return isinstance(given, Mapping) and part in given


def _said(found: Sequence[ErrorDetails], *, at_top: bool) -> str:
    kinds = dict.fromkeys(KINDS[e["type"]] for e in found if e["type"] in KINDS)
    if KINDS["float_type"] in kinds:
        kinds.pop(KINDS["int_type"], None)
    told = [e for e in found if e["type"] not in KINDS]  # its kind is right, and more is known
    given = shown((told or found)[0]["input"], _SHOWN)
    if not told:
        *others, last = kinds
        either = f"{', '.join(others)} or {last}" if others else last
        return f"must be {either}, got {given}"
    bounds = told[0].get("ctx", {})
    match told[0]["type"]:
        case "extra_forbidden":
            return "is not a known argument" if at_top else "is not known there"
        case "missing":
            return "is missing"
        case "string_too_short":
            return "must not be empty"
        case "greater_than_equal":
            return f"must be at least {bounds['ge']:g}, got {given}"
        case "less_than_equal":
            return f"must be at most {bounds['le']:g}, got {given}"
        case _:
            return f"{allowed(told[0]['msg'])}, got {given}"
