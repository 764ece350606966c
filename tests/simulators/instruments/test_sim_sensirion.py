"""The simulated Sensirion instruments, frame by frame as the sheet has them."""

import asyncio
import struct
from math import nan

import pytest

from simulators.instruments.base import Ports
from simulators.instruments.sensirion_sfx import SimSensirionSfx
from simulators.instruments.sensirion_slf3s import SimSlf3s

pytestmark = pytest.mark.virtual


class Pipe:
    """A stretch of line that a test fills: mL/min, degC."""

    def __init__(self):
        self.flow, self.degc, self.air = 0.1234, 23.0, False

    def flow_ml_min(self):
        return self.flow

    def temperature_degc(self):
        return self.degc

    def gas(self):
        return self.air


class Host:
    """Says bytes in hexadecimal, and gives what came back."""

    def __init__(self, device):
        self.device, self.heard = device, []
        self.session = device.session(self.heard.append, "serial")

    def say(self, text):
        self.heard.clear()
        self.session.receive(bytes.fromhex(text))
        return b"".join(self.heard).hex(" ").upper()

    def ask(self, command, data=b"", address=0):
        """Return state and data of the reply to a command."""
        head = bytes((address, command, len(data))) + data
        contents = head + bytes((0xFF - sum(head) % 256,))
        for byte in (0x7D, 0x7E, 0x11, 0x13):
            contents = contents.replace(bytes((byte,)), bytes((0x7D, byte ^ 0x20)))
        reply = bytes.fromhex(self.say((b"\x7e" + contents + b"\x7e").hex()))
        for byte in (0x13, 0x11, 0x7E, 0x7D):
            reply = reply.replace(bytes((0x7D, byte ^ 0x20)), bytes((byte,)))
        return reply[3], reply[5:-2]


@pytest.fixture
def pipe():
    return Pipe()


@pytest.fixture
async def host(pipe):
    clock = asyncio.get_running_loop().time
    sensor = SimSlf3s("meter", {}, Ports(flow=pipe), clock)
    sensor.model, sensor.tail = "0600F", b"\0"  # 10 per uL/min, as in the sheet
    return Host(sensor)


@pytest.fixture
async def gas(pipe):
    clock = asyncio.get_running_loop().time
    return Host(SimSensirionSfx("gas", {}, Ports(flow=pipe), clock))


# --- the sheet's examples


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("7E 00 D0 01 01 2D 7E", "7E 00 D0 00 09 53 43 43 31 2D 55 53 42 00 05 7E"),
        ("7E 00 D1 00 2E 7E", "7E 00 D1 00 07 01 08 00 01 00 01 00 1C 7E"),
        ("7E 00 33 04 00 64 36 08 26 7E", "7E 00 33 00 00 CC 7E"),
        ("7E 00 53 02 36 08 6C 7E", "7E 00 53 00 05 00 0A 08 44 00 51 7E"),
        ("7E 00 34 00 CB 7E", "7E 00 34 00 00 CB 7E"),
        ("7E 00 EE 00 7D 31 7E", "7E 00 EE 02 00 0F 7E"),
    ],
)
async def test_the_sheets_requests_get_the_sheets_replies(host, request_, reply):
    assert host.say(request_) == reply


async def test_the_last_measurement_is_the_sheets_with_its_stuffed_byte(host):
    host.say("7E 00 33 04 00 64 36 08 26 7E")
    await asyncio.sleep(0.2)
    assert host.say("7E 00 35 01 22 A7 7E") == "7E 00 35 00 06 04 D2 7D 31 F8 00 00 E5 7E"


# --- framing


async def test_a_request_may_come_in_any_pieces_and_after_noise(host):
    for byte in bytes.fromhex("0011 7E 7E 00 D1 00 2E 7E"):
        host.session.receive(bytes((byte,)))
    assert b"".join(host.heard)[:4] == b"\x7e\x00\xd1\x00"


