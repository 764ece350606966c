"""Bronkhorst flow meters and controllers: the parameters behind ProPar and Modbus (9.17.027, .035).

A parameter has a process (0-127), a number (0-31) and a type. Measure and setpoint are counts,
32000 at 100 %; at most 41942 (131 %), and small negative flows are counted down from 65536. The
same quantities are floats in the capacity unit in process 33. A setpoint is taken and acts only
while the control mode lets the bus command; otherwise it is ignored, and still acknowledged.

A meter reads the plant where it sits. A controller (option ``controller``, on unless told
otherwise) is on a gas line, which the plant has not: its flow settles at its own setpoint. With
the option ``density_g_ml`` it is a mass flow instrument.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, isnan
from typing import Any

from simulators.ports import Clock, FlowPort

CHAR, INT16, LONG, TEXT = 0x00, 0x20, 0x40, 0x60
OK, COMMAND, PROCESS, PARAMETER, TYPE, VALUE = 0, 2, 3, 4, 5, 6
READ_ONLY = 0x0D  # of the manufacturer's library; the sheet's list ends before it
FULL, MOST, LEAST = 32000, 41942, 41943 - 0x10000
BUS = 0  # control mode
SETTLING_S = 0.2
_COUNTED_FROM = 0.0


class Refused(Exception):  # an answer of the protocol, not an error of the simulator
    """A parameter cannot be read or written so; ``status`` is ProPar's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status:02X}h")
        self.status = status


@dataclass(frozen=True)
class Parameter:
    """One parameter: its type, and how it is read and written (as its bytes)."""

    type: int
    read: Callable[[], bytes]
    write: Callable[[bytes], None] | None = None


class FlowInstrument:
    """What the instrument measures, holds and does; wires are elsewhere."""

    def __init__(self, options: Mapping[str, Any], port: FlowPort, clock: Clock) -> None:
        self._port, self._clock = port, clock
        self.controls = bool(options.get("controller", True))
        density = options.get("density_g_ml")
        self.density_g_ml = None if density is None else float(density)
        self.capacity, self.unit = (10.0, "ml/min") if density is None else (600.0, "g/h")
        self.serial, self.tag = "M24201234A", "FLOW-1"
        self.control_mode, self.alarm_info, self.fluid = BUS, 0, 0
        self.setpoint_units = 0.0
        self._from, self._since = 0.0, clock()
        self.parameters = self._table()

    @property
    def setpoint(self) -> float:
        """Return the setpoint, mL/min."""
        return self.setpoint_units / self._units_per_ml_min

    @property
    def _units_per_ml_min(self) -> float:
        return 1.0 if self.density_g_ml is None else 60.0 * self.density_g_ml  # mL/min, or g/h

    def flow_units(self) -> float:
        """Return the flow in the capacity unit; NaN of a dead sensor."""
        true = self._port.flow_ml_min()
        if not self.controls or isnan(true):
            return true * self._units_per_ml_min
        left = exp(-(self._clock() - self._since) / SETTLING_S)
        return self.setpoint_units + (self._from - self.setpoint_units) * left

    def measure(self) -> int:
        """Return the flow in counts, as they travel."""
        flow = self.flow_units()
        if isnan(flow):
            raise Refused(VALUE)
        return max(LEAST, min(MOST, round(FULL * flow / self.capacity))) & 0xFFFF

    def aim(self, units: float) -> None:
        """Take a setpoint; ignore it unless the bus commands."""
        if not 0.0 <= units <= self.capacity * MOST / FULL:
            raise Refused(VALUE)
        if self.control_mode == BUS:
            self._from, self._since = self.flow_units(), self._clock()
            self.setpoint_units = units

    def _table(self) -> dict[tuple[int, int], Parameter]:
        return {
            (0, 0): Parameter(TEXT, lambda: b"\x07" + self._read_serial()),
            (0, 1): Parameter(CHAR, lambda: b"\x03"),  # of this node
            (0, 3): Parameter(CHAR, lambda: b"\x00"),  # of the next: none
            (1, 0): Parameter(INT16, lambda: self.measure().to_bytes(2, "big")),
            (1, 1): Parameter(INT16, self._read_setpoint, self._write_setpoint),
            (1, 4): Parameter(CHAR, lambda: bytes((self.control_mode,)), self._write_mode),
            (1, 11): Parameter(INT16, lambda: self.fluid.to_bytes(2, "big")),
            (1, 13): Parameter(LONG, lambda: struct.pack(">f", self.capacity)),
            (1, 20): Parameter(CHAR, lambda: bytes((self.alarm_info,))),
            (1, 31): Parameter(TEXT, lambda: self.unit.ljust(7).encode("latin-1")),
            (33, 0): Parameter(LONG, lambda: struct.pack(">f", self.flow_units())),
            (33, 3): Parameter(
                LONG, lambda: struct.pack(">f", self.setpoint_units), self._write_float
            ),
            (33, 7): Parameter(LONG, lambda: struct.pack(">f", self._port.temperature_degc())),
            (104, 1): Parameter(LONG, lambda: struct.pack(">f", _COUNTED_FROM)),  # does not count
            (113, 3): Parameter(TEXT, self._read_serial),
            (113, 6): Parameter(TEXT, self._read_tag, self._write_tag),
        }

    def parameter(self, process: int, number: int, kind: int) -> Parameter:
        """Return a parameter; raise Refused when there is none of this type."""
        if all(process != known for known, _ in self.parameters):
            raise Refused(PROCESS)
        found = self.parameters.get((process, number))
        if found is None:
            raise Refused(PARAMETER)
        if found.type != kind:
            raise Refused(TYPE)
        return found

    def write(self, process: int, number: int, kind: int, value: bytes) -> None:
        """Write a parameter; raise Refused when it cannot be."""
        parameter = self.parameter(process, number, kind)
        if parameter.write is None:
            raise Refused(READ_ONLY)
        parameter.write(value)

    def _read_setpoint(self) -> bytes:
        return round(FULL * self.setpoint_units / self.capacity).to_bytes(2, "big")

    def _write_setpoint(self, value: bytes) -> None:
        self.aim(int.from_bytes(value, "big") * self.capacity / FULL)

    def _write_float(self, value: bytes) -> None:
        self.aim(struct.unpack(">f", value)[0])

    def _write_mode(self, value: bytes) -> None:
        self.control_mode = value[0]

    def _read_serial(self) -> bytes:
        return self.serial.encode("latin-1")

    def _read_tag(self) -> bytes:
        return self.tag.encode("latin-1")

    def _write_tag(self, value: bytes) -> None:
        self.tag = value.decode("latin-1").strip()
