"""Reading description files: every fault at once, and the driver class of a good one."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivers.described.build import class_of

SHIPPED = Path(__file__).with_name("instruments")
MAX_BYTES = 1 << 18


class BadDescription(ValueError):
    """A description file that cannot be used; one line per fault, ``KEY.PATH: what``."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        super().__init__("\n".join(f"{path}: {fault}" for fault in faults))
        self.path, self.faults = path, faults


def read(path: Path) -> dict[str, Any]:
    """Return the file as plain tables; raise BadDescription when it cannot be read."""
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise BadDescription(path, [f"(file): is {len(data)} bytes, at most {MAX_BYTES}"])
        return tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise BadDescription(path, [f"(file): cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError as error:
        raise BadDescription(path, [f"(file): is not UTF-8 text (byte {error.start})"]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadDescription(path, [f"(file): is not valid TOML: {error}"]) from None


def described(path: Path) -> type:
    """Return the driver class of a description file; raise BadDescription with every fault.

    The same content gives the same class: instruments that share a line must share its settings.
    """
    raw = read(path)
    content = _Content(raw)
    if (path, content) not in _FAULTLESS:
        if faults := _faults(raw):
            raise BadDescription(path, faults)
        _FAULTLESS.add((path, content))
    return _made(path, content)


def _faults(raw: Mapping[str, Any]) -> list[str]:
    from drivers.described.faults import faults_of

    try:
        return faults_of(raw)
    except ValidationError as error:
        return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]


def shipped(stem: str) -> type:
    """Return the driver class of a description that comes with taylord."""
    return described(SHIPPED / f"{stem}.toml")


class _Content:
    """A file's tables, equal to another's when they say the same."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self._text = repr(raw)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self._text == other._text


_FAULTLESS: set[tuple[Path, _Content]] = set()


@cache
def _made(path: Path, content: _Content) -> type:
    return class_of(content.raw, path.stem)
