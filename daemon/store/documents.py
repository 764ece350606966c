"""Documents as JSON text, and the names a record's columns are made of.

JSON has no NaN and no infinity: a number that is not finite is written as null, never as a value.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import sha256
from math import isfinite
from typing import Any, cast


def to_json(value: Any, *, sort_keys: bool = False) -> str:
    """Return compact ASCII JSON; keys keep their order unless sorted."""
    return (_SORTED if sort_keys else _AS_GIVEN).encode(plain(value))


_AS_GIVEN = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_SORTED = json.JSONEncoder(allow_nan=False, separators=(",", ":"), sort_keys=True)


def plain(value: Any) -> Any:
    """Return the value built of dict, list, str, int, float, bool and None only."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)  # a StrEnum becomes its text
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if isfinite(value) else None
    return _plain_container(value)


def _plain_container(value: Any) -> Any:
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return {str(key): plain(item) for key, item in pairs}
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in cast("Sequence[Any]", value)]
    return str(value)


def clean(text: Any) -> str:
    """Return text that any UTF-8 reader accepts (lone surrogates are written as escapes)."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def flat_names(point: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield ``(name, component)`` of every value; a composition has one per component."""
    for name, value in point.items():
        if isinstance(value, Mapping):
            for component in cast("Mapping[str, Any]", value):
                yield clean(name), clean(component)
        else:
            yield clean(name), None


def config_hash(config_text: str) -> str:
    """Return the hash a configuration is recognised by on a restart."""
    return sha256(config_text.encode("utf-8", "surrogatepass")).hexdigest()


def virtual_boot_id(seed: int, config_text: str) -> str:
    """Return a boot id that is the same for the same seed and configuration (virtual runs)."""
    return sha256(f"{seed}\n{config_text}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


def real_boot_id() -> str:
    """Return a boot id no other start has."""
    from secrets import token_hex

    return token_hex(6)
