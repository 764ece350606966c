"""What a factor is: by its unit, in the ways people write it, or else by its name."""

import re

from planners.factors.numeric import ZERO_CELSIUS, Continuous, Discrete

TEMPERATURES = {"degC": ZERO_CELSIUS, "K": 0.0}  # what to add for kelvins
TIMES = frozenset({"s", "min", "h", "d"})
FLOWS = {  # in mL/min
    f"{volume}/{time}": ml / minutes
    for volume, ml in (("uL", 1e-3), ("mL", 1.0), ("L", 1e3))
    for time, minutes in (("s", 1 / 60), ("min", 1.0), ("h", 60.0), ("d", 1440.0))
}
CONCENTRATIONS = frozenset({"mol/L", "mmol/L", "M", "mM", "g/L"})

_WORDS = {
    "degC": ("C", "celsius", "deg C", "degrees C"),
    "K": ("kelvin",),
    "s": ("sec", "second", "seconds"),
    "min": ("mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
    "mol/L": ("molar", "mol/dm3", "mol/dm^3"),
}
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
_KNOWN = (*TEMPERATURES, *TIMES, *FLOWS, *CONCENTRATIONS)
# of M and mM, and of one letter alone, upper and lower case may differ
_SPELLED = {unit.casefold(): unit for unit in _KNOWN if len(unit) > 2} | {
    word.casefold(): unit for unit, words in _WORDS.items() for word in words
}


def known(unit: str) -> str:
    """Return a unit as this project writes it; one that it does not know as it is."""
    plain = unit.strip().replace("µ", "u").replace("μ", "u").replace("°", "deg")
    return plain if plain in _KNOWN else _SPELLED.get(plain.casefold(), plain)


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
