"""Histories: runs as CSV files, faults all at once."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import IO, get_args

from planners.base import Measured, Observation, Point, Problem, Status
from planners.cells import hint, number_of, read_cells
from planners.errors import BadHistory, raise_any
from planners.factors import Composition, Continuous, Factor, FactorValue
from planners.factors.common import GREATEST
from planners.factors.held import free
from planners.factors.possible import impossible
from planners.factors.written import meant
from planners.problem import nearest

_SHOWN = 60  # letters of a header that is none
_EMPTY = "; leave it empty where nothing was measured"
_PART_OF_A_RANGE = "; to search a part of a range, leave it as it was and add a constraint"
_PART_NO_MORE = "; a part that may be used no more stays, with a constraint that holds it at 0"
_NO_MORE = "; what may be chosen no more goes to dropped"
NOT_KNOWN = " where it is not known: then the value asked for counts"


def _columns(factor: Factor) -> tuple[str, ...]:
    return factor.terms if isinstance(factor, Composition) else (factor.name,)


def columns(problem: Problem) -> list[str]:
    """Return the columns of a problem's history, in the order they are written."""
    return _asked(problem) + [f"achieved.{c}" for f in problem.factors for c in _columns(f)]


def _asked(problem: Problem) -> list[str]:
    names = [column for factor in problem.factors for column in _columns(factor)]
    names += [name for r in problem.responses for name in (r.name, f"{r.name}.sd")]
    return [*names, "status"]


def write_history(file: IO[str], problem: Problem, history: Sequence[Observation]) -> None:
    """Write a history as CSV; numbers keep every digit."""
    writer = csv.DictWriter(file, columns(problem), restval="", lineterminator="\n")
    writer.writeheader()
    for run in history:
        row: dict[str, object] = {**cells(problem, run.point), "status": run.status}
        for name, measured in run.responses.items():
            row[name] = measured.value
            row[f"{name}.sd"] = "" if measured.sd is None else measured.sd
        if run.achieved is not None:
            achieved = cells(problem, run.achieved)
            row |= {f"achieved.{name}": value for name, value in achieved.items()}
        writer.writerow(row)


def write_points(file: IO[str], problem: Problem, points: Iterable[Point]) -> None:
    """Write points to be run as a history: pending until results are filled in beside them."""
    writer = csv.DictWriter(file, _asked(problem), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells(problem, point) for point in points)


def cells(problem: Problem, point: Point) -> dict[str, object]:
    """Return a point's values by column, of a mixture those of its parts."""
    found: dict[str, object] = {}
    for factor in problem.factors:
        value = point[factor.name]
        if isinstance(value, Mapping):
            found |= {f"{factor.name}.{c}": amount for c, amount in value.items()}
        else:
            found[factor.name] = value
    return found


def read_history(
    lines: Sequence[str], problem: Problem, *, anywhere: bool = False
) -> list[Observation]:
    """Return the runs of a CSV file's lines; ``anywhere`` also those out of range.

    A row that is ``pending`` or has no status is ``ok`` when anything was measured, else it is
    ``pending``. Columns of other names are passed over. Raises BadHistory with every fault: row,
    column, what.
    """
    try:
        rows = read_cells(lines, columns(problem))
    except csv.Error as error:
        raise BadHistory([f"is not CSV: {error}"]) from None
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise BadHistory(["has no header row; the columns are " + ", ".join(columns(problem))])
    header = [cell.strip().removeprefix("\ufeff") for cell in rows[0]]
    faults = _header_faults(header, problem)
    if faults:
        raise BadHistory(faults)
    runs: list[Observation] = []
    for number, cells in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in cells):
            reader = _Row(problem, header, cells, f"row {number}", anywhere=anywhere)
            runs.append(reader.run())
            faults += reader.faults
    raise_any(faults)
    return runs


def _header_faults(header: list[str], problem: Problem) -> list[str]:
    needed = [column for factor in problem.factors for column in _columns(factor)]
    needed += [response.name for response in problem.responses]
    if not any(name in header or nearest(name, header) for name in needed):
        given, wanted = ", ".join(filter(None, header)), ", ".join(needed)
        parted = "parted by commas, semicolons or tabs"
        return [f"row 1: must name the columns {wanted}, {parted}, got {given!r:.{_SHOWN}}"]
    spare = [name for name in header if name and name not in columns(problem)]
    faults = [
        f"row 1: no column {name!r}{nearest(name, spare) or _to_add(name, problem)}"
        for name in needed
        if name not in header
    ]
    twice = [name for name in columns(problem) if header.count(name) > 1]
    faults += [f"row 1: column {name!r} comes twice" for name in twice]
    return faults + (list(_misspelt(header, problem, needed, spare)) if problem.responses else [])


def _to_add(name: str, problem: Problem) -> str:
    """Return what to do about a column that nobody wrote, as in a problem that has grown."""
    if not problem.responses:
        return ""  # a list of points
    if any(name == response.name for response in problem.responses):
        return "; add it, and leave it empty where nothing was measured"
    return "; add it, with the value that each run had"


