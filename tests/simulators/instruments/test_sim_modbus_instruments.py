"""Eurotherm and Keller on Modbus as their sheets describe them."""

import asyncio
import struct

import pytest

from simulators.instruments.eurotherm import SimEurotherm3216, SimEurothermEpc3000
from simulators.instruments.keller import SimKellerXLine
from simulators.wire.modbus import crc16
from tests.simulators.parts import FakeHeater, FakePressure, Host, clock, hexed, ports

pytestmark = pytest.mark.virtual


def rtu(text):
    frame = hexed(text)
    return frame + crc16(frame).to_bytes(2, "little")


@pytest.fixture
async def block():
    return FakeHeater(temperature=25.03)


@pytest.fixture
async def eurotherm(block):
    return SimEurotherm3216("block", {}, ports(heater=block), clock)


@pytest.fixture
async def host(eurotherm):
    async with Host(eurotherm) as host:
        yield host


async def test_the_eurotherm_sheet_s_frames(host, block):
    assert await host.ask(hexed("01 03 00 01 00 01 D5 CA")) == hexed("01 03 02 00 FA 38 07")
    await host.ask(rtu("01 06 00 02 01 2C"))
    assert await host.ask(hexed("01 03 00 01 00 05 D4 09")) == hexed(
        "01 03 0A 00 FA 01 2C 00 00 01 F4 01 2C 32 5F"
    )
    write = hexed("01 06 00 1A 01 90 A9 F1")
    assert await host.ask(write) == write
    assert await host.ask(hexed("01 10 00 1A 00 01 02 01 90 A5 96")) == hexed(
        "01 10 00 1A 00 01 20 0E"
    )
    assert await host.ask(hexed("01 03 80 02 00 02 4C 0B")) == hexed("01 03 04 41 C8 3D 71 BF 45")


async def test_sensor_break_is_a_status_bit_and_stops_the_heating(host, block):
    await host.ask(rtu("01 06 00 02 01 2C"))
    assert block.goal == 30.0
    block.temperature = block.power = float("nan")
    reply = await host.ask(hexed("01 03 00 4B 00 01 F4 1C"))
    assert struct.unpack(">H", reply[3:5])[0] & 0x20
    assert await host.ask(rtu("01 03 00 01 00 01")) == rtu("01 03 02 09 C4")  # upscale
    assert await host.ask(rtu("01 03 00 04 00 01")) == rtu("01 03 02 00 00")
    await host.ask(rtu("01 06 00 02 01 90"))
    assert block.goal is None


async def test_the_printed_status_of_a_broken_sensor(host, block):
    await host.ask(rtu("01 06 00 0D 0B B8"))  # alarm 1 above the upscale value
    block.temperature = float("nan")
    assert await host.ask(hexed("01 03 00 4B 00 01 F4 1C")) == hexed("01 03 02 00 20 B9 9C")


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("01 03 00 07 00 01", "01 83 02"),
        ("01 03 00 01 00 07", "01 83 02"),
        ("01 03 00 01 00 00", "01 83 03"),
        ("01 03 00 01 00 7E", "01 83 03"),
        ("01 06 00 01 00 01", "01 86 02"),
        ("01 06 00 02 0B B8", "01 86 03"),
        ("01 06 00 0F 00 02", "01 86 03"),
        ("01 06 00 1E 04 4C", "01 86 03"),
        ("01 03 80 03 00 02", "01 83 02"),
        ("01 03 80 02 00 01", "01 83 02"),
        ("01 10 80 05 00 02 04 00 00 00 00", "01 90 02"),
        ("01 04 00 6B 00 01", "01 04 02 01 11"),
        ("01 08 00 00 03 04", "01 08 00 00 03 04"),
        ("01 2B 0E 01 00", "01 AB 01"),
    ],
)
async def test_what_is_refused_and_how(host, request_, reply):
    assert await host.ask(rtu(request_)) == rtu(reply)


