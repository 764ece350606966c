"""Keller X-line pressure transmitter (Communication Protocol X-Line v3.7): Modbus RTU floats.

Floats are two registers, high word first; reading one register of a float is an error. A failed
channel reads NaN. Address 250 answers from any single unit. The integer copies at 0010h are left
out: their width depends on a firmware version that the manual does not pin down.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.ports import Clock
from simulators.wire.modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, ModbusFault, ModbusServer

ANY_UNIT = 250
SET_ZERO_P1, RESET_ZERO_P1 = 0xFF00, 0xFF02
COEFFICIENTS, CONFIGURATION = 0x0300, 0x0200
OFFSET_P1, GAIN_P1, MIN_P1, MAX_P1 = 64, 65, 80, 81
ATMOSPHERE_BAR = 1.01325
_NAN = b"\x7f\xc0\x00\x00"


class SimKellerXLine(ModbusServer):
    """One transmitter on the line; the sensor that is not fitted (P2, or P1) reads NaN."""

    role: ClassVar[Role] = "pressure"
    latency_s = 0.003
    functions: ClassVar[frozenset[int]] = frozenset({3, 6, 8, 16})

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.address = int(options.get("address", 1))
        super().__init__(name, clock, self, {self.address, ANY_UNIT})
        self._port = need(ports.pressure, name, "pressure")
        self.zero_bar = 0.0  # taken off the reading
        self.ambient_bar = ATMOSPHERE_BAR if options.get("absolute") else 0.0
        self.coefficients = {OFFSET_P1: 0.0, GAIN_P1: 1.0, MIN_P1: 0.0, MAX_P1: 100.0}
        self.configuration = {0x0200: self.address, 0x020D: 0, 0x020F: 2612}
        pressure, temperature = self.pressure_bar, self._port.temperature_degc
        first, second = (pressure, temperature), (_not_fitted, _not_fitted)
        if options.get("channel") == 2:
            first, second = second, first
        self._floats: dict[int, Callable[[], float]] = {
            0x0000: pressure,
            **dict(zip((0x0002, 0x0008), first, strict=True)),
            **dict(zip((0x0004, 0x000A), second, strict=True)),
            0x0006: temperature,
            **dict(zip((0x0100, 0x0102), first, strict=True)),
            **dict(zip((0x0104, 0x0106), second, strict=True)),
        }

    def pressure_bar(self) -> float:
        """Return the pressure as the transmitter gives it, ±inf beyond its range, NaN if broken."""
        true = self._port.pressure_bar() + self.ambient_bar
        value = true * self.coefficients[GAIN_P1] + self.coefficients[OFFSET_P1] - self.zero_bar
        span = self.coefficients[MAX_P1] - self.coefficients[MIN_P1]
        if value > self.coefficients[MAX_P1] + 0.1 * span:
            return float("inf")
        if value < self.coefficients[MIN_P1] - 0.1 * span:
            return float("-inf")
        return value

    def read(self, address: int, count: int) -> Sequence[int]:
        """Return registers; whole floats only, and nothing that is not in the map."""
        if address in self.configuration:
            return self._read_configuration(address, count)
        if count % 2:
            raise ModbusFault(ILLEGAL_VALUE)
        data = b"".join(_packed(self._float(address + k)) for k in range(0, count, 2))
        return struct.unpack(f">{count}H", data)

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write a coefficient or set zero (two registers), or one of configuration."""
        if len(values) == 1 and address in self.configuration:
            self._configure(address, values[0])
            return
        if len(values) != 2:  # a float
            raise ModbusFault(ILLEGAL_VALUE)
        value: float = struct.unpack(">f", struct.pack(">2H", *values))[0]
        if address == SET_ZERO_P1:
            self.zero_bar += self.pressure_bar() - value
        elif address == RESET_ZERO_P1:
            self.zero_bar = 0.0
        else:
            self.coefficients[self._coefficient(address)] = value

    def _float(self, address: int) -> float:
        if address in self._floats:
            return self._floats[address]()
        return self.coefficients[self._coefficient(address)]

    def _coefficient(self, address: int) -> int:
        n, odd = divmod(address - COEFFICIENTS, 2)
        if odd or n not in self.coefficients:
            raise ModbusFault(ILLEGAL_ADDRESS)
        return n

    def _read_configuration(self, address: int, count: int) -> Sequence[int]:
        try:
            return [self.configuration[address + k] for k in range(count)]
        except KeyError:
            raise ModbusFault(ILLEGAL_ADDRESS) from None

    def _configure(self, address: int, value: int) -> None:
        self.configuration[address] = value
        if address == CONFIGURATION:
            if not 1 <= value < ANY_UNIT:
                raise ModbusFault(ILLEGAL_VALUE)
            self.addresses ^= {self.address, value}
            self.address = value


def _not_fitted() -> float:
    return nan


def _packed(value: float) -> bytes:
    """Return a float as it travels; the transmitter knows one NaN only."""
    return _NAN if value != value else struct.pack(">f", value)  # NaN test
