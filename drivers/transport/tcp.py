"""TCP transport on asyncio streams: no Nagle delay, dead peers found, a bounded attempt."""

import asyncio
import fcntl
import socket
import struct
import termios
from contextlib import suppress

from drivers.transport.stream import StreamTransport

LOOKS, LOOK_S = 10, 0.02  # at what has not been acknowledged, before it is withdrawn
CONNECT_S = 5.0  # an instrument on the bench answers at once, or not at all
# a peer that vanished without a word shows within 10 s: idle by probes, else by what it owes (ms)
VANISHED = {"TCP_KEEPIDLE": 4, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}


class TcpTransport(StreamTransport):
    """A byte stream to ``host:port``."""

    ended = "the instrument closed the connection"

    def __init__(self, host: str, port: int, connect_s: float = CONNECT_S) -> None:
        super().__init__(f"socket://{host}:{port}")
        self._host, self._port, self._connect_s = host, port, connect_s

    @classmethod
    def from_address(cls, address: str, url: str) -> "TcpTransport":
        """Return a transport to ``HOST:PORT`` (IPv6 in brackets); raise ValueError."""
        host, _, port = address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"{url}: a TCP port is written socket://HOST:PORT")
        return cls(host, int(port))

    async def open(self) -> None:
        """Connect; raise OSError that says who refused or did not answer."""
        try:
            async with asyncio.timeout(self._connect_s):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            raise TimeoutError(
                f"no connection within {self._connect_s:g} s (check power, network and address)"
            ) from None
        except ConnectionRefusedError:
            raise ConnectionRefusedError(
                "connection refused (is remote control enabled, and no other client connected?)"
            ) from None
        except socket.gaierror as error:
            raise OSError(f"host {self._host!r} is not known ({error.strerror})") from None
        self._reader, self._writer = reader, writer
        self._tune(writer.get_extra_info("socket"))

    async def close(self) -> None:
        """Close; what the peer has not acknowledged by now is withdrawn, and never comes late.

        The kernel would go on sending it for seconds after, beside the next connection: a command
        that counted as failed would be done then.
        """
        try:
            if self._writer is not None:
                await self._withdraw(self._writer.get_extra_info("socket"))
        finally:
            await super().close()

    @staticmethod
    async def _withdraw(sock: socket.socket) -> None:
        """Have the kernel forget what is not acknowledged; a last command is given a moment."""
        with suppress(OSError):  # it is closed already
            for _ in range(LOOKS):
                if sock.fileno() < 0 or _unacknowledged(sock) == 0:
                    return
                await asyncio.sleep(LOOK_S)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    @staticmethod
    def _tune(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in VANISHED.items():
            if hasattr(socket, name):  # Linux has all four
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _unacknowledged(sock: socket.socket) -> int:
    """Return how many bytes the peer has not acknowledged (SIOCOUTQ)."""
    return int(struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0])
