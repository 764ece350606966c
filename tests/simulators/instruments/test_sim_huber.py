"""The Huber thermostat as its manual prints it."""

import asyncio

import pytest

from simulators.instruments.circulator import WATCHDOG_FAULT
from simulators.instruments.huber import SimHuberPilotOne
from tests.simulators.parts import FakeHeater, Host, clock, hexed, ports

pytestmark = pytest.mark.virtual


@pytest.fixture
async def bath():
    return FakeHeater(temperature=41.12)


@pytest.fixture
async def sim(bath):
    return SimHuberPilotOne("bath", {}, ports(heater=bath), clock)


@pytest.fixture
async def host(sim):
    async with Host(sim) as host:
        yield host


async def value(host, address):
    reply = await host.ask(b"{M%02X****\r\n" % address)
    assert reply[:4] == b"{S%02X" % address
    return int(reply[4:8], 16)


async def test_the_printed_frames(host, bath):
    assert await host.ask(hexed("7B 4D 30 30 30 37 44 30 0D 0A")) == b"{S0007D0\r\n"
    assert await host.ask(b"{M00F6F5\r\n") == b"{S00F6F5\r\n"
    assert await host.ask(b"{M01****\r\n") == b"{S011010\r\n"
    assert await host.ask(b"{M07****\r\n") == b"{S07C504\r\n"
    assert await host.ask(b"{M02****\r\n") == b"{S027FFF\r\n"
    await host.ask(b"{M00FFCC\r\n")
    assert await host.ask(b"{M00****\r\n") == b"{S00FFCC\r\n"
    assert await host.ask(b"{M00********\r\n") == b"{S00FFFFFDF8\r\n"


async def test_a_fitted_process_sensor_reads():
    sim = SimHuberPilotOne(
        "bath", {"control": "process"}, ports(heater=FakeHeater(temperature=21.75)), clock
    )
    async with Host(sim) as host:
        assert await host.ask(b"{M07****\r\n") == b"{S07087F\r\n"
        await host.ask(b"{M130001\r\n")
        assert await host.ask(b"{M3A****\r\n") == b"{S3A087F\r\n"


async def test_absent_and_unknown_in_the_high_resolution_form(host):
    assert await host.ask(b"{M07********\r\n") == b"{S07FFFBD1B0\r\n"
    assert await host.ask(b"{M02********\r\n") == b"{S027FFFFFFF\r\n"
    assert await host.ask(b"{MEE********\r\n") == b"{SEE7FFFFFFF\r\n"
    assert await host.ask(b"{M00000061A8\r\n") == b"{S00000061A8\r\n"
    assert await host.ask(b"{M00****\r\n") == b"{S0009C4\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"{M0007d0\r\n",
        b"{M000\r\n",
        b"M0007D0\r\n",
        b"{M0007D01\r\n",
        b"{MXX****\r\n",
        b"{M00***\r\n",
        b"{S00****\r\n",
        b"\r\n",
        b"[M01B10000BB8****70",
        b"[M01B1000BB8****71\r",
        b"[M02B1000BB8****71\r",
        b"\x00\xff\r",
    ],
)
async def test_anything_malformed_is_met_with_silence(host, request_):
    assert await host.ask(request_) == b""


async def test_a_pause_inside_a_command_aborts_it(host):
    await host.ask(b"{M01", 0.2)
    assert await host.ask(b"****\r\n") == b""
    await host.ask(b"{M01", 0.05)
    assert await host.ask(b"****\r\n") == b"{S011010\r\n"


async def test_a_dead_sensor_reads_absent(host, bath):
    bath.temperature = float("nan")
    bath.power = float("nan")
    assert await host.ask(b"{M01****\r\n") == b"{S01C504\r\n"
    assert await value(host, 0x04) == 0


async def test_a_write_answers_what_is_in_force_within_the_limits(host):
    await host.ask(b"{M3103E8\r\n")
    assert await host.ask(b"{M000BB8\r\n") == b"{S0003E8\r\n"
    await host.ask(b"{M300000\r\n")
    assert await host.ask(b"{M00F000\r\n") == b"{S000000\r\n"


async def test_lowering_a_limit_moves_the_setpoint(host, bath):
    await host.ask(b"{M001388\r\n")
    await host.ask(b"{M140001\r\n")
    assert bath.goal == 50.0
    await host.ask(b"{M3103E8\r\n")
    assert bath.goal == 10.0


async def test_control_starts_circulation_and_leaves_it_running(host, bath):
    assert await value(host, 0x14) == 0
    await host.ask(b"{M140001\r\n")
    assert (await value(host, 0x14), await value(host, 0x16)) == (1, 1)
    assert bath.goal == 20.0
    await host.ask(b"{M140000\r\n")
    assert (await value(host, 0x14), await value(host, 0x16)) == (0, 1)
    assert bath.goal is None
    await host.ask(b"{M140001\r\n")
    await host.ask(b"{M160000\r\n")
    assert (await value(host, 0x14), await value(host, 0x16)) == (0, 0)


async def test_the_restart_bit_is_clear_once(host, sim):
    assert await value(host, 0x0A) == 0b10100000
    assert await value(host, 0x0A) == 0b10100000 | 1 << 14
    await host.ask(b"{M140001\r\n")
    await host.ask(b"{M001388\r\n")
    sim.circulator.restart()
    assert await value(host, 0x0A) & (1 << 14 | 1) == 0
    assert await value(host, 0x00) == 2000


