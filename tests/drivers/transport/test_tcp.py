import asyncio
import socket

import pytest

from drivers.transport import dial
from drivers.transport.base import LineSpec
from drivers.transport.tcp import TcpTransport
from drivers.transport.trace import traced


@pytest.fixture
async def server():
    """A server that answers everything upper-cased, and hangs up on ``bye``."""
    writers = []

    async def serve(reader, writer):
        writers.append(writer)
        while (data := await reader.read(100)) and data != b"bye":
            writer.write(data.upper())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for writer in writers:
        writer.close()
    server.close()
    await server.wait_closed()


@pytest.fixture
async def transport(server):
    transport = dial(f"socket://127.0.0.1:{server}", LineSpec())
    await transport.open()
    yield transport
    await transport.close()


async def test_bytes_go_there_and_back_without_delay(transport):
    await transport.write(b"hello")
    assert await transport.read() == b"HELLO"
    sock = transport._writer.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_the_end_of_the_connection_is_an_error(transport):
    await transport.write(b"bye")
    with pytest.raises(ConnectionError, match="closed the connection"):
        await transport.read()
    await transport.close()
    await transport.close()


async def test_a_transport_that_is_not_open_neither_reads_nor_writes():
    transport = TcpTransport("127.0.0.1", 1)
    with pytest.raises(ConnectionError, match="not open"):
        await transport.read()
    with pytest.raises(ConnectionError, match="not open"):
        await transport.write(b"x")
    await transport.close()


async def test_nobody_listening_is_said_with_what_to_check():
    with pytest.raises(ConnectionRefusedError, match="remote control enabled"):
        await TcpTransport("127.0.0.1", 1).open()


async def test_a_host_nobody_knows_is_named():
    with pytest.raises(OSError, match=r"host 'no-such-host\.invalid' is not known"):
        await TcpTransport("no-such-host.invalid", 1).open()


async def test_a_host_that_does_not_answer_is_given_up():
    with pytest.raises(TimeoutError, match="no connection within 0 s"):
        await TcpTransport("127.0.0.1", 1, connect_s=0).open()


@pytest.mark.parametrize("address", ["localhost", "localhost:", ":80", "h:99999", "h:x", ""])
def test_an_address_without_host_and_port_is_refused(address):
    with pytest.raises(ValueError, match="socket://HOST:PORT"):
        dial(f"socket://{address}", LineSpec())


def test_ipv6_and_modbus_ports_are_tcp_too():
    assert dial("socket://[::1]:80", LineSpec()).description == "socket://::1:80"
    assert isinstance(dial("modbus-tcp://h:502", LineSpec()), TcpTransport)


async def test_a_peer_that_takes_no_bytes_does_not_keep_the_line_from_closing():
    listener = socket.create_server(("127.0.0.1", 0))
    transport = TcpTransport(*listener.getsockname())
    await transport.open()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await transport.write(bytes(50_000_000))
    async with asyncio.timeout(1):
        await transport.close()
    listener.close()


async def test_a_traced_transport_shows_every_byte(server):
    seen = []
    dial_traced = traced(dial, lambda *event: seen.append(event))
    port = f"socket://127.0.0.1:{server}"
    transport = dial_traced(port, LineSpec())
    assert transport.description == port
    await transport.open()
    await transport.write(b"hi")
    await transport.read()
    await transport.close()
    assert seen == [
        (port, "open", b""),
        (port, ">", b"hi"),
        (port, "<", b"HI"),
        (port, "closed", b""),
    ]
