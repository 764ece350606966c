from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.binary import crc16_xmodem
from drivers.codec import FixedCodec, LineCodec, PacketCodec, StxEtxCodec, packet

CODECS = {
    "line": lambda: LineCodec(b"\r\n", 16),
    "one-byte line": lambda: LineCodec(b"\r", 8),
    "kept line": lambda: LineCodec(b"</M>", 16, keep=True),
    "fixed": lambda: FixedCodec(6, b"{S", b"\n"),
    "stx": lambda: StxEtxCodec(16),
    "packet": lambda: PacketCodec(16),
    "mixed": lambda: PacketCodec(16, text_from=ord("0")),
}
# bytes that mean something to some framing are far more likely than others
stream = st.lists(
    st.one_of(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"\x02", b"\x03", b"{S", b"</M>", b"00S", b"\x07"]),
        st.binary(max_size=6).map(packet),
        st.binary(max_size=20),
    )
).map(b"".join)


def frames(codec, pieces):
    found = []
    for piece in pieces:
        codec.feed(piece)
        while (frame := codec.next_frame()) is not None:
            found.append(frame)
    return found


@pytest.mark.parametrize("name", CODECS)
@given(data=stream, cuts=st.lists(st.integers(0, 200)))
def test_codec_does_not_care_how_the_stream_is_cut(name, data, cuts):
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    whole = frames(CODECS[name](), [data])
    assert frames(CODECS[name](), pieces) == whole
    assert frames(CODECS[name](), [data[i : i + 1] for i in range(len(data))]) == whole


@pytest.mark.parametrize("name", CODECS)
@given(data=stream)
def test_codec_holds_no_more_than_one_frame_of_garbage(name, data):
    codec = CODECS[name]()
    frames(codec, [data, bytes(1000), data])
    assert len(codec._buffer) <= 64


@given(st.binary(max_size=50), st.binary(max_size=16).filter(lambda b: b"\r\n" not in b + b"\r"))
def test_line_codec_finds_the_frame_after_any_finished_garbage(garbage, text):
    assert frames(LineCodec(b"\r\n", 16), [garbage + b"\r\n", text + b"\r\n"])[-1] == text


def test_line_codec_drops_an_overlong_frame_whole_and_goes_on():
    assert frames(LineCodec(b"\r", 4), [b"12345\r1234\r", b"123", b"45", b"6\r", b"ok\r"]) == [
        b"1234",
        b"ok",
    ]


def test_line_codec_keeps_the_terminator_on_request():
    assert frames(LineCodec(b"</M>", keep=True), [b"<M></", b"M><M>"]) == [b"<M></M>"]


def test_fixed_codec_looks_for_the_start_again_when_the_end_is_missing():
    codec = FixedCodec(6, b"{S", b"\n")
    assert frames(codec, [b"xx{S1{S12", b"3\n{S", b"abc\n"]) == [b"{S123\n", b"{Sabc\n"]


def test_fixed_codec_without_markers_counts_bytes():
    assert frames(FixedCodec(3), [b"abcd", b"ef"]) == [b"abc", b"def"]


def test_stx_codec_begins_anew_at_a_second_stx():
    assert frames(StxEtxCodec(), [b"no\x0300\x02lost\x0200S\x03"]) == [b"00S"]


def test_stx_codec_drops_overlong_text():
    assert frames(StxEtxCodec(3), [b"\x0212345\x03\x02123\x03\x021234", b"5\x02ok\x03"]) == [
        b"123",
        b"ok",
    ]


@pytest.mark.parametrize(
    ("frame", "payload"),
    [
        ("02 08 53 41 46 30 55 43 03", b"SAF0"),  # printed in the manual
        ("02 05 30 36 53 03", b"0"),
        ("02 07 30 30 53 AA A6 03", b"00S"),
        ("02 0A 30 53 41 46 31 30 63 BE 03", b"0SAF10"),
        ("02 0D 30 52 41 54 32 2E 35 4D 4D B2 AD 03", b"0RAT2.5MM"),
        ("02 08 30 52 55 4E 44 07 03", b"0RUN"),
        ("02 07 30 30 49 19 DD 03", b"00I"),
        ("02 09 30 30 41 3F 52 65 86 03", b"00A?R"),
    ],
)
def test_packets_are_those_of_the_sheet(frame, payload):
    wire = bytes.fromhex(frame)
    assert packet(payload) == wire
    assert frames(PacketCodec(), [wire]) == [payload]


def test_crc_is_the_manuals_test_vector():
    assert crc16_xmodem(b"SAF0") == 0x5543


@given(st.binary(max_size=40), st.binary(max_size=251))
def test_packet_codec_finds_a_packet_after_garbage_that_begins_none(garbage, payload):
    garbage = garbage.replace(b"\x02", b"\x00")
    assert frames(PacketCodec(), [garbage + packet(payload)]) == [payload]


@given(st.binary(min_size=1, max_size=40), st.integers(0, 10_000), st.integers(0, 7))
def test_no_flipped_bit_gets_through_a_packet(payload, at, bit):
    wire = bytearray(packet(payload))
    wire[at % len(wire)] ^= 1 << bit
    assert payload not in frames(PacketCodec(), [bytes(wire)])


def test_a_broken_packet_does_not_hide_the_good_one_behind_it():
    broken = b"\x02\x09" + packet(b"00S")[:3]
    assert frames(PacketCodec(), [broken, packet(b"00I"), packet(b"00P")])[-1] == b"00P"


def test_mixed_codec_takes_text_and_packets_from_one_line():
    codec = PacketCodec(64, text_from=ord("0"))
    assert frames(codec, [b"\x0200S2.500MM\x03" + packet(b"01A?T"), b"\x0200I\x03"]) == [
        b"00S2.500MM",
        b"01A?T",
        b"00I",
    ]


def test_mixed_codec_drops_text_without_end():
    codec = PacketCodec(8, text_from=ord("0"))
    assert frames(codec, [b"\x02" + b"0" * 9, b"\x0200S\x03"]) == [b"00S"]


@pytest.mark.parametrize("name", CODECS)
def test_reset_forgets_a_half_frame(name):
    codec = CODECS[name]()
    frames(codec, [b"\x02\x07{S1"])
    codec.reset()
    assert not codec._buffer


def test_impossible_framings_are_refused():
    with pytest.raises(ValueError, match="terminator"):
        LineCodec(b"")
    with pytest.raises(ValueError, match="cannot hold"):
        FixedCodec(2, b"{S", b"\n")
    with pytest.raises(ValueError, match="251 bytes"):
        packet(bytes(252))
