"""A scripted far end: what it answers to each request, and when."""

import asyncio
from collections.abc import Callable, Iterable

from drivers.bus import Bus
from drivers.codec import LineCodec
from drivers.transport.base import LineSpec

Script = Callable[[bytes], Iterable[tuple[float, bytes]]]


def echo_upper(request: bytes) -> Iterable[tuple[float, bytes]]:
    return [(0.01, request.strip().upper() + b"\r\n")]


class Peer:
    """A transport whose far end follows a script: request -> (after s, bytes), …"""

    description = "scripted peer"

    def __init__(self, script: Script = echo_upper) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.times: list[float] = []
        self.opened = self.closed = 0
        self.refuse: OSError | None = None
        self.deaf = False  # a write never ends
        self.write_error: OSError | None = None
        self._inbox: asyncio.Queue[bytes | OSError] = asyncio.Queue()

    async def open(self) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.opened += 1

    async def read(self) -> bytes:
        item = await self._inbox.get()
        if isinstance(item, OSError):
            raise item
        return item

    async def write(self, data: bytes) -> None:
        if self.deaf:
            await asyncio.get_running_loop().create_future()
        if self.write_error is not None:
            raise self.write_error
        loop = asyncio.get_running_loop()
        self.requests.append(data)
        self.times.append(loop.time())
        for after, answer in self.script(data):
            if after:
                loop.call_later(after, self._inbox.put_nowait, answer)
            else:
                self._inbox.put_nowait(answer)

    async def close(self) -> None:
        self.closed += 1

    def say(self, data: bytes) -> None:
        """Send bytes unasked."""
        self._inbox.put_nowait(data)

    def hang_up(self) -> None:
        self._inbox.put_nowait(ConnectionResetError("unplugged"))


def line(**settings) -> LineSpec:
    return LineSpec(**{"codec": lambda _port: LineCodec(b"\r\n"), **settings})


def bus_to(peer: Peer, **settings) -> Bus:
    return Bus("memory", line(**settings), lambda _port, _line: peer)
