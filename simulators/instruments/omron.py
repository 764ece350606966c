"""Omron E5CC and E5_D controllers (communications manuals H175, H186): Modbus RTU.

Each variable lies in two spaces: from 0000h as 32 bits, high word first, from 2000h as 16 bits.
Operation commands are words written to 0000h. Writing anything else is refused until one of them
allows it. In backup mode every change goes to the memory, which is counted; in RAM mode none does.
The manuals do not say what becomes of run/stop and of the permission to write in a power cut; here
control goes on as it was, with the setpoint of the memory, and writing is off.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.ports import Clock
from simulators.wire.line import Framing, Send, Session
from simulators.wire.modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, ModbusFault, ModbusServer

PV, STATUS, INTERNAL_SP, CURRENT, MV = 0x0000, 0x0002, 0x0004, 0x0006, 0x0008
SP, ALARM_1, ALARM_1_HIGH, ALARM_1_LOW = 0x0106, 0x0108, 0x010A, 0x010C
DECIMAL_POINT, MANUAL_MV = 0x0420, 0x0600
SHORT = 0x2000
NOT_NOW = 4  # exception: not possible in this state
RANGE_DEGC = (-200.0, 1300.0)  # of a K thermocouple
_AMBIENT_DEGC, _FULL_DEGC = 22.0, 250.0  # where manual outputs of 0 and 100 % lead
_FLAGS = {0x00: ("writing", 1), 0x01: ("stopped", 1), 0x03: ("tuning", 2), 0x09: ("manual", 1)}
_BITS = {"input_error": 6, "tuning": 23, "stopped": 24, "writing": 25, "manual": 26}  # E5_C
_ALARM_1_BIT, _RAM_BIT = 12, 20


class SimOmronE5cc(ModbusServer):
    """One controller with its block; it starts stopped, in backup mode, with writing off."""

    role: ClassVar[Role] = "heater"
    latency_s = 0.02
    functions: ClassVar[frozenset[int]] = frozenset({3, 6, 8, 16})

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        super().__init__(name, clock, self, {int(options.get("address", 1))})
        self._heater = need(ports.heater, name, "heater")
        decimals = options.get("decimals")
        self.decimals = 1 if decimals is None else int(decimals)
        told: Mapping[str, Any] = options.get("status_bits") or {}
        self.bits = {name: told.get(name, bit) for name, bit in _BITS.items()}
        self.values = {SP: 0, ALARM_1: 0, ALARM_1_HIGH: 0, ALARM_1_LOW: 0, MANUAL_MV: 0}  # counts
        self.memory = dict(self.values)
        self.memory_writes = 0
        self.flags = {"writing": 0, "stopped": 1, "tuning": 0, "manual": 0}
        self.ram_mode = False
        self._silenced = False

    @property
    def setpoint(self) -> float:
        """Return the setpoint, degC."""
        return self.values[SP] / 10**self.decimals

    def power_cycle(self) -> None:
        """Interrupt the power: what is not in the memory is lost; control goes on as it was."""
        self.values = dict(self.memory)
        self.flags |= {"writing": 0, "tuning": 0}
        self.ram_mode = False
        self._act()

    def session(self, send: Send, framing: Framing) -> Session:
        """Return a session; a software reset is not answered."""

        def answer(data: bytes) -> None:
            if not self._silenced:
                send(data)
            self._silenced = False

        return super().session(answer, framing)

    def read(self, address: int, count: int) -> Sequence[int]:
        """Return registers of either space."""
        if address >= SHORT:
            return [self._short(address + k) for k in range(count)]
        if address % 2:
            raise ModbusFault(ILLEGAL_ADDRESS)
        if count % 2:
            raise ModbusFault(ILLEGAL_VALUE)
        words: list[int] = []
        for k in range(0, count, 2):
            value = self._value(address + k)
            words += [value >> 16 & 0xFFFF, value & 0xFFFF]
        return words

    def write(self, address: int, values: Sequence[int]) -> None:
        """Perform an operation command, or write variables of either space."""
        if address == 0 and len(values) == 1:
            self._operate(*divmod(values[0], 0x100))
            return
        if not self.flags["writing"]:
            raise ModbusFault(NOT_NOW)
        changes = self._changes(address, values)
        for variable, value in changes.items():
            self._check(variable, value)
        self.values |= changes
        if not self.ram_mode:
            self.memory |= changes
            self.memory_writes += len(changes)
        self._act()

    def _changes(self, address: int, values: Sequence[int]) -> dict[int, int]:
        """Return the counts written, by four-byte address."""
        if address >= SHORT:
            return {_long(address + k): (value ^ 0x8000) - 0x8000 for k, value in enumerate(values)}
        if address % 2 or len(values) == 1:  # function 06 is for the two-byte space
            raise ModbusFault(ILLEGAL_ADDRESS)
        if len(values) % 2:
            raise ModbusFault(ILLEGAL_VALUE)
        return {
            address + k: ((values[k] << 16 | values[k + 1]) ^ 0x80000000) - 0x80000000
            for k in range(0, len(values), 2)
        }

    def _check(self, variable: int, value: int) -> None:
        if variable not in self.values:
            raise ModbusFault(ILLEGAL_ADDRESS)
        low, high = RANGE_DEGC if variable == SP else (-1999.0, 9999.0)
        if not low <= value / 10**self.decimals <= high:
            raise ModbusFault(ILLEGAL_VALUE)

    def _operate(self, code: int, argument: int) -> None:
        if code in _FLAGS:
            flag, most = _FLAGS[code]
            if argument > most:
                raise ModbusFault(ILLEGAL_VALUE)
            self.flags[flag] = argument
        elif code == 0x04 and argument <= 1:
            self.ram_mode = argument == 1
        elif code == 0x05:
            self.memory = dict(self.values)
            self.memory_writes += 1
        elif code == 0x06:
            self._silenced = True
            self.power_cycle()
        else:  # programs, setup areas and the like have nothing behind them here
            raise ModbusFault(ILLEGAL_VALUE)
        self._act()

    def _short(self, address: int) -> int:
        value = self._value(_long(address))
        if _long(address) == STATUS:
            return value & 0xFFFF
        return min(max(value, -0x8000), 0x7FFF) & 0xFFFF

    def _value(self, variable: int) -> int:
        """Return a variable's counts; raise ModbusFault where there is none."""
        if variable == PV:
            measured = self._heater.temperature_degc()
            degc = RANGE_DEGC[1] if isnan(measured) else measured
            return round(degc * 10**self.decimals)
        if variable == STATUS:
            return self._status()
        if variable == MV:
            return round(10 * self._output())
        fixed = {INTERNAL_SP: self.values[SP], CURRENT: 0, DECIMAL_POINT: self.decimals}
        try:
            return (fixed | self.values)[variable]
        except KeyError:
            raise ModbusFault(ILLEGAL_ADDRESS) from None

    def _act(self) -> None:
        """Drive the block."""
        if self.flags["stopped"] or isnan(self._heater.temperature_degc()):
            self._heater.set_goal(None)
        elif self.flags["manual"]:
            share = max(0, self.values[MANUAL_MV]) / 1000
            goal = _AMBIENT_DEGC + (_FULL_DEGC - _AMBIENT_DEGC) * share
            self._heater.set_goal(goal if share else None)
        else:
            self._heater.set_goal(self.setpoint)

    def _output(self) -> float:
        if self.flags["stopped"]:
            return 0.0
        if self.flags["manual"]:
            return self.values[MANUAL_MV] / 10
        power = self._heater.power_fraction()
        return 0.0 if isnan(power) else 100.0 * max(0.0, power)

    def _status(self) -> int:
        measured = self._heater.temperature_degc()
        flags = {name: bool(flag) for name, flag in self.flags.items()}
        flags["input_error"] = isnan(measured)
        word = sum(1 << bit for name, bit in self.bits.items() if bit is not None and flags[name])
        alarm = measured * 10**self.decimals > self.values[ALARM_1_HIGH] > 0
        return word | alarm << _ALARM_1_BIT | self.ram_mode << _RAM_BIT


class SimOmronE5d(SimOmronE5cc):
    """The E5_D shares the map."""


def _long(address: int) -> int:
    """Return the four-byte address of a two-byte one: 2103h is 0106h."""
    page, low = divmod(address - SHORT, 0x100)
    return 0x100 * page + 2 * low
