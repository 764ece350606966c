"""One port opened at one line setting, to ask single questions and hear what comes back."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from drivers.transport.base import Dial, LineSpec, Transport

BITS_PER_BYTE = 11
PAUSE_S = 0.05  # from an answer to the next question
MORE_S = 0.15  # bytes that come so close together belong together
LONGEST_S = 2.0  # an answer that does not end is cut off so long after its deadline
HEARD_MAX = 4096

Recognise = Callable[[bytes], str | None]


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back of a question; ``echo``: the line returns our own bytes, cut off here."""

    data: bytes
    identity: str | None = None
    echo: bool = False


class OpenPort:
    """A port that is open; one question at a time."""

    def __init__(self, transport: Transport, line: LineSpec) -> None:
        self._transport, self._byte_s = transport, BITS_PER_BYTE / line.baud_rate
        self._heard = bytearray()
        self._news = asyncio.Event()
        self.lost: OSError | None = None

    async def read(self) -> None:
        """Take what comes, until the port is gone."""
        try:
            while True:
                data = await self._transport.read()
                self._heard += data[: HEARD_MAX - len(self._heard)]
                self._news.set()
        except OSError as error:
            self.lost = error
            self._news.set()

    async def ask(self, request: bytes, recognise: Recognise, wait_s: float) -> Heard:
        """Send a question; return what is heard until it is recognised or its time is up.

        Raises OSError when the port is gone.
        """
        if self._heard:
            await asyncio.sleep(PAUSE_S)
        self._heard.clear()
        await self._transport.write(request)
        now = asyncio.get_running_loop().time
        deadline = now() + len(request) * self._byte_s + wait_s
        last = deadline + LONGEST_S
        while True:
            heard = self._judged(request, recognise)
            if heard.identity is not None:
                return heard
            if self.lost is not None:
                raise self.lost
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                return heard
            deadline = max(deadline, min(now() + MORE_S, last))

    def _judged(self, request: bytes, recognise: Recognise) -> Heard:
        data = bytes(self._heard)
        if data.startswith(request):
            data = data[len(request) :]
            return Heard(data, recognise(data), echo=True)
        return Heard(data, recognise(data))


@asynccontextmanager
async def opened(port: str, line: LineSpec, dial: Dial) -> AsyncGenerator[OpenPort, None]:
    """Open a port for this process alone; raise OSError that says why it cannot be."""
    transport = dial(port, line)
    await transport.open()
    asker = OpenPort(transport, line)
    reader = asyncio.create_task(asker.read(), name=f"hear {port}")
    try:
        yield asker
    finally:
        reader.cancel()
        await asyncio.wait([reader])
        await transport.close()
