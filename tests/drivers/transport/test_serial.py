import asyncio
import errno
import os
import socket
import threading
import tty

import pytest
import serial
import serial.rfc2217

from drivers.bus import Bus
from drivers.codec import LineCodec
from drivers.errors import LinkLost
from drivers.signal import Lane
from drivers.transport import dial
from drivers.transport import serial as module
from drivers.transport.base import LineSpec
from drivers.transport.rfc2217 import Rfc2217Transport
from drivers.transport.serial import SerialTransport

LINE = LineSpec(codec=lambda _port: LineCodec(b"\r\n"))


@pytest.fixture
def pty():
    """A pseudo-terminal whose far end answers every CR with the upper-cased line."""
    far, near = os.openpty()
    name = os.ttyname(near)
    stop = threading.Event()

    def serve():
        buffer = b""
        while not stop.is_set():
            try:
                buffer += os.read(far, 100)
            except OSError:
                return
            while b"\r" in buffer:
                line, _, buffer = buffer.partition(b"\r")
                if line == b"stop":
                    return
                os.write(far, line.upper() + b"\r\n")

    server = threading.Thread(target=serve)
    server.start()
    yield name
    stop.set()
    with open(name, "wb", buffering=0) as end:  # noqa: PTH123 - wakes the server
        end.write(b"stop\r")
    server.join(2)
    os.close(near)
    os.close(far)


async def test_a_serial_port_carries_exchanges(pty):
    bus = Bus(pty, LINE, dial)
    await bus.open()
    for word in (b"one", b"two"):
        reply = await bus.exchange(
            "x", word + b"\r", lambda frame: frame, lane=Lane.POLL, timeout_s=2
        )
        assert reply == word.upper()
    await bus.close()


async def test_a_port_is_opened_for_one_process_alone(pty):
    first, second = SerialTransport(pty, LINE), SerialTransport(pty, LINE)
    await first.open()
    with pytest.raises(OSError, match="in use by another process"):
        await second.open()
    await first.close()
    await second.open()
    await second.close()
    await second.close()


async def test_a_port_that_is_not_there_says_where_to_look():
    with pytest.raises(OSError, match=r"no such port .*by-id"):
        await SerialTransport("/dev/ttyNoSuchPort", LINE).open()


async def test_a_file_that_is_no_port_is_an_oserror(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(OSError, match="Could not configure port"):
        await SerialTransport(str(path), LINE).open()


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EACCES, "group dialout"),
        (errno.EPERM, "DeviceAllow="),
        (errno.ENODEV, "plugged in"),
        (errno.EIO, "device"),
    ],
)
def test_faults_of_opening_are_in_the_users_words(number, hint):
    assert hint in str(module.explained(OSError(number, "No such device")))


async def test_unplugging_the_adapter_ends_the_read():
    far, near = os.openpty()
    transport = SerialTransport(os.ttyname(near), LINE)
    await transport.open()
    os.close(near)
    os.close(far)
    with pytest.raises(OSError):
        await asyncio.wait_for(transport.read(), 2)
    await transport.close()


@pytest.mark.parametrize("kind", [SerialTransport, Rfc2217Transport])
async def test_a_port_that_is_not_open_neither_reads_nor_writes(kind):
    transport = kind("/dev/ttyUSB9", LINE)
    with pytest.raises(ConnectionError, match="not open"):
        await transport.read()
    with pytest.raises(ConnectionError, match="not open"):
        await transport.write(b"x")
    await transport.close()


class PortServer:
    """An RFC 2217 server, as a terminal server is one, on a port that sends all bytes back."""

    def __init__(self):
        self._serial = serial.serial_for_url("loop://", timeout=0.05)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        self._client, _ = self._listener.accept()
        self._client.settimeout(0.05)
        self.manager = serial.rfc2217.PortManager(self._serial, self)
        self._threads.append(threading.Thread(target=self._from_port))
        self._threads[1].start()
        while not self._stop.is_set():
            try:
                data = self._client.recv(1024)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            self._serial.write(b"".join(self.manager.filter(data)))

    def write(self, data):
        self._client.sendall(data)

    def _from_port(self):
        while not self._stop.is_set():
            try:
                data = self._serial.read(self._serial.in_waiting or 1)
            except OSError:
                return
            if data:
                try:
                    self.write(b"".join(self.manager.escape(data)))
                except OSError:
                    return

    def hang_up(self):
        self._client.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(2)
        self._client.close()
        self._listener.close()
        self._serial.close()


@pytest.mark.filterwarnings(
    "ignore:set.*is deprecated:DeprecationWarning"
)  # in pyserial 3.5 itself
async def test_rfc2217_carries_exchanges_and_notices_the_end():
    server = await asyncio.to_thread(PortServer)
    bus = Bus(f"rfc2217://127.0.0.1:{server.port}", LINE, dial)
    try:
        await bus.open()
        for word in (b"one", b"two"):
            reply = await bus.exchange(
                "x", word + b"\r\n", lambda frame: frame, lane=Lane.POLL, timeout_s=2
            )
            assert reply == word
        server.hang_up()
        with pytest.raises(LinkLost):
            await bus.exchange("x", b"z", lambda _: None, lane=Lane.POLL, timeout_s=5)
    finally:
        await bus.close()
        await asyncio.to_thread(server.close)


@pytest.mark.filterwarnings(
    "ignore:set.*is deprecated:DeprecationWarning"
)  # in pyserial 3.5 itself
async def test_rfc2217_without_server_is_an_oserror():
    with pytest.raises(OSError):
        await dial("rfc2217://127.0.0.1:1", LINE).open()


@pytest.fixture
async def terminal():
    """An open port and the far end of its wire."""
    far, near = os.openpty()
    tty.setraw(near)
    transport = SerialTransport(os.ttyname(near), LINE)
    await transport.open()
    yield transport, far
    await transport.close()
    os.close(near)
    os.close(far)


async def test_a_long_write_goes_on_when_the_wire_takes_more(terminal):
    transport, far = terminal
    data = bytes(range(256)) * 300
    writing = asyncio.create_task(transport.write(data))
    await asyncio.sleep(0.05)
    assert not writing.done()
    got = b""
    async with asyncio.timeout(5):
        while len(got) < len(data):
            got += await asyncio.to_thread(os.read, far, 65536)
        await writing
    assert got == data


async def test_a_write_that_waits_ends_with_the_port(terminal):
    transport, _ = terminal
    writing = asyncio.create_task(transport.write(bytes(200_000)))
    await asyncio.sleep(0.05)
    await transport.close()
    with pytest.raises(ConnectionError):
        await writing


async def test_a_write_that_waits_can_be_given_up(terminal):
    transport, far = terminal
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await transport.write(bytes(200_000))
    os.write(far, b"still here")
    assert await transport.read() == b"still here"


async def test_what_comes_in_pieces_is_read_together(terminal):
    transport, far = terminal
    os.write(far, b"one ")
    await asyncio.sleep(0.02)
    os.write(far, b"two")
    await asyncio.sleep(0.02)
    assert await transport.read() == b"one two"


async def test_bytes_are_pushed_and_the_fault_of_whoever_takes_them_is_read(terminal):
    transport, far = terminal
    got = []
    transport.push_to(got.append)
    os.write(far, b"hello")
    await asyncio.sleep(0.02)
    assert got == [b"hello"]

    def buggy(_data):
        raise ZeroDivisionError

    transport.push_to(buggy)
    reading = asyncio.create_task(transport.read())
    await asyncio.sleep(0)
    os.write(far, b"again")
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(reading, 2)
