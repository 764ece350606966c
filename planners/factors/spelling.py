"""Units that the planners know, in the ways people write them."""

ZERO_CELSIUS = 273.15  # K

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
_KNOWN = (*TEMPERATURES, *TIMES, *FLOWS, *CONCENTRATIONS)
# of M and mM, and of one letter alone, upper and lower case may differ
_SPELLED = {unit.casefold(): unit for unit in _KNOWN if len(unit) > 2} | {
    word.casefold(): unit for unit, words in _WORDS.items() for word in words
}


def known(unit: str) -> str:
    """Return a unit as this project writes it; one that it does not know as it is."""
    plain = unit.strip().replace("µ", "u").replace("μ", "u").replace("°", "deg")
    return plain if plain in _KNOWN else _SPELLED.get(plain.casefold(), plain)
