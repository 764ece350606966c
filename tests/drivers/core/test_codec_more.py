"""Framings of described instruments: length field, prompt, tail after the end, silence."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bus import Bus
from drivers.codec.length import LengthCodec
from drivers.codec.prompt import PromptCodec
from drivers.codec.silence import SilenceCodec
from drivers.codec.tail import TailCodec
from drivers.errors import NoReply
from drivers.signal import Lane
from drivers.transport.base import LineSpec
from tests.drivers.core.test_codec import frames

CODECS = {
    "length": lambda: LengthCodec(1, 1, 2, start=b"\x10", max_frame=12),
    "long length": lambda: LengthCodec(0, 2, 2, order="low", max_frame=40),
    "tail": lambda: TailCodec(b"\x03", 2, 12),
}
piece = st.sampled_from([b"\x10", b"\x03", b"\x03\x03", b"\x05", b"\x00", b"\x04\x00ab", b"hello"])
stream = st.lists(st.one_of(piece, st.binary(max_size=8))).map(b"".join)


@pytest.mark.parametrize("name", CODECS)
@given(data=stream, cuts=st.lists(st.integers(0, 100)))
def test_codec_does_not_care_how_the_stream_is_cut(name, data, cuts):
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert frames(CODECS[name](), pieces) == frames(CODECS[name](), [data])


@pytest.mark.parametrize("name", CODECS)
@given(data=st.binary(min_size=300, max_size=600))
def test_codec_never_grows(name, data):
    codec = CODECS[name]()
    frames(codec, [data])
    assert len(codec._buffer) <= 64
    codec.reset()
    assert not codec._buffer


def test_a_length_counts_what_the_manual_says_it_counts():
    codec = LengthCodec(1, 1, 2, start=b"\x10")
    assert frames(codec, [b"xx\x10\x03abc\x10", b"\x01z"]) == [b"\x10\x03abc", b"\x10\x01z"]
    assert frames(LengthCodec(0, 2, order="low"), [b"\x04\x00ab"]) == [b"\x04\x00ab"]


def test_a_length_that_cannot_be_is_stepped_over():
    codec = LengthCodec(1, 1, start=b"\x10", max_frame=6)
    assert frames(codec, [b"\x10\xff\x10\x00\x10\x03a"]) == [b"\x10\x03a"]


def test_a_start_cut_in_two_is_kept():
    codec = LengthCodec(2, 1, start=b"\x10\x02")
    assert frames(codec, [b"noise\x10", b"\x02\x04a"]) == [b"\x10\x02\x04a"]


def test_a_tail_may_hold_the_end_mark():
    codec = TailCodec(b"\x03", 2, 8)
    assert frames(codec, [b"ab\x03", b"\x03", b"\x03cd\x03xy"]) == [b"ab\x03\x03\x03", b"cd\x03xy"]
    assert frames(codec, [b"123456789\x03xyok\x03xy"]) == [b"ok\x03xy"]


def test_a_reply_ends_with_its_prompt_at_the_end_of_what_came():
    codec = PromptCodec(rb"^[:>]", 16)
    assert frames(codec, [b"one\r\n", b"two\r\n:"]) == [b"one\r\ntwo\r\n"]
    assert frames(codec, [b"a:b\r\n", b">"]) == [b"a:b\r\n"]
    assert frames(codec, [b"x" * 40 + b"\n:"]) == []
    assert frames(codec, [b"x" * 40]) == []
    assert not codec._buffer
    codec.feed(b"half")
    codec.reset()
    assert frames(codec, [b":"]) == [b""]


def test_what_came_between_two_silences_is_a_frame():
    codec = SilenceCodec(0.05, 8)
    codec.feed(b"abc")
    assert codec.next_frame() is None
    codec.feed(b"def")
    codec.fall_silent()
    assert codec.next_frame() == b"abcdef"
    assert codec.next_frame() is None
    codec.fall_silent()
    codec.feed(b"much too long")
    codec.fall_silent()
    codec.reset()
    assert codec.next_frame() is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: LengthCodec(0, start=b"ab"),
        lambda: TailCodec(b"", 1),
        lambda: TailCodec(b"\r", 0),
        lambda: PromptCodec(b"x*"),
    ],
)
def test_a_framing_that_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match=r"got|lies inside"):
        make()


class Talker:
    """A line that says what it is told to, piece by piece, after each request."""

    description = "talker"

    def __init__(self, *pieces):
        self.pieces, self.inbox = pieces, asyncio.Queue()

    async def open(self):
        pass

    async def read(self):
        return await self.inbox.get()

    async def write(self, data):
        loop = asyncio.get_running_loop()
        for after_s, data in self.pieces:
            loop.call_later(after_s, self.inbox.put_nowait, data)

    async def close(self):
        pass


async def asked(talker, timeout_s=1.0):
    line = LineSpec(codec=lambda _port: SilenceCodec(0.05))
    bus = Bus("/dev/ttyUSB0", line, lambda _port, _line: talker)
    await bus.open()
    try:
        return await bus.exchange(
            "i", b"?", lambda frame: frame, lane=Lane.POLL, timeout_s=timeout_s
        )
    finally:
        await bus.close()


@pytest.mark.virtual
async def test_the_bus_watches_the_silence_that_ends_a_frame():
    assert await asked(Talker((0.01, b"ab"), (0.04, b"cd"), (0.2, b"ef"))) == b"abcd"


@pytest.mark.virtual
async def test_a_frame_that_never_falls_silent_is_none():
    with pytest.raises(NoReply):
        await asked(Talker(*((0.03 * k, b"x") for k in range(40))), 1.0)


@pytest.mark.virtual
async def test_a_line_rests_after_a_write_as_long_as_it_is_told():
    line = LineSpec(codec=lambda _port: SilenceCodec(0.01))
    bus = Bus("/dev/ttyUSB0", line, lambda _port, _line: Talker((0.01, b"ok")))
    await bus.open()
    loop = asyncio.get_running_loop()
    await bus.send("i", b"go", lane=Lane.COMMAND)
    bus.rest(0.25)
    began = loop.time()
    await bus.send("i", b"go", lane=Lane.TRIP)
    assert loop.time() - began == pytest.approx(0.25)
    await bus.close()
