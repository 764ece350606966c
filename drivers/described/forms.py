"""Forms: the texts of one field on the wire, to values in its unit and back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from drivers.described.model import FieldPart
from drivers.described.picture import NUMBER, PLAIN, PLAIN_WHOLE, WHOLE, Picture, picture
from drivers.signal import Value
from drivers.table import BadValue, Kind

KINDS: Mapping[str, Kind] = {"float": float, "int": int, "bool": bool, "text": str}
SWITCH: Mapping[str, Value] = {"0": False, "1": True}

# wire unit -> (unit, units per wire unit, added)
WIRE_UNITS: Mapping[str, tuple[str, float, float]] = {
    "degF": ("degC", 5 / 9, -160 / 9),
    "K": ("degC", 1.0, -273.15),
    "psi": ("bar", 0.0689475729, 0.0),
    "MPa": ("bar", 10.0, 0.0),
    "kPa": ("bar", 0.01, 0.0),
    "mbar": ("bar", 0.001, 0.0),
    "Pa": ("bar", 1e-5, 0.0),
    "uL/min": ("mL/min", 1e-3, 0.0),
    "nL/min": ("mL/min", 1e-6, 0.0),
    "L/min": ("mL/min", 1e3, 0.0),
    "mL/h": ("mL/min", 1 / 60, 0.0),
    "uL/h": ("mL/min", 1e-3 / 60, 0.0),
    "L/h": ("mL/min", 1e3 / 60, 0.0),
    "mL/s": ("mL/min", 60.0, 0.0),
    "uL": ("mL", 1e-3, 0.0),
    "L": ("mL", 1e3, 0.0),
    "mg": ("g", 1e-3, 0.0),
    "kg": ("g", 1e3, 0.0),
    "ms": ("s", 1e-3, 0.0),
    "min": ("s", 60.0, 0.0),
    "h": ("s", 3600.0, 0.0),
}


@dataclass(frozen=True)
class Form:
    """How one field is written, in its type and unit."""

    kind: Kind
    scale: float = 1.0
    offset: float = 0.0
    enum: Mapping[str, Value] = field(default_factory=dict[str, Value])
    none: tuple[str, ...] = ()
    like: str = ".*"

    def regex(self, drawn: str) -> str:
        """Return the regular expression of the field's texts, those without value among them."""
        if self.enum:
            own = "|".join(re.escape(text) for text in sorted(self.enum, key=len, reverse=True))
        elif self.kind is str:
            own = self.like
        else:
            own = self._picture(drawn).regex(whole=self.kind is int)
        none = [re.escape(text) for text in self.none]
        return "|".join([own, *none])

    def text(self, value: Value, drawn: str) -> tuple[str, Value]:
        """Return the text of a value, and the value that the text carries; raise ValueError."""
        if self.enum:
            for text, meaning in self.enum.items():
                if meaning == value and isinstance(meaning, bool) == isinstance(value, bool):
                    return text, value
            raise ValueError(f"must be one of {', '.join(map(str, self.enum.values()))}")
        if isinstance(value, str):
            if not re.fullmatch(self.like, value) or not value.isprintable():
                raise ValueError(f"must look like {self.like}")
            return value, value
        text = self._picture(drawn).printed((value - self.offset) / self.scale)
        return text, self._number(text, drawn)

    def value(self, text: str, drawn: str) -> Value:
        """Return the value of a text; raise BadValue when it says there is none, or ValueError."""
        if text.strip() in self.none or text in self.none:
            raise BadValue("sentinel")
        if self.enum:
            if text.strip() not in self.enum:
                raise ValueError(f"{text!r} means nothing")
            return self.enum[text.strip()]
        if self.kind is str:
            return text
        return self._number(text, drawn)

    def step(self, drawn: str) -> float:
        """Return the smallest difference the text can carry."""
        return self._picture(drawn).step * self.scale

    def _picture(self, drawn: str) -> Picture:
        if drawn:
            return picture(drawn)
        return PLAIN_WHOLE if self.kind is int else PLAIN

    def _number(self, text: str, drawn: str) -> float | int:
        shown = self._picture(drawn)
        whole = self.kind is int
        if not re.fullmatch(shown.regex(whole=whole), text):
            raise ValueError(f"{text!r} is no number of the form {shown.text}")
        number = shown.number(text)
        value = round(number * self.scale + self.offset, 12)
        if not isfinite(value):
            raise ValueError(f"{text!r} is no finite number")
        return round(value) if whole else value


def form_of(part: FieldPart) -> Form:
    """Return the form of a described field; raise ValueError when its units do not fit."""
    scale, offset = part.scale or 1.0, part.offset
    if part.wire_unit is not None and part.wire_unit != part.unit:
        unit, scale, offset = _converted(part)
        if unit != part.unit:
            raise ValueError(
                f"{part.wire_unit!r} cannot be converted to {part.unit!r}, only {unit!r}"
            )
        scale *= part.scale or 1.0
    enum = dict(part.enum or {})
    if part.type == "bool" and not enum:
        enum = dict(SWITCH)
    return Form(KINDS[part.type], scale, offset, enum, tuple(part.none), part.like)


def _converted(part: FieldPart) -> tuple[str, float, float]:
    try:
        return WIRE_UNITS[part.wire_unit or ""]
    except KeyError:
        known = ", ".join(WIRE_UNITS)
        raise ValueError(f"unknown unit {part.wire_unit!r}; known are {known}") from None


__all__ = ["KINDS", "NUMBER", "SWITCH", "WHOLE", "WIRE_UNITS", "Form", "form_of"]
