"""The fields of a simulated instrument: what each holds, and its texts and numbers on the wire."""

from collections.abc import Mapping
from typing import Any

from simulators.described import texts
from simulators.described.sheet import Table

Value = bool | int | float | str

# a wire unit in the unit of the field: what one is worth, and what zero is
UNITS: Mapping[str, tuple[float, float]] = {
    "degF": (1 / 1.8, -32 / 1.8),
    "K": (1.0, -273.15),
    "psi": (0.0689475729, 0.0),
    "MPa": (10.0, 0.0),
    "kPa": (0.01, 0.0),
    "mbar": (0.001, 0.0),
    "Pa": (0.00001, 0.0),
    "uL/min": (0.001, 0.0),
    "nL/min": (0.000001, 0.0),
    "L/min": (1000.0, 0.0),
    "mL/h": (1 / 60, 0.0),
    "uL/h": (1 / 60000, 0.0),
    "L/h": (1000 / 60, 0.0),
    "mL/s": (60.0, 0.0),
    "uL": (0.001, 0.0),
    "L": (1000.0, 0.0),
    "mg": (0.001, 0.0),
    "kg": (1000.0, 0.0),
    "ms": (0.001, 0.0),
    "min": (60.0, 0.0),
    "h": (3600.0, 0.0),
}


class Wrong(Exception):  # an answer of the protocol, not an error of the simulator
    """A value that the instrument does not take: ``above``, ``below`` or ``range``."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Cell:
    """One field: its texts, and what it takes."""

    def __init__(self, table: Table) -> None:
        self.kind: str = table.get("type", "float")
        unit = table.get("wire_unit", table.get("unit", ""))
        worth, zero = UNITS[unit] if unit != table.get("unit", "") else (1.0, 0.0)
        self._worth = worth * table.get("scale", 1.0)
        self._zero = zero + table.get("offset", 0.0)
        self._limits: Any = table.get("limits")
        switch = {"0": False, "1": True} if self.kind == "bool" else {}
        self._enum: dict[str, Value] = dict(table.get("enum", switch))
        self.no_value: str | None = next(iter(table.get("none", ())), None)
        self._like: str = table.get("like", ".*")
        self.start: Value = table.get("start", self._first())

    def _first(self) -> Value:
        """Return what it holds when nothing is said: nothing, or the nearest allowed."""
        if self._enum:
            return False if False in self._enum.values() else next(iter(self._enum.values()))
        if self.kind == "text":
            return ""
        low, high = self._limits or (0.0, 0.0)
        nearest = min(max(0.0, low), high)
        return int(nearest) if self.kind == "int" else float(nearest)

    def pattern(self, picture: str) -> str:
        """Return what is recognised as this field in a request."""
        if self._enum:
            return "[^ ,;:]+" if self.kind == "text" else r"[\w.+-]+"
        return self._like if self.kind == "text" else texts.understood(picture)

    def taken(self, text: str, picture: str) -> Value:
        """Return the value of a request's text; raise Wrong when it is not allowed."""
        if self._enum:
            if text not in self._enum:
                raise Wrong("range")
            return self._enum[text]
        if self.kind == "text":
            return text
        return self.allowed(texts.meant(text, picture) * self._worth + self._zero)

    def allowed(self, number: float) -> Value:
        """Return the value of this number; raise Wrong beyond the limits."""
        number = round(number, 9)
        if self._limits is not None and not self._limits[0] <= number <= self._limits[1]:
            raise Wrong("above" if number > self._limits[1] else "below")
        return round(number) if self.kind == "int" else number

    def text(self, value: Value, picture: str) -> str:
        """Return the text of a value in a reply."""
        if self._enum:
            return next(text for text, its in self._enum.items() if its == value)
        if isinstance(value, str):
            return value
        number = (value - self._zero) / self._worth
        return texts.printed(number, picture or ("0" if self.kind == "int" else ""))

    def raw(self, value: Value) -> float:
        """Return the number of a value on the wire."""
        if self._enum:
            return float(self.text(value, ""))
        if isinstance(value, str):
            raise TypeError(f"{value!r} is no number")
        return (value - self._zero) / self._worth

    def of_raw(self, number: float) -> Value:
        """Return the value of a number on the wire; raise Wrong when it is not allowed."""
        if self._enum:
            return self.taken(f"{number:g}", "")
        return self.allowed(number * self._worth + self._zero)
