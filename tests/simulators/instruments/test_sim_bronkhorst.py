"""The simulated Bronkhorst instruments, frame by frame as the sheet has them."""

import asyncio
import struct
from math import nan

import pytest

from simulators.instruments.bronkhorst_modbus import SimBronkhorstModbus
from simulators.instruments.bronkhorst_propar import SimBronkhorst
from simulators.wire.modbus import crc16
from tests.drivers.instruments.flows import Spot, sensing

pytestmark = pytest.mark.virtual
METER = {"controller": False}


class Host:
    """Says bytes, and gives what came back."""

    def __init__(self, device):
        self.device, self.instrument, self.heard = device, device.instrument, []
        self.session = device.session(self.heard.append, "serial")

    def say(self, data):
        self.heard.clear()
        self.session.receive(data)
        return b"".join(self.heard)

    def line(self, text):
        return self.say(text.encode() + b"\r\n").decode()

    def hex(self, text):
        return self.say(bytes.fromhex(text)).hex(" ").upper()

    def modbus(self, text):
        frame = bytes.fromhex(text)
        reply = self.say(frame + crc16(frame).to_bytes(2, "little"))
        assert crc16(reply[:-2]).to_bytes(2, "little") == reply[-2:]
        return reply[:-2].hex(" ").upper()


@pytest.fixture
def spot():
    # 7384 counts of 32000, which is 23.1 % of 10 mL/min
    return Spot(flow=10.0 * 7384 / 32000, degc=23.5)


@pytest.fixture
async def meter(spot):
    return Host(sensing(SimBronkhorst, "meter", spot, METER))


@pytest.fixture
async def controller(spot):
    return Host(sensing(SimBronkhorst, "gas", spot))


@pytest.fixture
async def modbus(spot):
    return Host(sensing(SimBronkhorstModbus, "meter", spot, {"address": 3, **METER}))


# --- the sheet's examples, node 3


async def test_the_sheets_ascii_measure_is_answered_with_the_sheets_frame(meter):
    assert meter.line(":06030401210120") == ":06030201211CD8\r\n"


async def test_the_sheets_ascii_setpoint_is_written_and_read(controller):
    assert controller.line(":06030101213E80") == ":0403000005\r\n"
    assert controller.line(":06030401210121") == ":06030201213E80\r\n"
    assert controller.device.setpoint == 5.0


async def test_a_chained_write_of_28_bytes_is_acknowledged_as_the_manual_prints(controller):
    # user tag of 18 characters (process 113, chained), then setpoint 50 % (process 1)
    body = b"\x01\xf1\x66\x12" + b"A NAME OF A BOTTLE" + b"\x01\xa1\x3e\x80\x04\x00"
    assert len(body) == 28
    assert controller.line(f":1D03{body.hex().upper()}") == ":040300001C\r\n"
    assert controller.instrument.tag == "A NAME OF A BOTTLE"
    assert controller.instrument.setpoint == 5.0


async def test_the_sheets_binary_frames_are_answered_with_the_sheets(meter, controller, spot):
    assert meter.hex("10 02 01 03 05 04 01 21 01 20 10 03") == (
        "10 02 01 03 05 02 01 21 1C D8 10 03"
    )
    assert controller.hex("10 02 02 03 05 01 01 21 3E 80 10 03") == (
        "10 02 02 03 03 00 00 05 10 03"
    )
    meter.instrument.capacity, spot.flow = 20.0, 12.5
    assert meter.hex("10 02 03 03 05 04 21 41 21 40 10 03") == (
        "10 02 03 03 07 02 21 41 41 48 00 00 10 03"
    )


async def test_a_sequence_number_of_10h_is_doubled_both_ways(controller):
    controller.instrument.aim(5.0)
    assert controller.hex("10 02 10 10 03 05 04 01 21 01 21 10 03") == (
        "10 02 10 10 03 05 02 01 21 3E 80 10 03"
    )


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("03 03 00 20 00 01 84 22", "03 03 02 1C D8 C9 1E"),
        ("03 06 00 21 3E 80 C9 E2", "03 06 00 21 3E 80 C9 E2"),
    ],
)
async def test_the_sheets_modbus_frames_are_answered_with_the_sheets(modbus, request_, reply):
    assert modbus.hex(request_) == reply


async def test_the_sheets_modbus_float_is_answered_with_the_sheets(modbus, spot):
    modbus.instrument.capacity, spot.flow = 20.0, 12.5
    assert modbus.hex("03 03 A1 00 00 02 E6 15") == "03 03 04 41 48 00 00 4D D9"


# --- counts


@pytest.mark.parametrize(
    ("flow", "counts"),
    [(10.0, 32000), (0.0, 0), (20.0, 41942), (-1.0, 0x10000 - 3200), (-9, 41943)],
)
async def test_counts_have_100_percent_at_32000_and_small_negative_flows(meter, spot, flow, counts):
    spot.flow = flow
    assert meter.line(":06030401210120") == f":0603020121{counts:04X}\r\n"


# --- ProPar


async def test_chained_reads_are_answered_in_their_order(meter):
    # measure and setpoint of process 1, then temperature of process 33
    reply = meter.line(":0D030481A101202201212147" + "2147")
    body = bytes.fromhex(reply[1:])[2:]
    assert body == bytes.fromhex("02 81 A1 1C D8 22 00 00 21 47") + struct.pack(">f", 23.5)


