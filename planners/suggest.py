"""A planner asked once, without a rig: the core of ``taylord suggest``, and of the worker."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from planners.base import Observation, Planner, Problem, Proposer, Suggestion
from planners.errors import BadHistory, BadOption, BadProblem
from planners.fixing import check_shared, hold, parse_fixed
from planners.history import read_history
from planners.protocol import checked_points
from planners.registry import make_planner, takes_option
from planners.report import summarise


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What a planner suggests, and its remarks."""

    suggestions: tuple[Suggestion, ...]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the points and the note of CONTRACT's answer."""
        return {"points": [s.to_json() for s in self.suggestions], "note": self.note}


def generator(seed: int, n_runs: int) -> np.random.Generator:
    """Return the generator of a campaign's seed at a length of its history.

    It depends on nothing else, so a restart suggests the same point.
    """
    return np.random.default_rng([seed & 0xFFFF_FFFF_FFFF_FFFF, n_runs])


def ask(
    planner: Planner, problem: Problem, history: Sequence[Observation], n: int, seed: int
) -> Suggestions:
    """Return up to ``n`` different feasible points; fewer, or none, end a campaign.

    Raises NonsenseAnswer when the planner's points are not valid, and what the planner raises.
    """
    rng = generator(seed, len(history))
    if isinstance(planner, Proposer):
        found = list(planner.propose(problem, history, n, rng))
    else:
        found = [Suggestion(point) for point in planner.suggest(problem, history, n, rng)]
    checked = checked_points(problem, [s.to_json() for s in found[:n]])
    notes = list(dict.fromkeys(s.note for s in found if s.note))
    if not checked:
        notes.append("nothing left to suggest")
    return Suggestions(tuple(checked), "; ".join(notes))


def ask_shared(
    planner: Planner,
    problem: Problem,
    history: Sequence[Observation],
    n: int,
    seed: int,
    shared: Sequence[str] = (),
) -> Suggestions:
    """Return what ``ask`` does, with one value for all points of each factor named in ``shared``.

    The first point decides on the values; for the others it counts as pending.
    """
    if not shared or n == 1:
        return ask(planner, problem, history, n, seed)
    first = ask(planner, problem, history, 1, seed)
    if not first.suggestions:
        return first
    point = first.suggestions[0].point
    held = hold(problem, {name: point[name] for name in shared})
    waiting = [*history, Observation(point, status="pending")]
    rest = ask(planner, held, waiting, n - 1, seed)
    new = [s for s in rest.suggestions if s.point != point]
    note = "; ".join(part for part in (first.note, rest.note) if part)
    return Suggestions((*first.suggestions, *new), note)


def load_problem(path: Path) -> Problem:
    """Return the problem of a JSON file; raise BadProblem whose faults start with the file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadProblem([f"{path}: cannot be read: {_reason(error)}"]) from None
    except (ValueError, RecursionError) as error:
        raise BadProblem([f"{path}: is not JSON: {error}"]) from None
    try:
        return Problem.from_json(document)
    except BadProblem as error:
        raise BadProblem(error.under(str(path))) from None


def load_history(path: Path, problem: Problem) -> list[Observation]:
    """Return the runs of a CSV file; raise BadHistory whose faults start with the file."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        return read_history(lines, problem)
    except (OSError, UnicodeDecodeError) as error:
        raise BadHistory([f"{path}: cannot be read: {_reason(error)}"]) from None
    except BadHistory as error:
        raise BadHistory(error.under(str(path))) from None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"


def parse_options(pairs: Sequence[str]) -> Mapping[str, str]:
    """Return ``K=V`` arguments as a mapping; raise BadOption naming those without ``=``."""
    wrong = [pair for pair in pairs if "=" not in pair or pair.startswith("=")]
    if wrong:
        raise BadOption([f"--option: must be NAME=VALUE, got {pair!r}" for pair in wrong])
    return dict(pair.split("=", 1) for pair in pairs)


def suggest_document(
    problem_file: Path,
    history_file: Path | None = None,
    *,
    n: int = 1,
    planner: str = "bayes",
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    fixed: Sequence[str] = (),
    shared: Sequence[str] = (),
    plots: Path | None = None,
    clock: Callable[[], float],
) -> dict[str, Any]:
    """Return what ``taylord suggest --json`` prints: points, planner, seconds, note, summary.

    With ``plots``, a folder, pictures of the model are written there, and ``plots`` names them.
    ``fixed`` are ``NAME=VALUE`` texts, ``shared`` names of factors with one value in all points.
    ``clock`` gives seconds, for timing alone. Raises BadProblem, BadHistory and BadOption with
    every fault of what was given, and CannotSuggest when no point exists.
    """
    if n < 1:
        raise BadOption([f"-n: must be at least 1, got {n}"])
    own = dict(options or {})
    if shared and takes_option(planner, "shared"):  # it also minds the runs in flight
        own = {"shared": list(shared), **own}
    if plots is not None:
        _check_plots()
    chosen = make_planner(planner, own, seed=seed)
    problem = load_problem(problem_file)
    history = load_history(history_file, problem) if history_file else []
    check_shared(problem, shared)
    asked = _held(problem, fixed)
    start = clock()
    answer = ask_shared(chosen, asked, history, n, seed, shared)
    document = {
        "points": [suggestion.to_json() for suggestion in answer.suggestions],
        "planner": planner,
        "seconds": round(clock() - start, 3),
        "note": answer.note,
        "summary": summarise(problem, history, answer.suggestions),
    }
    return document if plots is None else document | {"plots": _drawn(problem, history, plots)}


def _check_plots() -> None:
    from planners.report.plots import figure_class

    figure_class()


def _drawn(problem: Problem, history: Sequence[Observation], folder: Path) -> list[str]:
    from planners.report.plots import draw

    return draw(problem, history, folder)


def _held(problem: Problem, fixed: Sequence[str]) -> Problem:
    values = parse_fixed(problem, fixed)
    try:
        return hold(problem, values)
    except BadProblem as error:
        raise BadOption(error.under("--fix")) from None