async def test_the_target_writes_to_eeprom_and_the_remote_setpoint_does_not(host, eurotherm, block):
    await host.ask(rtu("01 06 00 02 01 2C"))
    await host.ask(rtu("01 06 00 18 01 2C"))
    assert eurotherm.eeprom_writes == 2
    await host.ask(rtu("01 06 01 14 00 01"))
    await host.ask(rtu("01 06 00 1A 01 90"))
    assert eurotherm.eeprom_writes == 2
    assert block.goal == 40.0
    await host.ask(rtu("01 06 00 02 01 F4"))
    assert block.goal == 50.0


async def test_the_second_setpoint_is_selected_by_its_switch(host, block):
    await host.ask(rtu("01 06 00 19 02 58"))
    await host.ask(rtu("01 06 00 0F 00 01"))
    assert block.goal == 60.0
    await host.ask(rtu("01 06 00 02 01 F4"))
    assert await host.ask(rtu("01 03 00 19 00 01")) == rtu("01 03 02 01 F4")


async def test_standby_switches_off_and_manual_drives_the_output(host, block):
    await host.ask(rtu("01 06 00 02 01 2C"))
    await host.ask(rtu("01 06 00 C7 00 01"))
    assert block.goal is None
    assert await host.ask(rtu("01 03 00 04 00 01")) == rtu("01 03 02 00 00")
    await host.ask(rtu("01 06 00 C7 00 00"))
    await host.ask(rtu("01 06 01 11 00 01"))
    assert block.goal is None
    await host.ask(rtu("01 06 00 03 01 F4"))
    assert block.goal == pytest.approx(136.0)
    assert await host.ask(rtu("01 03 00 04 00 01")) == rtu("01 03 02 01 F4")
    reply = await host.ask(rtu("01 03 00 4B 00 01"))
    assert reply[4] & 0x10


async def test_the_rate_limit_moves_the_working_setpoint(host, block):
    await host.ask(rtu("01 06 00 23 00 64"))  # 10 K/min
    await host.ask(rtu("01 06 00 02 01 A4"), 0.1)  # 42.0, from 22
    await asyncio.sleep(60)
    assert block.goal == pytest.approx(32.0, abs=0.5)
    await asyncio.sleep(61)
    assert block.goal == pytest.approx(42.0)


async def test_floats_are_written_two_registers_at_a_time(host, block):
    value = struct.pack(">f", 33.25).hex(" ")
    assert await host.ask(rtu(f"01 10 80 04 00 02 04 {value}")) == rtu("01 10 80 04 00 02")
    assert block.goal == 33.25


async def test_the_decimals_are_a_setting_of_the_instrument(block):
    sim = SimEurotherm3216("block", {"decimals": 2}, ports(heater=block), clock)
    async with Host(sim) as host:
        assert await host.ask(rtu("01 03 00 01 00 01")) == rtu("01 03 02 09 C7")


async def test_a_new_address_holds_at_once(host):
    assert await host.ask(rtu("01 06 00 83 00 05")) == rtu("01 06 00 83 00 05")
    assert await host.ask(rtu("01 03 00 6B 00 01")) == b""
    assert await host.ask(rtu("05 03 00 6B 00 01")) == rtu("05 03 02 01 11")


async def test_the_epc3000_answers_on_modbus_tcp(block):
    sim = SimEurothermEpc3000("block", {}, ports(heater=block), clock)
    async with Host(sim, framing="modbus-tcp") as host:
        reply = await host.ask(hexed("00 07 00 00 00 06 01 03 00 01 00 01"))
        assert reply == hexed("00 07 00 00 00 05 01 03 02 00 FA")


@pytest.fixture
async def line():
    return FakePressure()


@pytest.fixture
async def keller(line):
    async with Host(SimKellerXLine("gauge", {}, ports(pressure=line), clock)) as host:
        yield host


