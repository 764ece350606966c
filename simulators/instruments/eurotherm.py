"""Eurotherm 3216 and EPC3000 controllers (HA028651, HA032842): Modbus RTU, and TCP on the EPC3000.

16-bit signed registers scaled by the displayed decimals; a 32-bit float copy of every parameter at
8000h + 2 x address, high word first. Sensor break is a status bit. The target setpoint, SP1 and SP2
go to EEPROM with every write, which is counted. A block read across a gap is exception 2.
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.ports import Clock
from simulators.wire.modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, ModbusFault, ModbusServer

PV, TARGET, MANUAL_OP, WORKING_OP, WORKING_SP = 1, 2, 3, 4, 5
RANGE_LOW, RANGE_HIGH, ALARM_1, ALARM_2, SP_SELECT = 11, 12, 13, 14, 15
TIMER, SP1, SP2, REMOTE_SP, OP_HIGH, OP_LOW, SP_RATE = 23, 24, 25, 26, 30, 31, 35
STATUS, VERSION, ADDRESS, MODE, MANUAL, REMOTE = 75, 107, 131, 199, 273, 276
NORMAL, STANDBY = 0, 1
_PID = (6, 8, 9)  # proportional band, integral and derivative time
FLOATS = 0x8000
_WHOLE = frozenset({SP_SELECT, TIMER, STATUS, VERSION, ADDRESS, MODE, MANUAL, REMOTE})
_READ_ONLY = frozenset({PV, WORKING_OP, WORKING_SP, STATUS, VERSION, RANGE_LOW, RANGE_HIGH})
_SWITCHES = {SP_SELECT: 1, TIMER: 3, MODE: 2, MANUAL: 1, REMOTE: 1}  # highest value
_SETPOINTS = frozenset({TARGET, SP1, SP2, REMOTE_SP})
_EEPROM = frozenset({TARGET, SP1, SP2})
_RAMP_STEP_S = 1.0
_AMBIENT_DEGC = 22.0


class SimEurotherm3216(ModbusServer):
    """One controller with its block; starts in control at ambient, which is off in effect."""

    role: ClassVar[Role] = "heater"
    latency_s = 0.006
    version = 0x0111
    functions: ClassVar[frozenset[int]] = frozenset({3, 4, 6, 8, 16})

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        address = int(options.get("address", 1))
        super().__init__(name, clock, self, {address})
        self._heater = need(ports.heater, name, "heater")
        self.decimals = int(options.get("decimals", 1))
        self.eeprom_writes = 0
        self.values: dict[int, float] = {
            **dict.fromkeys((MANUAL_OP, SP_SELECT, TIMER, MODE, MANUAL, REMOTE, SP_RATE), 0.0),
            **dict.fromkeys((SP1, SP2, REMOTE_SP), _AMBIENT_DEGC),
            **dict.fromkeys((RANGE_LOW, ALARM_2, OP_LOW), 0.0),
            **dict(zip(_PID, (20.0, 360.0, 60.0), strict=True)),
            ALARM_1: 200.0,
            RANGE_HIGH: 250.0,
            OP_HIGH: 100.0,
            VERSION: float(self.version),
            ADDRESS: float(address),
        }
        self.working_sp = _AMBIENT_DEGC
        self._ramp: asyncio.TimerHandle | None = None

    @property
    def target(self) -> float:
        """Return the setpoint selected, degC."""
        if self.values[REMOTE]:
            return self.values[REMOTE_SP]
        return self.values[SP2 if self.values[SP_SELECT] else SP1]

    @property
    def sensor_broken(self) -> bool:
        """Return whether the thermocouple is open."""
        return isnan(self._heater.temperature_degc())

    def power_cycle(self) -> None:
        """Interrupt the power: what is not in EEPROM is lost; the local setpoint is in use again.

        The manual names only the setpoints as kept; that control goes on is assumed, for the worst.
        """
        self.values |= {REMOTE_SP: _AMBIENT_DEGC, REMOTE: 0.0, SP_SELECT: 0.0, SP_RATE: 0.0}
        self._follow()

    def read(self, address: int, count: int) -> Sequence[int]:
        """Return registers, scaled integers or halves of floats."""
        if address >= FLOATS:
            if address % 2 or count % 2:
                raise ModbusFault(ILLEGAL_ADDRESS)
            first = (address - FLOATS) // 2
            values = [self.value(first + k) for k in range(count // 2)]
            return struct.unpack(f">{count}H", struct.pack(f">{count // 2}f", *values))
        return [self._scaled(address + k) for k in range(count)]

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write parameters, as scaled integers or as floats; all are checked first."""
        if address >= FLOATS:
            if address % 2 or len(values) % 2:
                raise ModbusFault(ILLEGAL_ADDRESS)
            data = struct.pack(f">{len(values)}H", *values)
            numbers = list(struct.unpack(f">{len(values) // 2}f", data))
            address = (address - FLOATS) // 2
        else:
            numbers = [
                ((value ^ 0x8000) - 0x8000) / self._scale(address + k)
                for k, value in enumerate(values)
            ]
        for k, number in enumerate(numbers):
            self._check(address + k, number)
        for k, number in enumerate(numbers):
            self._set(address + k, number)

    def value(self, address: int) -> float:
        """Return a parameter in its own unit; raise ModbusFault where there is none."""
        if address == PV:
            measured = self._heater.temperature_degc()
            return self.values[RANGE_HIGH] if isnan(measured) else measured
        if address == TARGET:
            return self.target
        if address == WORKING_OP:
            return self._output()
        if address == WORKING_SP:
            return self.working_sp
        if address == STATUS:
            return float(self._status())
        try:
            return self.values[address]
        except KeyError:
            raise ModbusFault(ILLEGAL_ADDRESS) from None

    def _scale(self, address: int) -> int:
        return 1 if address in _WHOLE else 10**self.decimals

    def _scaled(self, address: int) -> int:
        raw = round(self.value(address) * self._scale(address))
        return min(max(raw, -0x8000), 0x7FFF) & 0xFFFF

    def _check(self, address: int, number: float) -> None:
        self.value(address)
        if address in _READ_ONLY:
            raise ModbusFault(ILLEGAL_ADDRESS)
        low, high = 0.0, float(_SWITCHES.get(address, 9999))
        if address in _SETPOINTS:
            low, high = self.values[RANGE_LOW], self.values[RANGE_HIGH]
        elif address in (MANUAL_OP, OP_HIGH, OP_LOW):
            low, high = -100.0, 100.0
        if not low <= number <= high:
            raise ModbusFault(ILLEGAL_VALUE)

    def _set(self, address: int, number: float) -> None:
        if address == TARGET:
            address_of_target = SP2 if self.values[SP_SELECT] else SP1
            self.values[REMOTE_SP if self.values[REMOTE] else address_of_target] = number
        else:
            self.values[address] = number
        if address in _EEPROM:
            self.eeprom_writes += 1
        if address == ADDRESS:
            self.addresses.clear()
            self.addresses.add(int(number))
        self._follow()

    def _follow(self) -> None:
        """Bring the working setpoint to the target, at the rate limit when there is one."""
        if self._ramp is not None:
            self._ramp.cancel()
            self._ramp = None
        if self.values[SP_RATE] > 0 and self.working_sp != self.target:
            self._ramp = asyncio.get_running_loop().call_later(_RAMP_STEP_S, self._step)
        else:
            self.working_sp = self.target
        self._act()

    def _step(self) -> None:
        most = self.values[SP_RATE] * _RAMP_STEP_S / 60.0
        self.working_sp += min(max(self.target - self.working_sp, -most), most)
        self._follow()

    def _act(self) -> None:
        """Drive the block; in manual mode the output's own equilibrium is what it drifts to."""
        if self.values[MODE] != NORMAL or self.sensor_broken:
            self._heater.set_goal(None)
        elif self.values[MANUAL]:
            span = self.values[RANGE_HIGH] - _AMBIENT_DEGC
            share = max(0.0, self.values[MANUAL_OP]) / 100.0
            self._heater.set_goal(_AMBIENT_DEGC + span * share if share else None)
        else:
            self._heater.set_goal(self.working_sp)

    def _output(self) -> float:
        if self.values[MODE] != NORMAL:
            return 0.0
        if self.values[MANUAL]:
            return self.values[MANUAL_OP]
        power = 100.0 * self._heater.power_fraction()
        return 0.0 if isnan(power) else min(max(power, self.values[OP_LOW]), self.values[OP_HIGH])

    def _status(self) -> int:
        measured = self.value(PV)
        bits = {
            0: measured > self.values[ALARM_1],
            1: measured < self.values[ALARM_2],
            4: self.values[MANUAL] == 1,
            5: self.sensor_broken,
        }
        return sum(1 << bit for bit, is_set in bits.items() if is_set)


class SimEurothermEpc3000(SimEurotherm3216):
    """The EPC3000 keeps the low addresses of the 3200 series (so far as is known)."""

    version = 0x0301
