"""Results measured elsewhere, as they are written on the command line or in a table."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from daemon.errors import ConfigError

JsonObject = dict[str, Any]
MAX_BYTES = 16 << 20
_PLUS_MINUS = re.compile(r"\+/?-")  # 0.93+-0.01, 0.93 +/- 0.01


def of_pairs(experiment: str | None, pairs: Sequence[str]) -> list[JsonObject]:
    """Return ``NAME=VALUE`` or ``NAME=VALUE+-SD`` arguments as one submission."""
    if not experiment or not pairs:
        raise ConfigError(["result: needs an experiment and NAME=VALUE, or --csv FILE"])
    responses: JsonObject = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        value, *sd = _PLUS_MINUS.split(text, maxsplit=1)
        if not equals or not name.strip():
            raise ConfigError([f"result: must be NAME=VALUE or NAME=VALUE+-SD, got {pair!r}"])
        number = _number(f"result: {name}", value)
        spread = _sd(f"result: {name}", sd[0] if sd else None)
        responses[name.strip()] = _row(number, spread, None)
    return [{"experiment": experiment, "responses": responses}]


def of_table(path: str, names: Sequence[str]) -> dict[int, JsonObject]:
    """Return the submissions of a CSV file by row: columns ``id``, the responses, their ``.sd``.

    An empty cell is not measured yet; raises ConfigError with every fault, row by row.
    """
    if not names:
        raise ConfigError(["--response: is missing: name the columns that are new, one each"])
    header, rows = _read(path, names)
    faults: list[str] = []
    missing = [name for name in ("id", *names) if name not in header]
    if missing:
        raise ConfigError([f"{path}: row 1: no column {name!r}" for name in missing])
    given: dict[int, JsonObject] = {}  # by row
    for number, row in enumerate(rows, start=2):
        try:
            responses = dict(_responses(f"{path}: row {number}", row, names))
        except ConfigError as error:
            faults += error.faults
            continue
        if responses:
            given[number] = {"experiment": row["id"].strip(), "responses": responses}
    faults += _given_twice(path, given)
    if faults:
        raise ConfigError(faults)
    if not given:
        raise ConfigError([f"{path}: holds no value of {', '.join(names)}"])
    return given


def _given_twice(path: str, given: Mapping[int, JsonObject]) -> Iterator[str]:
    """Of two results of one experiment nobody knows which one is meant."""
    first: dict[tuple[str, str], int] = {}
    for number, row in given.items():
        for name in row["responses"]:
            before = first.setdefault((row["experiment"], name), number)
            if before != number:
                yield f"{path}: row {number}: {name}: {row['experiment']} has it in row {before}"


def _read(path: str, names: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Return the header, and the rows by their columns; cells that a row lacks are left out."""
    from planners.cells import NO_TEXT, read_cells

    counted = [column for name in names for column in (name, f"{name}.sd")]
    file = Path(path)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ConfigError([f"{path}: is larger than {MAX_BYTES >> 20} MiB"])
        rows = read_cells(file.read_text(encoding="utf-8-sig").splitlines(), counted)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: cannot be read: {NO_TEXT}"]) from None
    except csv.Error as error:
        raise ConfigError([f"{path}: is not CSV: {error}"]) from None
    header = [cell.strip() for cell in rows[0]] if rows else []
    return header, [dict(zip(header, row, strict=False)) for row in rows[1:]]


def _responses(
    where: str, row: Mapping[str, str | None], names: Sequence[str]
) -> Iterator[tuple[str, JsonObject]]:
    for name in names:
        text = (row.get(name) or "").strip()
        if not text:
            continue
        if not (row.get("id") or "").strip():
            raise ConfigError([f"{where}: id: is empty"])
        value = _number(f"{where}: {name}", text)
        sd = _sd(f"{where}: {name}.sd", (row.get(f"{name}.sd") or "").strip() or None)
        quality = (row.get(f"{name}.quality") or "").strip() or None
        if quality not in {None, "ok", "suspect"}:
            raise ConfigError([f"{where}: {name}.quality: must be ok or suspect, got {quality!r}"])
        yield name, _row(value, sd, quality)


def _row(value: float, sd: float | None, quality: str | None) -> JsonObject:
    more = {"sd": sd, "quality": quality}
    return {"value": value} | {key: own for key, own in more.items() if own is not None}


def _sd(where: str, text: str | None) -> float | None:
    if text is None:
        return None
    sd = _number(where, text)
    if sd < 0:
        raise ConfigError([f"{where}: must be 0 or more, got {text.strip()!r}"])
    return sd


def _number(where: str, text: str) -> float:
    from planners.cells import hint, number_of

    value = number_of(text)
    if value is None or not isfinite(value):
        plain = text.strip()
        raise ConfigError([f"{where}: must be a finite number, got {plain!r}{hint(plain)}"])
    return value
