"""What every simulated instrument is made from: its options and its ports into the plant."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from simulators.ports import (
    BalancePort,
    CellPort,
    Clock,
    FlowPort,
    HeaterPort,
    PressurePort,
    PumpPort,
    ValvePort,
)
from simulators.wire.line import WireInstrument

Role = Literal["pump", "heater", "pressure", "cell", "valve", "flow", "balance"]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Ports:
    """The ports an instrument was given; only those of its role are there."""

    pump: PumpPort | None = None
    heater: HeaterPort | None = None
    pressure: PressurePort | None = None
    cell: CellPort | None = None
    valve: ValvePort | None = None
    flow: FlowPort | None = None
    balance: BalancePort | None = None


InstrumentClass = Callable[[str, Mapping[str, Any], Ports, Clock], WireInstrument]


def need(port: _T | None, name: str, role: Role) -> _T:
    """Return the port; raise ValueError when the instrument was not given it."""
    if port is None:
        raise ValueError(f"{name}: is not connected to the plant (it needs a {role} port)")
    return port
