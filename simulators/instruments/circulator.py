"""What stands behind the addresses of a Huber thermostat (data communication manual V2.3.0, PB).

Temperatures are kept in degC and given in 0.01 degC (0.001 in the high-resolution form). A
watchdog stops control, or goes to a second setpoint, when nobody has spoken for the seconds set.
Settings are lost with the power.
"""

import asyncio
from collections.abc import Callable, Mapping
from math import isnan, nan
from typing import Any

from simulators.ports import Clock, HeaterPort

ABSENT_DEGC = -151.0  # C504h
ABSENT_FINE_DEGC = -274.0  # FFFBD1B0h
UNKNOWN, UNKNOWN_FINE = 0x7FFF, 0x7FFFFFFF
WATCHDOG_FAULT = 2002  # made up; the manual's list of messages is another document
MAX_POWER_W = 2000.0
_RAMP_STEP_S = 1.0
_REACH_DEGC = (-151.0, 327.0)

Read = Callable[[], float]


class Circulator:
    """State and behaviour; the wire is in ``huber``."""

    def __init__(self, heater: HeaterPort, clock: Clock, options: Mapping[str, Any]) -> None:
        self._heater, self._clock = heater, clock
        self.e_grade = bool(options.get("e_grade", False))
        wanted = options.get("control") == "process"  # then the Pt100 will be plugged in
        self.process_sensor = bool(options.get("process_sensor", wanted))
        self.serial_number = int(options.get("serial_number", 123456))
        self.return_offset_k = -0.5
        self._watch: asyncio.TimerHandle | None = None
        self._ramp: asyncio.TimerHandle | None = None
        self._heard_at = clock()
        self._power_up()
        self._temperatures: dict[int, Read] = {
            0x00: lambda: self.setpoint,
            0x01: self._internal,
            0x02: lambda: self._internal() + self.return_offset_k,
            0x07: self._process,
            0x3A: lambda: self._process() if self.values[0x13] else self._internal(),
        }
        self._computed: dict[int, Callable[[], int]] = {
            0x03: lambda: 1013 + (500 if self.circulating else 0),
            0x04: self._power_w,
            0x0A: self._status,
            0x0F: lambda: 850,
            0x14: lambda: int(self.controlling),
            0x16: lambda: int(self.circulating),
            0x1B: lambda: self.serial_number & 0xFFFF,
            0x1C: lambda: self.serial_number >> 16,
            0x26: lambda: self.values[0x48] if self.circulating else 0,
            0x3C: lambda: 0,
            0x5C: lambda: 180,
        }

    def restart(self) -> None:
        """Interrupt the power: settings go back, control is off, and status bit 14 tells of it."""
        self._cancel()
        self._power_up()
        self._act()

    def heard(self) -> None:
        """A valid command has come: the watchdog is fed."""
        self._heard_at = self._clock()

    def read(self, address: int, *, fine: bool) -> int:
        """Return the raw value at an address, or the one that means unknown."""
        if address in self._temperatures:
            return self._read_temperature(address, fine=fine)
        if address in self._limits:
            return round(self._limits[address] * (1000 if fine else 100))
        if address in self._computed:
            return self._computed[address]()
        return self.values.get(address, UNKNOWN_FINE if fine else UNKNOWN)

    def write(self, address: int, raw: int, *, fine: bool) -> None:
        """Write a raw value; what cannot be written or is out of range changes nothing."""
        if address in self._limits or address in (0x00, 0x5A):
            self._write_temperature(address, raw / (1000 if fine else 100))
        elif address in (0x14, 0x16):
            self._switch(address, on=raw != 0)
        elif address in (0x05, 0x06):
            if raw == 1:
                self.values[address] = 0
        elif address in self.values:
            low, high = _RANGES.get(address, (0, 1))
            if low <= raw <= high:
                self.values[address] = raw
            if address in (0x40, 0x41):
                self._arm()

    def _power_up(self) -> None:
        self.setpoint = 20.0
        self.controlling = self.circulating = False
        self.fresh = True  # restarted since the status was last read
        self._limits = {0x30: -40.0, 0x31: 200.0, 0x42: 20.0, 0x5A: 20.0}
        self._limits |= {0x51: 200.0, 0x52: -151.0, 0x53: 200.0, 0x54: -151.0}
        self.values = {0x05: 0, 0x06: 0, 0x13: 0, 0x17: 0, 0x40: 0, 0x41: 0, 0x48: 3000, 0x59: 0}

    def _read_temperature(self, address: int, *, fine: bool) -> int:
        if address == 0x02 and not self.e_grade:  # return temperature
            return UNKNOWN_FINE if fine else UNKNOWN
        degc = self._temperatures[address]()
        if isnan(degc):
            degc = ABSENT_FINE_DEGC if fine else ABSENT_DEGC
        return round(degc * (1000 if fine else 100))

    def _write_temperature(self, address: int, degc: float) -> None:
        if address == 0x00:
            self._stop_ramp()
            self._move_setpoint(degc)
        elif address == 0x5A:  # start a ramp to here
            self._limits[address] = self._clamped(degc)
            self._start_ramp(self._limits[address])
        elif _REACH_DEGC[0] <= degc <= _REACH_DEGC[1]:
            self._limits[address] = degc
            self._move_setpoint(self.setpoint)

    def _clamped(self, degc: float) -> float:
        return min(max(degc, self._limits[0x30]), self._limits[0x31])

    def _move_setpoint(self, degc: float) -> None:
        self.setpoint = self._clamped(degc)
        self._act()

    def _switch(self, address: int, *, on: bool) -> None:
        if address == 0x14:  # temperature control
            self.controlling = on and not self.values[0x05]
            self.circulating = self.circulating or self.controlling
        else:
            self.circulating = on
            self.controlling = self.controlling and on
        self._act()

    def _act(self) -> None:
        self._heater.set_goal(self.setpoint if self.controlling else None)

    def _internal(self) -> float:
        return self._heater.temperature_degc()

    def _process(self) -> float:
        return self._internal() if self.process_sensor else nan  # no Pt100 is plugged in

    def _power_w(self) -> int:
        power = self._heater.power_fraction()
        return 0 if isnan(power) else round(MAX_POWER_W * power)

    def _status(self) -> int:
        """Return the status bits (address 0A); reading them clears the restart mark."""
        bits = {
            0: self.controlling,
            1: self.circulating,
            2: self.controlling and self._power_w() < 0,
            3: self.values[0x13] == 1,
            4: self.circulating,
            5: True,
            6: self.values[0x17] == 1,
            7: True,
            8: self.values[0x05] != 0,
            9: self.values[0x06] != 0,
            14: not self.fresh,
        }
        self.fresh = False
        return sum(1 << bit for bit, is_set in bits.items() if is_set)

    def _arm(self) -> None:
        """Set the watchdog to the sooner of its two times; 0 is off."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        times = [seconds for seconds in (self.values[0x40], self.values[0x41]) if seconds]
        if times:
            self._watch = asyncio.get_running_loop().call_later(min(times), self._bark)

    def _bark(self) -> None:
        """Act when nobody has spoken for long enough; and wait on."""
        silent_s = self._clock() - self._heard_at
        to_fault, to_second = self.values[0x40], self.values[0x41]
        if to_second and silent_s >= to_second:
            self._move_setpoint(self._limits[0x42])
        if to_fault and silent_s >= to_fault:
            self.values[0x05] = WATCHDOG_FAULT
            self._switch(0x14, on=False)
        times = [seconds for seconds in (to_fault, to_second) if seconds]
        coming = [seconds - silent_s for seconds in times if seconds > silent_s]
        rest = max(0.001, min(coming or times))  # one that rounds to nothing would never pass
        self._watch = asyncio.get_running_loop().call_later(rest, self._bark)

    def _start_ramp(self, goal: float) -> None:
        self._stop_ramp()
        duration = self.values[0x59]
        if duration == 0:
            self._move_setpoint(goal)
            return
        start, began = self.setpoint, self._clock()

        def step() -> None:
            part = min(1.0, (self._clock() - began) / duration)
            self._move_setpoint(start + (goal - start) * part)
            if part < 1.0:
                self._ramp = asyncio.get_running_loop().call_later(_RAMP_STEP_S, step)

        step()

    def _stop_ramp(self) -> None:
        if self._ramp is not None:
            self._ramp.cancel()
            self._ramp = None

    def _cancel(self) -> None:
        self._stop_ramp()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


_RANGES = {  # of plain writable values; all others are switches, 0 or 1
    0x40: (0, 150),
    0x41: (0, 150),
    0x48: (1500, 4500),
    0x59: (0, 32767),
}
