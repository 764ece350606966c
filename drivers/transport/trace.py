"""A transport that shows every byte to somebody on its way, and what became of the link."""

from collections.abc import Callable
from typing import Literal

from drivers.transport.base import Dial, LineSpec, Transport

# "<" received, ">" sent; the link: opened, could not be opened, broke, was closed by us
Happening = Literal["<", ">", "open", "refused", "lost", "closed"]
Tracer = Callable[[str, Happening, bytes], None]  # port, what, bytes (of the link: why, as text)


class TraceTransport:
    """Hands ``tracer`` all bytes received (``<``) and sent (``>``), and the link's changes."""

    def __init__(self, inner: Transport, port: str, tracer: Tracer) -> None:
        self.description = inner.description
        self._inner, self._port, self._tracer = inner, port, tracer
        self._open = False

    async def open(self) -> None:
        """Connect."""
        try:
            await self._inner.open()
        except OSError as error:
            self._tracer(self._port, "refused", _why(error))
            raise
        self._open = True
        self._tracer(self._port, "open", b"")

    async def read(self) -> bytes:
        """Return the next bytes."""
        try:
            data = await self._inner.read()
        except OSError as error:
            self._lost(error)
            raise
        self._tracer(self._port, "<", data)
        return data

    async def write(self, data: bytes) -> None:
        """Send these bytes."""
        self._tracer(self._port, ">", data)
        try:
            await self._inner.write(data)
        except OSError as error:
            self._lost(error)
            raise

    def _lost(self, error: OSError) -> None:
        if self._open:
            self._open = False
            self._tracer(self._port, "lost", _why(error))

    async def close(self) -> None:
        """Close."""
        if self._open:
            self._open = False
            self._tracer(self._port, "closed", b"")
        await self._inner.close()


def _why(error: OSError) -> bytes:
    return (error.strerror or str(error)).encode()


def traced(dial: Dial, tracer: Tracer) -> Dial:
    """Return ``dial`` with every transport traced."""

    def dial_traced(port: str, line: LineSpec) -> Transport:
        return TraceTransport(dial(port, line), port, tracer)

    return dial_traced
