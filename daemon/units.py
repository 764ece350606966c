"""Units: a string with a unit becomes a plain number in the unit the daemon uses throughout.

``"500 uL/min"`` -> 0.5 (mL/min), ``"2 h"`` -> 7200.0 (s), ``"7 bar"`` -> 7.0, ``"60 degF"``
-> 15.56.
pint does the conversion; it is imported only when a string is met, because it is slow to load.
"""

import re
from functools import cache
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

# a number, and a unit of names with one-figure powers: nothing here is arithmetic to carry out
_NAME = r"[A-Za-zµμ°Å%]+(?:(?:\^|\*\*)-?[1-9])?"
_QUANTITY = re.compile(
    rf"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{{1,3}})?)\s*({_NAME}(?:\s*[*/]\s*{_NAME})*)\s*"
)
_MAX_TEXT = 40  # characters; no quantity is longer


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


def to_unit(value: object, unit: str) -> float:
    """Return ``value`` as a number in ``unit``.

    A number is taken as it is; a string must be a number, or a number with a unit of the same
    dimension. Raises ValueError that names what was given and what is allowed.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(  # noqa: TRY004 (what pydantic turns into a fault of the file)
            f"must be a number or a string with a unit such as '1 {unit}', got {value!r}"
        )
    try:
        number = float(value)
    except ValueError:
        number = _convert(str(value), unit)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise ValueError(f"must be a finite number, got {value!r:.80}")
    return number


def _convert(text: str, unit: str) -> float:
    import pint

    found = _QUANTITY.fullmatch(text) if len(text) <= _MAX_TEXT else None
    if found is None:
        raise ValueError(f"is not a number with a unit, such as '1 {unit}': got {text!r:.80}")
    try:
        quantity = _registry().Quantity(float(found[1]), found[2])
        return float(quantity.to(unit).magnitude)
    except pint.DimensionalityError:
        wrong = f"has the wrong dimension: {text!r} cannot be converted to {unit}"
        raise ValueError(wrong) from None
    except (ValueError, AttributeError, TypeError, OverflowError, pint.PintError):
        wrong = f"is not a number with a unit, such as '1 {unit}': got {text!r}"
        raise ValueError(wrong) from None


def _in(unit: str) -> BeforeValidator:
    return BeforeValidator(lambda value: to_unit(value, unit))


Flow = Annotated[float, _in("mL/min"), Field(ge=0)]
Volume = Annotated[float, _in("mL"), Field(ge=0)]
DegC = Annotated[float, _in("degC"), Field(gt=-273.15)]
Bar = Annotated[float, _in("bar"), Field(ge=0)]
Seconds = Annotated[float, _in("s"), Field(ge=0)]
Millimetre = Annotated[float, _in("mm"), Field(gt=0)]
Molar = Annotated[float, _in("mol/L"), Field(gt=0)]
