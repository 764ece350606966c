"""Serial ports through pyserial; the one module that imports it, and only when a port is opened.

Device paths run on the event loop (pyserial-asyncio-fast), opened exclusively and in low-latency
mode where the adapter has one (FTDI: 1 ms instead of 16 ms). ``rfc2217://HOST:PORT`` has no file
descriptor to wait for, so pyserial's blocking port is read in a thread of its own: it works in
real time only, and adds up to a millisecond to each answer.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from errno import EACCES, EAGAIN, EBUSY, ENOENT, EPERM
from typing import Any

from drivers.transport.base import LineSpec
from drivers.transport.stream import StreamTransport

READ_MAX = 4096
SLICE_S = 0.2  # a blocked read of rfc2217 looks this often whether it should end

HINTS = {
    ENOENT: "no such port (is the adapter plugged in? stable names are in /dev/serial/by-id)",
    EACCES: "permission denied (add the user to group dialout and log in again)",
    EPERM: "permission denied (add the user to group dialout and log in again)",
    EAGAIN: "in use by another process",
    EBUSY: "in use by another process",
}


def _settings(line: LineSpec) -> dict[str, Any]:
    return {
        "baudrate": line.baud_rate,
        "bytesize": line.data_bits,
        "parity": line.parity,
        "stopbits": line.stop_bits,
    }


def _explained(error: OSError) -> OSError:
    """Return the fault of opening a port in the user's words."""
    hint = HINTS.get(error.errno or 0)
    return OSError(error.errno, hint) if hint else OSError(str(error))


def _shut(port: Any) -> None:
    """Close a port of pyserial, and the socket that 3.5 leaves open after a hang-up."""
    sock = getattr(port, "_socket", None)
    port.close()
    if sock is not None:
        sock.close()


class SerialTransport(StreamTransport):
    """A serial port of this machine."""

    ended = "the port was closed"

    def __init__(self, port: str, line: LineSpec) -> None:
        super().__init__(port)
        self._line = line

    async def open(self) -> None:
        """Open the port for this process alone."""
        from serial_asyncio_fast import open_serial_connection

        try:
            self._reader, self._writer = await open_serial_connection(
                url=self.description, exclusive=True, **_settings(self._line)
            )
        except OSError as error:  # pyserial's own exception is one
            raise _explained(error) from None
        with suppress(OSError, ValueError, NotImplementedError):  # not every adapter has it
            self._writer.get_extra_info("serial").set_low_latency_mode(True)


class ThreadedSerialTransport:
    """A port of pyserial that cannot be waited for (``rfc2217://``), behind a thread."""

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
                lambda: serial_for_url(self.description, timeout=SLICE_S, **_settings(self._line))
            )
        except OSError as error:
            await self.close()
            raise _explained(error) from None

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
                await asyncio.get_running_loop().run_in_executor(pool, _shut, port)
            pool.shutdown(wait=False)