async def test_texts_have_a_length_or_a_zero_at_their_end(meter):
    serial = meter.instrument.serial.encode()

    def text(line):
        return bytes.fromhex(meter.line(line)[1:])[5:]

    assert text(":0703047163716300") == b"\0" + serial + b"\0"
    assert text(":0703047163716304") == b"\x04" + serial[:4]
    assert text(":06030471637163") == b"\0" + serial + b"\0"  # no length asked for
    assert meter.line(":0803017166004243" + "00") == ":0403000007\r\n"
    assert meter.instrument.tag == "BC"
    assert meter.line(":0603017166" + "0941").startswith(":04030006")  # 9 characters, one there


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("09", 2),  # no such command
        ("0402210220", 3),  # no process 2
        ("0401210129", 4),  # no number 9
        ("0401410140", 5),  # measure is no float
        ("0101210001", 4),
        ("04", 6),  # too short
        ("0101200001", 13),  # measure cannot be written
        ("010121FFFF", 6),  # 205 %
    ],
)
async def test_what_cannot_be_done_is_a_status(controller, body, status):
    if body == "0101210001":
        body = "01012A0001"
    size = len(body) // 2 + 1
    assert controller.line(f":{size:02X}03{body}")[5:9] == f"00{status:02X}"


async def test_any_node_answers_to_128_and_only_its_own_else(meter):
    assert meter.line(":06800401210120") == ":06800201211CD8\r\n"
    assert meter.line(":06040401210120") == ""
    assert meter.hex("10 02 01 04 05 04 01 21 01 20 10 03") == ""
    assert sensing(SimBronkhorst, "m", Spot(), {"address": 128}).node == 3


async def test_a_write_without_acknowledgement_gets_none(controller):
    assert controller.line(":06030201213E80") == ""
    assert controller.instrument.setpoint == 5.0


async def test_setpoints_are_ignored_with_an_ok_while_the_bus_does_not_command(controller):
    assert controller.line(":050301010401") == ":0403000004\r\n"
    assert controller.line(":06030101213E80") == ":0403000005\r\n"
    assert controller.instrument.setpoint == 0.0


@pytest.mark.parametrize(
    "noise",
    [
        b"\x10\x02\x01",
        b"\x10\x02\x01\x10\x41",
        b"\x10\x02\x01\x03\x09\x04\x10\x03",
        b":0603",
        b":xyz\r\n",
        b":0703\r\n",
        b":\r\n",
        bytes(2000),
        b"\x10",
    ],
)
async def test_damaged_messages_are_met_with_silence_and_cost_one(meter, noise):
    assert meter.say(noise) == b""
    meter.line(":06030401210120")
    assert meter.line(":06030401210120") in (":06030201211CD8\r\n", "")
    meter.session.close()
    assert meter.line(":06030401210120") == ":06030201211CD8\r\n"


async def test_messages_come_in_any_pieces(meter):
    for byte in bytes.fromhex("10 02 10 10 03 05 04 01 21 01 20 10 03"):
        meter.session.receive(bytes((byte,)))
    assert b"".join(meter.heard) == bytes.fromhex("10 02 10 10 03 05 02 01 21 1C D8 10 03")


# --- physics


async def test_a_controllers_flow_settles_at_its_setpoint(controller):
    controller.instrument.aim(5.0)
    await asyncio.sleep(3)
    assert controller.instrument.flow_units() == pytest.approx(5.0)


async def test_a_mass_flow_meter_shows_grams_per_hour(spot):
    spot.flow = 2.0
    host = Host(sensing(SimBronkhorst, "cori", spot, {"density_g_ml": 0.8, **METER}))
    assert host.instrument.unit == "g/h"
    assert host.instrument.flow_units() == pytest.approx(2.0 * 0.8 * 60)


async def test_a_dead_sensor_has_no_number(meter, modbus, spot):
    spot.flow = nan
    assert meter.line(":06030401210120") == ":0403000605\r\n"
    assert meter.line(":06030421412140")[11:-2] == "7FC00000"
    assert modbus.modbus("03 03 00 20 00 01") == "03 83 03"


# --- Modbus


async def test_registers_are_parameters_and_nothing_else_is(modbus):
    assert modbus.modbus("03 03 00 20 00 02") == "03 03 04 1C D8 00 00"
    assert modbus.modbus("03 03 00 22 00 01") == "03 83 02"
    assert modbus.modbus("03 03 A1 01 00 02") == "03 83 02"
    assert modbus.modbus("03 03 A1 00 00 01") == "03 83 03"
    assert modbus.modbus("03 03 04 27 00 01") == "03 83 02"  # temperature is a float here
    assert modbus.modbus("03 03 81 F8 00 04") == "03 03 08 6D 6C 2F 6D 69 6E 20 00"
    assert modbus.modbus("03 03 00 34 00 01") == "03 03 02 00 00"


async def test_registers_are_written_as_their_parameters_are(modbus):
    assert modbus.modbus("03 06 00 24 00 12") == "03 06 00 24 00 12"
    assert modbus.instrument.control_mode == 0x12
    modbus.instrument.control_mode = 0
    float_3 = "03 10 A1 18 00 02 04 40 40 00 00"
    assert modbus.modbus(float_3) == "03 10 A1 18 00 02"
    assert modbus.device.setpoint == 3.0
    assert modbus.modbus("03 06 A1 18 40 40") == "03 86 03"
    assert modbus.modbus("03 10 00 21 00 02 04 00 00 00 00") == "03 90 03"
    assert modbus.modbus("03 06 00 21 FF FF") == "03 86 03"
    assert modbus.modbus("03 06 00 20 00 00") == "03 86 02"
    assert modbus.modbus("03 10 F1 30 00 02 04 41 42 43 00") == "03 10 F1 30 00 02"
    assert modbus.instrument.tag.rstrip("\0") == "ABC"
