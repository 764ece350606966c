"""A CSV file as cells by column, before anything is known of what they mean."""

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from planners.cells import NO_TEXT, number_of, read_cells
from planners.errors import BadHistory, raise_any
from planners.problem import nearest

SHOWN = 30  # faults
_HUGE = 1e30  # no quantity of a laboratory


@dataclass(frozen=True)
class Sheet:
    """Cells of a CSV file by column; rows are counted as a spreadsheet does, the header is 1."""

    file: str
    columns: Mapping[str, Sequence[str]]
    numbers: Sequence[int]

    def fault(self, name: str) -> str:
        """Return that there is no such column."""
        named = [c for c in self.columns if c]
        return f"no column {name!r}{nearest(name, named)}; there are {', '.join(named)}"


def read_sheet(path: Path, counted: Collection[str] | None = None) -> Sheet:
    """Return the cells of a file, of which ``counted`` columns say what a comma is (None: all).

    Raises BadHistory.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        rows = read_cells(lines, counted)
    except OSError as error:
        raise BadHistory(
            [f"{path}: cannot be read: {error.strerror or 'no reason given'}"]
        ) from None
    except UnicodeDecodeError:
        raise BadHistory([f"{path}: cannot be read: {NO_TEXT}"]) from None
    except csv.Error as error:
        raise BadHistory([f"{path}: is not CSV: {error}"]) from None
    header = [cell.strip() for cell in rows[0]] if rows else []
    if not any(header):
        raise BadHistory([f"{path}: has no header row; name the columns in row 1"])
    filled = [(i, r) for i, r in enumerate(rows[1:], start=2) if any(c.strip() for c in r)]
    faults = [f"{path}: row 1: column {n!r} comes twice" for n in _twice(header)]
    faults += [] if filled else [f"{path}: has no rows below its header"]
    faults += [
        f"{path}: row {i}: {len(r)} cells under {len(header)} columns"
        for i, r in filled
        if len(r) > len(header)
    ]
    raise_any(faults, SHOWN)
    columns = {
        name: [r[c].strip() if c < len(r) else "" for _, r in filled]
        for c, name in enumerate(header)
    }
    return Sheet(str(path), columns, [i for i, _ in filled])


def _twice(header: Sequence[str]) -> list[str]:
    return sorted({name for name in header if name and header.count(name) > 1})


def number(text: str) -> float | None:
    """Return a finite number, or None; beyond 1e30, its square would soon be none."""
    value = number_of(text)
    return value if value is not None and isfinite(value) and abs(value) < _HUGE else None
