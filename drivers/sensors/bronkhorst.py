"""Bronkhorst flow meters and controllers (EL-FLOW, mini CORI-FLOW, (IN-)FLOW) over ProPar.

Parameters of manual 9.17.027: process 33 has measure, setpoint and temperature as floats in the
capacity unit; process 1 has measure and setpoint in counts (32000 = 100 %), control mode, alarms,
capacity and its unit. ``prepare`` asks for unit and capacity; flows here are mL/min (of a gas: at
the instrument's reference conditions), and those of a mass flow instrument need ``density_g_ml``.

A setpoint acts only while the control mode lets the bus command: in another mode it is refused here
(the instrument would say ok), and ``make_safe`` says that its 0 does not act. Connecting sets
nothing; if the computer dies, the flow goes on. Which modes those are is the option ``bus_modes``,
because the manual's list differs between firmwares. Unverified on hardware.
"""

import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from drivers.bus import Bus
from drivers.codec import DleCodec, dle_framed
from drivers.errors import CommandRejected, DeviceFault, ReadbackMismatch, WrongInstrument
from drivers.options import DriverOptions
from drivers.probes import FRAMED, Address, Probe
from drivers.sensors.bronkhorst_units import BEYOND, ml_min_per_unit, percent
from drivers.sensors.bronkhorst_wire import (
    ANSWER,
    ANY_NODE,
    CHAR,
    INT16,
    LONG,
    TEXT,
    Parameter,
    ProparInstrument,
    ProparOptions,
)
from drivers.sensors.controllers import (
    ControllerOptions,
    setpoint_spec,
    specs_with,
    within_full_scale,
)
from drivers.signal import Lane, Limits, SignalSpec
from drivers.table import BadValue, MethodSignal

MEASURE, SETPOINT = Parameter(1, 0, INT16), Parameter(1, 1, INT16)
CONTROL_MODE, ALARM_INFO = Parameter(1, 4, CHAR), Parameter(1, 20, CHAR)
CAPACITY, CAPACITY_UNIT = Parameter(1, 13, LONG), Parameter(1, 31, TEXT)
F_MEASURE, F_SETPOINT, TEMPERATURE = (Parameter(33, n, LONG) for n in (0, 3, 7))
SERIAL_NUMBER, USER_TAG = Parameter(113, 3, TEXT), Parameter(113, 6, TEXT)


class FlowOptions(ControllerOptions):
    """What the configuration says of a Bronkhorst instrument, however it is spoken to."""

    density_g_ml: Annotated[float, Field(gt=0, le=30)] | None = None  # of what a mass flow is
    bus_modes: tuple[Annotated[int, Field(ge=0, le=255)], ...] = (0, 18)  # where setpoints act
    alarm_mask: Annotated[int, Field(ge=0, le=255)] = 255  # bits of the alarm info that are faults


class BronkhorstOptions(ProparOptions, FlowOptions):
    """Options of an instrument over ProPar."""


def _question(node: int) -> bytes:
    body = bytes.fromhex(SERIAL_NUMBER.read())
    return dle_framed(bytes((1, node, len(body))) + body)


def _recognised(node: Address, heard: bytes) -> str | None:
    asked = bytes.fromhex(SERIAL_NUMBER.read())[1:3]
    codec = DleCodec()
    codec.feed(heard)
    while (frame := codec.next_frame()) is not None:
        mine = frame[:1] == b"\1" and (node == ANY_NODE or frame[1:2] == bytes((int(node or 0),)))
        if mine and frame[3:6] == bytes((ANSWER,)) + asked and frame[2] == len(frame) - 3:
            return f"Bronkhorst, serial {frame[7:].split(bytes(1))[0].decode('latin-1').strip()}"
    return None


