"""VICI actuators and Knauer valves as their sheets describe them."""

import asyncio

import pytest

from simulators.instruments.knauer_valve import SimKnauerValve
from simulators.instruments.vici import SimViciActuator, SimViciMicroelectric
from tests.simulators.parts import Host, clock, ports

pytestmark = pytest.mark.virtual


class Rotor:
    def __init__(self, at=1):
        self.at, self.stuck = at, False

    def turn(self, position):
        if not self.stuck:
            self.at = position

    def position(self):
        return self.at


@pytest.fixture
def rotor():
    return Rotor(3)


@pytest.fixture
async def vici(rotor):
    return SimViciActuator("v", {}, ports(valve=rotor), clock)


@pytest.fixture
async def host(vici):
    async with Host(vici) as host:
        yield host


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"CP\r", b"CP03\r"),
        (b"CP\n", b"CP03\r"),
        (b"AM\r", b"AM3\r"),
        (b"NP\r", b"NP10\r"),
        (b"CNT\r", b"CNT1234\r"),
        (b"TM\r", b"TM125\r"),
        (b"NONSENSE\r", b"Bad command\r"),
        (b"GO11\r", b"Bad command\r"),
        (b"GOA\r", b"Bad command\r"),
        (b"TO\r", b"Bad command\r"),
    ],
)
async def test_the_manual_s_requests_get_the_manual_s_replies(host, request_, reply):
    assert await host.ask(request_) == reply


async def test_a_move_is_silent_or_answered_as_set(host, vici, rotor):
    assert await host.ask(b"GO5\r") == b"CP05\r"
    vici.chat = "echo"
    assert await host.ask(b"GO6\r") == b"GO6\r"
    assert await host.ask(b"IFM0\r") == b""
    assert await host.ask(b"GO7\r") == b""
    assert rotor.at == 7
    assert await host.ask(b"IFM2\r") == b""
    assert (await host.ask(b"GO8\r")).count(b"\r") == 2


async def test_steps_home_and_wrapping_round(host, vici, rotor):
    for command, at in ((b"CW\r", 4), (b"CC\r", 3), (b"HM\r", 1), (b"CC\r", 10), (b"GO\r", 1)):
        await host.ask(command)
        assert rotor.at == at


async def test_two_positions_have_letters(host, vici, rotor):
    vici.mode, rotor.at = 1, 1
    assert await host.ask(b"CP\r") == b"CPA\r"
    assert await host.ask(b"GOB\r") == b"CPB\r"
    assert await host.ask(b"TO\r") == b"CPA\r"
    assert await host.ask(b"CC\r") == b"CPB\r"
    assert await host.ask(b"CW\r") == b"CPA\r"
    assert await host.ask(b"GO3\r") == b"Bad command\r"


async def test_a_stalled_rotor_reports_its_old_position(host, rotor):
    rotor.stuck = True
    assert await host.ask(b"GO5\r", 0.5) == b""
    assert await host.ask(b"CP\r", 0.1) == b"CP03\r"
    assert await host.hear(2.0) == b"CP03\r"


async def test_legacy_replies_have_an_equals_sign(host, vici):
    await host.ask(b"LG1\r")
    assert await host.ask(b"CP\r") == b"CP = 03\r"


async def test_status_comes_in_several_lines(host):
    assert (await host.ask(b"STAT\r")).count(b"\r") == 3


async def test_an_actuator_with_an_id_answers_to_it_and_to_all(rotor):
    sim = SimViciActuator("v", {"address": "z"}, ports(valve=rotor), clock)
    async with Host(sim) as host:
        assert await host.ask(b"/ZCP\r") == b"/ZCP03\r"
        assert await host.ask(b"CP\r") == b""
        assert await host.ask(b"/YCP\r") == b""
        assert await host.ask(b"/*CP\r") == b"/ZCP03\r"
        assert await host.ask(b"/Z\r") == b""


async def test_a_microelectric_selector_speaks_otherwise(rotor):
    sim = SimViciMicroelectric("v", {"address": 5, "positions": 6}, ports(valve=rotor), clock)
    async with Host(sim) as host:
        assert await host.ask(b"5CP\r") == b"5Position is  = 3\r\n"
        assert await host.ask(b"5NP\r") == b"5NP = 6\r\n"
        assert await host.ask(b"5AM\r") == b"5Bad command\r\n"
        assert await host.ask(b"5GO4\r") == b""
        assert rotor.at == 4


async def test_the_knauer_sheet_s_requests_get_its_replies(rotor):
    sim = SimKnauerValve("v", {"positions": 6}, ports(valve=rotor), clock)
    async with Host(sim, framing="tcp") as host:
        assert await host.ask(b"T\r\n") == b"VALVE 6\r\n"
        assert await host.ask(b"P\r\n") == b"?\r\n", "the first time"
        assert await host.ask(b"P\r\n") == b"3\r\n"
        assert await host.ask(b"5\r\n", 0.05) == b"OK\r\n"
        assert await host.ask(b"P\r\n", 0.05) == b"?\r\n", "busy"
        await asyncio.sleep(1)
        assert await host.ask(b"P\r\n") == b"5\r\n"
        assert await host.ask(b"9\r\n") == b"?\r\n"
        assert await host.ask(b"L\r\n") == b"?\r\n"
        assert await host.ask(b"X\r\n") == b"?\r\n"
        sim.error = "E1"
        assert await host.ask(b"4\r\n") == b"E1\r\n"


async def test_a_knauer_valve_of_two_positions_has_letters():
    rotor = Rotor()
    sim = SimKnauerValve("v", {"positions": 2}, ports(valve=rotor), clock)
    async with Host(sim, framing="tcp") as host:
        assert await host.ask(b"T\r\n") == b"VALVE LI\r\n"
        await host.ask(b"P\r\n")
        assert await host.ask(b"P\r\n") == b"L\r\n"
        assert await host.ask(b"I\r\n") == b"OK\r\n"
        assert await host.ask(b"P\r\n") == b"I\r\n"
        assert await host.ask(b"2\r\n") == b"?\r\n"
