"""Framings of binary protocols: Sensirion SHDLC, and DLE STX of Bronkhorst."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.codec import DleCodec, ShdlcCodec, dle_framed, shdlc

CODECS = {"shdlc": ShdlcCodec, "dle": DleCodec}


def reply(address, command, state, data):
    """Return a device's SHDLC frame, built without the codec's help."""
    contents = bytes((address, command, state, len(data))) + data
    contents += bytes((0xFF - sum(contents) % 256,))
    for byte in (0x7D, 0x7E, 0x11, 0x13):
        contents = contents.replace(bytes((byte,)), bytes((0x7D, byte ^ 0x20)))
    return b"\x7e" + contents + b"\x7e"


shdlc_replies = st.builds(
    reply, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40)
)
streams = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\x7e", b"\x7d", b"\x10", b"\x10\x02", b"\x10\x03", b"\x10\x10", b"\x11"]
        ),
        st.binary(max_size=12).map(dle_framed),
        shdlc_replies,
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
@given(data=streams, cuts=st.lists(st.integers(0, 200)))
def test_a_codec_does_not_care_how_the_stream_is_cut(name, data, cuts):
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole = frames(CODECS[name](), [data])
    assert frames(CODECS[name](), [data[a:b] for a, b in pairwise(edges)]) == whole
    assert frames(CODECS[name](), [data[i : i + 1] for i in range(len(data))]) == whole


@pytest.mark.parametrize("name", CODECS)
def test_an_endless_stream_takes_no_memory_and_costs_one_frame(name):
    codec = CODECS[name]()
    good = {"shdlc": reply(0, 0x35, 0, b"\x01"), "dle": dle_framed(b"good")}[name]
    kept = frames(codec, [good])
    for _ in range(100):
        assert frames(codec, [bytes(1000)]) == []
        assert len(codec._buffer) <= 1024
    assert frames(codec, [good, good])[-1:] == kept
    assert frames(codec, [b"\x7e" + bytes(600) + good]) == kept


def test_a_stream_that_is_too_long_is_no_frame_however_it_is_cut():
    long = bytes(600)
    assert frames(DleCodec(16), [dle_framed(long)]) == []
    assert frames(ShdlcCodec(), [long[:550], long[:20] + b"\x7e"]) == []
    assert frames(ShdlcCodec(), [b"\x7e" + long + b"\x7e"]) == []


@given(st.integers(0, 254), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=255))
def test_an_shdlc_reply_comes_back_without_flags_stuffing_and_checksum(adr, cmd, state, data):
    expected = bytes((adr, cmd, state, len(data))) + data
    assert frames(ShdlcCodec(), [reply(adr, cmd, state, data)]) == [expected]


@given(shdlc_replies, st.data())
def test_no_single_flipped_bit_of_an_shdlc_frame_gets_through(wire, data):
    bit = data.draw(st.integers(0, 8 * len(wire) - 1))
    damaged = bytearray(wire)
    damaged[bit // 8] ^= 1 << bit % 8
    assert frames(ShdlcCodec(), [bytes(damaged)]) == []


@pytest.mark.parametrize(
    "stuffed", [b"\x00\x35\x00\x00\xca\x7d", b"\x00\x7d\x00\x35\x00\x00\xca", b"\x00\x35", b""]
)
def test_contents_that_no_device_stuffs_are_no_frame(stuffed):
    assert frames(ShdlcCodec(), [b"\x7e" + stuffed + b"\x7e"]) == []


def test_the_sheets_shdlc_requests_are_built_byte_by_byte():
    assert shdlc(0, 0xD0, b"\x01") == bytes.fromhex("7E00D001012D7E")
    assert shdlc(0, 0xD1) == bytes.fromhex("7E00D1002E7E")
    assert shdlc(0, 0x33, bytes.fromhex("00643608")) == bytes.fromhex("7E003304006436 08267E")
    assert shdlc(0, 0xEE) == bytes.fromhex("7E00EE007D317E")  # the checksum 11h is stuffed


@pytest.mark.parametrize("name", CODECS)
def test_a_reset_forgets_half_a_frame(name):
    whole = {"shdlc": reply(0, 0x35, 0, b"\x01"), "dle": dle_framed(b"good")}[name]
    codec = CODECS[name]()
    assert frames(codec, [whole[:-1]]) == []
    codec.reset()
    assert frames(codec, [whole[-1:]]) == []
    assert len(frames(codec, [whole])) == 1


@given(st.binary(max_size=258), st.binary(max_size=20))
def test_a_dle_frame_is_found_after_noise_and_half_frames(contents, noise):
    quiet = noise.replace(b"\x10", b"")
    wire = dle_framed(contents)
    assert frames(DleCodec(), [quiet + wire]) == [contents]
    assert frames(DleCodec(), [b"\x10\x02" + quiet + wire]) == [contents]


def test_a_dle_before_anything_else_spoils_the_frame():
    assert frames(DleCodec(), [b"\x10\x02ab\x10cd\x10\x03"]) == []
    assert frames(DleCodec(), [b"\x10\x10\x02ab\x10\x03"]) == [b"ab"]
    assert frames(DleCodec(), [b"\x10\x41\x10\x03"]) == []
