"""Sensirion SLF3S liquid flow sensors on the SCC1-RS485 or SCC1-USB cable, over SHDLC.

``prepare`` starts the sensor's continuous measurement (33), which moves and heats nothing that
matters; every poll asks for the last sample (35): flow, temperature and flags. Scale and unit of
the flow belong to the sensor and are asked for before every start (53). A cable that says that it
has no sample, or refuses, is started anew at the next poll: the sensor was swapped, or lost power.

A flow with air in the line is *uncertain*, one beyond the sensor's range is bad: the number the
sensor gives then is not the flow. What the reply to 53 holds after factor and unit, and whether the
cable wants 22h or the sensor type (03h) with 35, differs between sources: both are taken.
Unverified on hardware.
"""

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    OutOfRange,
    WrongInstrument,
)
from drivers.sensors.sensirion_shdlc import (
    LENGTH,
    NAME,
    PARAMETER,
    SERIAL,
    ShdlcInstrument,
    ShdlcOptions,
    ShdlcRejected,
    shdlc_probes,
)
from drivers.signal import Lane, Limits, Quality, Reading, SignalSpec, Value
from drivers.table import BadValue, BoundSignal, Kind, Row

SENSOR_TYPE, START, STOP, LAST, SCALE = 0x24, 0x33, 0x34, 0x35, 0x53
SF06 = b"\x03"  # the sensor type of the SLF3S
ALL_SIGNALS = b"\x22"
LIQUIDS = {"water": 0x3608, "isopropanol": 0x3615}
AIR, HIGH_FLOW = 0x01, 0x02  # flags
TICKS_PER_K = 200.0
WARM_UP_S = 0.06
SATURATED = frozenset({0x7FFF, -0x8000})
_LITRE = 8  # of units: bits 8 to 11; 4 to 7 the time, 0 to 3 the prefix
_PREFIX_ML = {3: 1e-6, 4: 1e-3, 5: 1.0, 8: 1e3}
_TIMES_PER_MIN = {3: 60.0, 4: 1.0, 5: 1.0 / 60.0}


class Slf3sOptions(ShdlcOptions):
    """Options of an SLF3S on its cable."""

    liquid: Literal["water", "isopropanol"] = "water"  # which calibration of the sensor
    interval_ms: Annotated[int, Field(ge=10, le=10_000)] = 100  # between the sensor's samples


def _is_cable(name: str) -> bool:
    return name.startswith("SCC1")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the sensor measured last; the flow is in its counts."""

    counts: int
    ticks: int
    flags: int
    ml_min: float  # per count

    @property
    def air(self) -> bool:
        """Return whether air is in the line."""
        return bool(self.flags & AIR)

    @property
    def high_flow(self) -> bool:
        """Return whether the flow is beyond the sensor's range."""
        return bool(self.flags & HIGH_FLOW)

    @property
    def flow(self) -> float:
        """Return the flow, mL/min; raise BadValue when there is more than can be measured."""
        if self.high_flow or self.counts in SATURATED:
            raise BadValue("range")
        return self.counts * self.ml_min

    @property
    def temperature(self) -> float:
        """Return the liquid's temperature, degC."""
        return self.ticks / TICKS_PER_K


class SampleSignal(Row):
    """A part of the sensor's samples."""

    def __init__(
        self, kind: Kind, unit: str = "", *, part: Callable[[Sample], Value], **more: Any
    ) -> None:
        super().__init__(kind, unit, **more)
        self.part = part

    def bind(self, instrument: Any, spec: SignalSpec) -> "BoundSample":
        """Return the signal of this instrument."""
        return BoundSample(instrument, self, spec)


class BoundSample(BoundSignal):
    """A part of the samples of one sensor."""

    def __init__(self, owner: "Slf3s", row: SampleSignal, spec: SignalSpec) -> None:
        super().__init__(owner.name, spec)
        self._owner, self._row = owner, row

    async def fetch(self, lane: Lane) -> Value:
        """Return its value in the newest sample."""
        return self._row.part(await self._owner.sample(lane))

    async def store(self, value: Value, lane: Lane) -> Value:  # noqa: ARG002 -- of the base
        """Refuse: a sensor takes no orders."""
        raise OutOfRange(self.instrument, f"{self.spec.name} cannot be set")

    async def read(self, lane: Lane = Lane.POLL) -> Reading:
        """Ask for the newest sample; raise InstrumentError on failure."""
        try:
            return self.of(await self._owner.sample(lane))
        except BadValue as bad:
            return self.bad(bad.reason)

    def of(self, sample: Sample) -> Reading:
        """Return the reading that a sample gives; a flow of air is uncertain."""
        try:
            reading = self.reading(self._row.part(sample))
        except BadValue as bad:
            return self.bad(bad.reason)
        if sample.air and self.spec.name == "flow":
            return replace(reading, quality=Quality.UNCERTAIN, reason="gas")
        return reading


class Slf3s(ShdlcInstrument):
    """A flow meter of one liquid line."""

    Options = Slf3sOptions
    probes: ClassVar = shdlc_probes(_is_cable)

    flow = SampleSignal(float, "mL/min", part=lambda sample: sample.flow)
    temperature = SampleSignal(float, "degC", part=lambda sample: sample.temperature)
    gas = SampleSignal(bool, part=lambda sample: sample.air, doc="air in the line")
    high_flow = SampleSignal(bool, part=lambda sample: sample.high_flow, doc="beyond the range")

    def __init__(
        self, name: str, bus: Bus, options: Slf3sOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._interval_ms, self._liquid = options.interval_ms, LIQUIDS[options.liquid]
        self._ml_min = 0.0  # per count; 0: the sensor has not been asked
        self._wants = ALL_SIGNALS  # with LAST

    async def identify(self) -> str:
        """Return the cable's name, firmware and serial number; raise WrongInstrument."""
        try:
            name, serial = await self.text_of(NAME), await self.text_of(SERIAL)
        except CommandRejected as error:
            raise WrongInstrument(
                self.name, f"no SCC1 cable answers here ({error.what})"
            ) from error
        if not _is_cable(name):
            raise WrongInstrument(self.name, f"{name!r} answers, which is no SCC1 sensor cable")
        return f"Sensirion {name}, firmware {await self.firmware()}, serial {serial}"

    async def prepare(self) -> None:
        """Start the continuous measurement anew, with the scale of the sensor that is there."""
        await self.forget_errors()
        await self._begin()

    async def poll(self, names: Sequence[str]) -> Sequence[Reading]:
        """Read these signals from one sample."""
        signals = [self.bound[name] for name in names]
        try:
            sample = await self.sample(Lane.POLL)
        except BadValue as bad:
            return [signal.bad(bad.reason) for signal in signals]
        except (CommandRejected, DeviceFault, GarbledReply):
            return [signal.bad("fault") for signal in signals]
        return [signal.of(sample) for signal in signals if isinstance(signal, BoundSample)]

    async def sample(self, lane: Lane) -> Sample:
        """Return the newest sample; raise BadValue when there is none yet."""
        if not self._ml_min:
            await self._begin()
        data = await self._last(lane)
        if not data:
            self._ml_min = 0.0  # it does not measure: start it anew next time
            raise BadValue("no sample")
        return Sample(*struct.unpack(">hhH", data), self._ml_min)

    async def _last(self, lane: Lane) -> bytes:
        try:
            return await self.query(LAST, self._wants, sizes=(0, 6), lane=lane)
        except ShdlcRejected as refusal:
            if refusal.state not in (LENGTH, PARAMETER) or self._wants == SF06:
                self._ml_min = 0.0
                raise
        self._wants = SF06
        return await self._last(lane)

    async def _begin(self) -> None:
        """Know the scale and start measuring; return when there can be a sample."""
        with suppress(ShdlcRejected):  # nothing to stop
            await self.order(STOP)
        if await self.query(SENSOR_TYPE, lane=Lane.COMMAND) != SF06:
            await self.order(SENSOR_TYPE, SF06)
        scale = await self.query(SCALE, struct.pack(">H", self._liquid), lane=Lane.COMMAND)
        ml_min = self._scale(scale)
        await self.order(START, struct.pack(">HH", self._interval_ms, self._liquid))
        await asyncio.sleep(self._interval_ms / 1000.0 + WARM_UP_S)
        self._ml_min = ml_min

    def _scale(self, reply: bytes) -> float:
        """Return the flow per count, mL/min; raise DeviceFault when the sensor does not tell it."""
        told = f"scale {reply.hex().upper()}h"
        if len(reply) < 4:
            raise DeviceFault(self.name, f"{told} is not a factor and a unit")
        factor, unit = struct.unpack_from(">hH", reply)
        prefix, time = _PREFIX_ML.get(unit & 0xF), _TIMES_PER_MIN.get(unit >> 4 & 0xF)
        if factor <= 0 or prefix is None or time is None or unit >> 8 & 0xF != _LITRE:
            raise DeviceFault(self.name, f"{told} is no liquid flow that is known here")
        return prefix * time / factor
