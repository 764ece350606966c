"""A description file as the simulated instrument reads it.

The file has been checked elsewhere; what is missing here takes the documented default.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from simulators.instruments.base import Role

Table = Mapping[str, Any]
# beside drivers, of which nothing is imported: the files belong to both
SHIPPED = Path(__file__).parents[2] / "drivers" / "described" / "instruments"


@dataclass(frozen=True)
class Sheet:
    """The tables of one description, with its options chosen."""

    tables: Table

    def part(self, name: str) -> Table:
        """Return one table of the file, empty when it is not there."""
        return cast("Table", self.tables.get(name, {}))

    def rows(self, name: str) -> list[Table]:
        """Return a list of tables of the file."""
        return cast("list[Table]", self.tables.get(name, []))

    @property
    def fields(self) -> Mapping[str, Table]:
        """Return the fields by name."""
        return cast("Mapping[str, Table]", self.tables["fields"])

    @property
    def modbus(self) -> bool:
        """Return whether it speaks Modbus."""
        return "modbus" in self.tables

    @property
    def role(self) -> Role:
        """Return which port into the plant it needs."""
        kind = self.part("role").get("kind", "sensor")
        if kind != "sensor":
            ports: dict[str, Role] = {"thermostat": "heater", "pump": "pump", "valve": "valve"}
            return ports[kind]
        if self.named("mass") in self.fields:
            return "balance"
        return "flow" if self.named("flow") in self.fields else "pressure"

    def named(self, quantity: str) -> str:
        """Return the field that holds a quantity of the role."""
        return str(self.part("role").get(quantity, quantity))


def sheet(path: Path, options: Table) -> Sheet:
    """Return a description with these options."""
    tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    for name, option in tables.get("options", {}).items():
        choice = options.get(name, option["default"])
        _lay(tables, option["choices"][choice])
    return Sheet(tables)


def _lay(tables: dict[str, Any], over: Table) -> None:
    """Lay tables on others in place; anything else is replaced."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(tables.get(key), dict):
            _lay(tables[key], cast("Table", value))
        else:
            tables[key] = value
