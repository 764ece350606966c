"""The simulated Reglo ICC: the sheet's frames, channels in one housing, what it refuses."""

import asyncio

import pytest

from simulators.instruments.ismatec import SimRegloIcc
from tests.simulators.parts import FakePump, Host, clock, ports

pytestmark = pytest.mark.virtual


def channel(number, **options):
    part = FakePump()
    return SimRegloIcc(f"ch{number}", {"channel": number} | options, ports(pump=part), clock), part


@pytest.fixture
async def pump():
    return channel(1)


@pytest.fixture
async def host(pump):
    async with Host(pump[0]) as host:
        yield host


async def test_the_sheet_s_examples(host, pump):
    sim, part = pump
    for request, reply in [
        (b"@1\r", b"*"),
        (b"1M\r", b"*"),
        (b"1f1500-1\r", b"1.5000E-1\r\n"),
        (b"1f\r", b"1.5000E-1\r\n"),
        (b"1H\r", b"*"),
        (b"1E\r", b"+"),
        (b"1xD\r", b"J\r\n"),
        (b"1Z\r", b"#"),
    ]:
        assert await host.ask(request) == reply
    assert part.flow == pytest.approx(0.15)
    sim.set_is_shown = False
    assert await host.ask(b"1f1200+1\r") == b"*"
    assert part.flow == pytest.approx(12.0)


async def test_a_start_that_cannot_be_is_refused_with_the_sheet_s_reason(host, pump):
    await host.ask(b"1M\r1f5000+1\r")
    assert await host.ask(b"1H\r") == b"-"
    assert await host.ask(b"1xe\r") == b"R|12.5\r\n"
    assert await host.ask(b"1E\r") == b"-"
    assert pump[1].flow == 0.0


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"1#\r", b"REGLO ICC 0208 306\r\n"),
        (b"1(\r", b"0208\r\n"),
        (b"1xS\r", b"123456789\r\n"),
        (b"1x!\r", b"8\r\n"),
        (b"1~\r", b"0\r\n"),
        (b"1xE\r", b"0\r\n"),
        (b"1xM\r", b"L\r\n"),
        (b"1S\r", b"0.00\r\n"),
        (b"1v1200+1\r", b"1.2000E1\r\n"),
        (b"1xT\r", b"0.0\r\n"),
        (b"1xT00000050\r", b"*"),
        (b"1f15\r", b"#"),
        (b"hello\r", b"#"),
        (b"\n1E\r", b"-"),
        (b"2E\r", b""),
        (b"1S020000\r", b"-"),
    ],
)
async def test_what_it_says(host, request_, reply):
    assert await host.ask(request_) == reply


async def test_in_rpm_mode_the_speed_makes_the_flow(host, pump):
    assert await host.ask(b"1S005000\r") == b"*"
    assert await host.ask(b"1H\r") == b"*"
    assert pump[1].flow == pytest.approx(6.25)
    await host.ask(b"1K\r")
    assert pump[1].flow == pytest.approx(-6.25)
    await host.ask(b"1xI\r")
    assert pump[1].flow == 0.0


@pytest.mark.parametrize(
    ("settings", "flow", "seconds"),
    [
        (b"1O\r1f3000+0\r1v1000-1\r", 3.0, 2.0),
        (b"1G\r1v1000-1\r1xT50\r", 1.2, 5.0),
        (b"1N\r1S005000\r1xT50\r", 6.25, 5.0),
    ],
)
async def test_modes_with_an_end_end_by_themselves(host, pump, settings, flow, seconds):
    await host.ask(b"1xE1\r" + settings)
    await host.ask(b"1H\r", within=0.5)
    assert pump[1].flow == pytest.approx(flow)
    assert await host.hear(within=seconds) == b"1 run finished\r\n"
    assert pump[1].flow == 0.0


@pytest.mark.parametrize(
    "settings", [b"1O\r", b"1G\r", b"1N\r1S005000\r", b"1Q\r", b"1P\r", b"1M\r"]
)
async def test_modes_without_their_settings_are_refused(host, pump, settings):
    await host.ask(settings)
    assert await host.ask(b"1H\r") == b"-"
    assert pump[1].flow == 0.0


async def test_a_running_channel_takes_a_flow_it_can_deliver_only(host, pump):
    await host.ask(b"1M\r1f1000+0\r1H\r")
    assert await host.ask(b"1f5000+1\r") == b"-"
    assert pump[1].flow == pytest.approx(1.0)


async def test_no_event_is_told_unless_they_are_on(host):
    await host.ask(b"1O\r1f3000+0\r1v1000-1\r1H\r", within=0.5)
    assert await host.hear(within=3.0) == b""


async def test_channels_of_one_housing_answer_for_themselves():
    (one, first), (three, third) = channel(1), channel(3)
    async with Host(one, three) as host:
        assert await host.ask(b"3E\r") == b""
        assert await host.ask(b"1~1\r") == b"*"
        assert three.housing is one.housing
        assert await host.ask(b"1#\r") == await host.ask(b"3#\r") == b"REGLO ICC 0208 306\r\n"
        await host.ask(b"3M\r3f1000+0\r3H\r")
        assert (first.flow, third.flow) == (0.0, pytest.approx(1.0))
        assert await host.ask(b"3E\r") == b"+"
        assert await host.ask(b"1E\r") == b"-"
        assert await host.ask(b"5E\r") == b""


async def test_by_address_all_channels_do_it_and_one_answers():
    (one, first), (two, second) = channel(1), channel(2)
    async with Host(one, two) as host:
        assert await host.ask(b"1M\r") == b"*"
        await host.ask(b"1f1000+0\r")
        assert await host.ask(b"1H\r") == b"*"
        assert (first.flow, second.flow) == (pytest.approx(1.0), pytest.approx(1.0))
        await host.ask(b"1~1\r")
        assert await host.ask(b"0I\r") == b"*"
        assert (first.flow, second.flow) == (0.0, 0.0)


async def test_pumps_with_other_addresses_are_other_housings():
    (one, _), (other, _) = channel(1), channel(1, address=2)
    async with Host(one, other) as host:
        assert await host.ask(b"1~1\r") == b"*"
        assert (one.housing.by_channel, other.housing.by_channel) == (True, False)


async def test_a_power_cut_stops_everything_and_forgets_the_settings():
    (one, first), (two, _) = channel(1), channel(2)
    async with Host(one, two) as host:
        await host.ask(b"1~1\r1M\r1f1000+0\r1H\r")
        await asyncio.sleep(1)
        two.power_cycle()
        assert first.flow == 0.0
        assert await host.ask(b"1~\r") == b"0\r\n"
        assert await host.ask(b"1xM\r") == b"L\r\n"


async def test_a_new_address_is_taken(host):
    assert await host.ask(b"@3\r") == b"*"
    assert await host.ask(b"3E\r") == b"-"
    assert await host.ask(b"1E\r") == b""
