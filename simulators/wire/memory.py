"""Byte pipes in memory: the host's end of a line, for drivers in virtual (or real) time.

Bytes are handed over at once, without a system call; only the instrument's latency and the time of
its bytes pass, on the loop's clock.
"""

import asyncio

from simulators.wire.line import Host, Line


class MemoryEnd:
    """The host's end of a pipe to a line; opened once or more, read by one task."""

    def __init__(self, line: Line) -> None:
        self.description = f"simulated {line.port}"
        self._line = line
        self._host: Host | None = None
        self._received = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._gone = False

    async def open(self) -> None:
        """Connect to the line; raises ConnectionError when it is unplugged or taken."""
        self._host = self._line.connect(self._take, self._lose)
        self._received.clear()
        self._gone = False

    async def read(self) -> bytes:
        """Return the bytes that have arrived, at least one; raise ConnectionError at the end."""
        while not self._received:
            if self._host is None or self._gone:
                raise ConnectionResetError(f"{self.description}: unplugged or closed")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self._received)
        self._received.clear()
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes; raises ConnectionError when the line is gone."""
        if self._host is None:
            raise ConnectionResetError(f"{self.description}: not open")
        self._host.write(data)

    async def close(self) -> None:
        """Hang up; may be called twice."""
        if self._host is not None:
            self._host.close()
            self._host = None
        self._wake()

    def _take(self, data: bytes) -> None:
        self._received += data
        self._wake()

    def _lose(self) -> None:
        self._gone = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
