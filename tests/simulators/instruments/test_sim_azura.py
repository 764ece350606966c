"""The Knauer pump as its sheet describes it."""

import asyncio

import pytest

from simulators.instruments.azura import SimAzuraPump
from tests.simulators.parts import FakePump, Host, clock, ports

pytestmark = pytest.mark.virtual


@pytest.fixture
async def motor():
    return FakePump()


@pytest.fixture
async def host(motor):
    async with Host(SimAzuraPump("pump", {}, ports(pump=motor), clock), framing="tcp") as host:
        yield host


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"HEADTYPE?\n\r", b"HEADTYPE:10\r"),
        (b"FLOW:750\n\r", b"FLOW:OK\r"),
        (b"FLOW 750\r", b"FLOW:OK\r"),
        (b"ON\n\r", b"ON:OK\r"),
        (b"OFF\n\r", b"OFF:OK\r"),
        (b"ERRORS?\n\r", b"ERRORS:0,0,0,0,0\r"),
        (b"FLOW:99999\n\r", b"ERROR:2\r"),
        (b"FLOW:10001\r", b"ERROR:2\r"),
        (b"BOGUS\n\r", b"ERROR:1\r"),
        (b"flow?\r", b"ERROR:1\r"),
        (b"FLOW:1.5\r", b"ERROR:1\r"),
        (b"FLOW:-1\r", b"ERROR:1\r"),
        (b"PMAX10?\r", b"PMAX10:400\r"),
        (b"PMAX10:20\r", b"PMAX10:OK\r"),
        (b"PMAX10:401\r", b"ERROR:2\r"),
        (b"PMAX50:151\r", b"ERROR:2\r"),
        (b"IMIN10:101\r", b"ERROR:2\r"),
        (b"ADJ10:99\r", b"ERROR:2\r"),
        (b"CORR50:300\r", b"CORR50:OK\r"),
        (b"STARTLEVEL:2\r", b"ERROR:2\r"),
        (b"STARTMODE:1\r", b"STARTMODE:OK\r"),
        (b"EXTFLOW?\r", b"EXTFLOW:0\r"),
        (b"IMOTOR?\r", b"IMOTOR:0\r"),
        (b"REMOTE\r", b"REMOTE:OK\r"),
        (b"HEADTYPE:20\r", b"ERROR:2\r"),
    ],
)
async def test_the_sheet_s_requests_get_the_sheet_s_replies(host, request_, reply):
    assert await host.ask(request_) == reply


async def test_flow_is_read_back_and_moves_only_when_on(host, motor):
    await host.ask(b"FLOW:750\n\r")
    assert await host.ask(b"FLOW?\n\r") == b"FLOW:750\r"
    assert motor.flow == 0.0
    await host.ask(b"ON\n\r")
    assert motor.flow == 0.75
    await host.ask(b"FLOW:1500\n\r")
    assert motor.flow == 1.5
    await host.ask(b"OFF\n\r")
    assert motor.flow == 0.0


async def test_pressure_comes_in_tenths_of_a_megapascal(host, motor):
    motor.pressure = 12.3
    assert await host.ask(b"PRESSURE?\n\r") == b"PRESSURE:12\r"


async def test_a_dead_pressure_sensor_reads_zero(host, motor):
    motor.pressure = float("nan")
    assert await host.ask(b"PRESSURE?\r") == b"PRESSURE:0\r"


async def test_two_requests_in_one_segment_get_two_replies_in_order(host):
    assert await host.ask(b"HEADTYPE?\n\rFLOW?\n\r") == b"HEADTYPE:10\rFLOW:0\r"


async def test_a_request_in_pieces_is_understood(host):
    for byte in b"FLOW?\n":
        assert await host.ask(bytes((byte,)), 0.1) == b""
    assert await host.ask(b"\r") == b"FLOW:0\r"


async def test_the_pump_stops_itself_above_its_pressure_limit(host, motor):
    await host.ask(b"PMAX10:20\r")
    await host.ask(b"FLOW:1000\r")
    await host.ask(b"ON\r")
    motor.pressure = 21.0
    await asyncio.sleep(6)
    assert motor.flow == 0.0
    assert await host.ask(b"ERRORS?\r") == b"ERRORS:1,0,0,0,0\r"


async def test_the_lower_limit_counts_only_after_the_build_up(host, motor):
    motor.pressure = 1.0
    await host.ask(b"PMIN10:5\r")
    await host.ask(b"FLOW:1000\r")
    await host.ask(b"ON\r")
    await asyncio.sleep(50)
    assert motor.flow == 1.0
    await asyncio.sleep(20)
    assert motor.flow == 0.0
    assert await host.ask(b"ERRORS?\r") == b"ERRORS:2,0,0,0,0\r"


async def test_a_stalled_motor_shows_in_current_and_errors(host, motor):
    await host.ask(b"FLOW:1000\r")
    await host.ask(b"ON\r")
    motor.pressure = 200.0
    assert await host.ask(b"IMOTOR?\r", 0.1) == b"IMOTOR:28\r"
    motor.is_stalled = True
    assert await host.ask(b"IMOTOR?\r", 0.1) == b"IMOTOR:100\r"
    await asyncio.sleep(6)
    assert await host.ask(b"ERRORS?\r") == b"ERRORS:3,0,0,0,0\r"


async def test_the_head_cannot_be_changed_while_it_runs(host):
    assert await host.ask(b"HEADTYPE:50\r") == b"HEADTYPE:OK\r"
    assert await host.ask(b"FLOW:50000\r") == b"FLOW:OK\r"
    await host.ask(b"ON\r")
    assert await host.ask(b"HEADTYPE:10\r") == b"ERROR:2\r"
    await host.ask(b"OFF\r")
    assert await host.ask(b"HEADTYPE:10\r") == b"HEADTYPE:OK\r"
    assert await host.ask(b"FLOW?\r") == b"FLOW:10000\r"


async def test_a_second_client_is_refused(host):
    with pytest.raises(ConnectionRefusedError, match="one client"):
        host.line.connect(lambda _: None, lambda: None)


async def test_an_endless_line_is_thrown_away(host):
    assert await host.ask(b"X" * 5000) == b""
    assert await host.ask(b"\rFLOW?\r") == b"ERROR:1\rFLOW:0\r"


def test_a_pump_without_plumbing_is_refused():
    with pytest.raises(ValueError, match="pump port"):
        SimAzuraPump("pump", {}, ports(), lambda: 0.0)
