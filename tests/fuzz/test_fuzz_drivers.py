"""Replies with any edits into every driver."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import EXAMPLES, WIRED, fuzz_driver

ALPHABET = "0123456789.-+ENA:;, \r\n\x02\x03*#?"
put = st.one_of(
    st.binary(max_size=4),
    st.text(ALPHABET, max_size=6).map(str.encode),
    st.sampled_from([b"nan", b"inf", b"-", b"1e999", b"9" * 30, b"\xff\xff", "²½١".encode()]),
)
edits = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 4), put), max_size=3)


@pytest.mark.parametrize("case", WIRED, ids=str)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(script=st.lists(edits, min_size=1, max_size=12))
def test_edited_replies_are_values_of_their_kind_or_named_faults(case, script):
    turn = -1

    def next_edits():
        nonlocal turn
        turn = (turn + 1) % len(script)
        return script[turn]

    fuzz_driver(case, next_edits)
