"""Serial ports of this machine, on the event loop; pyserial opens them and sets them up.

A port is opened for this process alone (:mod:`drivers.transport.lock`), and in low-latency mode
where the adapter has one (FTDI: 1 ms instead of 16 ms). From then on bytes go by plain ``read`` and
``write`` on its descriptor: pyserial and its asyncio transport cost more than all of bus and driver
together. A name in ``/dev/serial/by-id`` is looked up at every opening, so that an adapter that
comes back under another number is found again.
"""

import asyncio
import os
import termios
from collections.abc import Callable
from contextlib import suppress
from errno import EACCES, EAGAIN, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO, EPERM
from typing import Any

from drivers.transport.base import LineSpec
from drivers.transport.lock import claim, holders, in_use, is_pty, release

READ_MAX = 65536
ENDED = "the port was closed (adapter unplugged?)"

_GROUP = "permission denied (add the user to group dialout and log in again)"
_FORBIDDEN = (
    "not permitted (a service may open the ports that its unit allows: add a DeviceAllow= for this"
    " kind of port, or run it without DevicePolicy=)"
)
_GONE = "no such port (is the adapter plugged in? stable names are in /dev/serial/by-id)"
HINTS = {ENOENT: _GONE, ENXIO: _GONE, ENODEV: _GONE, EACCES: _GROUP, EPERM: _FORBIDDEN}
TAKEN = frozenset({EAGAIN, EBUSY})


def settings_of(line: LineSpec) -> dict[str, Any]:
    """Return what pyserial wants to know of a line."""
    return {
        "baudrate": line.baud_rate,
        "bytesize": line.data_bits,
        "parity": line.parity,
        "stopbits": line.stop_bits,
    }


def explained(error: OSError) -> OSError:
    """Return the fault of opening a port in the user's words."""
    hint = HINTS.get(error.errno or 0)
    return OSError(error.errno, hint) if hint else OSError(str(error))


class SerialTransport:
    """A serial port of this machine."""

    def __init__(self, port: str, line: LineSpec) -> None:
        self.description = port
        self._line = line
        self._port: Any = None  # pyserial's
        self._fd = -1
        self._loop: asyncio.AbstractEventLoop  # known as soon as the port is open
        self._received = b""
        self._take: Callable[[bytes], None] | None = None
        self._fault: BaseException = ConnectionError("not open")
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Open the port for this process alone."""
        from serial import serial_for_url

        try:
            port = serial_for_url(
                self.description,
                exclusive=True,
                timeout=0,
                write_timeout=0,
                **settings_of(self._line),
            )
        except OSError as error:  # pyserial's own exception is one
            if error.errno in TAKEN:
                why = await asyncio.to_thread(in_use, self.description)
                raise OSError(EBUSY, why) from None
            raise explained(error) from None
        except termios.error:
            line = self._line
            setting = f"{line.baud_rate} baud {line.data_bits}{line.parity}{line.stop_bits}"
            raise OSError(EINVAL, f"the port or its adapter cannot do {setting}") from None
        try:
            await self._claim(port)
        except BaseException:
            release(port.fileno())
            port.close()
            raise
        self._port, self._fd = port, port.fileno()
        self._received, self._loop = b"", asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._read_ready)

    async def _claim(self, port: Any) -> None:
        """Make sure that nobody else is on the port, whether or not they ask for locks."""
        fd = port.fileno()
        with suppress(OSError):  # not every device has the mode; the lock is ours all the same
            claim(fd)
        if not is_pty(fd) and await asyncio.to_thread(holders, self.description):
            raise OSError(EBUSY, await asyncio.to_thread(in_use, self.description))
        with suppress(OSError, ValueError, NotImplementedError):  # not every adapter has it
            port.set_low_latency_mode(True)

    async def read(self) -> bytes:
        """Return the next bytes; raise OSError when the adapter is gone."""
        while not self._received:
            if self._fd < 0:
                raise self._fault
            self._readable = self._loop.create_future()
            try:
                await self._readable
            finally:
                self._readable = None
        data, self._received = self._received, b""
        return data

    def push_to(self, take: Callable[[bytes], None]) -> None:
        """Call ``take`` with all bytes; ``read`` then ends with a fault only."""
        self._take = take

    async def write(self, data: bytes) -> None:
        """Send these bytes; returns when the kernel has taken all of them."""
        sent = self.write_some(data)
        while sent < len(data):
            self._writable = self._loop.create_future()
            self._loop.add_writer(self._fd, _wake, self._writable)
            try:
                await self._writable
            finally:
                self._writable = None
                if self._fd >= 0:
                    self._loop.remove_writer(self._fd)
            sent += self.write_some(data[sent:])

    def write_some(self, data: bytes) -> int:
        """Send what the kernel takes now; return how many bytes that was."""
        if self._fd < 0:
            raise self._fault
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0

    def _read_ready(self) -> None:
        """Take what has come; its reader is woken before more can pile up."""
        try:
            data = os.read(self._fd, READ_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(ConnectionResetError(f"{ENDED}: {error.strerror}"))
            return
        if not data:  # a port that has been hung up is always ready, and empty
            self._end(ConnectionResetError(ENDED))
            return
        if self._take is None:
            self._received += data
            _wake(self._readable)
            return
        try:
            self._take(data)
        except BaseException as fault:  # noqa: BLE001 -- the reader raises it, as if it had called
            self._end(fault)

    def _end(self, fault: BaseException) -> None:
        """Give the port back, and let go whoever waits for it."""
        if self._fd < 0:
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        release(self._fd)
        self._fd, self._fault = -1, fault
        self._port.close()
        _wake(self._readable)
        _wake(self._writable)

    async def close(self) -> None:
        """Close; what the kernel has taken is still sent. Twice is fine."""
        self._end(ConnectionError("not open"))


def _wake(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