async def test_status_tells_control_circulation_cooling_lock_and_faults(host, bath):
    bath.power = -0.2
    for write in (b"{M140001\r\n", b"{M130001\r\n", b"{M170001\r\n"):
        await host.ask(write)
    assert await value(host, 0x0A) == 0b11111111
    assert await value(host, 0x04) == 0x10000 - 400


async def test_values_that_do_not_fit_change_nothing(host):
    await host.ask(b"{M400097\r\n")
    assert await value(host, 0x40) == 0
    await host.ask(b"{M130002\r\n")
    assert await value(host, 0x13) == 0
    await host.ask(b"{M010000\r\n")
    assert await value(host, 0x01) == 0x1010
    await host.ask(b"{M507D00\r\n")
    assert await value(host, 0x50) == 0x7FFF


async def test_the_rest_of_the_map_reads(host):
    assert await value(host, 0x03) == 1013
    assert await value(host, 0x0F) == 850
    assert (await value(host, 0x1C) << 16) + await value(host, 0x1B) == 123456
    assert await value(host, 0x26) == 0
    assert await value(host, 0x3C) == 0
    assert await value(host, 0x5C) == 180


async def test_silence_trips_the_watchdog_into_a_fault(host, bath):
    await host.ask(b"{M140001\r\n")
    await host.ask(b"{M40000A\r\n")
    for _ in range(5):
        await value(host, 0x01)
        await asyncio.sleep(8)
        assert bath.goal == 20.0
    await asyncio.sleep(5)
    assert bath.goal is None
    assert await value(host, 0x05) == WATCHDOG_FAULT
    await host.ask(b"{M140001\r\n")
    assert await value(host, 0x14) == 0
    await host.ask(b"{M050001\r\n")
    await host.ask(b"{M140001\r\n")
    assert await value(host, 0x14) == 1


async def test_the_other_watchdog_goes_to_the_second_setpoint(host, bath):
    await host.ask(b"{M4203E8\r\n")
    await host.ask(b"{M001388\r\n")
    await host.ask(b"{M140001\r\n")
    await host.ask(b"{M41000A\r\n")
    await asyncio.sleep(11)
    assert bath.goal == 10.0
    await host.ask(b"{M410000\r\n")
    await host.ask(b"{M001388\r\n")
    await asyncio.sleep(60)
    assert bath.goal == 50.0


async def test_a_ramp_takes_its_time(host, bath):
    await host.ask(b"{M140001\r\n")
    await host.ask(b"{M590064\r\n")
    await host.ask(b"{M5A1388\r\n", 0.1)
    await asyncio.sleep(50)
    assert bath.goal == pytest.approx(35.0, abs=0.5)
    await asyncio.sleep(60)
    assert bath.goal == 50.0
    await host.ask(b"{M590000\r\n")
    await host.ask(b"{M5A03E8\r\n")
    assert bath.goal == 10.0


async def test_a_setpoint_ends_a_ramp(host, bath):
    await host.ask(b"{M140001\r\n")
    await host.ask(b"{M590064\r\n")
    await host.ask(b"{M5A1388\r\n", 10)
    await host.ask(b"{M0003E8\r\n")
    await asyncio.sleep(200)
    assert bath.goal == 10.0


async def test_a_restart_ends_ramp_and_watchdog(host, sim, bath):
    await host.ask(b"{M590064\r\n")
    await host.ask(b"{M40000A\r\n")
    await host.ask(b"{M5A1388\r\n")
    sim.circulator.restart()
    await asyncio.sleep(200)
    assert bath.goal is None
    assert await value(host, 0x05) == 0


async def test_the_printed_package(host, bath):
    bath.temperature = 25.56
    assert await host.ask(b"[M01B1000BB8****70\r") == b"[S01B1000BB809FCC0\r"
    assert await host.ask(b"[M01B0C0****96\r") == b'[S01B0C0"EL"C9\r'


async def test_a_bad_block_counter_is_told(host):
    reply = await host.ask(b"[M01B1010BB8****" + b"%02X\r" % (sum(b"[M01B1010BB8****") & 255))
    assert reply.startswith(b'[S01B0C0"EB"')


async def test_the_printed_modbus_frames():
    sim = SimHuberPilotOne(
        "bath", {"e_grade": True}, ports(heater=FakeHeater(temperature=3.0)), clock
    )
    sim.circulator.setpoint, sim.circulator.return_offset_k = 22.0, -8.0
    async with Host(sim, framing="modbus-tcp") as host:
        reply = await host.ask(hexed("00 01 00 00 00 06 FF 03 00 00 00 03"))
        assert reply == hexed("00 01 00 00 00 09 FF 03 06 08 98 01 2C FE 0C")
        write = hexed("00 02 00 00 00 06 FF 06 00 00 05 DC")
        assert await host.ask(write) == write
        assert sim.circulator.setpoint == 15.0
        unknown = await host.ask(hexed("00 03 00 00 00 06 FF 03 00 FE 00 01"))
        assert unknown == hexed("00 03 00 00 00 03 FF 83 02")
        unknown = await host.ask(hexed("00 03 00 00 00 06 FF 06 00 FE 00 01"))
        assert unknown == hexed("00 03 00 00 00 03 FF 86 02")
        user_code = await host.ask(hexed("00 04 00 00 00 06 FF 42 00 00 00 01"))
        assert user_code == hexed("00 04 00 00 00 03 FF C2 01")
