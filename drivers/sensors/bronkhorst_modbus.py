"""Bronkhorst flow meters and controllers over Modbus RTU (manual 9.17.035).

Line: RS-485, 19200 8E1, address 1 unless set otherwise. Registers, 0-based: counts (32000 = 100 %)
at 20h times process plus number, floats (high word first) and texts (two characters a register) at
8000h plus 100h times process plus 8 times number. What they mean, and how setpoints and the safe
state work, is in :mod:`drivers.sensors.bronkhorst`. Unverified on hardware.
"""

import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from math import isfinite
from typing import ClassVar, Literal

from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, ReadbackMismatch, WrongInstrument
from drivers.modbus import MODBUS_LINE, ModbusInstrument, ModbusOptions, ModbusRejected
from drivers.modbus_frames import WRITE_MANY
from drivers.modbus_signal import BoundModbus, ModbusSignal
from drivers.options import DriverOptions
from drivers.probes import modbus_probes
from drivers.sensors.bronkhorst import FlowOptions
from drivers.sensors.bronkhorst_units import BEYOND, FULL, MOST, ml_min_per_unit
from drivers.sensors.controllers import setpoint_spec, specs_with, within_full_scale
from drivers.signal import Lane, Limits, Quality, Reading, SignalSpec

CAPACITY, CAPACITY_UNIT, SERIAL_NUMBER = 0x8168, 0x81F8, 0xF118
PER_CENT = FULL / 100.0  # counts
TURN = 0x10000 / PER_CENT  # what negative flows are too large by, %


def _characters(words: tuple[int, ...]) -> str:
    """Return a text, two characters a register."""
    data = struct.pack(f">{len(words)}H", *words)
    return data.split(b"\0")[0].decode("latin-1").strip()


def _capacity_unit(words: tuple[int, ...]) -> str | None:
    """Recognise an instrument by the unit of its capacity; a density makes all of them flows."""
    unit = _characters(words)
    with suppress(ValueError):
        ml_min_per_unit(unit, 1.0)
        return f"Bronkhorst, capacity in {unit}"
    return None


class BronkhorstModbusOptions(ModbusOptions, FlowOptions):
    """Options of an instrument over Modbus."""

    parity: Literal["N", "E", "O"] = "E"


