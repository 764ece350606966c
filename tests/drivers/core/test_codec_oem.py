from functools import reduce
from operator import xor

from hypothesis import given
from hypothesis import strategies as st

from drivers.codec import OemCodec
from drivers.codec.oem import xor_checksum

printable = st.binary(max_size=20).map(lambda data: bytes(0x20 | byte & 0x5F for byte in data))


def framed(text):
    frame = b"\x02" + text + b"\x03"
    return frame + bytes((reduce(xor, frame),))


def fed(codec, *pieces):
    frames = []
    for piece in pieces:
        codec.feed(piece)
        while (frame := codec.next_frame()) is not None:
            frames.append(frame)
    return frames


def test_the_sheet_s_checksums():
    for text in ("02 31 31 5A 52 03 09", "02 30 40 03 71", "02 31 32 3F 03 3D", "02 30 60 03 51"):
        frame = bytes.fromhex(text)
        assert xor_checksum(frame[:-1]) == frame[-1]


@given(st.lists(printable), st.data())
def test_frames_come_out_whole_however_the_stream_is_cut(texts, data):
    stream = b"".join(framed(text) for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fed(OemCodec(), *pieces) == texts


@given(st.binary(max_size=60))
def test_garbage_raises_nothing_and_a_frame_after_it_is_found(garbage):
    codec = OemCodec(max_frame=64)
    fed(codec, garbage)
    frames = fed(codec, b"\x03" * 70 + framed(b"0`3000"))
    assert frames[-1] == b"0`3000"


@given(printable, st.data())
def test_a_flipped_bit_makes_no_other_frame(text, data):
    frame = bytearray(framed(text))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    assert fed(OemCodec(), bytes(frame)) in ([], [b""]), "at most an ETX made early"


def test_a_line_sync_before_the_frame_is_skipped():
    assert fed(OemCodec(), bytes.fromhex("FF 02 30 60 33 30 30 30 03 52")) == [b"0`3000"]


def test_a_frame_that_never_ends_is_dropped():
    codec = OemCodec(max_frame=8)
    assert fed(codec, b"\x02" + b"x" * 500) == []
    assert fed(codec, framed(b"0`")) == [b"0`"]


def test_a_half_frame_is_forgotten_when_told_so():
    codec = OemCodec()
    assert fed(codec, b"\x020`") == []
    codec.reset()
    assert fed(codec, b"30" + framed(b"0`")) == [b"0`"]