@pytest.mark.parametrize(
    "frame",
    [
        "7E 00 D1 00 2F 7E",  # wrong checksum
        "7E 01 D1 00 2D 7E",  # another address
        "7E 00 D1 01 2D 7E",  # wrong length
        "7E 00 7E",
    ],
)
async def test_damaged_frames_and_those_for_others_are_met_with_silence(host, frame):
    assert host.say(frame) == ""


async def test_a_broadcast_is_obeyed_in_silence(host):
    assert host.say("7E FF 33 04 00 64 36 08 27 7E") == ""
    assert host.device.started is not None


async def test_bytes_without_a_flag_do_not_pile_up(host):
    host.session.receive(bytes(1000))
    assert host.say("7E 00 D1 00 2E 7E")


async def test_an_error_of_the_device_shows_in_every_state_until_it_is_cleared(host):
    host.device.errors = 0x04
    assert host.ask(0xD1)[0] == 0x80
    assert host.ask(0xD2, b"\x01") == (0x00, struct.pack(">IB", 4, 0))
    assert host.ask(0xD1)[0] == 0x00


async def test_the_commands_of_every_device_answer_and_refuse_as_the_sheet_says(host):
    assert host.ask(0xD0, b"\x03") == (0, b"24070123\0")
    assert host.ask(0xD0, b"\x09") == (4, b"")
    assert host.ask(0xD0) == (1, b"")
    assert host.ask(0x91) == (0, (115200).to_bytes(4, "big"))
    assert host.ask(0x91, (9600).to_bytes(4, "big")) == (0, b"")
    assert host.ask(0x91, (1234).to_bytes(4, "big")) == (4, b"")
    assert host.ask(0x90) == (0, b"\x00")
    assert host.ask(0x90, b"\xff") == (4, b"")
    assert host.ask(0x90, b"\x05") == (0, b"")
    assert host.ask(0x90, address=5) == (0, b"\x05")


# --- the liquid flow sensor


async def test_before_the_first_sample_there_is_nothing_to_give(host):
    assert host.ask(0x35, b"\x22") == (0, b"")
    host.ask(0x33, bytes.fromhex("00643608"))
    assert host.ask(0x35, b"\x22") == (0, b"")
    await asyncio.sleep(0.16)
    assert host.ask(0x35, b"\x22")[1] == bytes.fromhex("04D211F80000")
    assert host.ask(0x35) == (0, bytes.fromhex("04D2"))
    assert host.ask(0x35, b"\x03")[1] == bytes.fromhex("04D211F80000")
    host.ask(0xD3)  # a reset ends the measurement
    assert host.ask(0x35, b"\x22") == (0, b"")


async def test_air_and_more_flow_than_the_range_set_their_flags(host, pipe):
    host.ask(0x33, bytes.fromhex("00643608"))
    await asyncio.sleep(1)
    pipe.air, pipe.flow = True, 0.0
    assert host.ask(0x35, b"\x22")[1][4:] == b"\x00\x01"
    pipe.air, pipe.flow = False, -4.0
    flow, _, flags = struct.unpack(">hhH", host.ask(0x35, b"\x22")[1])
    assert (flow, flags) == (-32500, 2)


async def test_a_sensor_that_is_dead_is_a_state_of_its_own_from_20h_on(host, pipe):
    host.ask(0x33, bytes.fromhex("00643608"))
    await asyncio.sleep(1)
    pipe.flow = nan
    assert host.ask(0x35, b"\x22")[0] >= 0x20


async def test_starting_twice_and_unknown_liquids_are_refused(host):
    assert host.ask(0x33) == (0, b"")
    assert host.ask(0x33, bytes.fromhex("00641234"))[0] == 4
    assert host.ask(0x33, bytes.fromhex("00643615"))[0] == 0
    assert host.ask(0x33) == (0, b"\x00\x64")
    assert host.ask(0x33, bytes.fromhex("00643608"))[0] >= 0x20
    assert host.ask(0x53, bytes.fromhex("1234"))[0] == 4
    assert host.ask(0x35, b"\x07")[0] == 4
    assert host.ask(0x36, b"\x07")[0] == 4


