"""Any bytes, cut anywhere, into every codec."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import CODECS, HELD, WHOLE_ONLY, frames_of, held_by

MARKS = [b"\r", b"\n", b"\r\n", b"\x02", b"\x03", b"\x10\x02", b"\x10\x03", b"\x10", b"\x7e"]
MARKS += [b"{S", b"</M>", b"00S", b"*", b"#", b"\r\n:", b"\x01\x03\x02", b"\0\1\0\0\0\5\1\3\2"]
stream = st.lists(st.one_of(st.sampled_from(MARKS), st.binary(max_size=20))).map(b"".join)
cuts = st.lists(st.integers(0, 200))


def pieces_of(data, cuts):
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("name", [name for name in CODECS if name not in WHOLE_ONLY])
@given(data=stream, cuts=cuts)
def test_frames_do_not_depend_on_how_the_stream_is_cut(name, data, cuts):
    whole = frames_of(CODECS[name](), [data])
    assert frames_of(CODECS[name](), pieces_of(data, cuts)) == whole
    assert frames_of(CODECS[name](), [data[i : i + 1] for i in range(len(data))]) == whole


@pytest.mark.parametrize("name", CODECS)
@given(
    pieces=st.lists(stream, max_size=8), filling=st.sampled_from([b"\0", b"\x02", b"1", b"\x7d"])
)
def test_no_bytes_are_an_error_or_are_kept_for_long(name, pieces, filling):
    codec = CODECS[name]()
    frames_of(codec, [*pieces, filling * 3000, *pieces])
    assert held_by(codec) <= HELD
    codec.reset()
    assert held_by(codec) == 0


@pytest.mark.parametrize("name", CODECS)
@given(data=stream)
def test_what_came_before_a_reset_is_forgotten(name, data):
    codec = CODECS[name]()
    codec.feed(b"\x02\x01{S\r")
    codec.reset()
    assert frames_of(codec, [data]) == frames_of(CODECS[name](), [data])
