import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from simulators.spec import HeaterSpec
from simulators.thermal import Zone, wall_lag_s

from .rigs import heated, rig

GOALS = st.one_of(st.none(), st.floats(-20.0, 200.0))
COMMANDS = st.lists(st.tuples(st.floats(0.0, 2000.0), GOALS), min_size=1, max_size=6)


def zone():
    return Zone(HeaterSpec("bath"), 0.0, 22.0, lag_s=0.9)


def commanded(commands):
    bath, t = zone(), 0.0
    for wait, goal in commands:
        t += wait
        bath.set_goal(t, goal)
    return bath, t


@settings(deadline=None)
@given(COMMANDS, st.lists(st.floats(0.0, 5000.0), max_size=8))
def test_looking_at_the_bath_changes_nothing(commands, looks):
    bath, end = commanded(commands)
    watched, t = zone(), 0.0
    for wait, goal in commands:
        for look in looks:
            watched.wall(min(t + look, t + wait))
            watched.liquid(min(t + look, t + wait))
        t += wait
        watched.set_goal(t, goal)
    for later in (0.0, 1.0, 77.7, 4000.0):
        assert watched.wall(end + later) == bath.wall(end + later)
        assert watched.liquid(end + later) == bath.liquid(end + later)


@settings(deadline=None)
@given(COMMANDS)
def test_neither_wall_nor_liquid_ever_jumps(commands):
    bath, t = zone(), 0.0
    for wait, goal in commands:
        t += wait
        before = bath.wall(t), bath.liquid(t)
        bath.set_goal(t, goal)
        assert (bath.wall(t), bath.liquid(t)) == pytest.approx(before, abs=1e-6)


@settings(deadline=None)
@given(COMMANDS)
def test_heating_and_cooling_stay_within_the_heaters_rates(commands):
    bath, end = commanded(commands)
    t = np.linspace(0.0, end + 3000.0, 400)
    slopes = np.diff([bath.wall(x) for x in t]) / np.diff(t) * 60.0
    drift = (200.0 - 22.0) / 3600.0 * 60.0  # switched off, the hottest bath loses heat this fast
    assert slopes.max() <= 8.0 + 1e-6
    assert slopes.min() >= -max(3.0, drift) - 1e-6


def test_heating_takes_the_time_of_the_ramp_and_does_not_overshoot():
    bath = zone()
    bath.set_goal(0.0, 90.0)
    assert bath.wall(60.0) == pytest.approx(30.0)  # 8 K/min
    seconds = np.arange(0.0, 1200.0)
    wall = np.array([bath.wall(t) for t in seconds])
    assert wall.max() <= 90.0
    assert 510.0 < seconds[np.argmax(wall > 89.5)] < 600.0
    assert bath.wall(1e4) == pytest.approx(90.0)


def test_the_liquid_follows_the_wall_as_its_equation_says():
    bath = zone()
    bath.set_goal(0.0, 60.0)
    bath.set_goal(150.0, 35.0)
    times = np.linspace(0.0, 500.0, 26)
    true = solve_ivp(
        lambda t, y: [(bath.wall(t) - y[0]) / 0.9],
        (0.0, 500.0), [22.0], t_eval=times, rtol=1e-9, atol=1e-9, max_step=1.0,
    ).y[0]  # fmt: skip
    assert [bath.liquid(t) for t in times] == pytest.approx(true, abs=1e-5)
    assert bath.liquids(times) == pytest.approx([bath.liquid(t) for t in times])


def test_switched_off_the_bath_drifts_to_ambient():
    bath = zone()
    bath.set_goal(0.0, 80.0)
    bath.set_goal(2000.0, None)
    assert bath.power(2000.0) == 0.0
    assert bath.wall(2000.0 + 3600.0) == pytest.approx(22.0 + 58.0 / np.e, rel=1e-3)
    assert bath.wall(1e6) == pytest.approx(22.0)


def test_power_is_full_on_the_ramp_and_pays_the_loss_at_the_goal():
    bath = zone()
    bath.set_goal(0.0, 82.0)
    assert bath.power(30.0) == pytest.approx(1.0)
    assert bath.power(5000.0) == pytest.approx(60.0 / 3600.0 * 60.0 / 8.0, rel=1e-3)
    bath.set_goal(5000.0, 40.0)
    assert bath.power(5010.0) < 0


def test_a_stuck_heater_goes_on_heating_whatever_the_goal():
    bath = zone()
    bath.set_goal(0.0, 50.0)
    bath.stick(1000.0, 1.0)
    bath.set_goal(1010.0, None)
    assert bath.wall(1600.0) > 110.0
    assert bath.power(1600.0) == 1.0
    bath.stick(1600.0, None)
    assert bath.wall(1e5) == pytest.approx(22.0)


def test_forgetting_the_past_leaves_present_and_future():
    bath, end = commanded([(10.0, 50.0), (500.0, 70.0), (900.0, 30.0)])
    then = [bath.liquid(end + s) for s in (-5.0, 0.0, 50.0, 5000.0)]
    bath.forget(end - 5.0)
    assert [bath.liquid(end + s) for s in (-5.0, 0.0, 50.0, 5000.0)] == then


def test_a_lag_equal_to_the_approach_time_still_has_a_solution():
    bath = Zone(HeaterSpec("block", approach_s=2.0), 0.0, 20.0, lag_s=2.0)
    bath.set_goal(0.0, 20.1)
    expected = 20.1 - 0.1 * np.exp(-1.5) * (1 + 1.5)  # critically lagged step, s = 3 s
    assert bath.liquid(3.0) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("mm", "lag"), [(0.5, 0.4), (0.8, 0.9), (1.0, 1.2), (1.6, 3.5)])
def test_the_wall_lag_is_the_tabulated_one(mm, lag):
    assert wall_lag_s(mm) == pytest.approx(lag)


def test_the_wall_lag_grows_with_the_tube_beyond_the_table():
    assert wall_lag_s(0.25) < 0.4 < 3.5 < wall_lag_s(3.0)


def test_the_thermostat_port_reads_what_it_was_told_to_hold():
    world, clock = heated(90.0)
    bath = world.heater("bath")
    assert bath.temperature_degc() == pytest.approx(90.0, abs=1e-6)
    assert 0 < bath.power_fraction() < 0.3
    bath.set_goal(None)
    clock.pass_(600.0)
    assert bath.temperature_degc() < 85.0


def test_noise_on_the_thermometer_is_small_and_not_zero():
    world, _ = rig(noise=True)
    bath = world.heater("bath")
    spread = np.std([bath.temperature_degc() for _ in range(400)])
    assert spread == pytest.approx(0.01, rel=0.2)
