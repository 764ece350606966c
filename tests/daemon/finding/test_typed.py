"""What is typed at the console."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.finding.transcript import text_of
from daemon.finding.typed import Mistyped, hexadecimal, parse, unescaped


@given(st.binary(max_size=50))
def test_bytes_as_they_are_shown_can_be_typed_again(data):
    shown = text_of(data).replace("\\'", "'")
    assert unescaped(shown) == data


@given(st.binary(min_size=1, max_size=50), st.sampled_from(["", " ", ":", ", "]))
def test_hexadecimal_is_read_however_it_is_parted(data, sep):
    assert hexadecimal(sep.join(f"{byte:02X}" for byte in data)) == data


@pytest.mark.parametrize("line", ["", "   ", "# a comment"])
def test_nothing_is_nothing(line):
    assert parse(line) is None


def test_a_text_that_begins_like_a_command_can_be_asked():
    assert parse("text read 5").text == "read 5"
    assert parse("READ flow").command == "read"
    assert parse("text").text == "text"


@pytest.mark.parametrize("line", ["hex", "hex 0", r"a\x1", "é", "a\\"])
def test_what_cannot_be_sent_is_said(line):
    with pytest.raises(Mistyped):
        parse(line)
