"""Reading a configuration file: every fault at once, one line each, and nothing half-read.

A fault reads ``FILE: KEY.PATH: what is wrong, what was given, what is allowed``. Sections whose
shape is wrong are set aside, so that the cross-checks still look at the rest of the file.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.errors import ConfigError
from daemon.settings.check import cross_check
from daemon.settings.models import Settings
from daemon.settings.paths import beside
from daemon.settings.wording import fault_lines, key_of

MAX_BYTES = 1 << 20


def load(path: str | Path) -> Settings:
    """Return the checked settings of a TOML file; raise ConfigError with every fault."""
    raw = beside(Path(path), read_toml(Path(path)))
    settings, faults = parse(raw)
    if faults or settings is None:
        raise ConfigError([f"{path}: {fault}" for fault in faults])
    return settings


def salvage(path: str | Path) -> tuple[Settings, list[str]]:
    """Return at least the well-formed instruments of a file, and the file's faults.

    For going safe: a mistake elsewhere in the file must not keep a pump running. Raises
    ConfigError only when nothing can be read at all.
    """
    return salvaged(Path(path), read_toml(Path(path)))


def salvaged(path: Path, tables: dict[str, Any]) -> tuple[Settings, list[str]]:
    """Return at least the well-formed instruments of the tables of a file, and their faults."""
    raw = beside(path, tables)
    settings, faults = parse(raw)
    if settings is None:
        table = raw.get("instruments")
        rows = table.items() if isinstance(table, Mapping) else ()
        good = {name: row for name, row in rows if _stands({name: row})}
        name = raw["name"] if _stands({}, raw.get("name")) else "salvaged"
        settings = Settings.model_validate({"name": name, "instruments": good})
    return settings, [f"{path}: {fault}" for fault in faults]


def _stands(instruments: dict[str, Any], name: Any = "salvaged") -> bool:
    """Return whether these are well-formed by themselves."""
    try:
        Settings.model_validate({"name": name, "instruments": instruments})
    except ValidationError:
        return False
    return True


def read_toml(path: Path) -> dict[str, Any]:
    """Return the file as plain tables; raise ConfigError when it cannot be read as TOML."""
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise ConfigError(
                [f"{path}: is {len(data)} bytes; a configuration has at most {MAX_BYTES}"]
            )
        return tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8 text (byte {error.start})"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: is not valid TOML: {error}"]) from None
    except RecursionError:
        raise ConfigError([f"{path}: is not valid TOML: brackets within brackets"]) from None


def parse(raw: Mapping[str, Any]) -> tuple[Settings | None, list[str]]:
    """Return the settings, and every fault (``KEY.PATH: …``) of shape and between sections."""
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        faults = fault_lines(Settings, error)
        rest = _without(raw, [tuple(e["loc"]) for e in error.errors()])
        said = {key_of(fault) for fault in faults}
        return None, faults + [f for f in _faults_of_the_rest(rest, raw) if key_of(f) not in said]
    return settings, cross_check(settings, raw)


def _without(raw: Mapping[str, Any], bad: list[tuple[int | str, ...]]) -> dict[str, Any]:
    """Return the file without the faulty instruments and the other faulty sections."""
    instruments = {loc[1] for loc in bad if loc[:1] == ("instruments",) and len(loc) > 2}
    sections = {loc[0] for loc in bad if loc and loc[1:2] not in {(name,) for name in instruments}}
    rest = {key: value for key, value in raw.items() if key not in sections}
    table = raw.get("instruments")
    if isinstance(table, Mapping) and "instruments" not in sections:
        rest["instruments"] = {k: v for k, v in table.items() if k not in instruments}
    return rest


def _faults_of_the_rest(rest: dict[str, Any], raw: Mapping[str, Any]) -> list[str]:
    rest.setdefault("name", "unnamed")
    rest.setdefault("instruments", {})
    try:
        return cross_check(Settings.model_validate(rest), raw, whole=False)
    except ValidationError:
        return []  # what is left cannot stand alone; its faults are already listed
