"""A table of runs: which columns of its sheet are factors, and what is wrong with their cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from planners.cells import hint
from planners.errors import BadHistory, raise_any
from planners.factors import Array, Categorical, Composition, Continuous
from planners.factors.spelling import known
from planners.problem import Problem
from planners.select.sheet import SHOWN, Sheet, number

LEAST = 8  # rows, different in their factors, below which no model can be judged
_EMPTY = "; leave it empty when nothing was measured"
_CHOOSE = ", or name the columns that count in --factors or --problem"


@dataclass(frozen=True)
class Table:
    """Factors ``x`` ``(n, f)`` and response ``y`` ``(n,)``; ``labels`` say who belongs together."""

    names: tuple[str, ...]
    x: Array
    response: str
    y: Array
    rows: tuple[int, ...]  # of the file
    labels: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    transforms: Mapping[str, str] = field(default_factory=dict[str, str])
    columns: tuple[str, ...] = ()  # of the file, from which the factors were made
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def one_of_words(self, names: Sequence[str]) -> bool:
        """Return whether factors are columns of 0 and 1 for words of one column."""
        return any(
            set(names) <= {_indicator(column, word) for word in known}
            for column, known in self.words.items()
        )


def read_table(
    sheet: Sheet,
    response: str,
    factors: Sequence[str] = (),
    problem: Problem | None = None,
    group: str = "",
) -> Table:
    """Return the rows whose response was measured; raise BadHistory with every fault.

    Without ``factors`` and ``problem``, every other column of numbers is a factor.
    """
    for name in (response, *([group] if group else [])):
        if name not in sheet.columns:
            raise BadHistory([f"{sheet.file}: {sheet.fault(name)}"])
    notes: list[str] = []
    measured = _measured(sheet, response, notes)
    part = Sheet(
        sheet.file,
        {name: [cells[i] for i in measured] for name, cells in sheet.columns.items()},
        [sheet.numbers[i] for i in measured],
    )
    chosen = factors or (
        _of_problem(problem) if problem else _other_columns(part, response, group, notes)
    )
    if response in chosen:
        raise BadHistory([f"{sheet.file}: {response!r} is the response; it cannot explain itself"])
    words = _word_columns(part, chosen, problem)
    advice = "" if factors or problem else _CHOOSE
    names, x = read_factors(part, chosen, problem, words, advice)
    y = np.array([float(cell) for cell in part.columns[response]])
    return checked(
        Table(
            names,
            x,
            response,
            y,
            tuple(part.numbers),
            tuple(part.columns[group]) if group else None,
            tuple(notes),
            {
                f.name: "reciprocal_kelvin_from_K"
                if f.transform == "reciprocal_kelvin" and known(f.unit) == "K"
                else f.transform
                for f in (problem.factors if problem else ())
                if isinstance(f, Continuous) and f.transform != "none" and f.name in names
            },
            tuple(chosen),
            words,
        ),
        sheet.file,
    )


def _measured(sheet: Sheet, response: str, notes: list[str]) -> list[int]:
    """Return the positions of rows with the response; note how many have none."""
    cells = sheet.columns[response]
    states = [cell.lower() for cell in sheet.columns.get("status", [""] * len(cells))]
    there = [i for i, c in enumerate(cells) if c and states[i] != "failed"]
    raise_any(
        [
            f"{sheet.file}: row {sheet.numbers[i]}: {response}: must be a finite number, got"
            f" {cells[i]!r:.60}{hint(cells[i]) or _EMPTY}"
            for i in there
            if number(cells[i]) is None
        ],
        SHOWN,
    )
    if missing := len(cells) - len(there):
        notes.append(f"{missing} rows without a measured {response!r} are left out")
    return there


def _of_problem(problem: Problem) -> list[str]:
    return [
        column
        for f in problem.factors
        for column in (f.terms if isinstance(f, Composition) else (f.name,))
    ]


def _other_columns(sheet: Sheet, response: str, group: str, notes: list[str]) -> list[str]:
    """Return the columns of numbers that are neither response nor bookkeeping of a history."""
    chosen: list[str] = []
    for name, cells in sheet.columns.items():
        if name in ("", "status", response, group) or name.endswith(".sd"):
            continue
        if name.startswith(("achieved.", "commanded.")):
            continue
        if not any(number(cell) is not None for cell in cells):
            notes.append(f"column {name!r} holds words; name it in --factors to have it in")
        else:
            chosen.append(name)
    return chosen


def read_again(sheet: Sheet, table: Table, problem: Problem | None = None) -> Array:
    """Return the table's factors as another sheet has them, ``(m, f)``; raise BadHistory."""
    return read_factors(sheet, table.columns, problem, table.words)[1]


