"""A planner asked once, without a rig: the core of ``taylord suggest``, and of the worker."""

import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from planners.advice import remarks, remarks_on_readings
from planners.base import Observation, Planner, Problem, Proposer, Suggestion, Tabular
from planners.errors import (
    BadOption,
    BadProblem,
    NonsenseAnswer,
    NothingLeft,
    PlannerRefused,
)
from planners.external import External
from planners.files import load_history, load_problem, reason
from planners.fixing import check_shared, hold, parse_fixed
from planners.history import write_points
from planners.offset import remarks_on_achieved
from planners.protocol import NOTHING_LEFT, called, checked_points
from planners.registry import make_planner, takes_option
from planners.report import summarise

_ROWS = 100_000  # of a table: all that are left


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What a planner suggests, and its remarks."""

    suggestions: tuple[Suggestion, ...]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the points and the note of CONTRACT's answer, and ``notes`` where they differ."""
        plain = {"points": [s.to_json() for s in self.suggestions], "note": self.note}
        return plain | ({"notes": self.notes} if self.notes else {})

    @property
    def notes(self) -> list[str]:
        """Return each point's own remark, where they differ; else none."""
        own = [s.note for s in self.suggestions]
        return own if len(set(own)) > 1 else []


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
        try:
            found = list(planner.propose(problem, history, n, rng))
        except NothingLeft as end:
            return Suggestions((), f"{NOTHING_LEFT}; {end}")
    else:
        found = [Suggestion(point) for point in planner.suggest(problem, history, n, rng)]
    checked = checked_points(problem, [s.to_json() for s in found[:n]])
    checked = [replace(c, note=s.note) for c, s in zip(checked, found, strict=False)]
    return _noted(checked) if checked else Suggestions((), NOTHING_LEFT)


def _noted(suggestions: Sequence[Suggestion]) -> Suggestions:
    """Return an answer whose note has every remark once."""
    notes = dict.fromkeys(s.note for s in suggestions if s.note)
    return Suggestions(tuple(suggestions), "; ".join(notes))


def ask_shared(
    planner: Planner,
    problem: Problem,
    history: Sequence[Observation],
    n: int,
    seed: int,
    shared: Sequence[str] = (),
) -> Suggestions:
    """Return what ``ask`` does, with one value for all points of each factor named in ``shared``.

    The first point decides on the values. The others are rows of the same table that have them;
    else, and when there are no more, they are asked for with what came before as pending.
    """
    if not shared or n == 1:
        return ask(planner, problem, history, n, seed)
    tabular = isinstance(planner, Tabular)
    whole = ask(planner, problem, history, _ROWS if tabular else 1, seed)
    if not whole.suggestions:
        return whole
    first = whole.suggestions[0].point
    held = hold(problem, {name: first[name] for name in shared})
    found = [s for s in whole.suggestions if held.feasible(s.point)][:n]
    if len(found) == n:
        return _noted(found)
    waiting = [*history, *(Observation(s.point, status="pending") for s in found)]
    rest = list(ask(planner, held, waiting, n - len(found), seed).suggestions)
    names = ", ".join(shared)
    if tabular and rest:
        more = f"the table has no more runs that share {names}, these are of another"
        rest[0] = replace(rest[0], note=f"{more}: {rest[0].note}")
    taken = [s.point for s in found]
    answer = _noted([*found, *(s for s in rest if s.point not in taken)])
    if len(answer.suggestions) == n:
        return answer
    return replace(answer, note=f"{answer.note}; nothing left to suggest that shares {names}")


def parse_options(pairs: Sequence[str]) -> Mapping[str, str]:
    """Return ``K=V`` arguments as a mapping; raise BadOption naming those without ``=``."""
    wrong = [pair for pair in pairs if "=" not in pair or pair.startswith("=")]
    if wrong:
        raise BadOption([f"--option: must be NAME=VALUE, got {pair!r}" for pair in wrong])
    return dict(pair.split("=", 1) for pair in pairs)


def parse_command(text: str | None) -> Sequence[str]:
    """Return the words of ``--command``, quoted as in a shell; raise BadOption."""
    if text is None:
        return ()
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadOption([f"--command: {str(error).lower()}, got {text!r}"]) from None
    if not words:
        raise BadOption(["--command: must name a program"])
    return words


