"""From bytes to a command, or to the fault that is answered; never raises, never acts.

What comes from a broker can be anything. The checks go from cheap to dear: retained, size, UTF-8,
JSON, object, id, verb, age, arguments.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from pydantic import ValidationError

from daemon.api.commands import VERBS, Arguments, Verb
from daemon.api.wording import fault_lines

MAX_BYTES = 64 * 1024
MAX_ID = 128
MAX_SAID = 300  # characters of a fault's text
OLD_S = 5.0
OLD = (
    "taylord stood still for {0:.0f} s (stopped, or without a processor), and the command may be as"
    " old: send it again under another id"
)
ID_RULE = f"id must be a string of 1 to {MAX_ID} characters without blanks, '/', '+' and '#'"
# an id is part of a topic: no level, no wildcard, nothing invisible
_ID = re.compile(rf"[^\s/+#\x00-\x1f\x7f-\x9f]{{1,{MAX_ID}}}")
_ID_IN_BYTES = re.compile(rb'"id"\s*:\s*"([\x21\x24-\x2a\x2c-\x2e\x30-\x5b\x5d-\x7e]{1,128}?)"')


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message on ``cmd/<verb>``, as the broker gave it."""

    verb: str
    payload: bytes
    retained: bool = False
    expires_s: float | None = None  # message expiry interval left when it came
    unheard_s: float = 0.0  # how long it may have lain in the daemon's own socket


@dataclass(frozen=True, slots=True)
class Command:
    """A well-formed command."""

    id: str
    verb: Verb
    arguments: Arguments

    @property
    def plain(self) -> dict[str, Any]:
        """Return the arguments as JSON-ready values."""
        return self.arguments.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message is refused; ``id`` is None when none can be read."""

    id: str | None
    code: str
    message: str


class _Bad(Exception):
    """A fault found on the way; only inside this module."""

    def __init__(self, message: str, code: str = "bad-request") -> None:
        super().__init__(message)
        self.code = code


def parse(incoming: Incoming) -> Command | Fault:
    """Return the command, or why it is refused."""
    found: str | None = None
    try:
        _check_outside(incoming)
        fields = _object(incoming.payload)
        found = _id(fields)
        verb = _verb(incoming)
        _check_age(incoming, verb)
        return Command(found, verb, _arguments(verb, fields))
    except _Bad as bad:
        known = found if found is not None else salvaged_id(incoming.payload)
        return Fault(known, bad.code, _short(str(bad)))


def valid_id(value: str) -> bool:
    """Return whether a text can be a command's id, and so the last level of its reply's topic."""
    return _ID.fullmatch(value) is not None


def salvaged_id(payload: bytes) -> str | None:
    """Return what looks like the id at the beginning or end of a payload that is not a command."""
    match = _ID_IN_BYTES.search(payload[:1024]) or _ID_IN_BYTES.search(payload[-1024:])
    return match[1].decode("ascii") if match else None


def _check_outside(incoming: Incoming) -> None:
    if incoming.retained:
        raise _Bad(
            "a retained command is refused: publish commands without retain, and clear this one",
            "refused",
        )
    if len(incoming.payload) > MAX_BYTES:
        raise _Bad(f"the payload has {len(incoming.payload)} bytes; at most {MAX_BYTES} are taken")
    if incoming.expires_s is not None and incoming.expires_s <= 0:
        raise _Bad("the command expired before it came", "refused")


def _check_age(incoming: Incoming, verb: Verb) -> None:
    """Refuse what would act and may be old; what makes the rig safer never is too late."""
    if incoming.unheard_s > OLD_S and verb.acts and not verb.safe:
        raise _Bad(OLD.format(incoming.unheard_s), "refused")


def _object(payload: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(payload.decode("utf-8"))
        if b"\\u" in payload:  # lone surrogates, which only an escape can bring in, fail here
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise _Bad(f"the payload is not UTF-8 (byte {error.start})") from None
    except UnicodeEncodeError:
        raise _Bad("the payload has a lone surrogate, which is no text") from None
    except RecursionError:
        raise _Bad("the payload is nested too deeply") from None
    except ValueError as error:
        raise _Bad(f"the payload is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _Bad(f"the payload must be a JSON object, got {_kind(value)}")
    return cast("dict[str, Any]", value)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} is given twice")
    return fields


_DECODER = json.JSONDecoder(parse_constant=_constant, object_pairs_hook=_unique)


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(cast("type[Any]", type(value)), "a number")


def _id(fields: Mapping[str, Any]) -> str:
    if "id" not in fields:
        raise _Bad("the field 'id' is missing: give every command an id of its own")
    value = fields["id"]
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _Bad(f"{ID_RULE}, got {value!r}")
    return value


def _verb(incoming: Incoming) -> Verb:
    verb = VERBS.get(incoming.verb)
    if verb is None:
        known = ", ".join(VERBS)
        raise _Bad(f"{incoming.verb!r} is not a verb; verbs: {known}", "unknown-verb")
    return verb


def _arguments(verb: Verb, fields: Mapping[str, Any]) -> Arguments:
    given = {name: value for name, value in fields.items() if name != "id"}
    try:
        return verb.arguments.model_validate(given)
    except ValidationError as error:
        known = list(verb.arguments.model_fields)
        faults = fault_lines(error.errors(), given)[:5]
        allowed = f"arguments of {verb.name}: {', '.join(known) or 'none'}"
        raise _Bad(f"{'; '.join(faults)} ({allowed})") from None


def _short(text: str) -> str:
    return text if len(text) <= MAX_SAID else f"{text[: MAX_SAID - 1]}…"