def _kinds(problem: Problem | None) -> dict[str, Categorical]:
    return {f.name: f for f in problem.factors if isinstance(f, Categorical)} if problem else {}


def _word_columns(
    sheet: Sheet, chosen: Sequence[str], problem: Problem | None
) -> dict[str, tuple[str, ...]]:
    """Return which columns hold words, and which words."""
    kinds = _kinds(problem)
    found: dict[str, tuple[str, ...]] = {}
    for name in chosen:
        cells = [cell for cell in sheet.columns.get(name, ()) if cell]
        if name in kinds:
            found[name] = tuple(kinds[name].levels)
        elif cells and all(number(cell) is None for cell in cells):
            found[name] = tuple(sorted(set(cells)))
    return found


def read_factors(
    sheet: Sheet,
    chosen: Sequence[str],
    problem: Problem | None,
    words: Mapping[str, Sequence[str]],
    advice: str = "",
) -> tuple[tuple[str, ...], Array]:
    """Return names and values ``(n, f)`` of the columns; raise BadHistory with every fault.

    ``advice`` says what else than to fill it in may be done about an empty cell.
    A column of ``words`` becomes one of its descriptors each, or one of 0 and 1 for each word.
    """
    kinds = _kinds(problem)
    faults: list[str] = []
    made: dict[str, Array] = {}
    for name in chosen:
        if name not in sheet.columns:
            faults.append(f"{sheet.file}: {sheet.fault(name)}")
            continue
        cells = sheet.columns[name]
        empty = [i for i, cell in zip(sheet.numbers, cells, strict=True) if not cell]
        faults += [f"{sheet.file}: row {i}: {name}: is empty; fill it in{advice}" for i in empty]
        if name in words:
            made |= _words(sheet, name, words[name], kinds.get(name), faults)
            continue
        values = [number(cell) for cell in cells]
        faults += [
            f"{sheet.file}: row {i}: {name}: must be a finite number, got {cell!r:.60}{hint(cell)}"
            for i, cell, value in zip(sheet.numbers, cells, values, strict=True)
            if cell and value is None
        ]
        made[name] = np.array([0.0 if value is None else value for value in values])
    raise_any(faults, SHOWN)
    if not made:
        raise BadHistory([f"{sheet.file}: has no column of numbers beside the response"])
    return tuple(made), np.column_stack(list(made.values()))


def _indicator(name: str, word: str) -> str:
    return f"{name} is {word}"


def _words(
    sheet: Sheet, name: str, levels: Sequence[str], kind: Categorical | None, faults: list[str]
) -> dict[str, Array]:
    cells = sheet.columns[name]
    faults += [
        f"{sheet.file}: row {i}: {name}: must be one of {', '.join(levels)}, got {cell!r:.60}"
        for i, cell in zip(sheet.numbers, cells, strict=True)
        if cell and cell not in levels
    ]
    if kind and kind.descriptors:
        titles = list(next(iter(kind.descriptors.values())))
        return {
            f"{name}: {title}": np.array(
                [kind.descriptors[c][title] if c in levels else 0.0 for c in cells]
            )
            for title in titles
        }
    return {
        _indicator(name, level): np.array([float(c == level) for c in cells]) for level in levels
    }


def checked(table: Table, file: str) -> Table:
    """Return the table when there is something to learn from it; raise BadHistory."""
    different = len(np.unique(table.x, axis=0))
    faults: list[str] = []
    if different < LEAST:
        faults.append(
            f"{file}: only {different} rows have a measured {table.response!r} and different"
            f" conditions; at least {LEAST} are needed to judge a model"
        )
    elif np.ptp(table.y) <= 1e-12 * max(float(np.abs(table.y).max()), 1e-300):
        faults.append(f"{file}: {table.response} is {table.y[0]:g} in every row; nothing to learn")
    elif bool((np.ptp(table.x, axis=0) == 0).all()):
        faults.append(f"{file}: no factor varies; nothing to learn from")
    raise_any(faults, SHOWN)
    return table