class Bronkhorst(ProparInstrument):
    """A flow meter or controller; fills the ``FlowController`` role."""

    Options = BronkhorstOptions
    probes: ClassVar = (  # the serial number, in binary; 3 is the factory's node
        Probe(_question, recognise=_recognised, addresses=(3, ANY_NODE), rank=FRAMED),
    )

    flow = MethodSignal(float, "mL/min", read="_read_flow")
    setpoint = MethodSignal(
        float, "mL/min", read="_read_setpoint", write="_write_setpoint", limits=(0.0, 1e7)
    )
    temperature = MethodSignal(float, "degC", read="_read_temperature", poll_s=5.0)
    flow_percent = MethodSignal(float, "%", read="_read_percent", poll_s=5.0)
    setpoint_percent = MethodSignal(float, "%", read="_read_setpoint_percent", poll_s=5.0)
    control_mode = MethodSignal(int, read="_read_mode", poll_s=5.0, doc="0 bus")

    def __init__(
        self, name: str, bus: Bus, options: BronkhorstOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._flow_options, self._configured = options, limits.get("setpoint")
        self.setpoint.spec = setpoint_spec(self.setpoint.spec, controller=options.controller)
        self._ml_min = self._capacity = 0.0  # mL/min, of a unit and of 100 %; 0: not known

    @classmethod
    def signal_specs(cls, options: DriverOptions) -> Mapping[str, SignalSpec]:
        """Return the table with these options: a meter has no setpoint to set."""
        return specs_with(super().signal_specs(options), options)

    async def identify(self) -> str:
        """Return serial number and user tag, where the instrument has them."""
        found = "Bronkhorst"
        with suppress(CommandRejected):
            found += f", serial {await self.text(SERIAL_NUMBER, Lane.COMMAND)}"
        with suppress(CommandRejected):
            if tag := await self.text(USER_TAG, Lane.COMMAND):
                found += f", tag {tag}"
        try:
            await self.count(MEASURE, Lane.COMMAND)
        except CommandRejected as error:
            what = f"no flow instrument answers here ({error.what})"
            raise WrongInstrument(self.name, what) from error
        return found

    async def prepare(self) -> None:
        """Know the unit and the capacity, and limit the setpoint by it; sets nothing."""
        self._ml_min = 0.0
        await self._settle()
        limits = within_full_scale(self.name, self._configured, self._capacity)
        self.setpoint.spec = replace(self.setpoint.spec, limits=limits)

    async def check(self) -> None:
        """Raise DeviceFault while an alarm of ``alarm_mask`` is shown."""
        try:
            alarms = await self.count(ALARM_INFO, Lane.COMMAND)
        except CommandRejected:  # has no alarms; what counts is that it answers
            return
        if alarms & self._flow_options.alarm_mask:
            raise DeviceFault(self.name, f"alarm info {alarms:02X}h")

    async def close_flow(self, lane: Lane = Lane.COMMAND) -> None:
        """Set the flow to 0, confirmed; 0 is never out of range. A meter has nothing to close."""
        if not self._flow_options.controller:
            return
        await self.order(F_SETPOINT, bytes(4), lane)
        if held := await self.number(F_SETPOINT, lane):
            raise ReadbackMismatch(self.name, f"setpoint was set to 0, reads back {held:g}")
        await self._require_bus(lane, "a setpoint of 0 does not act")

    async def make_safe(self) -> None:
        """Set the flow to 0 on the trip lane."""
        await self.close_flow(Lane.TRIP)

    async def _require_bus(self, lane: Lane, so_what: str) -> None:
        """Raise CommandRejected while something other than the bus commands the instrument."""
        mode = await self.count(CONTROL_MODE, lane)
        if mode not in self._flow_options.bus_modes:
            raise CommandRejected(self.name, f"is in control mode {mode}: {so_what}")

    async def _settle(self) -> None:
        """Know what a unit is in mL/min, and the capacity."""
        if self._ml_min:
            return
        unit = await self.text(CAPACITY_UNIT, Lane.COMMAND)
        try:
            ml_min = ml_min_per_unit(unit, self._flow_options.density_g_ml)
        except ValueError as error:
            raise DeviceFault(self.name, str(error)) from None
        capacity = 0.0
        with suppress(BadValue):
            capacity = ml_min * await self.number(CAPACITY, Lane.COMMAND)
        if capacity <= 0:
            raise DeviceFault(self.name, "tells no capacity")
        self._ml_min, self._capacity = ml_min, capacity

    async def _read_flow(self, lane: Lane) -> float:
        await self._settle()
        value = self._ml_min * await self.number(F_MEASURE, lane)
        if abs(value) > BEYOND * self._capacity:
            raise BadValue("range")
        return value

    async def _read_percent(self, lane: Lane) -> float:
        return percent(await self.count(MEASURE, lane))

    async def _read_setpoint_percent(self, lane: Lane) -> float:
        return percent(await self.count(SETPOINT, lane))

    async def _read_temperature(self, lane: Lane) -> float:
        return await self.number(TEMPERATURE, lane)

    async def _read_mode(self, lane: Lane) -> int:
        return await self.count(CONTROL_MODE, lane)

    async def _read_setpoint(self, lane: Lane) -> float:
        await self._settle()
        return self._ml_min * await self.number(F_SETPOINT, lane)

    async def _write_setpoint(self, ml_min: float, lane: Lane) -> float:
        await self._settle()
        await self._require_bus(lane, "it does not obey the bus")
        carried = struct.pack(">f", ml_min / self._ml_min)
        await self.order(F_SETPOINT, carried, lane)
        return self._ml_min * struct.unpack(">f", carried)[0]
