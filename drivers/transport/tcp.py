"""TCP transport on asyncio streams: no Nagle delay, keep-alive, a bounded connection attempt."""

import asyncio
import socket
from contextlib import suppress

CONNECT_S = 5.0  # an instrument on the bench answers at once, or not at all
READ_MAX = 65536
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # a dead peer shows in 25 s


class TcpTransport:
    """A byte stream to ``host:port``."""

    def __init__(self, host: str, port: int, connect_s: float = CONNECT_S) -> None:
        self.description = f"socket://{host}:{port}"
        self._host, self._port, self._connect_s = host, port, connect_s
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

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

    @staticmethod
    def _tune(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):  # Linux has all three
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    async def read(self) -> bytes:
        """Return the next bytes; raise ConnectionError when the peer closed."""
        if self._reader is None:
            raise ConnectionError("not open")
        data = await self._reader.read(READ_MAX)
        if not data:
            raise ConnectionResetError("the instrument closed the connection")
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
