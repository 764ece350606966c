"""What is no fault of a problem or a history, and hardly meant either: worth a word."""

from collections.abc import Sequence
from math import log10

from planners.base import Observation
from planners.factors import Continuous
from planners.factors.spelling import TEMPERATURES
from planners.factors.units import unit_of
from planners.problem import Problem
from planners.rounding import counted

_NAMED = 5  # runs
_DECADES = 3.0  # of a range on a plain scale, beyond which most of them are never seen


def remarks(problem: Problem) -> list[str]:
    """Return what a person should think about, ``factor: what and what to do`` lines."""
    return [
        f"{factor.name}: {spans}"
        for factor in problem.factors
        if isinstance(factor, Continuous) and factor.n_levels > 1 and (spans := _wide(factor))
    ]


def readings_of_failed(history: Sequence[Observation]) -> list[str]:
    """Return that failed runs have readings, where any has: nobody looks at them."""
    numbers = [i for i, run in enumerate(history, 1) if run.status == "failed" and run.responses]
    if not numbers:
        return []
    named = ", ".join(map(str, numbers[:_NAMED])) + ", …" * (len(numbers) > _NAMED)
    return [
        f"{counted(len(numbers), 'failed run')} with a reading, which is passed over (run {named}):"
        " if it may be true, write suspect"
    ]


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
