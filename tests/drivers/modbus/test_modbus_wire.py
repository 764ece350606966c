"""Framing: the sheets' own frames, and a hostile wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus_frames import (
    RtuCodec,
    TcpCodec,
    answer,
    codec_for,
    echo_request,
    numbered,
    read_request,
    write_request,
)
from tests.drivers.modbus.wire import crc, frame

ANSWERS = [
    "01 03 02 00 FA 38 07",
    "01 03 0A 00 FA 01 2C 00 00 01 F4 01 2C 32 5F",
    "01 06 00 1A 01 90 A9 F1",
    "01 10 00 1A 00 01 20 0E",
    "01 03 02 00 20 B9 9C",
    "01 03 04 41 C8 3D 71 BF 45",
    "01 83 02 C0 F1",
    "01 03 04 3F 9E 04 19 54 C3",
    "01 08 00 00 03 04 E1 38",
    "01 86 04 43 A3",
    "01 10 FF 00 00 02 71 DC",
]


@pytest.mark.parametrize(
    ("made", "printed"),
    [
        (read_request("rtu", 1, 3, 1, 1), "01 03 00 01 00 01 D5 CA"),
        (read_request("rtu", 1, 3, 1, 5), "01 03 00 01 00 05 D4 09"),
        (read_request("rtu", 1, 3, 0x8002, 2), "01 03 80 02 00 02 4C 0B"),
        (read_request("rtu", 1, 3, 8, 2), "01 03 00 08 00 02 45 C9"),
        (write_request("rtu", 1, 26, (400,), 6), "01 06 00 1A 01 90 A9 F1"),
        (write_request("rtu", 1, 26, (400,), 16), "01 10 00 1A 00 01 02 01 90 A5 96"),
        (write_request("rtu", 1, 0xFF00, (0, 0), 16), "01 10 FF 00 00 02 04 00 00 00 00 B6 5B"),
        (echo_request("rtu", 1, 0x0304), "01 08 00 00 03 04 E1 38"),
        (numbered(read_request("tcp", 255, 4, 7, 2), 0x1234), "12 34 0000 0006 FF 04 0007 0002"),
        (numbered(write_request("tcp", 1, 26, (400,), 6), 1), "0001 0000 0006 01 06 001A 0190"),
    ],
)
def test_requests_are_the_bytes_of_the_sheets(made, printed):
    assert made == frame(printed)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("01 03 02 00 FA 38 07", {"function": 3, "registers": (250,), "exception": 0}),
        ("01 83 02 C0 F1", {"function": 3, "exception": 2, "registers": ()}),
        ("01 06 00 1A 01 90 A9 F1", {"function": 6, "address": 26, "registers": (400,)}),
        ("01 10 00 1A 00 01 20 0E", {"function": 16, "address": 26, "count": 1}),
        ("01 08 00 00 03 04 E1 38", {"function": 8, "data": bytes.fromhex("00000304")}),
    ],
)
def test_answers_of_the_sheets_are_understood(printed, expected):
    codec = RtuCodec()
    codec.feed(frame(printed))
    reply = answer("rtu", codec.next_frame())
    assert {key: getattr(reply, key) for key in expected} == expected
    assert codec.next_frame() is None


def cut(data, draw):
    """The bytes in pieces."""
    edges = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True)]


def frames_of(codec, pieces):
    found = []
    for piece in pieces:
        codec.feed(piece)
        while (one := codec.next_frame()) is not None:
            found.append(one)
    return found


@given(st.lists(st.sampled_from(ANSWERS)), st.data())
def test_rtu_frames_come_out_however_the_stream_is_cut(answers, data):
    sent = [frame(a) for a in answers]
    assert frames_of(RtuCodec(), cut(b"".join(sent), data.draw)) == sent


def tcp(transaction, unit, pdu):
    return transaction.to_bytes(2) + b"\0\0" + (len(pdu) + 1).to_bytes(2) + bytes([unit]) + pdu


@given(st.lists(st.tuples(st.integers(0, 65535), st.sampled_from(ANSWERS))), st.data())
def test_tcp_frames_come_out_however_the_stream_is_cut(answers, data):
    sent = [tcp(n, frame(a)[0], frame(a)[1:-2]) for n, a in answers]
    assert frames_of(TcpCodec(), cut(b"".join(sent), data.draw)) == sent


@given(st.binary(max_size=40), st.sampled_from(ANSWERS), st.data())
def test_rtu_finds_the_frame_behind_garbage(garbage, printed, data):
    good = frame(printed)
    # what garbage and frame make together may itself be a frame; that is one in 65536
    found = frames_of(RtuCodec(), cut(garbage + good, data.draw))
    assert good in found


@given(st.binary(max_size=2000))
def test_codecs_take_any_bytes_and_stay_small(noise):
    for codec in (RtuCodec(), TcpCodec()):
        codec.feed(noise)
        while codec.next_frame() is not None:
            continue
        assert len(codec._buffer) <= 1040


@given(st.sampled_from(ANSWERS), st.integers(0, 200), st.integers(1, 255))
def test_a_frame_with_a_changed_byte_never_passes(printed, at, by):
    spoiled = bytearray(frame(printed))
    spoiled[at % len(spoiled)] ^= by
    assert frames_of(RtuCodec(), [bytes(spoiled)]) == []


def test_an_odd_or_empty_byte_count_is_no_answer():
    for body in ("01 03 03 00 FA 00", "01 03 00", "01 83 00", "01 04 FC" + "00" * 252):
        assert frames_of(RtuCodec(), [crc(frame(body))]) == []


def test_broadcast_never_answers():
    assert frames_of(RtuCodec(), [crc(frame("00 03 02 00 FA"))]) == []


def test_a_wrong_protocol_number_does_not_block_the_stream():
    good = tcp(7, 1, frame("03 02 00 FA"))
    assert frames_of(TcpCodec(), [frame("0001 0001 0004 01 03 02 00"), good]) == [good]


@pytest.mark.parametrize("length", [0, 1, 2, 300])
def test_an_impossible_length_does_not_block_the_stream(length):
    good = tcp(7, 1, frame("03 02 00 FA"))
    bad = b"\0\1\0\0" + length.to_bytes(2) + b"\1\3"
    assert good in frames_of(TcpCodec(), [bad + good])


def test_a_tcp_answer_whose_byte_count_lies_is_dropped():
    lie = tcp(7, 1, frame("03 04 00 FA"))
    good = tcp(8, 1, frame("03 02 00 FA"))
    assert frames_of(TcpCodec(), [lie + good]) == [good]


def test_reset_forgets_a_half_frame():
    for codec, whole in ((RtuCodec(), frame(ANSWERS[1])), (TcpCodec(), tcp(1, 1, b"\3\2\0\1"))):
        codec.feed(whole[:5])
        codec.reset()
        assert frames_of(codec, [whole]) == [whole]


def test_bytes_that_are_no_frame_are_refused_as_an_answer():
    with pytest.raises(ValueError, match="not a frame"):
        answer("rtu", crc(frame("01 2B 00 00")))


def test_the_port_tells_the_framing():
    assert isinstance(codec_for("modbus-tcp://10.0.0.1:502"), TcpCodec)
    assert isinstance(codec_for("socket://10.0.0.1:4001"), RtuCodec)
    assert isinstance(codec_for("/dev/ttyUSB0"), RtuCodec)
