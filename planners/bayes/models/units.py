"""The units that tell what a factor is, in the ways people write them."""

from planners.factors.numeric import ZERO_CELSIUS

TEMPERATURES = {"degC": ZERO_CELSIUS, "K": 0.0}  # what to add for kelvins
TIMES = frozenset({"s", "min", "h"})
FLOWS = frozenset({"uL/min", "mL/min", "L/min", "uL/h", "mL/h", "L/h"})
CONCENTRATIONS = frozenset({"mol/L", "mmol/L", "M", "mM", "g/L"})

_WORDS = {
    "degC": ("C", "celsius", "deg C", "degrees C"),
    "K": ("kelvin",),
    "s": ("sec", "second", "seconds"),
    "min": ("mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "mol/L": ("molar", "mol/dm3", "mol/dm^3"),
}
_KNOWN = (*TEMPERATURES, *TIMES, *FLOWS, *CONCENTRATIONS)
# of M and mM, and of one letter alone, upper and lower case may differ
_SPELLED = {unit.casefold(): unit for unit in _KNOWN if len(unit) > 2} | {
    word.casefold(): unit for unit, words in _WORDS.items() for word in words
}


def known(unit: str) -> str:
    """Return a unit as this project writes it; one that it does not know as it is."""
    plain = unit.strip().replace("µ", "u").replace("μ", "u").replace("°", "deg")
    return plain if plain in _KNOWN else _SPELLED.get(plain.casefold(), plain)