def suggest_document(
    problem_file: Path,
    history_file: Path | None = None,
    *,
    n: int = 1,
    planner: str | None = None,
    command: Sequence[str] = (),
    timeout_s: float = 600.0,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    fixed: Sequence[str] = (),
    shared: Sequence[str] = (),
    plots: Path | None = None,
    out: Path | None = None,
    clock: Callable[[], float],
) -> dict[str, Any]:
    """Return what ``taylord suggest --json`` prints: points, planner, seconds, note, summary.

    ``notes`` has each point's own note where they differ, ``remarks`` what to think about in the
    problem and the history, where there is anything.
    With ``plots``, a folder, pictures of the model are written there, ``plots`` names them, and
    ``not_drawn`` says which there is no data for.
    ``out`` is a file that must not exist yet; the points are written there as a history's runs.
    ``fixed`` are ``NAME=VALUE`` texts, ``shared`` names of factors with one value in all points.
    ``command`` asks a program, for at most ``timeout_s``, instead of an installed ``planner``
    (bayes). ``clock`` gives seconds, for timing alone. Raises BadProblem, BadHistory and BadOption
    with every fault of what was given, CannotSuggest when no point exists, and what a program
    makes of it: PlannerDied, NonsenseAnswer, PlannerRefused.
    """
    if n < 1:
        raise BadOption([f"-n: must be at least 1, got {n}"])
    name = planner or shlex.join(command) or "bayes"
    if plots is not None:
        _check_plots()
    if out is not None:
        _check_new(out)
    with _chosen(planner, command, timeout_s, options or {}, seed, shared) as chosen:
        problem = load_problem(problem_file)
        history = load_history(history_file, problem) if history_file else []
        check_shared(problem, shared)
        asked = _held(problem, fixed)
        start = clock()
        answer = ask_shared(chosen, asked, history, n, seed, shared)
    answer = answer if shared else _told_short(answer, n)
    document = answer.to_json() | {
        "planner": name,
        "seconds": round(clock() - start, 3),
        "summary": summarise(problem, history, answer.suggestions),
    }
    read = [*remarks_on_readings(problem, history), *remarks_on_achieved(problem, history).values()]
    if told := [*remarks(asked), *read]:
        document["remarks"] = told
    if out is not None:
        document["out"] = _written(problem, answer, out)
    return document if plots is None else document | _drawn(problem, history, plots)


def _told_short(answer: Suggestions, n: int) -> Suggestions:
    """Return an answer that says so where it has fewer points than were asked for."""
    found = len(answer.suggestions)
    if not 0 < found < n:
        return answer
    said = f"{found} of {n} points asked for: there are no others now"
    return replace(answer, note=f"{answer.note}; {said}" if answer.note else said)


@contextmanager
def _chosen(
    planner: str | None,
    command: Sequence[str],
    timeout_s: float,
    options: Mapping[str, Any],
    seed: int,
    shared: Sequence[str],
) -> Generator[Planner]:
    """Give the planner that is meant; a program is stopped at the end."""
    if not command:
        name = planner or "bayes"
        minds = shared and takes_option(name, "shared")  # it also minds the runs in flight
        yield make_planner(
            name, {"shared": list(shared), **options} if minds else options, seed=seed
        )
        return
    faults = ["--command: give either a program or --planner"] if planner else []
    faults += ["--option: belongs to an installed planner; give a program arguments"] * bool(
        options
    )
    if faults:
        raise BadOption(faults)
    with External(command, timeout_s) as program:
        try:
            yield program
        except (NonsenseAnswer, PlannerRefused) as error:
            name = called(command)  # some faults name the program themselves
            raise type(error)(f"{name}: {str(error).removeprefix(f'{name!r} ')}") from None


def _check_new(out: Path) -> None:
    if out.exists():
        raise BadOption([f"--out: {out}: exists already; choose another name"])


def _written(problem: Problem, answer: Suggestions, out: Path) -> str:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8", newline="") as file:
            write_points(file, problem, [s.point for s in answer.suggestions])
    except OSError as error:
        raise BadOption([f"--out: {out}: cannot be written: {reason(error)}"]) from None
    return str(out)


def _check_plots() -> None:
    from planners.report.plots import figure_class

    figure_class()


def _drawn(
    problem: Problem, history: Sequence[Observation], folder: Path
) -> dict[str, Sequence[str]]:
    from planners.report.plots import draw, not_drawn

    paths = draw(problem, history, folder)
    return {"plots": paths, "not_drawn": not_drawn(problem, paths)}


def _held(problem: Problem, fixed: Sequence[str]) -> Problem:
    values = parse_fixed(problem, fixed)
    try:
        return hold(problem, values)
    except BadProblem as error:
        raise BadOption(error.under("--fix")) from None
