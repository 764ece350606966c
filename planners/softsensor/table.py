"""Training data of a soft sensor: signals at every step, and a result where one was analysed.

Rows are evenly spaced in time, oldest first. A result stands in the row in which its sample was
taken; it was known only ``delay`` rows later.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from planners.cells import hint, number_of, read_cells
from planners.errors import BadHistory
from planners.softsensor.lwpls import Array

_TOLD = 20  # faults of one file
_SHOWN = 200  # letters of its header


@dataclass(frozen=True, slots=True)
class Table:
    """``x`` ``(rows, signals)`` and ``y`` ``(rows,)``, not a number where there is no value."""

    signals: tuple[str, ...]
    x: Array
    y: Array


def lagged(x: Array, lags: Sequence[int]) -> Array:
    """Return every signal as it was ``lags`` rows before, ``(rows, signals * lags)``.

    Rows before the beginning are not numbers.
    """
    pieces: list[Array] = []
    for lag in lags:
        moved = np.full_like(x, np.nan)
        moved[lag:] = x[: len(x) - lag] if lag < len(x) else x[:0]
        pieces.append(moved)
    return np.hstack(pieces)


def read_table(lines: Iterable[str], signals: Sequence[str], response: str) -> Table:
    """Return the table of a CSV file's lines; empty cells are readings or results not there.

    A row of empty cells is a moment without readings, and keeps its place; an empty line is none.
    Raises BadHistory with every fault: missing columns, and cells that are no finite numbers.
    """
    try:
        numbered = enumerate(read_cells(lines, [*signals, response]), start=1)
        rows = [(i, row) for i, row in numbered if len(row) > 1 or "".join(row).strip()]
    except csv.Error as error:
        raise BadHistory([f"is not CSV: {error}"]) from None
    if not any(cell.strip() for _, row in rows for cell in row):
        raise BadHistory(["is empty: a header and rows are needed"])
    header = [cell.strip().removeprefix("\ufeff") for cell in rows[0][1]]
    wanted = [*signals, response]
    if faults := _header_faults(header, wanted):
        raise BadHistory(faults)
    places = [header.index(name) for name in wanted]
    values = np.array(
        [
            [_number(row, at, f"row {number}: {header[at]}", faults) for at in places]
            for number, row in rows[1:]
        ]
    ).reshape(-1, len(wanted))
    faults += [
        f"row {number}: has {len(row)} cells, the header has {len(header)}"
        for number, row in rows[1:]
        if any(cell.strip() for cell in row[len(header) :])
    ]
    if len(faults) > _TOLD:
        faults[_TOLD:] = [f"and {len(faults) - _TOLD} more faults of this kind"]
    if faults:
        raise BadHistory(faults)
    return Table(tuple(signals), values[:, :-1], values[:, -1])


def _header_faults(header: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return which columns are not there, and which are there twice: nobody knows which counts."""
    there = ", ".join(filter(None, header))
    return [
        *(
            f"row 1: no column {name!r}, the columns are {there:.{_SHOWN}}"
            for name in wanted
            if name not in header
        ),
        *(f"row 1: column {name!r} comes twice" for name in wanted if header.count(name) > 1),
    ]


def _number(row: Sequence[str], at: int, where: str, faults: list[str]) -> float:
    text = row[at].strip() if at < len(row) else ""
    if not text:
        return float("nan")
    value = number_of(text)
    if value is None or not isfinite(value):
        faults.append(f"{where}: must be a finite number or empty, got {text!r}{hint(text)}")
    return float("nan") if value is None else value
