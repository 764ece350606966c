"""What the bus needs of a line, and what a driver says about the line it speaks on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from drivers.codec import Codec


class Transport(Protocol):
    """A byte stream in both directions; real, in memory, or wrapped.

    Faults are OSError (ConnectionError among them) with a message that says what to do.
    """

    description: str

    async def open(self) -> None:
        """Connect; leaves nothing behind when it fails."""
        ...

    async def read(self) -> bytes:
        """Return the next bytes, at least one; raise ConnectionError at the end of the stream."""
        ...

    async def write(self, data: bytes) -> None:
        """Send these bytes; raise ConnectionError when the link is gone."""
        ...

    async def close(self) -> None:
        """Close; may be called twice."""
        ...


@runtime_checkable
class PushTransport(Transport, Protocol):
    """A transport that hands bytes over the moment they come, and takes them without a wait."""

    def push_to(self, take: Callable[[bytes], None]) -> None:
        """Call ``take`` with all bytes; ``read`` then ends with a fault (of ``take``, too) only."""
        ...

    def write_some(self, data: bytes) -> int:
        """Send what can be sent at once; return how many bytes that was. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class LineSpec:
    """How a family of instruments uses its line; times in s.

    ``codec`` makes the framing for a port (Modbus differs between RTU and TCP); instruments that
    share a line must agree in everything here.
    """

    codec: Callable[[str], Codec] | None = None  # None only for medium "mqtt"
    medium: Literal["bytes", "mqtt"] = "bytes"
    baud_rate: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    gap_s: float = 0.0  # silence the instrument needs between an exchange and the next request
    quiet_s: float = 0.1  # after a failure: silence that means nothing more is coming; 0: no drain
    drain_s: float = 1.0  # after a failure: longest wait for that silence
    echo: bool = False  # a two-wire converter returns our own bytes

    @property
    def parity_bits(self) -> int:
        """Return the bits per character that parity takes."""
        return 0 if self.parity == "N" else 1


Dial = Callable[[str, LineSpec], Transport]
