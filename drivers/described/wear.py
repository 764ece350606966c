"""Memories that wear out: a setting is written only to change it, or once."""

from typing import Protocol

from drivers.errors import CommandRejected, ReadbackMismatch
from drivers.signal import Lane, Reading, Value


class Worn(Protocol):
    """What is needed of a signal whose writes count."""

    instrument: str

    memory: str | None  # ``eeprom`` or ``once``
    written: bool

    def carried(self, value: Value) -> Value:
        """Return the value as the wire carries it."""
        ...

    def confirm(self, sent: Value, reading: Reading) -> None:
        """Raise ReadbackMismatch unless the reading is what was sent."""
        ...

    async def read(self, lane: Lane) -> Reading:
        """Ask the instrument."""
        ...


async def spared(signal: Worn, name: str, value: Value, lane: Lane) -> Reading | None:
    """Return the reading when the instrument holds the value already; None: it must be written.

    Raises CommandRejected when a setting that may be written once is to be changed again.
    """
    reading = await signal.read(lane)
    try:
        signal.confirm(signal.carried(value), reading)
    except ReadbackMismatch:
        pass
    else:
        return reading
    if signal.memory == "once" and signal.written:
        raise CommandRejected(
            signal.instrument,
            f"{name} may be written once and holds {reading.value!r}; nothing was sent",
        )
    signal.written = True
    return None
