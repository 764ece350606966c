"""What a factor is: by its unit, or else by its name."""

import re

from planners.factors.numeric import Continuous, Discrete
from planners.factors.spelling import known

# what a factor's name says where no unit is given, by the last word that says anything
_NAMED = {
    **dict.fromkeys(("temperature", "temp", "T"), "degC"),
    **dict.fromkeys(("time", "residence", "tau"), "min"),  # or any other: only ratios count
    **dict.fromkeys(("flow", "flowrate"), "mL/min"),
    **dict.fromkeys(("concentration", "conc"), "mol/L"),
}
_SHARES = frozenset({"ratio", "fraction", "share"})  # of a flow or a time: not the thing itself
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+")
_KELVINS = 250.0  # from which on a lowest temperature without unit is one in kelvins
_NARROW = 5.0  # a range of temperature below this is a scale of somebody's own


def words_of(name: str) -> list[str]:
    """Return the words of a name (``bath_temp``, ``bathTemp``); single letters as they are."""
    return [word if len(word) == 1 else word.casefold() for word in _WORD.findall(name)]


def meant(name: str, unit: str, low: float, high: float) -> str:
    """Return the unit of a number from low to high: as given, else what its name says, or none."""
    if unit.strip():
        return known(unit)
    words = words_of(name)
    told = [_NAMED[word] for word in words if word in _NAMED]
    if not told or _SHARES.intersection(words):
        return ""
    if told[-1] != "degC":
        return told[-1]
    if high - low < _NARROW:
        return ""
    return "K" if low >= _KELVINS else "degC"


def unit_of(factor: Continuous | Discrete) -> str:
    """Return the unit of a factor: as given, else what its transform or its name says, or none."""
    inverse = isinstance(factor, Continuous) and factor.transform == "reciprocal_kelvin"
    given = factor.unit or ("degC" if inverse else "")
    return meant(factor.name, given, *ends(factor))


def ends(factor: Continuous | Discrete) -> tuple[float, float]:
    """Return the lowest and the highest value that a factor may be asked for."""
    if isinstance(factor, Continuous):
        return factor.low, factor.high
    return factor.values[0], factor.values[-1]
