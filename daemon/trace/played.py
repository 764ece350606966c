"""The recorded end of a line: gives back what was received, keeps what the driver sends."""

import asyncio
from collections import deque


class PlayedLine:
    """One line of a trace; the replay feeds it, and each opening makes a new transport of it."""

    def __init__(self, port: str) -> None:
        self.port = port
        self.sent: deque[tuple[float, bytes]] = deque()  # loop time, bytes; not compared yet
        self._transport: PlayedTransport | None = None
        self._news = asyncio.Event()

    def transport(self) -> "PlayedTransport":
        """Return the far end for a bus that is about to open."""
        self._transport = PlayedTransport(self)
        return self._transport

    def feed(self, data: bytes) -> None:
        """Let these bytes arrive; nobody hears them when the line is not open."""
        if self._transport is not None:
            self._transport.arrive(data)

    def lose(self, why: str) -> None:
        """Let the link break."""
        if self._transport is not None:
            self._transport.lose(why)

    def note(self, data: bytes) -> None:
        """Keep what the driver sent."""
        self.sent.append((asyncio.get_running_loop().time(), data))
        self._news.set()

    async def next_sent(self, within_s: float) -> bytes | None:
        """Return the next bytes that the driver sends, None when it sends none in time."""
        try:
            async with asyncio.timeout(within_s):
                while not self.sent:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        return self.sent.popleft()[1]


class PlayedTransport:
    """One opening of a played line; fits ``drivers.transport.base.Transport``."""

    def __init__(self, line: PlayedLine) -> None:
        self.description = f"recorded {line.port}"
        self._line = line
        self._arrived = bytearray()
        self._lost: str | None = None
        self._news = asyncio.Event()

    def arrive(self, data: bytes) -> None:
        """Let bytes arrive."""
        self._arrived += data
        self._news.set()

    def lose(self, why: str) -> None:
        """Let the link break."""
        self._lost = why
        self._news.set()

    async def open(self) -> None:
        """Connect; a recorded opening always succeeds."""

    async def read(self) -> bytes:
        """Return the next bytes; raise ConnectionError where the recording lost the link."""
        while not self._arrived:
            if self._lost is not None:
                raise ConnectionResetError(self._lost)
            self._news.clear()
            await self._news.wait()
        data = bytes(self._arrived)
        self._arrived.clear()
        return data

    async def write(self, data: bytes) -> None:
        """Keep these bytes."""
        self._line.note(data)

    async def close(self) -> None:
        """Hang up."""
        self.lose("closed")
