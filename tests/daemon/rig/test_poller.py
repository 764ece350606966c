"""When which signal is polled."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.rig.poller import PollPlan


def test_everything_is_due_at_once_after_a_connection_and_then_in_the_instruments_turn():
    plan = PollPlan({"flow": 1.0, "errors": 10.0}, start=100.3, phase=0.25)
    assert plan.take_due(100.3) == ["flow", "errors"]
    assert plan.next_due == pytest.approx(101.25)
    assert plan.take_due(101.25) == ["flow"]
    assert plan.next_due == pytest.approx(102.25)


def test_periods_that_divide_each_other_meet():
    plan = PollPlan({"flow": 0.5, "errors": 5.0}, start=0.0, phase=0.5)
    together = 0
    for _ in range(60):
        names = plan.take_due(plan.next_due)
        together += names == ["flow", "errors"]
        assert names != ["errors"]
    assert together >= 5


def test_instruments_of_one_rig_are_not_polled_at_the_same_time():
    plans = [PollPlan({"pressure": 0.3}, start=7.0, phase=i / 3) for i in range(3)]
    for plan in plans:
        plan.take_due(7.0)
    times = sorted(plan.next_due for plan in plans)
    assert min(b - a for a, b in pairwise(times)) == pytest.approx(0.1)


@given(st.floats(0.01, 100), st.floats(0, 1e6), st.floats(0, 0.999), st.floats(0, 3))
def test_a_poll_follows_within_one_and_a_half_periods_and_never_at_once(period, start, phase, late):
    plan = PollPlan({"x": period}, start, phase)
    now = start + late * period
    assert plan.take_due(now) == ["x"]
    after = plan.next_due - now
    assert 0 < after <= 1.5 * period + 1e-6
    assert plan.take_due(now) == [] or after <= 0.005 + 1e-9
