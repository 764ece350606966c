"""Lines on TCP sockets of this machine, and small JSON services beside them; real time only."""

import asyncio
import json
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from simulators.wire.line import Host, Line

LOCALHOST = "127.0.0.1"


class _Client(asyncio.Protocol):
    """One client's connection to a line."""

    def __init__(self, line: Line, clients: "set[_Client]") -> None:
        self._line, self._clients = line, clients
        self.transport: asyncio.Transport | None = None
        self._host: Host | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        try:
            self._host = self._line.connect(transport.write, transport.abort)
        except ConnectionRefusedError:  # unplugged, or serves one client already
            transport.abort()
            return
        self._clients.add(self)

    def data_received(self, data: bytes) -> None:
        if self._host is not None:
            self._host.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._clients.discard(self)
        if self._host is not None:
            self._host.close()
            self._host = None


class TcpServer:
    """One line on one port of this machine; ``endpoint`` is ``HOST:PORT``."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._clients: set[_Client] = set()
        self._server: asyncio.Server | None = None
        self.endpoint = ""

    async def open(self, port: int = 0, listener: socket.socket | None = None) -> None:
        """Listen here, 0 takes any free port; or on a socket that listens already."""
        loop = asyncio.get_running_loop()
        client = partial(_Client, self._line, self._clients)
        if listener is None:
            self._server = await loop.create_server(client, LOCALHOST, port)
        else:
            self._server = await loop.create_server(client, sock=listener)
        self.endpoint = _endpoint(self._server)

    async def close(self) -> None:
        """Stop listening and cut every client off."""
        if self._server is None:
            return
        self._server.close()
        for client in tuple(self._clients):
            if client.transport is not None:
                client.transport.abort()
        await self._server.wait_closed()
        self._server = None


class JsonServer:
    """Answers every connection with one line of JSON, and closes it."""

    def __init__(self, document: Callable[[], Any]) -> None:
        self._document = document
        self._server: asyncio.Server | None = None
        self.endpoint = ""

    async def open(self, port: int = 0) -> None:
        """Listen; 0 takes any free port."""
        self._server = await asyncio.start_server(self._answer, LOCALHOST, port)
        self.endpoint = _endpoint(self._server)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(json.dumps(self._document(), allow_nan=False).encode() + b"\n")
        writer.close()


def _endpoint(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"{host}:{port}"
