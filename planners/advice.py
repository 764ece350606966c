"""What is no fault of a problem, and hardly meant either: worth a word before the first run."""

from math import log10

from planners.factors import Continuous
from planners.factors.spelling import TEMPERATURES
from planners.factors.units import unit_of
from planners.problem import Problem

_DECADES = 3.0  # of a range on a plain scale, beyond which most of them are never seen


def remarks(problem: Problem) -> list[str]:
    """Return what a person should think about, ``factor: what and what to do`` lines."""
    return [
        f"{factor.name}: {spans}"
        for factor in problem.factors
        if isinstance(factor, Continuous) and factor.n_levels > 1 and (spans := _wide(factor))
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