async def test_the_sensor_type_is_asked_and_set(host):
    assert host.ask(0x24) == (0, b"\x03")
    assert host.ask(0x24, b"\x00") == (0, b"")
    assert host.ask(0x24) == (0, b"\x00")
    assert host.ask(0x24, b"\x09")[0] == 4


async def test_the_sensor_behind_the_cable_has_an_address_and_a_name(host):
    assert host.ask(0x25) == (0, b"\x08")
    assert host.ask(0x25, b"\x10") == (0, b"")
    assert host.ask(0x25) == (0, b"\x10")
    assert host.ask(0x50) == (0, b"07030302" + b"00000000016F47EB" + b"\0")
    assert host.ask(0x30) == (0, b"\x00")


async def test_the_buffer_gives_the_samples_since_the_last_look(host):
    assert host.ask(0x36, b"\x03") == (0, b"")
    host.ask(0x33, bytes.fromhex("00643608"))
    await asyncio.sleep(1.05)
    lost, left, signals = struct.unpack_from(">IHH", host.ask(0x36, b"\x03")[1])
    assert (lost, left, signals) == (0, 0, 3)
    await asyncio.sleep(0.5)
    assert len(host.ask(0x36, b"\x03")[1]) == 8 + 5 * 6
    await asyncio.sleep(10)
    assert struct.unpack_from(">I", host.ask(0x36, b"\x03")[1])[0] > 0


async def test_the_totaliser_adds_up_samples(host):
    host.ask(0x33, bytes.fromhex("00643608"))
    assert host.ask(0x37) == (0, b"\x00")
    host.ask(0x37, b"\x01")
    await asyncio.sleep(0.16 + 10)
    assert struct.unpack(">q", host.ask(0x38)[1])[0] == pytest.approx(100 * 1234, rel=0.02)
    host.ask(0x39)
    assert struct.unpack(">q", host.ask(0x38)[1])[0] == 0


# --- the gas flow controller


async def test_the_gas_flow_settles_at_the_setpoint(gas):
    assert gas.ask(0x00, b"\x01") == (0, bytes(4))
    assert gas.ask(0x00, b"\x01" + struct.pack(">f", 50.0)) == (0, b"")
    await asyncio.sleep(1)
    assert struct.unpack(">f", gas.ask(0x08, b"\x01")[1])[0] == pytest.approx(50.0)
    assert struct.unpack(">f", gas.ask(0x08, b"\x11\x0a")[1])[0] == pytest.approx(50.0)
    assert struct.unpack(">f", gas.ask(0x03, b"\x01" + struct.pack(">f", 5.0))[1])[0] > 49
    assert struct.unpack(">f", gas.ask(0x00, b"\x01")[1])[0] == 5.0
    gas.ask(0xD3)
    assert gas.device.setpoint == 0.0


async def test_the_gas_flow_controller_refuses_what_it_cannot_do(gas, pipe):
    assert gas.ask(0x00, b"\x01" + struct.pack(">f", 201.0))[0] == 4
    assert gas.ask(0x00, b"\x01" + struct.pack(">f", nan))[0] == 4
    assert gas.ask(0x00, b"\x00")[0] == 4
    assert gas.ask(0x08, b"\x02")[0] == 4
    assert gas.ask(0x30, b"\x07")[0] == 4
    assert gas.ask(0x44, b"\x07")[0] == 4
    assert gas.ask(0x30, b"\x10") == (0, struct.pack(">f", 23.0))
    assert gas.ask(0x30, b"\x00") == (0, b"\x00\x00")
    assert gas.ask(0x44, b"\x13") == (0, b"\xfd\x00\x04")
    assert gas.ask(0x45) == (0, bytes(4))
    pipe.flow = nan
    assert gas.ask(0x08, b"\x01")[0] >= 0x20