class BronkhorstModbus(ModbusInstrument):
    """A flow meter or controller; fills the ``FlowController`` role."""

    Options = BronkhorstModbusOptions
    probes: ClassVar = modbus_probes(CAPACITY_UNIT, 4, _capacity_unit, rates=(9600,))
    line = replace(MODBUS_LINE, baud_rate=19200, parity="E")

    flow = ModbusSignal(0xA100, "float32", "mL/min", divisor=None)
    setpoint = ModbusSignal(
        0xA118, "float32", "mL/min", divisor=None, writable=True, limits=(0.0, 1e7)
    )
    temperature = ModbusSignal(0xA138, "float32", "degC", poll_s=5.0)
    flow_percent = ModbusSignal(0x0020, "uint16", "%", divisor=PER_CENT, poll_s=5.0)
    setpoint_percent = ModbusSignal(0x0021, "uint16", "%", divisor=PER_CENT, poll_s=5.0)
    control_mode = ModbusSignal(0x0024, "uint16", kind=int, poll_s=5.0, doc="0 bus")
    alarm_info = ModbusSignal(0x0034, "uint16", kind=int, poll_s=None)

    def __init__(
        self, name: str, bus: Bus, options: BronkhorstModbusOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._options, self._configured = options, limits.get("setpoint")
        self.setpoint.spec = setpoint_spec(self.setpoint.spec, controller=options.controller)
        self._capacity = 0.0  # mL/min; 0: it has not been asked for

    @classmethod
    def signal_specs(cls, options: DriverOptions) -> Mapping[str, SignalSpec]:
        """Return the table with these options: a meter has no setpoint to set."""
        return specs_with(super().signal_specs(options), options)

    async def identify(self) -> str:
        """Return the serial number, where the instrument tells it."""
        found = "Bronkhorst"
        with suppress(ModbusRejected):
            found += f", serial {await self._text(SERIAL_NUMBER, 8)}"
        try:
            await self.flow_percent.read(Lane.COMMAND)
        except CommandRejected as error:
            what = f"no flow instrument answers here ({error.what})"
            raise WrongInstrument(self.name, what) from error
        return found

    async def prepare(self) -> None:
        """Know the unit and the capacity, and limit the setpoint by it; sets nothing."""
        self._capacity = 0.0
        await self.settle_scale()
        limits = within_full_scale(self.name, self._configured, self._capacity)
        self.setpoint.spec = replace(self.setpoint.spec, limits=limits)

    async def check(self) -> None:
        """Raise DeviceFault while an alarm of ``alarm_mask`` is shown."""
        try:
            alarms = (await self.alarm_info.read(Lane.COMMAND)).value
        except CommandRejected:  # has no alarms; what counts is that it answers
            return
        if isinstance(alarms, int) and alarms & self._options.alarm_mask:
            raise DeviceFault(self.name, f"alarm info {alarms:02X}h")

    async def close_flow(self, lane: Lane = Lane.COMMAND) -> None:
        """Set the flow to 0, confirmed; 0 is never out of range. A meter has nothing to close."""
        if not self._options.controller:
            return
        setpoint = self.bound_row("setpoint").span
        await super().write_registers(setpoint.start, (0, 0), WRITE_MANY, lane)
        held = await self.read_registers(setpoint.start, setpoint.count, lane=lane)
        if any(held):
            raise ReadbackMismatch(self.name, f"setpoint was set to 0, holds {held}")
        await self._require_bus(lane, "a setpoint of 0 does not act")

    async def make_safe(self) -> None:
        """Set the flow to 0 on the trip lane."""
        await self.close_flow(Lane.TRIP)

    async def write_registers(
        self, start: int, registers: tuple[int, ...], function: int, lane: Lane
    ) -> None:
        """Write registers, once, while the bus commands the instrument."""
        await self._require_bus(lane, "it does not obey the bus")
        await super().write_registers(start, registers, function, lane)

    async def settle_scale(self) -> None:
        """Know what a unit is in mL/min, and the capacity."""
        if self._capacity:
            return
        unit = await self._text(CAPACITY_UNIT, 4)
        words = await self.read_registers(CAPACITY, 2, lane=Lane.COMMAND)
        capacity: float = struct.unpack(">f", struct.pack(">2H", *words))[0]
        try:
            ml_min = ml_min_per_unit(unit, self._options.density_g_ml)
        except ValueError as error:
            raise DeviceFault(self.name, str(error)) from None
        if not isfinite(capacity) or capacity <= 0:
            raise DeviceFault(self.name, "tells no capacity")
        self.divisor, self._capacity = 1.0 / ml_min, ml_min * capacity

    def converted(self, signal: BoundModbus, reading: Reading) -> Reading:
        """Give small negative flows their sign; a flow beyond all reason is bad."""
        value, name = reading.value, signal.spec.name
        if not isinstance(value, float):
            return reading
        if name.endswith("percent") and value > MOST / PER_CENT:
            return replace(reading, value=value - TURN)
        if name == "flow" and abs(value) > BEYOND * self._capacity:
            return replace(reading, value=None, quality=Quality.BAD, reason="range")
        return reading

    async def _require_bus(self, lane: Lane, so_what: str) -> None:
        """Raise CommandRejected while something other than the bus commands the instrument."""
        mode = (await self.control_mode.read(lane)).value
        if mode not in self._options.bus_modes:
            raise CommandRejected(self.name, f"is in control mode {mode}: {so_what}")

    async def _text(self, start: int, count: int) -> str:
        """Return a text, two characters a register."""
        return _characters(await self.read_registers(start, count, lane=Lane.COMMAND))
