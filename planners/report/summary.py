"""The most probable best run and what is expected next, in plain words and as numbers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from planners.base import Observation, Problem, Suggestion, plain_point
from planners.rounding import beside, counted, rounded, spread

if TYPE_CHECKING:
    from planners.bayes.best import BestRun

_SHOWN = 5  # runs of a front told in words; all are in the numbers


def summarise(
    problem: Problem, history: Sequence[Observation], suggestions: Sequence[Suggestion]
) -> dict[str, Any]:
    """Return ``best``, the runs that are most probably the best ones, as ``text`` too.

    ``expected`` says what is expected of the suggested points, where their planner says so.
    A single goal has one best run, several goals have those on the front. ``run`` counts the
    history's runs from 1. Nothing is best while a response has fewer than two runs.
    """
    best = _best(problem, history)
    gone = _outside(problem, best)
    lines = [
        _sentence(problem, history, run, front=len(best) > 1, outside=run.index in gone)
        for run in best[:_SHOWN]
    ]
    if len(best) > _SHOWN:
        lines.append(f"and {counted(len(best) - _SHOWN, 'run')} more on the front")
    lucky = _lucky(problem, history, best)
    lines += [lucky] if lucky else []
    if not best:
        lines.append(_nothing_yet(problem, history))
    expected = [_expected(k, s) for k, s in enumerate(suggestions, start=1) if s.predicted]
    numbers = [
        _numbers(history, run) | ({"outside": True} if run.index in gone else {}) for run in best
    ]
    return {"text": "\n".join(lines), "best": numbers, "expected": expected}


def _best(problem: Problem, history: Sequence[Observation]) -> "list[BestRun]":
    taught = [run for run in history if run.status in ("ok", "suspect") and run.responses]
    if not problem.responses or len(taught) < 2:
        return []
    from planners.bayes.best import best_runs  # scikit-learn: only where there is a model

    return best_runs(problem, history)


def _outside(problem: Problem, best: "Sequence[BestRun]") -> set[int]:
    """Return which of the best runs the problem would not let anybody ask for any more."""
    if not best:
        return set()
    from planners.bayes.standing import inside

    held = inside(problem, [run.point for run in best])
    return {run.index for run, own in zip(best, held, strict=True) if not own}


def _numbers(history: Sequence[Observation], run: "BestRun") -> dict[str, Any]:
    measured = {n: m.value for n, m in history[run.index].responses.items()}
    return {
        "run": run.index + 1,
        "runs": [i + 1 for i in run.alike],
        "point": plain_point(run.point),
        "measured": measured,
        "expected": {n: {"mean": p.mean, "sd": p.sd} for n, p in run.predicted.items()},
        "probability": run.probability,
    }


def _sentence(
    problem: Problem,
    history: Sequence[Observation],
    run: "BestRun",
    *,
    front: bool,
    outside: bool,
) -> str:
    alike = [history[i] for i in run.alike]
    parts = [
        f"{name} {_measured(alike, name, guess.sd)}expected {spread(guess.mean, guess.sd)}"
        for name, guess in run.predicted.items()
    ]
    what = "on the front most probably" if front else "most probable best"
    what = what if run.meets else "no run meets the targets yet, nearest to them"
    what += ", outside the problem as it is now" if outside else ""
    return (
        f"{what}: run {run.index + 1} ({_place(problem, run.point)}): {'; '.join(parts)};"
        f" probability {run.probability:.0%}{_repeated([i for i in run.alike if i != run.index])}"
    )


def _repeated(others: Sequence[int]) -> str:
    """Return which other runs were at the same conditions, of many only some."""
    if not others:
        return ""
    shown = ", ".join(str(i + 1) for i in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return f"; repeated as run{'s' * (len(others) > 1)} {shown}{more}"


def _measured(alike: Sequence[Observation], name: str, sd: float) -> str:
    """Return what was measured at the same conditions, of many readings the range.

    With as many digits as an uncertainty of ``sd`` leaves them.
    """
    values = [run.responses[name].value for run in alike if name in run.responses]
    if not values:
        return "not measured, "
    told = [beside(value, sd) for value in values]
    if len(set(told)) > 1 and len(told) > _SHOWN:
        return f"measured {beside(min(values), sd)} to {beside(max(values), sd)}, "
    return f"measured {', '.join(told if len(told) <= _SHOWN else told[:1])}, "


def _place(problem: Problem, point: Mapping[str, Any]) -> str:
    """Return a point on one line, of a composition what is in it."""
    parts: list[str] = []
    for factor in problem.factors:
        value = point[factor.name]
        if isinstance(value, Mapping):
            parts += [
                f"{factor.name}.{c} {rounded(amount)}" for c, amount in value.items() if amount
            ]
        else:
            shown = rounded(value, 5) if isinstance(value, float) else str(value)
            parts.append(f"{factor.name} {shown}")
    return ", ".join(parts)


def _lucky(problem: Problem, history: Sequence[Observation], best: "Sequence[BestRun]") -> str:
    """Return a sentence when the greatest reading is another run's, and more than is expected."""
    if len(best) != 1 or len(problem.responses) != 1 or problem.responses[0].goal == "target":
        return ""
    name, goal = problem.responses[0].name, problem.responses[0].goal
    sign = -1.0 if goal == "minimise" else 1.0
    read = [i for i, run in enumerate(history) if run.status == "ok" and name in run.responses]
    if not read:
        return ""
    top = max(read, key=lambda i: sign * history[i].responses[name].value)
    value = history[top].responses[name].value
    own = [history[i].responses[name].value for i in best[0].alike if name in history[i].responses]
    same = top in best[0].alike or history[top].point == best[0].point or value in own
    if same or top not in best[0].lucky:
        return ""
    read = beside(value, best[0].predicted[name].sd)
    return f"run {top + 1} read {read}, but the other runs make that a lucky reading"


def _nothing_yet(problem: Problem, history: Sequence[Observation]) -> str:
    if not problem.responses:
        return "no best run: the problem has no responses"
    if history and all(run.status == "failed" for run in history):
        return "no best run: every run has failed"
    return "no best run yet: every response needs two good runs at least"


def _expected(number: int, suggestion: Suggestion) -> str:
    told = suggestion.predicted.items()
    guesses = ", ".join(f"{name} {spread(guess.mean, guess.sd)}" for name, guess in told)
    return f"expected of point {number}: {guesses}"
