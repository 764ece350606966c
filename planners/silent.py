"""Lists of points that say nothing of a factor, because it was none yet when they were made.

A condition that was fixed may become a factor while a list is worked off. What the list asked for
is what it was fixed at: the value that all runs so far have, or at which it is held by now.
"""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

from planners.base import Observation, Problem
from planners.cells import read_cells
from planners.errors import BadOption
from planners.factors import Factor, FactorValue
from planners.listed import is_table, names_file, plain, read_rows


def completed(
    given: Any, problem: Problem, history: Sequence[Observation], where: str = "points"
) -> tuple[Any, str]:
    """Return the list with a value for each factor, and a remark on those it said nothing of.

    A list of which nothing has been run is returned as it is, with whatever is wrong with it.
    Raises BadOption when the runs say no single value.
    """
    silent = _silent(given, problem, where) if history else []
    if not silent:
        return given, ""
    values = {factor.name: _known(factor, history, where) for factor in silent}
    said = ", ".join(f"{name} {_text(value)}" for name, value in values.items())
    remark = f"with {said}, of which the list says nothing"
    others = Problem(tuple(f for f in problem.factors if f not in silent))
    return [{**values, **row} for row in _rows(given, others, where)], remark


def _silent(given: Any, problem: Problem, where: str) -> list[Factor]:
    """Return the factors that no row names; none where the list cannot be read."""
    names = _names(given, problem, where)
    return [f for f in problem.factors if names and not _named(f.name, names)]


def _named(factor: str, names: set[str]) -> bool:
    return any(name == factor or name.startswith(f"{factor}.") for name in names)


def _names(given: Any, problem: Problem, where: str) -> set[str]:
    if is_table(given):
        return _header(given)
    try:
        rows = _rows(given, problem, where)
    except BadOption:
        return set()
    objects = all(isinstance(row, Mapping) for row in rows)
    return {str(name) for row in rows for name in row} if objects else set()


def _header(table: str) -> set[str]:
    if names_file(table):
        return set()
    try:
        header, *_ = read_cells(table.splitlines())
    except (csv.Error, ValueError):
        return set()
    return {cell.strip().removeprefix("\ufeff") for cell in header}


def _rows(given: Any, problem: Problem, where: str) -> list[Any]:
    return [plain(row) for row in read_rows(given, problem, where, anywhere=True)]


def _known(factor: Factor, history: Sequence[Observation], where: str) -> FactorValue:
    """Return the value a factor is held at, or all runs have."""
    held = getattr(factor, "held", None)
    if held is not None:
        return held
    first, *rest = (run.point[factor.name] for run in history)
    if any(value != first for value in rest):
        told = f"{where}: say nothing of {factor.name}, and the runs so far had different values"
        raise BadOption([f"{told}; give it in each point, or fix it at one value"])
    return first


def _text(value: FactorValue) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
