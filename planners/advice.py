"""What is no fault of a problem or a history, and hardly meant either: worth a word."""

from collections.abc import Sequence
from math import log10

import numpy as np

from planners.base import Observation, Response
from planners.factors import Continuous
from planners.factors.spelling import TEMPERATURES
from planners.factors.units import unit_of
from planners.measure import beyond, whole
from planners.problem import Problem
from planners.rounding import counted, rounded

_NAMED = 5  # runs
_MANY = 8  # readings, from which on one far from all others is odd
_FAR = 5.0  # times the span of the others
_FEW = 4  # readings, from which on one out of all proportion is odd, too
_MISPLACED = 100.0  # times each of the others: a unit or a decimal point that was missed
_DECADES = 3.0  # of a range on a plain scale, beyond which most of them are never seen


def remarks(problem: Problem) -> list[str]:
    """Return what a person should think about, ``factor: what and what to do`` lines."""
    return [
        f"{factor.name}: {spans}"
        for factor in problem.factors
        if isinstance(factor, Continuous) and factor.n_levels > 1 and (spans := _wide(factor))
    ]


def remarks_on_readings(problem: Problem, history: Sequence[Observation]) -> list[str]:
    """Return what a person should think about in a history's readings, and what to do."""
    found = _readings_of_failed(history)
    for response in problem.responses:
        read = {
            number: run.responses[response.name].value
            for number, run in enumerate(history, 1)
            if run.status == "ok" and response.name in run.responses
        }
        runs, values = list(read), list(read.values())
        if odd := _beyond_all(response, runs, values) or _lonely(runs, values):
            found.append(f"{response.name}: {odd}")
    return found


def _readings_of_failed(history: Sequence[Observation]) -> list[str]:
    """Return that failed runs have readings, where any has: nobody looks at them."""
    runs = [i for i, run in enumerate(history, 1) if run.status == "failed" and run.responses]
    if not runs:
        return []
    return [
        f"{counted(len(runs), 'failed run')} with a reading, which is passed over ({_named(runs)}):"
        " if it may be true, write suspect"
    ]


def _beyond_all(response: Response, runs: Sequence[int], values: Sequence[float]) -> str:
    """Return which runs read more of a share than there can be; empty where none does."""
    high = np.flatnonzero(beyond(response, np.array(values)))
    if not len(high):
        return ""
    greatest, named = max(values), _named([runs[i] for i in high.tolist()])
    reads = "reads" if len(high) == 1 else "read up to"
    return (
        f"{named} {reads} {rounded(greatest)}, more than all of it"
        f" ({rounded(whole(response, greatest))}), and so no limit to it is believed:"
        " where that cannot be, write suspect"
    )


def _lonely(runs: Sequence[int], values: Sequence[float]) -> str:
    """Return which run reads what is far from all others; empty where none does."""
    if len(values) < _FEW:
        return ""
    order = np.argsort(values)
    for one, others in ((int(order[0]), order[1:]), (int(order[-1]), order[:-1])):
        low, high = values[others[0]], values[others[-1]]
        if _far(values[one], low, high, len(values)):
            least, most = rounded(low), rounded(high)
            return (
                f"run {runs[one]} reads {rounded(values[one])}, the others {least} to {most}, and"
                " it is believed: if anything speaks against it, write suspect"
            )
    return ""


def _far(one: float, low: float, high: float, count: int) -> bool:
    """Return whether one of ``count`` readings is odd beside others from ``low`` to ``high``."""
    if count >= _MANY and max(low - one, one - high) > _FAR * (high - low) > 0:
        return True
    return abs(one) > _MISPLACED * max(abs(low), abs(high)) > 0


def _named(runs: Sequence[int]) -> str:
    some = ", ".join(map(str, runs[:_NAMED])) + ", …" * (len(runs) > _NAMED)
    return f"run {some}" if len(runs) == 1 else f"runs {some}"


def _wide(factor: Continuous) -> str:
    if factor.transform != "none" or factor.low <= 0 or unit_of(factor) in TEMPERATURES:
        return ""
    decades = log10(factor.high / factor.low)
    if decades < _DECADES:
        return ""
    ends = f"{factor.low:g} to {factor.high:g}"
    return (
        f"spans {decades:.2g} decades ({ends}), and on a plain scale nine points in ten lie in the"
        ' highest; transform = "log" lets the planner look into all of them alike'
    )
