"""Clocks of volume count what was pumped, however it was pumped."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.experiment.volumes import GAP_S, History, Meter, VolumeClocks

flows = st.floats(0.0, 10.0)
# (seconds, mL/min): a programme of constant pieces; zeros are stalls and pauses
programmes = st.lists(st.tuples(st.floats(0.5, 120.0), st.one_of(st.just(0.0), flows)), max_size=8)


def polled(programme, every_s=1.0, clocks=None, feed="f"):
    """Run a programme of commanded steps with polls in between; return the clocks and true mL."""
    clocks = clocks or VolumeClocks([feed])
    t, true_ml = 0.0, 0.0
    clocks.keep(t)  # history begins with the first row
    for seconds, flow in programme:
        clocks.meters[feed].on_step(t, flow)
        end, poll = t + seconds, t + every_s
        while poll < end:
            clocks.meters[feed].on_flow(poll, flow)
            clocks.keep(poll)
            poll += every_s
        clocks.meters[feed].on_flow(end, flow)
        clocks.keep(end)
        t, true_ml = end, true_ml + flow * seconds / 60
    return clocks, true_ml, t


@given(programmes)
def test_steps_stalls_and_pauses_are_counted_exactly(programme):
    clocks, true_ml, _ = polled(programme)
    assert clocks.total_ml == pytest.approx(true_ml, abs=1e-9)


@given(st.floats(0.0, 5.0), st.floats(0.0, 5.0), st.floats(1.0, 60.0))
def test_a_ramp_is_counted_exactly_however_often_it_is_read(start, end, seconds):
    meter = Meter()
    n = int(seconds) + 2
    for i in range(n + 1):
        meter.on_flow(seconds * i / n, start + (end - start) * i / n)
    assert meter.total_ml == pytest.approx(seconds / 60 * (start + end) / 2, abs=1e-9)


@given(programmes, st.floats(0.0, 5.0))
def test_a_pause_anywhere_changes_no_volume(programme, pause_min):
    paused = [piece for p in programme for piece in (p, (max(0.5, 60 * pause_min), 0.0))]
    assert polled(paused)[0].total_ml == pytest.approx(polled(programme)[0].total_ml, abs=1e-9)


def test_nothing_is_counted_over_a_silence():
    meter = Meter()
    meter.on_flow(0.0, 6.0)
    meter.on_flow(GAP_S + 1.0, 6.0)
    assert meter.total_ml == 0.0
    meter.on_flow(GAP_S + 2.0, 6.0)
    assert meter.total_ml == pytest.approx(0.1)


@pytest.mark.parametrize("value", [nan, inf])
def test_a_reading_that_is_no_number_is_not_counted(value):
    meter = Meter()
    meter.on_flow(0.0, 6.0)
    meter.on_flow(1.0, value)
    meter.on_counter(1.5, value)
    meter.on_flow(2.0, 6.0)
    assert meter.total_ml == pytest.approx(0.2)


def test_a_poll_overtaken_by_a_command_does_not_bring_the_old_flow_back():
    meter = Meter()
    meter.on_flow(0.0, 6.0)
    meter.on_step(1.0, 0.0)
    meter.on_flow(0.9, 6.0)
    meter.on_flow(2.0, 0.0)
    assert meter.total_ml == pytest.approx(0.1)


def test_a_withdrawing_syringe_delivers_nothing():
    meter = Meter()
    meter.on_flow(0.0, -5.0)
    meter.on_flow(5.0, -5.0)
    assert meter.total_ml == 0.0


def test_the_pumps_own_counter_overrules_a_setpoint_that_was_not_delivered():
    meter = Meter()
    for t in range(61):  # the flow reads 1 mL/min, the plunger stalls after half a minute
        meter.on_flow(float(t), 1.0)
        meter.on_counter(float(t), min(t, 30) / 60)
    assert meter.total_ml == pytest.approx(0.5, abs=0.021)


def test_a_coarse_counter_that_agrees_leaves_the_finer_integral_alone():
    meter = Meter()
    for t in range(61):
        meter.on_flow(float(t), 1.0)
        meter.on_counter(float(t), round(t / 60, 2))
    assert meter.total_ml == pytest.approx(1.0, abs=1e-9)


def test_a_cleared_counter_goes_on_from_there():
    meter = Meter()
    meter.on_flow(0.0, 1.0)
    meter.on_counter(0.0, 5.0)
    meter.on_flow(6.0, 1.0)
    meter.on_counter(6.0, 5.1)
    meter.on_counter(6.5, 0.0)
    meter.on_flow(12.0, 1.0)
    meter.on_counter(12.0, 0.1)
    assert meter.total_ml == pytest.approx(0.2, abs=0.01)


def test_a_refill_that_clears_the_counter_again_and_again_loses_nothing():
    meter, counter = Meter(), 0.0
    meter.on_counter(0.0, 0.0)
    for t in range(1, 601):
        counter = 0.0 if t % 150 == 0 else counter + 1 / 60
        meter.on_flow(float(t), 1.0)
        meter.on_counter(float(t), counter)
    assert meter.total_ml == pytest.approx(599 / 60, abs=0.05)


@given(programmes.filter(lambda p: sum(s * q for s, q in p) > 60), st.floats(0.05, 0.95))
def test_fluid_entered_when_the_volume_was_less_by_what_lies_between(programme, part):
    clocks, true_ml, end = polled(programme)
    volume = part * true_ml
    entered, left = clocks.passage(end, volume * 0.7, volume * 0.3)
    assert entered <= left <= end
    pumped = clocks.delivered(entered, end)["f"]
    assert pumped == pytest.approx(volume, rel=1e-6, abs=1e-9)


def test_the_way_of_fluid_from_before_the_record_is_not_known():
    clocks, true_ml, end = polled([(60.0, 1.0)])
    assert clocks.passage(end, true_ml, 0.1) is None
    assert VolumeClocks(["f"]).passage(0.0, 1.0, 0.0) is None


def test_residence_time_through_a_stall_is_longer_by_the_stall():
    clocks, _, end = polled([(60.0, 1.0), (30.0, 0.0), (30.0, 1.0)])
    entered, left = clocks.passage(end, 1.0, 0.0)
    assert left - entered == pytest.approx(60.0 + 30.0, rel=1e-6)


def test_history_never_runs_backwards_when_a_counter_puts_the_total_right():
    clocks = VolumeClocks(["f"])
    meter = clocks.meters["f"]
    for t in range(0, 40, 2):
        meter.on_flow(float(t), 3.0)
        meter.on_counter(float(t), 0.0)
        clocks.keep(float(t))
    column = clocks.history.columns["f"]
    assert column == sorted(column)


def test_history_forgets_old_rows_and_keeps_the_one_before():
    history = History()
    for t in range(10):
        history.add(float(t), {"x": float(t)})
    history.forget(4.5)
    assert history.t[0] == 4.0
    assert history.at(5.5, "x") == 5.5
    assert history.at(-1.0, "x") == 4.0
    assert history.at(99.0, "x") == 9.0
    assert list(history.between(5.0, 7.0, "x")) == [5.0, 6.0, 7.0]
    assert list(history.between_times(5.0, 7.0)) == [5.0, 6.0, 7.0]
    assert history.when(3.0, "x") is None
    assert history.when(4.0, "x") == 4.0
    history.forget(1.0)
    assert len(history.t) == 6


def test_a_second_row_at_one_time_replaces_the_first():
    history = History()
    history.add(1.0, {"x": 1.0})
    history.add(1.0, {"x": 2.0})
    assert (history.t, history.columns) == ([1.0], {"x": [2.0]})