def _misspelt(
    header: list[str], problem: Problem, needed: list[str], spare: list[str]
) -> Iterator[str]:
    """Give the columns that are passed over for their spelling alone; lists of points have none."""
    known = [name for name in columns(problem) if name not in (*header, *needed)]
    right_names = {_spelt(name): name for name in known}
    for name in spare:
        if right := right_names.get(_spelt(name)):
            yield f"row 1: column {name!r} would be passed over; write {right!r}, or leave it out"


def _spelt(name: str) -> str:
    """Return a column's name without what people write in different ways."""
    return re.sub(r"[ _-]+", ".", name.casefold())


class _Row:
    """Reads one row; its faults gather in ``faults``."""

    def __init__(
        self, problem: Problem, header: list[str], cells: list[str], where: str, *, anywhere: bool
    ) -> None:
        self._problem, self._where, self._anywhere = problem, where, anywhere
        self.faults: list[str] = []
        if len(cells) > len(header):
            self.faults.append(f"{where}: {len(cells)} cells under {len(header)} columns")
        self._cells = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}

    def run(self) -> Observation:
        """Return the run; of no use when there are faults."""
        responses = {
            r.name: measured
            for r in self._problem.responses
            if (measured := self._measured(r.name)) is not None
        }
        point = self._point()
        return Observation(point, responses, self._status(bool(responses)), self._achieved(point))

    def _fault(self, column: str, what: str) -> None:
        self.faults.append(f"{self._where}: {column}: {what}")

    def _number(self, column: str, empty: str = "") -> float | None:
        text = self._cells.get(column, "")
        if not text:
            return None
        value = number_of(text)
        if value is None:
            self._fault(column, f"must be a number, got {text!r}{hint(text) or empty}")
            return None
        if not isfinite(value):
            self._fault(column, f"must be a finite number, got {text!r}{empty}")
            return None
        if abs(value) > GREATEST:
            self._fault(column, f"must be within +/- {GREATEST:g}, got {text!r}")
            return None
        return value

    def _point(self) -> dict[str, FactorValue]:
        point: dict[str, FactorValue] = {}
        for factor in self._problem.factors:
            before = len(self.faults)
            value = self._value(factor, "")
            if value is None:
                if len(self.faults) == before:
                    self._fault(factor.name, "is empty; every run needs all its factors")
                continue
            value = meant(free(factor), value)
            lists = not self._problem.responses  # a list of points, which are to be asked for
            known = free(factor) if lists else _once(factor)
            fault = None if self._anywhere else known.fault(value)
            if fault and value not in getattr(factor, "dropped", ()):  # those were legal once
                self._fault(factor.name, fault + ("" if lists else _narrowed(factor, fault)))
            point[factor.name] = value
        return point

    def _value(
        self, factor: Factor, prefix: str, asked: FactorValue | None = None
    ) -> FactorValue | None:
        """Return a value; parts of a mixture without a number are as ``asked``, or absent."""
        if isinstance(factor, Composition):
            amounts = [self._number(prefix + column) for column in factor.terms]
            if all(amount is None for amount in amounts):
                return None
            rest = asked if isinstance(asked, Mapping) else {}
            pairs = zip(factor.components, amounts, strict=True)
            return {c: rest.get(c, 0.0) if amount is None else amount for c, amount in pairs}
        if factor.terms:
            return self._number(prefix + factor.name)
        return self._cells.get(prefix + factor.name) or None

    def _achieved(self, point: Point) -> Point | None:
        """Return what was achieved, of factors without it what was requested; None without any."""
        known: dict[str, FactorValue] = {}
        for factor in self._problem.factors:
            value = self._value(factor, "achieved.", point.get(factor.name))
            if value is None:
                continue
            known[factor.name] = value
            if fault := _wrong(factor, value):
                self._fault(f"achieved.{factor.name}", f"{fault}; leave it empty{NOT_KNOWN}")
        return {**point, **known} if known else None

    def _measured(self, name: str) -> Measured | None:
        value, sd = self._number(name, _EMPTY), self._number(f"{name}.sd", _EMPTY)
        if sd is not None and sd < 0:
            self._fault(f"{name}.sd", f"must be >= 0, got {sd:g}")
        return None if value is None else Measured(value, sd)

    def _status(self, measured: bool) -> Status:
        given = self._cells.get("status", "").lower()
        if measured and given == "pending":
            return "ok"  # what was read counts, whatever is still to come
        for status in get_args(Status):
            if given == status:
                return status
        if given:
            self._fault("status", f"must be one of {', '.join(get_args(Status))}, got {given!r}")
        return "ok" if measured else "pending"


def _once(factor: Factor) -> Factor:
    """Return a factor with room for runs of more parts at once than may be asked for by now."""
    known = free(factor)
    return replace(known, max_components=None) if isinstance(known, Composition) else known


def _narrowed(factor: Factor, fault: str) -> str:
    """Return what to do about a run that was legal before somebody narrowed its factor."""
    if isinstance(factor, Composition):
        return _PART_NO_MORE if "add up" in fault else ""
    if "did you mean" in fault:
        return ""
    return _PART_OF_A_RANGE if isinstance(factor, Continuous) else _NO_MORE


def _wrong(factor: Factor, value: FactorValue) -> str:
    """Return why a run cannot have stood at a value, in range or not; empty where it can."""
    known = free(factor)
    return impossible(factor, value) if known.has_row(value) else known.fault(value) or ""
