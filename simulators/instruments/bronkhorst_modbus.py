"""Bronkhorst instruments over Modbus RTU (manual 9.17.035): the parameters as registers.

0-based. Bytes and 16-bit numbers lie at 20h times process plus number, a byte in the low half;
floats in two registers, high word first, and texts with two characters a register at 8000h plus
100h times process plus 8 times number. Functions 03, 06, 16, 08.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.bronkhorst import (
    CHAR,
    INT16,
    LONG,
    TEXT,
    FlowInstrument,
    Parameter,
    Refused,
)
from simulators.ports import Clock
from simulators.wire.modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, ModbusFault, ModbusServer

LONG_ONES = 0x8000
_STEP = 8  # registers of a float or a text


class SimBronkhorstModbus(ModbusServer):
    """One instrument at its address."""

    role: ClassVar[Role] = "flow"
    functions: ClassVar[frozenset[int]] = frozenset({3, 6, 8, 16})
    latency_s = 0.008

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        super().__init__(name, clock, self, {int(options.get("address", 1))})
        self.instrument = FlowInstrument(options, need(ports.flow, name, "flow"), clock)

    @property
    def setpoint(self) -> float:
        """Return the setpoint, mL/min."""
        return self.instrument.setpoint

    def read(self, address: int, count: int) -> Sequence[int]:
        """Return registers; all of them must be parameters."""
        registers: list[int] = []
        while len(registers) < count:
            registers += self._parameter(address + len(registers), count - len(registers))
        return registers[:count]

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write one parameter."""
        process, number, parameter = self._at(address)
        data = struct.pack(f">{len(values)}H", *values)
        if parameter.type in (CHAR, INT16):
            if len(values) != 1:
                raise ModbusFault(ILLEGAL_VALUE)
            data = data[1:] if parameter.type == CHAR else data
        elif parameter.type == LONG and len(values) != 2:
            raise ModbusFault(ILLEGAL_VALUE)
        if parameter.write is None:
            raise ModbusFault(ILLEGAL_ADDRESS)
        try:
            self.instrument.write(process, number, parameter.type, data)
        except Refused:
            raise ModbusFault(ILLEGAL_VALUE) from None

    def _at(self, address: int) -> tuple[int, int, Parameter]:
        """Return the parameter whose first register this is."""
        long_one = address >= LONG_ONES
        if long_one:
            process, rest = divmod(address - LONG_ONES, 0x100)
            number, offset = divmod(rest, _STEP)
        else:
            (process, number), offset = divmod(address, 0x20), 0
        parameter = self.instrument.parameters.get((process, number))
        if parameter is None or offset or (parameter.type in (LONG, TEXT)) is not long_one:
            raise ModbusFault(ILLEGAL_ADDRESS)
        return process, number, parameter

    def _parameter(self, address: int, wanted: int) -> Sequence[int]:
        """Return the registers of one parameter, of a text as many as wanted."""
        _, _, parameter = self._at(address)
        try:
            data = parameter.read()
        except Refused:
            raise ModbusFault(ILLEGAL_VALUE) from None
        if parameter.type == CHAR:
            data = b"\0" + data
        elif parameter.type == TEXT:
            data = data.ljust(2 * min(wanted, _STEP), b"\0")[: 2 * _STEP]
        elif parameter.type == LONG and wanted < 2:
            raise ModbusFault(ILLEGAL_VALUE)
        return struct.unpack(f">{len(data) // 2}H", data)
