"""The Hamilton chain as its manual describes it."""

import asyncio

import pytest

from simulators.instruments.hamilton import SimHamiltonMvp, SimHamiltonPump
from tests.simulators.parts import FakePump, Host, clock, ports

pytestmark = pytest.mark.virtual


class Rotor:
    at = 1
    stuck = False

    def turn(self, position):
        self.at = self.at if self.stuck else position

    def position(self):
        return self.at


@pytest.fixture
async def motor():
    return FakePump()


def pump(part, **options):
    return SimHamiltonPump(
        "p", {"syringe": {"volume_ml": 10.0}, **options}, ports(pump=part), clock
    )


@pytest.fixture
async def sim(motor):
    return pump(motor)


@pytest.fixture
async def host(sim):
    async with Host(sim) as host:
        yield host


async def test_the_manual_s_requests_get_the_manual_s_answers(host, sim):
    sim.addressed = False
    assert await host.ask(b"aU\r") == b"", "until then everything else is ignored"
    assert await host.ask(b"1a\r") == b"1b\r"
    assert await host.ask(b"1a\r") == b"1a\r", "sent again to an addressed chain"
    assert await host.ask(b"aU\r") == b"\x06NV01.72.A\r"
    assert await host.ask(b"aE1\r") == b"\x06\x40\r"
    assert await host.ask(b"aXR\r", 0.1) == b"\x06\r"
    assert await host.ask(b"aF\r", 0.1) == b"\x06\x2a\r"
    await asyncio.sleep(15)
    assert await host.ask(b"aF\r") == b"\x06\x59\r"
    assert await host.ask(b"aYQP\r") == b"\x060\r"
    assert await host.ask(b"aP24000R\r") == b"\x06\r"
    await asyncio.sleep(15)
    assert await host.ask(b"aYQP\r") == b"\x0624000\r"
    assert await host.ask(b"aIP100S3N5O>T100R\r") == b"\x06\r"
    assert await host.ask(b"aNONSENSE\r") == b"\x15\r"
    assert await host.ask(b"aE1\r") == b"\x06\x48\r", "a syntax error, cleared by reading"
    assert await host.ask(b"aE1\r") == b"\x06\x40\r"


async def test_two_drives_move_at_once():
    left, right = FakePump(), FakePump()
    sims = pump(left), pump(right, side="right")
    async with Host(*sims) as host:
        for sim in sims:
            sim._plunger._steps = 0.0
        assert await host.ask(b"aBP48000CP24000R\r") == b"\x06\r"
        assert (left.flow, right.flow) == (0.0, 0.0), "the valves lead to the output"
        await asyncio.sleep(12)
        assert await host.ask(b"aBYQP\r") == b"\x0648000\r"
        assert await host.ask(b"aCYQP\r") == b"\x0624000\r"
        assert await host.ask(b"aH\r") == b"\x06N\r"


async def test_commands_wait_for_r_and_a_moving_side_ignores_new_ones(host, motor):
    await host.ask(b"aOM0S300\r", 0.05)
    assert await host.ask(b"aF\r", 0.05) == b"\x06N\r"
    assert await host.ask(b"aE1\r", 0.05) == b"\x06\x41\r"
    await host.ask(b"aR\r", 1.0)
    assert motor.flow == pytest.approx(2.0)
    assert await host.ask(b"aE1\r", 0.05) == b"\x06\x42\r"
    assert await host.ask(b"aM48000S2R\r", 0.05) == b"\x06\r"
    assert motor.flow == pytest.approx(2.0)
    await host.ask(b"aK\r", 0.05)
    assert motor.flow == 0.0
    assert await host.ask(b"aF\r", 0.05) == b"\x06N\r"
    await host.ask(b"a$\r", 0.05)
    assert motor.flow == pytest.approx(2.0)
    await host.ask(b"aK\r", 0.05)
    await host.ask(b"aV\r", 0.05)
    assert await host.ask(b"aF\r", 0.05) == b"\x06Y\r"


async def test_drawing_takes_from_the_stock_through_the_input_alone(host, motor):
    await host.ask(b"aD24000S10R\r")
    await asyncio.sleep(10)
    await host.ask(b"aIP24000S10OR\r")
    assert motor.flow == pytest.approx(-60.0)
    await asyncio.sleep(10)
    assert motor.flow == 0.0
    assert await host.ask(b"aLQP\r") == b"\x062\r"


async def test_a_stall_is_a_syringe_error(host, motor):
    await host.ask(b"aM0S100R\r", 1.0)
    motor.is_stalled = True
    assert await host.ask(b"aZ\r") == b"\x06Y\r"
    assert await host.ask(b"aE1\r") == b"\x06\x50\r"
    assert await host.ask(b"aE2\r") == b"\x06@\r"
    assert await host.ask(b"aZ\r") == b"\x06N\r"


async def test_without_initialisation_a_move_is_an_error(host, sim, motor):
    sim.power_cycle()
    await host.ask(b"1a\r")
    await host.ask(b"aM0S100R\r")
    assert motor.flow == 0.0
    assert await host.ask(b"aZ\r") == b"\x06Y\r"
    await host.ask(b"a!\r")
    assert await host.ask(b"aU\r") == b""


async def test_a_broadcast_is_obeyed_and_not_answered(host, motor):
    assert await host.ask(b":OM0S300R\r") == b""
    assert motor.flow == pytest.approx(2.0)
    assert await host.ask(b"bU\r") == b""


async def test_settings_are_kept(host):
    assert await host.ask(b"aYSS20YSN30YSB90LST12LSF300#SP1\r") == b"\x06\r"
    for query, value in ((b"YQS", b"20"), (b"YQN", b"30"), (b"YQB", b"90"), (b"LQT", b"12")):
        assert await host.ask(b"a" + query + b"\r") == b"\x06" + value + b"\r"


async def test_the_valve_positioner_s_frames():
    rotor = Rotor()
    sim = SimHamiltonMvp("v", {"positions": 8}, ports(valve=rotor), clock)
    async with Host(sim) as host:
        assert await host.ask(b"aLXR\r") == b"\x06\r"
        assert await host.ask(b"aLP03R\r") == b"\x06\r"
        assert await host.ask(b"aLQP\r") == b"\x06\x33\r"
        assert await host.ask(b"aYQP\r") == b"\x15\r"
        rotor.stuck = True
        await host.ask(b"aLP05R\r", 3.0)
        assert await host.ask(b"aG\r") == b"\x06Y\r"
        sim.power_cycle()
        await host.ask(b"1a\r")
        await host.ask(b"aLP04>T10R\r")
        assert (rotor.at, await host.ask(b"aG\r")) == (3, b"\x06Y\r")


async def test_a_chain_counts_its_members():
    sims = [pump(FakePump(), address=letter) for letter in "ab"]
    async with Host(*sims) as host:
        for sim in sims:
            sim.addressed = False
        assert await host.ask(b"1a\r") == b"1c\r"
        assert await host.ask(b"bU\r") == b"\x06NV01.72.A\r"


async def test_a_query_may_have_an_execute_behind_it_as_other_programs_send_it(host):
    assert await host.ask(b"aUR\r") == b"\x06NV01.72.A\r"
    assert await host.ask(b"aYQPR\r") == await host.ask(b"aYQP\r")
    assert await host.ask(b"aFR\r") == b"\x06Y\r"