async def test_the_keller_sheet_s_frames(keller, line):
    assert await keller.ask(hexed("01 03 00 02 00 02 65 CB")) == hexed("01 03 04 3F 9E 04 19 54 C3")
    assert await keller.ask(hexed("01 03 00 08 00 02 45 C9")) == hexed("01 03 04 41 BE 00 00 8E 2B")
    reply = await keller.ask(hexed("01 03 00 02 00 08 E5 CC"))
    assert len(reply) == 3 + 16 + 2
    echo = hexed("01 08 00 00 03 04 E1 38")
    assert await keller.ask(echo) == echo
    line.bar = float("nan")
    assert await keller.ask(hexed("01 03 00 02 00 02 65 CB")) == hexed("01 03 04 7F C0 00 00 E3 DB")


async def test_the_other_channel_and_an_absolute_sensor_as_configured(line):
    sim = SimKellerXLine("gauge", {"channel": 2, "absolute": True}, ports(pressure=line), clock)
    async with Host(sim) as host:
        reply = await host.ask(rtu("01 03 00 02 00 0A"))
        p1, p2, t, tob1, tob2 = struct.unpack(">5f", reply[3:-2])
        assert p1 != p1
        assert tob1 != tob1
        assert (p2, t, tob2) == pytest.approx((1.2345 + 1.01325, 23.75, 23.75))


async def test_setting_zero_makes_it_read_what_was_written(keller):
    assert await keller.ask(hexed("01 10 FF 00 00 02 04 00 00 00 00 B6 5B")) == hexed(
        "01 10 FF 00 00 02 71 DC"
    )
    assert await keller.ask(rtu("01 03 00 02 00 02")) == rtu("01 03 04 00 00 00 00")
    await keller.ask(rtu("01 10 FF 02 00 02 04 00 00 00 00"))
    assert await keller.ask(rtu("01 03 00 02 00 02")) == rtu("01 03 04 3F 9E 04 19")


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("01 03 00 02 00 01", "01 83 03"),
        ("01 03 00 03 00 02", "01 83 02"),
        ("01 03 00 0C 00 02", "01 83 02"),
        ("01 03 00 04 00 02", "01 03 04 7F C0 00 00"),
        ("01 03 01 00 00 02", "01 03 04 3F 9E 04 19"),
        ("01 03 03 A2 00 02", "01 03 04 42 C8 00 00"),
        ("01 03 03 01 00 02", "01 83 02"),
        ("01 03 02 0F 00 01", "01 03 02 0A 34"),
        ("01 03 02 0F 00 02", "01 83 02"),
        ("01 06 00 02 00 01", "01 86 03"),
        ("01 10 05 00 00 02 04 00 00 00 00", "01 90 02"),
        ("01 04 00 02 00 02", "01 84 01"),
        ("FA 03 00 08 00 02", "FA 03 04 41 BE 00 00"),
    ],
)
async def test_half_floats_gaps_and_the_rest_of_the_map(keller, request_, reply):
    assert await keller.ask(rtu(request_)) == rtu(reply)


async def test_beyond_the_range_it_reads_infinity(keller, line):
    line.bar = 200.0
    assert await keller.ask(rtu("01 03 00 02 00 02")) == rtu("01 03 04 7F 80 00 00")
    line.bar = -50.0
    assert await keller.ask(rtu("01 03 00 02 00 02")) == rtu("01 03 04 FF 80 00 00")


async def test_coefficients_and_the_address_can_be_written(keller):
    gain = struct.pack(">f", 2.0).hex(" ")
    assert await keller.ask(rtu(f"01 10 03 82 00 02 04 {gain}")) == rtu("01 10 03 82 00 02")
    reply = await keller.ask(rtu("01 03 00 02 00 02"))
    assert struct.unpack(">f", reply[3:7])[0] == pytest.approx(2.469)
    assert await keller.ask(rtu("01 06 02 00 00 FA")) == rtu("01 86 03")
    await keller.ask(rtu("01 06 02 00 00 07"))
    assert await keller.ask(rtu("01 08 00 00 03 04")) == b""
    assert await keller.ask(rtu("07 08 00 00 03 04")) == rtu("07 08 00 00 03 04")
