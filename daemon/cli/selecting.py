"""``taylord select``: which model describes a table of runs best, and how far to believe it."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.cli.output import patiently, print_json
from daemon.errors import ConfigError

if TYPE_CHECKING:
    from planners.select.run import Selection


_MOST = 2  # of the four indices: where so many say outside, planners do not believe it either


def select(arguments: argparse.Namespace) -> int:
    """Compare models on a table of runs and print the report."""
    from planners.errors import BadHistory, BadOption, BadProblem
    from planners.select.report import document, text

    try:
        with patiently("models are still compared …", quiet=arguments.json):
            selection, told = _selected(arguments)
    except (BadProblem, BadHistory, BadOption) as error:
        raise ConfigError(error.faults) from None
    if arguments.json:
        print_json(document(selection) | ({"predictions": told} if arguments.predict else {}))
        return 0
    print(text(selection))
    if arguments.predict:
        print("\nPredictions")
    for row in told:
        print(f"    row {row['row']}: {_believed(row)}")
    return 0


def _believed(row: Mapping[str, Any]) -> str:
    """Return a prediction in words; outside of the domain its error is not known, and not told."""
    from planners.rounding import rounded, spread

    if not row["outside"]:
        return spread(row["mean"], row["sd"])
    by = ", ".join(row["outside"])
    if len(row["outside"]) < _MOST:
        return f"{spread(row['mean'], row['sd'])}  outside by {by}"
    return f"no prediction: outside by {by} (the model says {rounded(row['mean'])})"


def _selected(arguments: argparse.Namespace) -> "tuple[Selection, list[dict[str, Any]]]":
    from planners.files import load_problem
    from planners.history import columns
    from planners.select.report import predictions
    from planners.select.run import Options, check_conditions, select
    from planners.select.sheet import read_sheet
    from planners.select.table import read_again, read_table

    problem = load_problem(Path(arguments.problem)) if arguments.problem else None
    factors = [name.strip() for name in (arguments.factors or "").split(",") if name.strip()]
    named = [*factors, *(columns(problem) if problem else ()), arguments.response]
    counted = named if factors or problem else None
    sheet = read_sheet(Path(arguments.table), counted)
    table = read_table(sheet, arguments.response, factors, problem, arguments.group or "")
    options = Options(
        quick=arguments.quick, mend=arguments.mend, transforms=_pairs(arguments.transform)
    )
    if not arguments.predict:
        return select(table, options), []
    other = read_sheet(Path(arguments.predict), counted)
    x = read_again(other, table, problem)
    check_conditions(x, other.file, table, options)
    selection = select(table, options)
    return selection, predictions(selection, x, tuple(other.numbers))


def _pairs(given: list[str]) -> dict[str, str]:
    wrong = [pair for pair in given if not pair.partition("=")[2] or pair.startswith("=")]
    if wrong:
        raise ConfigError([f"--transform: must be NAME=KIND, got {pair!r}" for pair in wrong])
    return dict(pair.rsplit("=", 1) for pair in given)
