"""Single characters and lines on one stream, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.codec import MarkCodec

MARKS, END = b"*#-+", b"\r\n"


def codec(max_frame=16):
    return MarkCodec(MARKS, END, max_frame)


def frames(codec, *chunks):
    """Return the frames that come out after each chunk."""
    found = []
    for chunk in chunks:
        codec.feed(chunk)
        while (frame := codec.next_frame()) is not None:
            found.append(frame)
    return found


def test_a_mark_alone_is_a_frame_at_once():
    assert frames(codec(), b"*", b"#", b"+", b"-") == [b"*", b"#", b"+", b"-"]


def test_a_line_is_a_frame_with_its_end():
    assert frames(codec(), b"1.5000E-1\r\n", b"J\r\n") == [b"1.5000E-1", b"J"]


@given(st.data())
def test_lines_do_not_care_how_they_are_cut(data):
    stream = b"1.5000E-1\r\nJ\r\nR|12.5\r\nx*y\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert frames(codec(), *chunks) == [b"1.5000E-1", b"J", b"R|12.5", b"x*y"]


def test_a_mark_inside_a_line_belongs_to_the_line():
    assert frames(codec(), b"1.5000E", b"-", b"1", b"\r", b"\n") == [b"1.5000E-1"]


def test_a_mark_after_a_whole_line_is_a_frame():
    assert frames(codec(), b"J\r\n*") == [b"J", b"*"]


@pytest.mark.parametrize("stream", [b"*#", b"+-", b"++-", b"*\x00", b"#1", b"-\r"])
def test_a_mark_that_is_not_alone_proves_nothing(stream):
    assert frames(codec(), stream) == []


def test_a_mark_that_comes_twice_is_two():
    assert frames(codec(), b"--", b"*") == [b"-", b"-", b"*"]


def test_a_line_behind_marks_is_found():
    assert frames(codec(), b"*-J\r\n", b"+") == [b"J", b"+"]


def test_a_mark_behind_noise_is_not_a_frame_until_the_line_is_reset():
    noisy = codec()
    assert frames(noisy, b"\x8a*") == []
    noisy.reset()
    assert frames(noisy, b"*") == [b"*"]


def test_lines_that_are_too_long_are_dropped_whole():
    assert frames(codec(), b"1" * 17 + b"\r\n", b"J\r\n") == [b"J"]
    assert frames(codec(), b"1" * 40, b"-", b"2" * 40 + b"\r", b"\n", b"J\r\n") == [b"J"]


def test_a_long_line_that_ends_with_a_single_byte_terminator_is_dropped_too():
    assert frames(MarkCodec(b"*", b"\n", 4), b"12345", b"*", b"\n", b"*") == [b"*"]


@given(st.lists(st.binary(max_size=200), max_size=30))
def test_whatever_comes_the_codec_neither_fails_nor_grows(chunks):
    noisy = codec()
    for frame in frames(noisy, *chunks):
        assert len(frame) <= 16
        assert END not in frame
    assert len(noisy._buffer) <= 18


@pytest.mark.parametrize(
    ("marks", "end", "longest"), [(b"", END, 1), (b"*", b"", 1), (b"*", END, 0)]
)
def test_a_codec_that_cannot_work_is_refused(marks, end, longest):
    with pytest.raises(ValueError, match="are needed"):
        MarkCodec(marks, end, longest)
