"""Sensirion SFC5xxx and SFx6xxx mass flow controllers and meters for gases, over SHDLC.

Commands of the SHDLC guide for SFx6000: 00 setpoint, 08 measured value, 30 10h temperature, 44 the
calibration in use (13h its unit, 14h its full scale). Numbers are 32-bit floats in the unit of the
calibration; :meth:`SensirionSfx.prepare` asks for it, and flows here are mL/min of that gas at the
reference conditions of the calibration (norm or standard litres are not converted into each other).
The setpoint is limited by the full scale.

Connecting sets nothing. The safe state is setpoint 0, which closes the valve. If the computer dies,
the gas goes on flowing: the protocol has no watchdog. Unverified on hardware.
"""

import struct
from collections.abc import Mapping
from dataclasses import replace
from math import inf, isfinite
from typing import Annotated, ClassVar

from pydantic import Field

from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, ReadbackMismatch, WrongInstrument
from drivers.options import DriverOptions
from drivers.sensors.controllers import (
    ControllerOptions,
    setpoint_spec,
    specs_with,
    within_full_scale,
)
from drivers.sensors.sensirion_shdlc import (
    NAME,
    SERIAL,
    ShdlcInstrument,
    ShdlcOptions,
    ShdlcRejected,
    shdlc_probes,
)
from drivers.signal import Lane, Limits, SignalSpec
from drivers.table import BadValue, MethodSignal

SETPOINT, MEASURED, RAW, CALIBRATION = 0x00, 0x08, 0x30, 0x44
PHYSICAL, TEMPERATURE, UNIT, FULL_SCALE = b"\x01", b"\x10", b"\x13", b"\x14"
LITRES = frozenset({0, 1, 2, 3, 4, 8})  # norm, standard at various temperatures, of a liquid
TIMES_PER_MIN = {3: 60.0, 4: 1.0, 5: 1.0 / 60.0, 6: 1.0 / 1440.0}  # s, min, h, day
BEYOND = 1.5  # of the full scale; no flow that these instruments can measure


def _is_controller(name: str) -> bool:
    return "SF" in name.upper()


class SfxOptions(ShdlcOptions, ControllerOptions):
    """Options of an SFC5xxx or SFx6xxx."""

    ml_min_per_unit: Annotated[float, Field(gt=0, le=1e6)] | None = None  # None: ask for the unit


class SensirionSfx(ShdlcInstrument):
    """A gas flow controller or meter; fills the ``FlowController`` role."""

    Options = SfxOptions
    probes: ClassVar = shdlc_probes(_is_controller)

    flow = MethodSignal(float, "mL/min", read="_read_flow")
    setpoint = MethodSignal(
        float, "mL/min", read="_read_setpoint", write="_write_setpoint", limits=(0.0, 1e6)
    )
    temperature = MethodSignal(float, "degC", read="_read_temperature", poll_s=5.0)

    def __init__(
        self, name: str, bus: Bus, options: SfxOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._controller, self._configured = options.controller, limits.get("setpoint")
        self.setpoint.spec = setpoint_spec(self.setpoint.spec, controller=options.controller)
        self._given = options.ml_min_per_unit
        self._ml_min = 0.0  # per unit; 0: not known
        self._full = inf  # mL/min

    async def identify(self) -> str:
        """Return product name, firmware and serial number; raise WrongInstrument."""
        try:
            name, serial = await self.text_of(NAME), await self.text_of(SERIAL)
        except CommandRejected as error:
            what = f"no Sensirion flow controller answers here ({error.what})"
            raise WrongInstrument(self.name, what) from error
        if not _is_controller(name):
            raise WrongInstrument(self.name, f"{name!r} answers, which is no SFC or SFM")
        return f"Sensirion {name}, firmware {await self.firmware()}, serial {serial}"

    async def prepare(self) -> None:
        """Know the unit and the full scale, and limit the setpoint by it; sets nothing."""
        await self.forget_errors()
        self._ml_min, self._full = 0.0, inf
        await self._settle()
        if isfinite(self._full):
            limits = within_full_scale(self.name, self._configured, self._full)
            self.setpoint.spec = replace(self.setpoint.spec, limits=limits)

    @classmethod
    def signal_specs(cls, options: DriverOptions) -> Mapping[str, SignalSpec]:
        """Return the table with these options: a meter has no setpoint to set."""
        return specs_with(super().signal_specs(options), options)

    async def close_flow(self, lane: Lane = Lane.COMMAND) -> None:
        """Set the flow to 0, confirmed; 0 is never out of range. A meter has nothing to close."""
        if not self._controller:
            return
        await self._send_setpoint(0.0, lane)
        if held := await self._number(SETPOINT, PHYSICAL, lane):
            raise ReadbackMismatch(self.name, f"setpoint was set to 0, reads back {held:g}")

    async def make_safe(self) -> None:
        """Set the flow to 0 on the trip lane."""
        await self.close_flow(Lane.TRIP)

    async def _settle(self) -> None:
        """Know what one unit of the calibration is, mL/min, and the full scale."""
        if self._ml_min:
            return
        ml_min = self._given or await self._unit()
        try:
            self._full = ml_min * await self._number(CALIBRATION, FULL_SCALE, Lane.COMMAND)
        except ShdlcRejected:  # then only the configured limits hold
            self._full = inf
        except BadValue:
            raise DeviceFault(self.name, "tells no full scale of its calibration") from None
        self._ml_min = ml_min

    async def _unit(self) -> float:
        """Ask for the unit: a power of ten, a kind of litre, a time; return it in mL/min."""
        try:
            told = await self.query(CALIBRATION, UNIT, sizes=(3,), lane=Lane.COMMAND)
        except ShdlcRejected as refusal:
            what = f"does not tell its unit ({refusal.what}): set the option ml_min_per_unit"
            raise DeviceFault(self.name, what) from refusal
        prefix, unit, time = struct.unpack(">bBB", told)
        if abs(prefix) > 9 or unit not in LITRES or time not in TIMES_PER_MIN:
            what = f"its unit {told.hex().upper()}h is no volume flow known here"
            raise DeviceFault(self.name, f"{what}: set the option ml_min_per_unit")
        return 1000.0 * 10.0**prefix * TIMES_PER_MIN[time]

    async def _number(self, command: int, which: bytes, lane: Lane) -> float:
        """Return a float; raise BadValue when it is no number."""
        reply = await self.query(command, which, sizes=(4,), lane=lane)
        value: float = struct.unpack(">f", reply)[0]
        if not isfinite(value):
            raise BadValue("nan")
        return value

    async def _read_flow(self, lane: Lane) -> float:
        await self._settle()
        value = self._ml_min * await self._number(MEASURED, PHYSICAL, lane)
        if abs(value) > BEYOND * self._full:
            raise BadValue("range")
        return value

    async def _read_temperature(self, lane: Lane) -> float:
        return await self._number(RAW, TEMPERATURE, lane)

    async def _read_setpoint(self, lane: Lane) -> float:
        await self._settle()
        return self._ml_min * await self._number(SETPOINT, PHYSICAL, lane)

    async def _write_setpoint(self, ml_min: float, lane: Lane) -> float:
        await self._settle()
        return self._ml_min * await self._send_setpoint(ml_min / self._ml_min, lane)

    async def _send_setpoint(self, value: float, lane: Lane) -> float:
        """Write a setpoint in the unit of the calibration; return it as the wire carries it."""
        carried = struct.pack(">f", value)
        await self.order(SETPOINT, PHYSICAL + carried, lane=lane)
        return struct.unpack(">f", carried)[0]
