"""The section of a configuration file for an instrument that was found, ready to paste."""

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from drivers.options import DriverOptions


def section(
    name: str, driver: str, cls: Any, port: str, options: Mapping[str, Any], identity: str
) -> str:
    """Return ``[instruments.NAME]`` as TOML; what only a person knows is left as a comment."""
    rows = [f"[instruments.{name}]  # {identity}", f"driver = {_toml(driver)}"]
    rows.append(f"port = {_toml(port)}")
    fields = cls.Options.model_fields
    for key, value in options.items():
        row = f"{key} = {_toml(value)}"
        rows.append(row if key in fields else f"# {row}  # this driver has no such option")
    for key, field in fields.items():
        if field.is_required() and key not in options:
            rows.append(f"# {key} = {_blanks(field.annotation)}  # needed")
    return "\n".join(rows + _limits(cls)) + "\n"


def _blanks(kind: Any) -> str:
    """Return what to fill in: the parts that a table needs, or the words to choose from."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        parts = [name for name, part in kind.model_fields.items() if part.is_required()]
        return f"{{ {', '.join(f'{name} = ?' for name in parts)} }}"
    return " or ".join(map(_toml, get_args(kind))) if get_origin(kind) is Literal else "?"


def _limits(cls: Any) -> list[str]:
    """Return a commented line for every setpoint that wants limits."""
    specs = cls.signal_specs(DriverOptions()).values()
    return [
        f"# limits.{spec.name} = [ , ]  # {spec.unit}: outside, setpoints are refused"
        for spec in specs
        if spec.writable and spec.kind is float
    ]


def _toml(value: Any) -> str:
    """Return a value as TOML; its strings are JSON's as far as ours go."""
    return json.dumps(value)
