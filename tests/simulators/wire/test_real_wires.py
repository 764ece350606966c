"""Lines on real pseudo-terminals and sockets, as other programs see them; wall-clock time."""

import asyncio
import json
import os
from contextlib import suppress

import pytest
import serial

from simulators.wire.line import Line, Station
from simulators.wire.modbus import ModbusServer
from simulators.wire.pty import PtyServer
from simulators.wire.tcp import JsonServer, TcpServer
from tests.simulators.parts import clock
from tests.simulators.wire.test_line import Named, Parrot
from tests.simulators.wire.test_modbus_wire import Ten


@pytest.fixture
async def terminal():
    line = Line("/dev/ttyS0", [Station(Parrot())])
    server = PtyServer(line)
    yield line, server
    server.close()
    server.close()


def talk(path, request, end=b"\r\n", **settings):
    with serial.Serial(path, 9600, timeout=0.5, exclusive=True, **settings) as port:
        port.write(request)
        return port.read_until(end)


async def test_a_program_talks_to_a_terminal_and_may_come_again(terminal):
    _, server = terminal
    assert await asyncio.to_thread(talk, server.path, b"say hello\r") == b"hello\r\n"
    assert await asyncio.to_thread(talk, server.path, b"say again\r") == b"again\r\n"


async def test_seven_bits_and_parity_are_asked_for_by_one_program_after_the_other(terminal):
    _, server = terminal
    for _ in range(3):  # a terminal has neither, and would refuse the second
        heard = await asyncio.to_thread(talk, server.path, b"say 1\r", bytesize=7, parity="E")
        assert heard == b"1\r\n"


async def test_every_byte_value_passes_a_terminal_unchanged(terminal):
    _, server = terminal
    every = bytes(set(range(256)) - {0x0D})
    assert await asyncio.to_thread(talk, server.path, b"say " + every + b"\r", every + b"\r\n") == (
        every + b"\r\n"
    )


async def test_an_unplugged_terminal_is_silent(terminal):
    line, server = terminal
    assert await asyncio.to_thread(talk, server.path, b"say 1\r") == b"1\r\n"
    line.disturb("parrot", "unplug")
    assert await asyncio.to_thread(talk, server.path, b"say 2\r") == b""
    line.disturb("parrot", "ok")
    assert await asyncio.to_thread(talk, server.path, b"say 3\r") == b"3\r\n"


async def test_bytes_nobody_reads_do_not_block_the_simulator(terminal):
    line, server = terminal
    handle = os.open(server.path, os.O_RDWR | os.O_NOCTTY)
    try:
        for _ in range(40):
            os.write(handle, b"say " + b"x" * 400 + b"\r")
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.1)
        assert len(line.stations[0].instrument.told) == 40
    finally:
        os.close(handle)


async def opened(server):
    host, port = server.endpoint.split(":")
    return await asyncio.open_connection(host, int(port))


async def hang_up(writer):
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.fixture
async def socket_server():
    line = Line("socket://x:1", [Station(Named("anna"))], "tcp")
    server = TcpServer(line)
    await server.open()
    yield line, server
    await server.close()
    await server.close()


async def test_several_clients_talk_to_a_socket(socket_server):
    _, server = socket_server
    one, two = await opened(server), await opened(server)
    for reader, writer in (one, two, one):
        writer.write(b"anna say hi\r")
        assert await reader.readuntil(b"\r\n") == b"anna: hi\r\n"
    for _, writer in (one, two):
        await hang_up(writer)


async def test_an_exclusive_instrument_hangs_up_on_a_second_client(socket_server):
    line, server = socket_server
    line.stations[0].instrument.exclusive = True
    one = await opened(server)
    one[1].write(b"say hi\r")
    assert await one[0].readuntil(b"\r\n") == b"hi\r\n"
    two = await opened(server)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await two[0].readexactly(1)
    await hang_up(one[1])
    await hang_up(two[1])


async def test_unplugging_a_socket_cuts_its_clients_off_and_plugging_brings_it_back(socket_server):
    line, server = socket_server
    reader, writer = await opened(server)
    writer.write(b"say hi\r")
    await reader.readuntil(b"\r\n")
    line.disturb("anna", "unplug")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    await hang_up(writer)
    line.disturb("anna", "ok")
    reader, writer = await opened(server)
    writer.write(b"say hi\r")
    assert await reader.readuntil(b"\r\n") == b"hi\r\n"
    await hang_up(writer)


async def test_closing_the_server_hangs_up(socket_server):
    _, server = socket_server
    reader, writer = await opened(server)
    writer.write(b"say hi\r")
    await reader.readuntil(b"\r\n")
    await server.close()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    await hang_up(writer)


async def test_an_independent_master_reads_the_modbus_slave_over_tcp():
    from pymodbus.client import AsyncModbusTcpClient

    slave = ModbusServer("slave", clock, Ten(), {1})
    server = TcpServer(Line("modbus-tcp://x:502", [Station(slave)], "modbus-tcp"))
    await server.open()
    host, port = server.endpoint.split(":")
    client = AsyncModbusTcpClient(host, port=int(port))
    assert await client.connect()
    assert (await client.read_holding_registers(2, count=3, device_id=1)).registers == [2, 3, 4]
    await client.write_registers(0, [7, 8], device_id=1)
    assert slave.registers.values[:2] == [7, 8]
    assert (await client.read_holding_registers(9, count=3, device_id=1)).exception_code == 2
    client.close()
    await server.close()


async def test_an_independent_master_reads_the_modbus_slave_on_a_terminal():
    from pymodbus.client import AsyncModbusSerialClient

    slaves = [ModbusServer(f"slave-{n}", clock, Ten(), {n}) for n in (1, 2)]
    server = PtyServer(Line("/dev/ttyS0", [Station(slave) for slave in slaves]))
    client = AsyncModbusSerialClient(server.path, baudrate=9600)
    assert await client.connect()
    assert (await client.read_input_registers(2, count=3, device_id=1)).registers == [2, 3, 4]
    await client.write_register(5, 99, device_id=2)
    assert [slave.registers.values[5] for slave in slaves] == [5, 99]
    client.close()
    server.close()
    await asyncio.sleep(0.05)


async def test_a_json_service_gives_one_line_to_each_connection():
    count = iter(range(10))
    server = JsonServer(lambda: {"n": next(count)})
    await server.open()
    for n in range(3):
        reader, writer = await opened(server)
        assert json.loads(await reader.read()) == {"n": n}
        await hang_up(writer)
    await server.close()
    await server.close()
