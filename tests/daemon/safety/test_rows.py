import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.safety.rows import Row, Seen, number, plainly_fine, violation
from drivers.signal import Quality, Reading
from tests.daemon.safety.scripted import bad, good

NUMBERS = st.floats(-1e6, 1e6)


@given(NUMBERS, NUMBERS)
def test_above_is_violated_by_larger_values_only(value, bound):
    found = violation(Row("r", "p", above=bound), Seen(good("p", value, 1.0)))
    assert (found is not None) == (value > bound)
    assert found is None or (found.value, found.threshold) == (value, bound)


@given(NUMBERS, NUMBERS)
def test_below_is_violated_by_smaller_values_only(value, bound):
    found = violation(Row("r", "p", below=bound), Seen(good("p", value, 1.0)))
    assert (found is not None) == (value < bound)


@given(st.sampled_from(["timeout", "nan", "link", "sentinel", ""]))
def test_a_bad_reading_violates_and_says_why(reason):
    found = violation(Row("r", "p", above=1e9), Seen(bad("p", 1.0, reason)))
    assert found is not None
    assert (reason or "no value") in found.message
    assert found.value is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "open"])
def test_what_is_no_finite_number_violates(value):
    found = violation(Row("r", "p", above=1e9), Seen(good("p", value, 1.0)))
    assert found is not None
    assert "not a number" in found.message


def test_an_uncertain_reading_still_counts():
    assert number(Reading("p", 3.0, "bar", 0.0, Quality.UNCERTAIN, "range")) == 3.0
    assert number(good("p", True, 0.0)) == 1.0


@given(NUMBERS, NUMBERS, st.floats(0.01, 100), st.floats(0.001, 1000))
def test_a_rate_is_the_rise_since_the_last_good_reading(before, now, dt, bound):
    row = Row("r", "p", rate_above=bound)
    found = violation(row, Seen(good("p", now, 10.0 + dt), good("p", before, 10.0)))
    rate = (now - before) / (10.0 + dt - 10.0)
    assert (found is not None) == (rate > bound)


def test_a_rate_needs_an_earlier_reading():
    row = Row("r", "p", rate_above=0.1)
    assert violation(row, Seen(good("p", 9.0, 1.0))) is None
    assert violation(row, Seen(good("p", 9.0, 1.0), good("p", 0.0, 1.0))) is None


def test_a_rate_is_not_taken_from_a_bad_reading():
    row = Row("r", "p", rate_above=0.1)
    assert violation(row, Seen(good("p", 9.0, 1.0), bad("p", 0.0))) is None


@given(NUMBERS, NUMBERS, st.floats(0, 1e6))
def test_two_signals_may_differ_by_so_much(a, b, by):
    row = Row("r", "p", other="q", by=by)
    found = violation(row, Seen(good("p", a, 1.0), other=good("q", b, 1.0)))
    assert (found is not None) == (abs(a - b) > by)


def test_a_disagreement_with_a_bad_reading_is_one():
    row = Row("r", "p", other="q", by=1.0)
    found = violation(row, Seen(good("p", 1.0, 1.0), other=bad("q", 1.0, "nan")))
    assert found is not None
    assert "q" in found.message


@given(st.floats(0.001, 10), st.floats(0, 10), st.floats(0, 1))
def test_a_flow_deficit_is_measured_against_what_was_commanded(commanded, readback, deficit):
    row = Row("r", "f", deficit=deficit)
    seen = Seen(good("f", readback, 2.0), commanded=commanded, commanded_at=1.0)
    assert (violation(row, seen) is not None) == (readback < (1.0 - deficit) * commanded)


def test_no_deficit_before_the_command_or_without_one():
    row = Row("r", "f", deficit=0.1)
    assert violation(row, Seen(good("f", 0.0, 2.0), commanded=1.0, commanded_at=2.5)) is None
    assert violation(row, Seen(good("f", 0.0, 2.0))) is None


@given(st.floats(-1, 10), st.floats(0, 1))
def test_where_no_flow_is_commanded_the_noise_of_a_meter_is_no_deficit(readback, deficit):
    row = Row("r", "meter.flow", deficit=deficit, commanded_of=("pump.flow",))
    seen = Seen(good("meter.flow", readback, 2.0), commanded=0.0, commanded_at=1.0)
    assert violation(row, seen) is None


def test_a_deficit_of_a_meter_names_whose_flow_is_missing():
    row = Row("r", "m", deficit=0.2, commanded_of=("a.flow", "b.flow"))
    found = violation(row, Seen(good("m", 0.7, 2.0), commanded=1.0, commanded_at=1.0))
    assert found is not None
    assert found.message == "m = 0.7 bar is below 0.8 of 1 set for a.flow, b.flow"


VALUES = st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=2), st.none())
BOUNDS = st.one_of(st.none(), st.floats(-10, 10))


@given(VALUES, BOUNDS, BOUNDS, BOUNDS, st.sampled_from(Quality))
def test_what_is_plainly_fine_is_no_violation(value, above, below, rate, quality):
    row = Row("r", "p", above=above, below=below, rate_above=rate)
    reading = Reading("p", value, "bar", 1.0, quality)
    if plainly_fine(row, reading):
        assert violation(row, Seen(reading)) is None
    elif isinstance(value, float) and rate is None and quality is Quality.GOOD:
        assert violation(row, Seen(reading)) is not None
