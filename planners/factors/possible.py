"""What cannot be, whoever has measured it: colder than absolute zero, less than nothing.

A range says what may be asked for, and readings may lie outside it; these limits are nature's.
"""

from collections.abc import Iterator, Mapping

from planners.factors.categorical import Categorical
from planners.factors.common import FactorValue
from planners.factors.composition import Composition
from planners.factors.numeric import Continuous, Discrete
from planners.factors.spelling import CONCENTRATIONS, FLOWS, TEMPERATURES, TIMES
from planners.factors.units import ends, unit_of

_NOISE = 0.01  # of a factor's range: readings of nothing scatter about zero
_NEVER_NEGATIVE = TIMES | CONCENTRATIONS | FLOWS.keys()


def impossible(
    factor: Continuous | Discrete | Categorical | Composition, value: FactorValue
) -> str:
    """Return what is wrong with a value that nothing can have had; empty where it can be.

    A factor that may be asked for beyond such a limit is on a scale of somebody's own.
    """
    if isinstance(factor, Composition):
        return next(_negative_parts(factor, value), "")
    if isinstance(factor, Categorical):
        return ""
    low, high = ends(factor)
    given, unit = float(value), unit_of(factor)  # type: ignore[arg-type]
    zero = -TEMPERATURES.get(unit, 0.0)
    if unit in TEMPERATURES and given <= zero < low:
        return f"must be above absolute zero ({zero:g} {unit}), got {given:g}"
    logarithmic = isinstance(factor, Continuous) and factor.transform == "log"
    if logarithmic or unit in _NEVER_NEGATIVE:
        return f"must be >= 0, got {given:g}" if given < -_NOISE * (high - low) and low >= 0 else ""
    return ""


def _negative_parts(factor: Composition, value: FactorValue) -> Iterator[str]:
    if isinstance(value, Mapping):
        for component in factor.components:  # whatever else may stand beside them
            if (amount := value.get(component, 0.0)) < -_NOISE * factor.total:
                yield f"must have amounts >= 0, got {amount:g} of {component}"
