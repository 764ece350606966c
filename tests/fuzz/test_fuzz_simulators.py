"""Any bytes, and requests with any edits, into every simulated instrument."""

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import EXAMPLES, WIRED, fuzz_simulator, mutated, requests_of
from tests.fuzz.test_fuzz_drivers import edits


@cache
def requests(number):
    return requests_of(WIRED[number])


@pytest.mark.parametrize("number", range(len(WIRED)), ids=map(str, WIRED))
@settings(max_examples=2 * EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_edited_requests_never_break_a_simulated_instrument(number, data):
    known = st.sampled_from(requests(number))
    pieces = data.draw(
        st.lists(st.one_of(st.binary(max_size=40), st.builds(mutated, known, edits)), max_size=12)
    )
    fuzz_simulator(WIRED[number], pieces)
