"""What TCP and serial transports share once they are open: a pair of asyncio streams."""

import asyncio
from contextlib import suppress

READ_MAX = 65536


class StreamTransport:
    """A byte stream; subclasses open it by setting the two streams."""

    ended = "the connection was closed"  # what a reader is told when it ends

    def __init__(self, description: str) -> None:
        self.description = description
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def read(self) -> bytes:
        """Return the next bytes; raise OSError when the far end or the adapter is gone."""
        if self._reader is None:
            raise ConnectionError("not open")
        data = await self._reader.read(READ_MAX)
        if not data:
            raise ConnectionResetError(self.ended)
        return data

    async def write(self, data: bytes) -> None:
        """Send these bytes."""
        if self._writer is None:
            raise ConnectionError("not open")
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """Close without waiting for unsent bytes, which a dead peer would hold; twice is fine."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.transport.abort()
            with suppress(OSError):  # why it broke is known to the reader
                await writer.wait_closed()
