"""Ports of a terminal server (``rfc2217://HOST:PORT``) through pyserial, in a thread of their own.

pyserial's port has no descriptor to wait for; it works in real time only, and adds up to a
millisecond to each answer.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from drivers.transport.base import LineSpec
from drivers.transport.serial import explained, settings_of

READ_MAX = 4096
SLICE_S = 0.2  # a blocked read looks this often whether it should end


def _shut(port: Any) -> None:
    """Close a port of pyserial, and the socket that 3.5 leaves open after a hang-up."""
    sock = getattr(port, "_socket", None)
    port.close()
    if sock is not None:
        sock.close()


class Rfc2217Transport:
    """A port of pyserial that cannot be waited for, behind a thread."""

    def __init__(self, port: str, line: LineSpec) -> None:
        self.description = port
        self._line = line
        self._port: Any = None
        self._pool: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Connect to the port server."""
        from serial import serial_for_url

        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix=self.description)
        try:
            self._port = await self._in_thread(
                lambda: serial_for_url(self.description, timeout=SLICE_S, **settings_of(self._line))
            )
        except OSError as error:
            await self.close()
            raise explained(error) from None

    async def read(self) -> bytes:
        """Return the next bytes; raise OSError when the server is gone."""
        while not (data := await self._in_thread(self._read_some)):
            continue
        return data

    def _read_some(self) -> bytes:
        port = self._require()
        return port.read(max(1, min(port.in_waiting, READ_MAX)))

    async def write(self, data: bytes) -> None:
        """Send these bytes."""
        await self._in_thread(lambda: self._require().write(data))

    def _require(self) -> Any:
        port = self._port
        if port is None:
            raise ConnectionError("not open")
        return port

    async def _in_thread(self, work: Any) -> Any:
        if self._pool is None:
            raise ConnectionError("not open")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def close(self) -> None:
        """Close; a read under way ends within its slice."""
        port, self._port = self._port, None
        pool, self._pool = self._pool, None
        if pool is not None:
            if port is not None:
                shut = asyncio.get_running_loop().run_in_executor(pool, _shut, port)
                await asyncio.wait([shut])  # which a cancellation of ours does not reach
            pool.shutdown(wait=False)
