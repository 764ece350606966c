"""Eurotherm 3216 (Modbus RTU) and EPC3000 (RTU or TCP) temperature controllers.

Registers of the 3200 engineering manual HA028651, 0-based; the EPC3000 keeps the low addresses
(HA032842). Numbers are 16-bit integers with the decimals of the display, which is a setting of the
instrument and not part of the map: :meth:`Eurotherm.prepare` compares integers with their float
copies at 8000h + 2 x address, and refuses to work when they disagree with the option ``decimals``
or when they cannot tell. A factor of ten in a temperature must not pass unseen.

The setpoint is the remote one (26, selected at 276): the local ones wear out the memory after
about 100 000 writes. It is written before it is selected, so that an old one never acts, and it is
meant to be refreshed: polls write the one we set again every ``refresh_s``, until control is
switched off or the link is renewed. Control is switched off by standby (199 = 1), which turns all
control outputs off and keeps the measurement going; manual at 0 % would leave the output to whoever
turns a knob. Nothing is selected or switched on by connecting. A power cut brings the setpoint of
the memory back: a control of ours that follows another setpoint is a fault, and connecting
switches it off. Sensor break is a bit of the status word, not a special value: every reading of
the temperature brings the status with it, and is bad while the bit is set.
Unverified on hardware.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import nan
from typing import Annotated, ClassVar, cast

from pydantic import Field

from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, ReadbackMismatch, WrongInstrument
from drivers.modbus import ModbusInstrument, ModbusOptions, ModbusRejected
from drivers.modbus_frames import WRITE_ONE
from drivers.modbus_signal import GAP_SENTINEL, BoundModbus, ModbusSignal
from drivers.probes import modbus_probes
from drivers.signal import Lane, Limits, Quality, Reading
from drivers.table import BadValue

MANUAL, SENSOR_BREAK, LOOP_BREAK = 0x10, 0x20, 0x40  # bits of the status word
PROCESS, RANGE = (1, 5), (11, 2)  # blocks that are compared with their float copies
REMOTE = 26  # the remote setpoint
FLOATS = 0x8000  # where the copies begin, two registers each
COPY = ModbusSignal(0, "float32")
COUNTS = ModbusSignal(0)


class EurothermOptions(ModbusOptions):
    """Options of a Eurotherm controller."""

    decimals: Annotated[int, Field(ge=0, le=4)] | None = None  # of the display; None: find out
    ignore_alarms: tuple[Annotated[int, Field(ge=1, le=4)], ...] = ()  # 1-4, not faults of the rig
    rate_limit: Annotated[float, Field(ge=0, le=1000)] | None = None  # K/min; 0 off; None: leave it
    refresh_s: Annotated[float, Field(ge=0, le=3600)] = 2.0  # remote setpoint; 0: never


def _float_copy(registers: tuple[int, ...]) -> str | None:
    """Recognise the float copy of the process value, which other makes do not have there."""
    try:
        value = COPY.decode(registers)
    except BadValue:
        return None
    return "Eurotherm controller" if 1e-3 <= abs(float(value)) <= 3000.0 else None


class Eurotherm(ModbusInstrument):
    """Fills the ``Thermostat`` role; the family's common part."""

    Options = EurothermOptions
    model = "Eurotherm"
    probes: ClassVar = modbus_probes(FLOATS + 2, 2, _float_copy, rates=(19200,))

    temperature = ModbusSignal(1, unit="degC", divisor=None, doc="process value")
    setpoint = ModbusSignal(
        REMOTE, unit="degC", divisor=None, writable=True, poll_s=5.0, doc="target setpoint in use"
    )
    running = ModbusSignal(199, kind=bool, values={0: True, 1: False, 2: False}, poll_s=5.0)
    power = ModbusSignal(4, unit="%", divisor=None, doc="working output")
    working_setpoint = ModbusSignal(5, unit="degC", divisor=None, doc="after the rate limit")
    status = ModbusSignal(
        75, "uint16", kind=int, sentinels=(GAP_SENTINEL,), doc="alarm and mode bits (StAt)"
    )
    rate_limit = ModbusSignal(
        35, unit="K/min", divisor=None, writable=True, limits=(0, 1000), poll_s=None
    )
    local_setpoint = ModbusSignal(2, unit="degC", divisor=None, poll_s=None)
    remote_selected = ModbusSignal(276, kind=bool, values={0: False, 1: True}, poll_s=None)
    manual_output = ModbusSignal(3, unit="%", divisor=None, poll_s=None)

    def __init__(
        self, name: str, bus: Bus, options: EurothermOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._options = options
        self._scaled = False
        self._configured = limits.get("setpoint")
        self._setting = asyncio.Lock()  # a refresh must not undo a setpoint being written
        self._refreshed: tuple[int, ...] | None = None  # the remote setpoint that we keep fresh
        self._refreshed_at = 0.0
        self._commanded: tuple[int, ...] | None = None  # the remote setpoint that we control to
        self._ended = ""  # why control was switched off while connecting
        self.divisor = nan  # until it is settled, no number can be read or written

    async def identify(self) -> str:
        """Read the firmware version (107); raise WrongInstrument when there is none."""
        try:
            (version,) = await self.read_registers(107, 1, lane=Lane.COMMAND)
            await self.status.read(Lane.COMMAND)
        except CommandRejected as error:
            raise WrongInstrument(
                self.name, f"no {self.model} answers here ({error.what})"
            ) from error
        return f"{self.model}, firmware {version >> 8:X}.{version & 0xFF:02X}"

    async def prepare(self) -> None:
        """Settle the decimals and the range; set the rate limit when the options give one.

        A control of ours that goes on to another setpoint, after a power cut, is switched off.
        """
        self._scaled, self._refreshed = False, None
        await self.settle_scale()
        if why := await self._settings_lost(Lane.COMMAND):
            await self._switch(on=False, lane=Lane.COMMAND)
            self._ended = f"{why}; it is in standby now"
        await self._narrow_to_range()
        wanted = self._options.rate_limit
        if wanted is not None and (await self.rate_limit.read(Lane.COMMAND)).value != wanted:
            await self.rate_limit.set(wanted)

    async def check(self) -> None:
        """Raise DeviceFault while sensor, loop or an alarm is reported."""
        status = await self._status_word(Lane.COMMAND)
        names = {SENSOR_BREAK: "sensor break", LOOP_BREAK: "loop break"}
        names |= {
            1 << n - 1: f"alarm {n}" for n in range(1, 5) if n not in self._options.ignore_alarms
        }
        if found := [name for bit, name in names.items() if status & bit]:
            raise DeviceFault(self.name, f"{', '.join(found)} (status {status:04X}h)")
        if why := self._ended or await self._settings_lost(Lane.POLL):
            raise DeviceFault(self.name, why)

    async def _settings_lost(self, lane: Lane) -> str:
        """Return what shows that it does not control as it was told, or an empty text."""
        if (commanded := self._commanded) is None:
            return ""
        (held,) = await self.read_registers(REMOTE, 1, lane=lane)
        selected = (await self.remote_selected.read(lane)).value
        runs = (await self.running.read(lane)).value
        if commanded != self._commanded:  # it has been told something else meanwhile
            return ""
        if selected is not True or (held,) != commanded:
            return "follows another setpoint than it was told (a power cut, or a hand on it)"
        return (
            "" if runs is True else "has gone to standby by itself (a power cut, or a hand on it)"
        )

    async def set_temperature(self, degc: float, lane: Lane = Lane.COMMAND) -> float:
        """Write the remote setpoint, select it, leave standby; return the read-back, degC."""
        self.setpoint.checked(degc)
        if await self._status_word(lane) & MANUAL:
            raise CommandRejected(self.name, "is in manual: select automatic at the controller")
        self._commanded = None  # not known until it is confirmed
        held = (await self.setpoint.set(degc, lane)).value
        await self._switch(on=True, lane=lane)
        self._commanded, self._ended = self._refreshed, ""
        return cast("float", held)  # set() has compared it with ``degc``

    async def heat_off(self, lane: Lane = Lane.COMMAND) -> None:
        """Go to standby: all control outputs off, confirmed."""
        await self._switch(on=False, lane=lane)

    async def make_safe(self) -> None:
        """Go to standby on the trip lane."""
        await self._switch(on=False, lane=Lane.TRIP)

    async def _status_word(self, lane: Lane) -> int:
        value = (await self.status.read(lane)).value
        if not isinstance(value, int):
            raise DeviceFault(self.name, "shows no status word")
        return value

    async def _switch(self, *, on: bool, lane: Lane) -> None:
        """Set or leave standby; writes only a change, except on a trip."""
        if not on:
            self._refreshed = self._commanded = None
            self._ended = ""
        if lane is not Lane.TRIP and (await self.running.read(lane)).value == on:
            return
        await self.write_registers(199, (0 if on else 1,), WRITE_ONE, lane)
        if (await self.running.read(lane)).value != on:
            raise ReadbackMismatch(self.name, f"{'is still' if on else 'did not go to'} standby")

    async def poll(self, names: Sequence[str]) -> Sequence[Reading]:
        """Refresh the remote setpoint when it is time; read these signals."""
        await self._refresh()
        return await super().poll(names)

    async def write_registers(
        self, start: int, registers: tuple[int, ...], function: int, lane: Lane
    ) -> None:
        """Write registers, once; remember the remote setpoint to refresh it."""
        if start != REMOTE:
            await super().write_registers(start, registers, function, lane)
            return
        async with self._setting:
            self._refreshed = None  # not known until it is confirmed
            await super().write_registers(start, registers, function, lane)
            self._refreshed, self._refreshed_at = registers, self._now()

    async def _refresh(self) -> None:
        """Write the remote setpoint again when it is older than ``refresh_s``."""
        period_s = self._options.refresh_s
        async with self._setting:
            due = period_s > 0 and self._now() - self._refreshed_at >= period_s
            if self._refreshed is not None and due:
                self._refreshed_at = self._now()
                await super().write_registers(REMOTE, self._refreshed, WRITE_ONE, Lane.POLL)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def readings(
        self, names: tuple[str, ...], lane: Lane, *, strict: bool = False
    ) -> list[Reading]:
        """Read signals; the temperature with the status, the setpoint with its selection."""
        extra = {"temperature": ("status",), "setpoint": ("remote_selected", "local_setpoint")}
        wanted = tuple(dict.fromkeys([*names, *(e for n in names for e in extra.get(n, ()))]))
        read = await super().readings(wanted, lane, strict=strict)
        held = dict(zip(wanted, read, strict=True))
        if "temperature" in held:
            held["temperature"] = _believed(held["temperature"], held["status"])
        if "setpoint" in held:
            held["setpoint"] = _in_use(held)
        return [held[name] for name in names]

    async def written(self, signal: BoundModbus, lane: Lane) -> None:
        """Select the remote setpoint after it was written; 276 is written only when it differs."""
        if signal is self.setpoint and (await self.remote_selected.read(lane)).value is not True:
            await self.write_registers(276, (1,), WRITE_ONE, lane)

    async def settle_scale(self) -> None:
        """Find the decimals by float copies, or check the configured ones; once per connection."""
        if self._scaled:
            return
        pairs = [*(await self._both(*PROCESS)).values(), *(await self._both(*RANGE)).values()]
        fits = {d for d in range(5) if all(_agree(counts, value, d) for counts, value in pairs)}
        configured = self._options.decimals
        if configured is None:
            if len(fits) != 1:
                raise DeviceFault(
                    self.name, "cannot tell the decimals of its display: set the option decimals"
                )
            configured = fits.pop()
        elif configured not in fits:
            raise DeviceFault(
                self.name, f"its display does not have the {configured} decimals configured"
            )
        self.divisor, self._scaled = 10.0**configured, True

    async def _both(self, start: int, count: int) -> dict[int, tuple[float, float]]:
        """Return counts and float copy by register, as far as the unit tells both."""
        try:
            counts = await self.read_registers(start, count, lane=Lane.COMMAND)
            floats = await self.read_registers(FLOATS + 2 * start, 2 * count, lane=Lane.COMMAND)
        except ModbusRejected:
            return {}
        pairs: dict[int, tuple[float, float]] = {}
        for k in range(count):
            with suppress(BadValue):
                pair = COUNTS.decode(counts[k : k + 1]), COPY.decode(floats[2 * k : 2 * k + 2])
                pairs[start + k] = (float(pair[0]), float(pair[1]))
        return pairs

    async def _narrow_to_range(self) -> None:
        """Narrow the setpoint's limits to the controller's range where it tells."""
        held = await self._both(*RANGE)
        if set(held) != {11, 12}:
            return
        device = Limits(held[11][1], held[12][1])
        try:
            limits = device.narrowed(self._configured)
        except ValueError:
            raise DeviceFault(
                self.name, f"setpoint limits {self._configured} lie outside its range {device}"
            ) from None
        self.setpoint.spec = replace(self.setpoint.spec, limits=limits)


def _believed(temperature: Reading, status: Reading) -> Reading:
    """Return the temperature, bad while the sensor is broken or the status is not known."""
    if isinstance(status.value, int) and not status.value & SENSOR_BREAK:
        return temperature
    return replace(temperature, value=None, quality=Quality.BAD, reason="fault")


def _in_use(held: Mapping[str, Reading]) -> Reading:
    """Return the setpoint that is selected, as a reading of ``setpoint``."""
    remote, selected = held["setpoint"], held["remote_selected"].value
    if selected is True:
        return remote
    local = held["local_setpoint"]
    if selected is False:
        return replace(remote, value=local.value, quality=local.quality, reason=local.reason)
    return replace(remote, value=None, quality=Quality.BAD, reason="fault")


def _agree(counts: float, value: float, decimals: int) -> bool:
    """Return whether counts with these decimals are this value; it may move between two reads."""
    return abs(counts / 10.0**decimals - value) <= 1.5 / 10.0**decimals + 0.002 * abs(value)


class Eurotherm3216(Eurotherm):
    """The 3216, on RS-232 or RS-485."""

    model = "Eurotherm 3216"


class EurothermEpc3000(Eurotherm):
    """The EPC3000 series, on Ethernet or RS-485."""

    model = "Eurotherm EPC3000"
