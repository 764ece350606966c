"""Units of Bronkhorst instruments: what one capacity unit is in mL/min, and signed counts.

Volumes of gas are those at the reference conditions of the instrument (``n``: 0 degC, ``s``: 20
degC, both 1013 mbar) and are not converted into each other. A mass flow needs a density.
"""

import re

FULL = 32000  # counts at 100 % (not 32767)
MOST = 41942  # the largest positive count, 131 %; those above stand for negative flows
BEYOND = 1.5  # of the capacity: no flow that these instruments can measure

_FLOW = re.compile(r"(ul|ml|cl|dl|l|mm3|cm3|cc|m3|ug|mg|g|kg)[ns]?/(s|min|h|d)")
_ML = {
    "ul": 1e-3,
    "ml": 1.0,
    "cl": 10.0,
    "dl": 100.0,
    "l": 1e3,
    "mm3": 1e-3,
    "cm3": 1.0,
    "cc": 1.0,
    "m3": 1e6,
}
_G = {"ug": 1e-6, "mg": 1e-3, "g": 1.0, "kg": 1e3}
_PER_MIN = {"s": 60.0, "min": 1.0, "h": 1.0 / 60.0, "d": 1.0 / 1440.0}
_SHORT = {"sccm": "mls/min", "slm": "ls/min", "nlpm": "ln/min", "slpm": "ls/min"}


def ml_min_per_unit(text: str, density_g_ml: float | None) -> float:
    """Return what one unit is, mL/min (or, of a gas, mL/min at its reference conditions).

    Raises ValueError when the text is no flow that is known, or a mass flow without a density.
    """
    unit = text.strip().replace("\xb5", "u").lower()
    found = _FLOW.fullmatch(_SHORT.get(unit, unit))
    if found is None:
        raise ValueError(f"capacity unit {text!r} is no flow known here")
    amount, time = found.groups()
    if amount in _ML:
        return _ML[amount] * _PER_MIN[time]
    if density_g_ml is None:
        raise ValueError(f"capacity unit {text!r} is a mass flow: set the option density_g_ml")
    return _G[amount] / density_g_ml * _PER_MIN[time]


def percent(counts: int) -> float:
    """Return 16-bit counts in per cent of the capacity, small negative flows included."""
    return 100.0 * (counts - 0x10000 if counts > MOST else counts) / FULL
