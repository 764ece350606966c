"""The examples of a description, put to its simulated instrument: does it answer as printed?"""

from collections.abc import Iterator
from math import isclose
from pathlib import Path
from typing import Any, cast, get_args

from simulators.described.instrument import SimDescribed, simulated
from simulators.described.sheet import Sheet, Table, sheet
from simulators.described.values import Value
from simulators.instruments.base import Ports, Role


class _Plant:
    """A plant where nothing happens: every port in one."""

    def set_flow(self, ml_min: float) -> None:
        """Pump nowhere."""

    def displaced_ml(self) -> float:
        """Return nothing."""
        return 0.0

    def pressure_bar(self) -> float:
        """Return no pressure."""
        return 0.0

    def stalled(self) -> bool:
        """Never."""
        return False

    def set_goal(self, degc: float | None) -> None:
        """Heat nothing."""

    def temperature_degc(self) -> float:
        """Return room temperature."""
        return 22.0

    def power_fraction(self) -> float:
        """Return no power."""
        return 0.0

    def turn(self, position: int) -> None:
        """Turn nothing."""

    def position(self) -> int:
        """Return the first position."""
        return 1

    def flow_ml_min(self) -> float:
        """Return no flow."""
        return 0.0

    def gas(self) -> bool:
        """Never."""
        return False

    def mass_g(self) -> float:
        """Return no mass."""
        return 0.0


def example_faults(path: Path) -> Iterator[str]:
    """Return what the examples of a faultless description find wrong with its simulated twin."""
    plain = sheet(path, {})
    for k, example in enumerate(plain.rows("examples")):
        options = cast("Table", example.get("options", {}))
        yield from _faults(f"examples.{k}", example, sheet(path, options), options)


def _faults(at: str, example: Table, described: Sheet, options: Table) -> Iterator[str]:
    ports = Ports(**cast("dict[str, Any]", dict.fromkeys(get_args(Role), _Plant())))
    if described.modbus and "address" not in options:
        options = {**options, "address": bytes.fromhex(example["send"])[0]}
    instrument = simulated(described, "example", options, ports, lambda: 0.0)
    state = instrument.state
    state.timers = False
    state.hold(example.get("before", {}))
    state.hold(example.get("gives", {}))
    said: list[bytes] = []
    session = instrument.session(said.append, "serial")
    session.receive(_frame(described, example, "send"))
    got = b"".join(said)
    if "reply" in example:
        wanted = _frame(described, example, "reply")
        if got != wanted:
            shown = f"{_shown(got)}, not {_shown(wanted)}"
            yield f"{at}.reply: the simulated instrument answers {shown}"
    elif got and not _maybe(instrument, example):
        yield f"{at}.reply: is missing: the simulated instrument answers {_shown(got)}"
    for field, value in example.get("sets", {}).items():
        if "error" not in example and not _same(state.values[field], value):
            held = state.values[field]
            yield f"{at}.sets.{field}: the simulated instrument holds {held!r}, not {value!r}"


def _maybe(instrument: Any, example: Table) -> bool:
    """Return whether the manual leaves open that there is an answer."""
    if not isinstance(instrument, SimDescribed):
        return False
    del example
    exchanges = instrument.sheet.part("exchanges").values()
    return any(table.get("answered") == "maybe" for table in exchanges)


def _frame(described: Sheet, example: Table, key: str) -> bytes:
    if example.get("hex") or described.modbus:
        return bytes.fromhex(example[key])
    framing = described.part("framing")
    if key == "send":
        start, end = framing.get("send_start", ""), framing.get("send_end", "\r")
    else:
        start = framing.get("reply_start", "")
        end = framing.get("reply_end", framing.get("prints", ""))
    return f"{start}{example[key]}{end}".encode("latin-1")


def _shown(data: bytes) -> str:
    return repr(data) if data.isascii() and data else data.hex(" ").upper() or "nothing"


def _same(held: Value, wanted: Value) -> bool:
    if isinstance(held, bool | str) or isinstance(wanted, bool | str):
        return held == wanted
    return isclose(held, wanted, rel_tol=1e-6, abs_tol=1e-9)
