"""The Modbus slave's framing, on a line and over TCP."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.wire.modbus import ModbusFault, ModbusServer, RtuSession, answer, crc16
from tests.simulators.parts import Host, clock, hexed

pytestmark = pytest.mark.virtual


class Ten:
    """Ten registers."""

    functions = frozenset({3, 4, 6, 8, 16})

    def __init__(self):
        self.values = list(range(10))

    def read(self, address, count):
        if address + count > 10:
            raise ModbusFault(2)
        return self.values[address : address + count]

    def write(self, address, values):
        if address + len(values) > 10:
            raise ModbusFault(2)
        self.values[address : address + len(values)] = values


def slave(address=1):
    return ModbusServer(f"slave-{address}", clock, Ten(), {address})


def rtu(text):
    frame = hexed(text)
    return frame + crc16(frame).to_bytes(2, "little")


def test_the_printed_crc():
    assert crc16(hexed("01 06 00 00 01 01")).to_bytes(2, "little") == hexed("49 9A")


async def test_a_line_answers_its_own_address_only():
    async with Host(slave(1), slave(2)) as host:
        assert await host.ask(rtu("01 03 00 00 00 02")) == rtu("01 03 04 00 00 00 01")
        assert await host.ask(rtu("02 03 00 00 00 01")) == rtu("02 03 02 00 00")
        assert await host.ask(rtu("03 03 00 00 00 01")) == b""


async def test_a_broadcast_is_obeyed_and_never_answered():
    one, two = slave(1), slave(2)
    async with Host(one, two) as host:
        assert await host.ask(rtu("00 06 00 03 00 63")) == b""
    assert one.registers.values[3] == two.registers.values[3] == 99


async def test_a_bad_crc_is_met_with_silence_and_the_next_request_with_an_answer():
    async with Host(slave()) as host:
        assert await host.ask(hexed("01 03 00 00 00 02 00 00")) == b""
        assert await host.ask(rtu("01 03 00 00 00 01")) == rtu("01 03 02 00 00")


async def test_a_half_frame_is_forgotten_when_the_line_has_been_quiet():
    async with Host(slave()) as host:
        frame = rtu("01 03 00 00 00 01")
        assert await host.ask(frame[:5], 0.1) == b""
        assert await host.ask(frame) == rtu("01 03 02 00 00")


async def test_a_request_in_two_pieces_is_answered():
    async with Host(slave()) as host:
        frame = rtu("01 10 00 00 00 02 04 00 07 00 08")
        for cut in range(1, len(frame)):
            await host.ask(frame[:cut], 0.02)
            assert await host.ask(frame[cut:]) == rtu("01 10 00 00 00 02")


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("01 03 00 00 00 00", "01 83 03"),
        ("01 03 00 09 00 02", "01 83 02"),
        ("01 06 00 0A 00 02", "01 86 02"),
        ("01 10 00 00 00 02 03 00 00 00", "01 90 03"),
        ("01 10 00 00 00 00 00", "01 90 03"),
        ("01 41 00", "01 C1 01"),
    ],
)
async def test_what_is_refused_and_how(request_, reply):
    async with Host(slave()) as host:
        assert await host.ask(rtu(request_)) == rtu(reply)


def test_a_request_too_short_for_its_function_is_a_value_error():
    assert answer(Ten(), b"\x03\x00") == b"\x83\x03"


async def test_tcp_repeats_the_transaction_and_checks_the_unit():
    async with Host(slave(), framing="modbus-tcp") as host:
        assert await host.ask(hexed("12 34 00 00 00 06 01 03 00 01 00 01")) == hexed(
            "12 34 00 00 00 05 01 03 02 00 01"
        )
        assert await host.ask(hexed("12 35 00 00 00 06 FF 03 00 01 00 01")) != b""
        assert await host.ask(hexed("12 36 00 00 00 06 07 03 00 01 00 01")) == b""


async def test_tcp_frames_may_come_cut_anywhere_or_together():
    async with Host(slave(), framing="modbus-tcp") as host:
        frame = hexed("00 01 00 00 00 06 01 03 00 01 00 01")
        for cut in range(1, len(frame)):
            assert await host.ask(frame[:cut], 0.01) == b""
            assert len(await host.ask(frame[cut:])) == 11
        assert len(await host.ask(frame + frame)) == 22


@pytest.mark.parametrize(
    "junk", ["00 01 00 07 00 06 01 03", "00 01 00 00 00 01 01 03", "00 01 00 00 FF 00 01 03"]
)
async def test_a_stream_that_is_no_mbap_is_dropped(junk):
    async with Host(slave(), framing="modbus-tcp") as host:
        assert await host.ask(hexed(junk)) == b""
        assert await host.ask(hexed("00 01 00 00 00 06 01 03 00 01 00 01")) != b""


@given(st.lists(st.binary(max_size=12), max_size=8))
def test_no_bytes_upset_a_line(pieces):
    server = ModbusServer("slave", lambda: 0.0, Ten(), {1})
    sent = []
    session = RtuSession(server, sent.append)
    for piece in pieces:
        session.receive(piece)
    for reply in sent:
        assert crc16(reply[:-2]) == int.from_bytes(reply[-2:], "little")
    session.close()


@given(st.integers(0, 9), st.integers(0, 0xFFFF))
def test_what_is_written_is_read(address, value):
    ten = Ten()
    answer(ten, struct.pack(">BHH", 6, address, value))
    assert answer(ten, struct.pack(">BHH", 3, address, 1)) == struct.pack(">BBH", 3, 2, value)
