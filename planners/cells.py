"""Cells of CSV text, also as spreadsheets write it where the comma is the decimal sign."""

import csv
import re
from collections.abc import Collection, Iterable, Sequence

NO_TEXT = "it is not UTF-8 text; save it as CSV UTF-8 in the spreadsheet"
_SEPARATORS = (",", ";", "\t")
_TOLD = re.compile(r"\ufeff?sep=([,;\t|])\s*", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_POINT = re.compile(r"\s*[+-]?\d*\.\d+(e[+-]?\d+)?\s*", re.IGNORECASE)
_COMMA = re.compile(r"\s*[+-]?\d*,\d+(e[+-]?\d+)?\s*", re.IGNORECASE)
_BEYOND_A_LIMIT = "; of a reading below a limit of detection give a number, such as half the limit"
_BOTH_SIGNS = (
    "; decimal commas need semicolons or tabs between the cells, and no decimal points beside them"
)


def read_cells(lines: Iterable[str], counted: Collection[str] | None = None) -> list[list[str]]:
    """Return the cells of each line; raise csv.Error, which names the row.

    They are separated by commas, semicolons or tabs: by what parts most lines as the header. With
    semicolons or tabs, ``1,5`` is read as 1.5, unless a decimal point stands in one of the columns
    that are ``counted`` (None: in any), too: nobody could say which of them is meant. A first line
    ``sep=;``, which Excel takes to say the separator, does so here and is left out.
    """
    text = list(lines)
    told = _TOLD.fullmatch(text[0]) if text else None
    mark = told[1] if told else _separator(text)
    rows = _parted(text[1:] if told else text, mark)
    if mark == "," or any(_POINT.fullmatch(cell) for cell in _counted(rows, counted)):
        return rows
    return [[_pointed(cell) for cell in row] for row in rows]


def number_of(cell: str) -> float | None:
    """Return the number a cell holds, perhaps one that is not finite; None when it holds none."""
    if "_" in cell:  # 1_000 is a number to Python alone
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def hint(cell: str) -> str:
    """Return what to do about a cell that holds no number; nothing where nobody can say."""
    if _COMMA.fullmatch(cell):
        return _BOTH_SIGNS
    return _BEYOND_A_LIMIT if cell.startswith("<") else ""


def _parted(lines: Sequence[str], mark: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(lines, delimiter=mark, strict=True))
    except csv.Error:
        raise csv.Error(f"row {len(rows) + 1}: a quotation mark is out of place") from None
    return rows


def _counted(rows: Sequence[Sequence[str]], names: Collection[str] | None) -> Iterable[str]:
    """Return the cells of the columns of these names, or of all."""
    header = [cell.strip().removeprefix("\ufeff") for cell in rows[0]] if rows else []
    places = [i for i, name in enumerate(header) if names is None or name in names]
    return (row[i] for row in rows[1:] for i in places if i < len(row))


def _separator(lines: list[str]) -> str:
    bare = [_QUOTED.sub("", line) for line in lines] or [""]

    def fits(mark: str) -> tuple[int, int]:
        count = bare[0].count(mark)
        return sum(line.count(mark) == count for line in bare) if count else 0, count

    return max(_SEPARATORS, key=fits)


def _pointed(cell: str) -> str:
    return cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell
