"""The Harvard pump as its sheet describes it."""

import asyncio

import pytest

from simulators.instruments.harvard import SimHarvardPump, rate, rate_text, volume, volume_text
from simulators.instruments.harvard_motor import Refused
from tests.simulators.parts import FakePump, Host, clock, hexed, ports

pytestmark = pytest.mark.virtual


@pytest.fixture
async def motor():
    return FakePump()


def pump(motor, **options):
    return SimHarvardPump("pump", options, ports(pump=motor), clock)


@pytest.fixture
async def sim(motor):
    return pump(motor)


@pytest.fixture
async def host(sim):
    async with Host(sim) as host:
        yield host


async def said(host, text, within=0.2):
    return await host.ask(text.encode() + b"\r", within)


async def test_the_sheet_s_session(host, motor):
    assert await host.ask(b"\r") == hexed("0A 3A")
    assert await said(host, "irate") == hexed("0A 31 20 6D 6C 2F 6D 69 6E 0D 0A 3A")
    assert await said(host, "irate 2.5 m/m") == b"\n:"
    assert await said(host, "irun", 0.0) == b""
    assert await host.hear(0.1) == b"\n>"
    assert motor.flow == pytest.approx(2.5)
    assert await said(host, "crate") == b"\nInfusing at 2.5 ml/min\r\n>"
    assert await said(host, "foo") == b"\nCommand error:\r\n   Unknown command\r\n>"
    assert await said(host, "stop") == b"\n:"
    assert await said(host, "tvolume") == b"\nTarget volume not set\r\n:"


async def test_the_sheet_s_limits_in_the_unit_the_pump_chooses(host):
    reply = (await said(host, "irate lim")).decode()
    low, _, high = reply.strip("\n:\r").partition(" to ")
    assert low.startswith("30.31")
    assert low.endswith("nl/min")
    assert high.startswith("31.48")
    assert high.endswith("ml/min")


async def test_the_sheet_s_status_of_a_legato(host, sim):
    sim.legato = True
    await said(host, "irate 2.5 m/m")
    await said(host, "irun")
    await asyncio.sleep(2.8)
    words = (await said(host, "status")).decode().split()
    assert words[0] == "41666666667"
    assert int(words[1]) == pytest.approx(3000, abs=50)
    assert int(words[2]) == pytest.approx(125e9, rel=0.02)
    assert words[3:] == ["I...I.", ">"]


async def test_a_pump_of_a_chain_answers_with_its_address_and_only_when_meant(motor):
    async with Host(pump(motor, address=12)) as host:
        assert await said(host, "12irat 3.2 u/m") == b"\n12:"
        assert await said(host, "12irate") == b"\n12:3.2 ul/min\r\n12:"
        assert await said(host, "irate") == b""
        assert await said(host, "13irate") == b""
        assert await said(host, "12foo") == b"\n12:Command error:\r\n12:   Unknown command\r\n12:"


async def test_an_lf_after_the_cr_is_ignored_and_an_at_sign_is_allowed(host):
    assert await host.ask(b"irate 2 m/m\r\n", 0.2) == b"\n:"
    assert await said(host, "@irate") == b"\n2 ml/min\r\n:"


async def test_a_target_ends_the_run_and_is_told_unasked(host, motor):
    await said(host, "tvolume 0.5 m")
    await said(host, "irate 1 m/m")
    assert await said(host, "irun", 0.05) == b"\n>"
    assert await host.hear(31.0) == b"\nT*"
    assert motor.flow == 0.0
    assert await said(host, "ivolume") == b"\n0.5 ml\r\nT*"


async def test_in_poll_mode_every_prompt_has_its_xon_and_none_comes_unasked(host):
    assert await said(host, "poll on") == b"\n:\x11"
    await said(host, "tvolume 0.5 m")
    assert await said(host, "irun", 0.05) == b"\n>\x11"
    assert await host.hear(40.0) == b""
    assert await host.ask(b"\r", 0.1) == b"\nT*\x11"


async def test_a_stall_is_told_and_shows_in_prompt_and_status(host, motor):
    await said(host, "irun", 0.05)
    motor.is_stalled = True
    assert await host.hear(3.0) == b"\n*"
    assert b"i.S.I." in await said(host, "status")
    assert motor.flow == 0.0


async def test_parameters_out_of_range_are_argument_errors(host):
    reply = await said(host, "irate 99 m/m")
    assert reply == b"\nArgument error: 99 m/m\r\n   Out of range\r\n:"
    assert b"Argument error" in await said(host, "diameter 99")
    assert b"Argument error" in await said(host, "force 0")
    assert b"Argument error" in await said(host, "tvolume 0 m")
    assert b"Argument error" in await said(host, "irate fast")


async def test_settings_read_back(host, sim):
    await said(host, "diameter 26.59")
    assert await said(host, "diameter") == b"\n26.5900 mm\r\n:"
    await said(host, "force 30")
    assert await said(host, "force") == b"\n30%\r\n:"
    await said(host, "svolume 60 m")
    assert await said(host, "svolume") == b"\n60 ml\r\n:"
    assert await said(host, "nvram") == b"\nON\r\n:"
    writes = sim.memory_writes
    await said(host, "nvram off")
    await said(host, "force 40")
    assert sim.memory_writes == writes == 3
    assert await said(host, "address") == b"\nPump address is 0\r\n:"
    await said(host, "irate max")
    assert b"ml/min" in await said(host, "irate")


async def test_a_running_pump_refuses_what_needs_it_to_stand(host):
    await said(host, "irun")
    for command in ("irun", "diameter 20", "tvolume 1 m", "civolume"):
        assert b"Command error" in await said(host, command)


async def test_directions_and_counters(host, motor):
    await said(host, "wrate 2 m/m")
    await said(host, "wrun")
    await asyncio.sleep(29.8)
    assert motor.flow == pytest.approx(-2.0)
    assert await said(host, "crate", 0.05) == b"\nWithdrawing at 2 ml/min\r\n<"
    await said(host, "stp", 0.05)
    assert b"1.00" in await said(host, "wvolume")
    await said(host, "cwvolume")
    assert await said(host, "wvolume") == b"\n0 ml\r\n:"
    await said(host, "rrun", 0.05)
    assert motor.flow > 0
    await said(host, "stop")
    await said(host, "run", 0.05)
    assert motor.flow > 0
    await said(host, "stop")
    await said(host, "cvolume")
    await said(host, "ctvolume")


async def test_an_infuse_only_model_knows_no_withdrawal(motor):
    async with Host(pump(motor, infuse_only=True)) as host:
        assert b"Unknown command" in await said(host, "wrun")


async def test_a_touch_of_the_screen_makes_it_deaf_until_a_bare_cr(host, sim):
    sim.touched = True
    assert await said(host, "irate") == b""
    assert await host.ask(b"\r", 0.1) == b"\n:"
    assert await said(host, "irate") == b"\n1 ml/min\r\n:"


async def test_echo_comes_before_the_reply(host):
    await said(host, "echo on")
    assert await said(host, "irate") == b"irate\r\n1 ml/min\r\n:"


async def test_some_firmware_tells_address_zero(host, sim):
    sim.zero_prefix = True
    assert await said(host, "irate") == b"\n1 ml/min\r\n:"
    assert await said(host, "0irate") == b"\n00:1 ml/min\r\n00:"


async def test_a_power_cut_stops_it_and_ends_poll_mode(host, sim, motor):
    await said(host, "poll on")
    await said(host, "irun")
    sim.power_cycle()
    assert motor.flow == 0.0
    assert await host.ask(b"\r", 0.1) == b"\n:"


def test_numbers_are_typed_and_shown_as_in_the_manual():
    assert rate("2.5 m/m") == rate("2.5 ml/min") == 2.5
    assert rate("60 u/h") == pytest.approx(1e-3)
    assert rate("1 u/s") == pytest.approx(0.06)
    assert volume("5 m") == volume("5 ml") == 5.0
    assert (rate_text(1.0), rate_text(3.2e-3)) == ("1 ml/min", "3.2 ul/min")
    assert (volume_text(0.125), volume_text(0.05)) == ("0.125 ml", "50 ul")
    with pytest.raises(Refused):
        volume("-1 m")
