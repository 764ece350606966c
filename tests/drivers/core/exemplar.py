"""Exemplar T-100 circulators over RS-232 (manual rev. C, chapter 7).

Line: 9600 baud 8N1. Queries end CR, replies CR LF; commands are not answered.
Unverified on hardware.
"""

from drivers.ascii import AsciiInstrument, AsciiSignal
from drivers.errors import DeviceFault


class ExemplarBath(AsciiInstrument):
    """Heating circulator; fills the ``Thermostat`` role."""

    send_end = b"\r"
    reply_end = b"\r\n"

    temperature = AsciiSignal(float, "degC", read="PV?")
    setpoint = AsciiSignal(float, "degC", read="SP?", write="SP {:.2f}", limits=(-20, 200))
    running = AsciiSignal(bool, read="RUN?", write="RUN {:d}")

    async def check(self) -> None:
        """Raise :class:`DeviceFault` while the bath shows an alarm (negative status)."""
        status = await self.ask("STAT?")
        if status.startswith("-"):
            raise DeviceFault(self.name, f"alarm {status!r}")

    async def make_safe(self) -> None:
        """Stop heater and pump; the bath drifts to ambient."""
        await self.running.set(False)
