"""Faults of a problem's JSON as sentences: where, what is wrong, what was given, what is meant."""

import re
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from planners import foreign
from planners.factors.common import nearest

_PLAINLY = {
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "int_type": "must be a whole number",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
}
NAMED = '{"name": "temperature", …}'
BOUNDED = '{"kind": "formula", "expression": "flow * time", "at_most": 12}'
_GIVEN_WORD = re.compile("'([^']*)'")


def has_key(fault: str) -> bool:
    """Return whether a fault is of a key below the object, and not of the whole."""
    return ":" in fault and not fault.startswith("must be an object")


def faults_of(error: ValidationError, item: object, keys: Sequence[str]) -> list[str]:
    """Return the faults of one object whose keys are ``keys``, each once.

    A key that is there by another tool's name is not missing.
    """
    said = foreign.under_other_keys(item, keys) if isinstance(item, Mapping) else {}
    faults = [
        _sentence(e["loc"], e["type"], e["msg"], e["input"], keys)
        for e in error.errors()
        if e["type"] != "int_type" or e["loc"][-1] != "int"  # the number it might be has one
        if e["type"] != "missing" or e["loc"][-1] not in said
    ]
    return list(dict.fromkeys(faults))


def _sentence(
    location: tuple[int | str, ...], kind: str, message: str, given: object, keys: Sequence[str]
) -> str:
    where = ".".join(
        str(part) for part in location if part not in ("int", "float", "constrained-int")
    )
    if kind == "extra_forbidden":
        return unknown(where, str(location[-1]), given, keys)
    if kind == "missing":
        return f"{where}: is missing"
    if kind == "model_type" and not where:
        example = NAMED if "name" in keys else BOUNDED
        return f"must be an object, as {example}, got {given!r:.80}"
    near = near_word(where, given, _GIVEN_WORD.findall(message)) if kind == "literal_error" else ""
    message = _PLAINLY.get(kind, message.replace("Input should be", "must be"))
    text = f"{message[:1].lower()}{message[1:]}, got {given!r:.80}{near}"
    return f"{where}: {text}" if where else text


def unknown(where: str, key: str, given: object, keys: Sequence[str]) -> str:
    """Return that a key is unknown, and which one was meant."""
    said = foreign.instead(key, given, keys)
    near = f"; {said}" if said else nearest(key, keys)
    return f"{where}: unknown key{near}; allowed are {', '.join(keys)}"


def near_word(key: str, given: object, allowed: Sequence[str]) -> str:
    """Return which of the allowed words was meant, by likeness or by another tool's word."""
    word = foreign.own_word(key, given, allowed)
    return f" (did you mean {word!r}?)" if word else nearest(str(given), allowed)
