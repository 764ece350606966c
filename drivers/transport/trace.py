"""A transport that shows every byte to somebody on its way."""

from collections.abc import Callable
from typing import Literal

from drivers.transport.base import Dial, LineSpec, Transport

Tracer = Callable[[str, Literal["<", ">"], bytes], None]  # port, received or sent, bytes


class TraceTransport:
    """Hands ``tracer`` all bytes received (``<``) and sent (``>``)."""

    def __init__(self, inner: Transport, port: str, tracer: Tracer) -> None:
        self.description = inner.description
        self._inner, self._port, self._tracer = inner, port, tracer

    async def open(self) -> None:
        """Connect."""
        await self._inner.open()

    async def read(self) -> bytes:
        """Return the next bytes."""
        data = await self._inner.read()
        self._tracer(self._port, "<", data)
        return data

    async def write(self, data: bytes) -> None:
        """Send these bytes."""
        self._tracer(self._port, ">", data)
        await self._inner.write(data)

    async def close(self) -> None:
        """Close."""
        await self._inner.close()


def traced(dial: Dial, tracer: Tracer) -> Dial:
    """Return ``dial`` with every transport traced."""

    def dial_traced(port: str, line: LineSpec) -> Transport:
        return TraceTransport(dial(port, line), port, tracer)

    return dial_traced
