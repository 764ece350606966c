"""Cells of CSV text, also as spreadsheets write it where the comma is the decimal sign."""

import csv
import re
from collections.abc import Iterable

NO_TEXT = "it is not UTF-8 text; save it as CSV UTF-8 in the spreadsheet"
_SEPARATORS = (",", ";", "\t")
_TOLD = re.compile(r"\ufeff?sep=([,;\t|])\s*", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_POINT = re.compile(r"\s*[+-]?\d*\.\d+(e[+-]?\d+)?\s*", re.IGNORECASE)
_COMMA = re.compile(r"\s*[+-]?\d*,\d+(e[+-]?\d+)?\s*", re.IGNORECASE)


def read_cells(lines: Iterable[str]) -> list[list[str]]:
    """Return the cells of each line; raise csv.Error.

    They are separated by commas, semicolons or tabs: by what parts most lines as the header. With
    semicolons or tabs, ``1,5`` is read as 1.5, unless a decimal point stands in the file, too:
    nobody could say which of them is meant. A first line ``sep=;``, which Excel takes to say the
    separator, does so here and is left out.
    """
    text = list(lines)
    told = _TOLD.fullmatch(text[0]) if text else None
    mark = told[1] if told else _separator(text)
    rows = list(csv.reader(text[1:] if told else text, delimiter=mark, strict=True))
    if mark == "," or any(_POINT.fullmatch(cell) for row in rows for cell in row):
        return rows
    return [[_pointed(cell) for cell in row] for row in rows]


def _separator(lines: list[str]) -> str:
    bare = [_QUOTED.sub("", line) for line in lines] or [""]

    def fits(mark: str) -> tuple[int, int]:
        count = bare[0].count(mark)
        return sum(line.count(mark) == count for line in bare) if count else 0, count

    return max(_SEPARATORS, key=fits)


def _pointed(cell: str) -> str:
    return cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell
