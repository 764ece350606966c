"""Keller X-line pressure transmitters (33X, 35X, 36XW, LEX) over Modbus RTU.

Registers of "Communication Protocol X-Line" v3.5 to 3.7, classes 5.20 and 5.21: floats, high word
first, at 0000h (CH0), 0002h (P1), 0004h (P2), 0006h (T), 0008h (TOB1), 000Ah (TOB2). Reading one
register of a float is an error. A failed channel reads NaN, over- or underflow an infinity: both
are bad readings. Line: RS-485 half duplex, 9600 8N1, address 1; 250 answers from any single unit.
Whether pressure is gauge or absolute depends on the model; the wire does not say.
Unverified on hardware.
"""

import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, WrongInstrument
from drivers.modbus import ModbusInstrument, ModbusOptions
from drivers.modbus_signal import BoundModbus, ModbusSignal
from drivers.probes import modbus_probes
from drivers.registers import Span
from drivers.signal import Lane, Limits, Reading

STANDARD_ATMOSPHERE_BAR = 1.01325


class KellerOptions(ModbusOptions):
    """Options of a Keller transmitter."""

    channel: Literal[1, 2] = 1  # which pressure sensor: P1 with TOB1, or P2 with TOB2
    absolute: bool = False  # the model measures absolute pressure; readings are made gauge


def _channels(registers: tuple[int, ...]) -> str | None:
    """Recognise P1, P2, T and TOB1 in a row: floats, not all of them fitted (NaN)."""
    p1, _, _, tob1 = struct.unpack(">4f", struct.pack(">8H", *registers))
    plausible = 1e-9 < abs(p1) < 1e4 and 0.01 < abs(tob1) < 300.0
    return "Keller X-line transmitter" if plausible else None


class KellerXLine(ModbusInstrument):
    """One pressure sensor and its temperature."""

    Options = KellerOptions
    probes: ClassVar = modbus_probes(2, 8, _channels, rates=(115200,))
    bridges: ClassVar[tuple[Span, ...]] = tuple(Span(3, r, 2) for r in (0, 2, 4, 6, 8, 10))

    pressure = ModbusSignal(2, "float32", "bar", doc="gauge pressure")
    temperature = ModbusSignal(8, "float32", "degC", poll_s=5.0, doc="at the pressure sensor")

    def __init__(
        self, name: str, bus: Bus, options: KellerOptions, limits: Mapping[str, Limits]
    ) -> None:
        self._options = options
        super().__init__(name, bus, options, limits)

    def register_of(self, row: ModbusSignal) -> int:
        """Return where a row lies; the second channel lies one float further."""
        return row.register + 2 * (self._options.channel - 1)

    def converted(self, signal: BoundModbus, reading: Reading) -> Reading:
        """Make absolute pressure gauge."""
        value = reading.value
        if not self._options.absolute or signal.spec.name != "pressure":
            return reading
        if not isinstance(value, float):  # bad: there is no value
            return reading
        return replace(reading, value=value - STANDARD_ATMOSPHERE_BAR)

    async def identify(self) -> str:
        """Have it repeat an echo test, and read both floats; raise WrongInstrument."""
        try:
            await self.echo_test()
            await self.readings(("pressure", "temperature"), Lane.COMMAND, strict=True)
        except CommandRejected as error:
            raise WrongInstrument(
                self.name, f"no Keller X-line transmitter answers here ({error.what})"
            ) from error
        return f"Keller X-line, channel {self._options.channel}"

    async def check(self) -> None:
        """Raise DeviceFault while the pressure sensor is broken or beyond its range."""
        reading = await self.pressure.read(Lane.COMMAND)
        if reading.value is None:
            raise DeviceFault(
                self.name, f"pressure sensor failed or out of range: {reading.reason}"
            )

    async def make_safe(self) -> None:
        """Nothing to make safe: it only measures."""
