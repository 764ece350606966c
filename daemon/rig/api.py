"""What experiments see of the rig: the latest readings, and one door for everything that acts.

All flows mL/min, volumes mL, temperatures degC. Every acting method goes through the guard: limits,
state, interlocks, then the driver, then read-back; it raises :class:`daemon.errors.TaylordError`
(refused) or :class:`drivers.errors.InstrumentError` (failed), and never clamps.
"""

from typing import Protocol

from drivers.roles import Instrument, Spectrum
from drivers.signal import Reading, Value


class GuardPort(Protocol):
    """The one door for setpoints."""

    async def set_flow(self, pump: str, ml_min: float) -> float:
        """Deliver this flow; 0 stops; return the read-back."""
        ...

    async def set_temperature(self, thermostat: str, degc: float) -> float:
        """Set and switch on; return the read-back."""
        ...

    async def heat_off(self, thermostat: str) -> None:
        """Switch temperature control off."""
        ...

    async def refill(self, pump: str, volume_ml: float, flow_ml_min: float) -> None:
        """Refill a syringe; return when done."""
        ...

    async def turn(self, valve: str, position: int) -> int:
        """Turn a valve; return the read-back when it is there."""
        ...

    async def acquire(self, analyser: str, label: str) -> Spectrum:
        """Take one measurement."""
        ...

    async def set_signal(self, signal: str, value: Value) -> Reading:
        """Write one signal by its full name; return the read-back."""
        ...


class RigPort(Protocol):
    """The rig as experiments and commands see it."""

    @property
    def guard(self) -> GuardPort:
        """Return the door."""
        ...

    def instrument(self, name: str) -> Instrument:
        """Return an instrument by its configured name (KeyError when unknown)."""
        ...

    def connected(self, name: str) -> bool:
        """Return whether the instrument can be commanded now."""
        ...

    def unready(self, name: str) -> str:
        """Return why no experiment may start with a connected instrument, or an empty text."""
        ...

    def exchanged(self, name: str) -> str:
        """Return why nothing is to act by this instrument: it is another one; or an empty text."""
        ...

    def latest(self, signal: str) -> Reading:
        """Return the last reading; bad (``stale``) when too old. KeyError when unknown."""
        ...
