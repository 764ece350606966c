"""Readings of a shared pump count for the feed that its valve is seen to be at."""

import pytest

from daemon.experiment.drawing import Drawing
from daemon.experiment.volumes import Meter


def shared():
    one, two = Meter(), Meter()
    return Drawing({1: one, 2: two}), one, two


def pumped(drawing, start, ml_min, seconds):
    """Let the pump run, read once a second, and stop."""
    for t in range(int(seconds) + 1):
        drawing.on_flow(start + t, ml_min)
    drawing.on_flow(start + seconds, 0.0)
    return start + seconds


def test_nothing_counts_before_the_valve_was_seen():
    drawing, one, two = shared()
    pumped(drawing, 0.0, 1.0, 60)
    drawing.on_counter(60.0, 1.0)
    assert (one.total_ml, two.total_ml) == (0.0, 0.0)
    assert not drawing.has_other_than(one)
    assert drawing.since_ml(one) == 0.0


def test_flow_counts_for_the_feed_that_is_drawn_and_anew_after_each_change():
    drawing, one, two = shared()
    drawing.on_position(0.0, 1)
    t = pumped(drawing, 0.0, 1.0, 60)
    assert drawing.since_ml(one) == pytest.approx(1.0, abs=0.02)
    assert drawing.has_other_than(two)
    drawing.on_position(t, 2)
    t = pumped(drawing, t, 2.0, 60)
    assert (one.total_ml, two.total_ml) == pytest.approx((1.0, 2.0), abs=0.04)
    assert (drawing.since_ml(one), drawing.since_ml(two)) == (0.0, pytest.approx(2.0, abs=0.04))
    drawing.on_position(t, 2)  # the same reading again changes nothing
    assert drawing.since_ml(two) == pytest.approx(2.0, abs=0.04)
    drawing.on_position(t, 1)
    assert drawing.since_ml(one) == 0.0


def test_a_position_of_no_feed_stops_the_counting():
    drawing, one, two = shared()
    drawing.on_position(0.0, 1)
    drawing.on_position(1.0, 5)
    pumped(drawing, 1.0, 1.0, 60)
    assert (one.total_ml, two.total_ml) == (0.0, 0.0)
    assert not drawing.has_other_than(one)


def test_the_pump_s_own_counter_begins_anew_for_each_feed():
    drawing, one, two = shared()
    drawing.on_position(0.0, 1)
    drawing.on_counter(0.0, 10.0)
    drawing.on_counter(60.0, 13.0)
    drawing.on_position(60.0, 2)
    drawing.on_counter(61.0, 13.0)
    drawing.on_counter(120.0, 18.0)
    drawing.on_position(120.0, 1)
    drawing.on_counter(121.0, 18.0)
    drawing.on_counter(180.0, 19.0)
    assert (one.total_ml, two.total_ml) == pytest.approx((4.0, 5.0))
