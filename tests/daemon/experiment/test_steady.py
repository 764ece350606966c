"""Steady state is found neither too early nor too late."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import steady_state as benchmark
from daemon.experiment.dispersion import (
    LAMINAR_THETA99,
    bodenstein,
    step_response,
    theta_at,
)
from daemon.experiment.steady import choose_rule, least_volumes, rule_a, rule_b, slope
from daemon.settings.models import ReactorSettings


@pytest.mark.parametrize(
    ("bo", "theta95", "theta99"),
    [
        (10, 1.85, 2.45),
        (20, 1.59, 1.95),
        (40, 1.40, 1.63),
        (80, 1.28, 1.42),
        (160, 1.19, 1.29),
        (320, 1.14, 1.20),
    ],
)
def test_the_step_response_has_the_times_of_the_fact_sheet(bo, theta95, theta99):
    assert theta_at(bo, 0.95) == pytest.approx(theta95, abs=0.01)
    assert theta_at(bo, 0.99) == pytest.approx(theta99, abs=0.01)


def test_the_step_response_solves_the_dispersion_equation():
    """Against finite volumes of c_t + c_x = c_xx / Bo with a long tube behind the outlet."""
    bo, n, length = 40.0, 1200, 3.0
    dx = length / n
    dt = 0.2 * min(dx, dx * dx * bo)
    c, steps = np.zeros(n), int(1.3 / dt)
    for _ in range(steps):
        upwind = np.concatenate(([1.0], c))  # flux at the left faces: plug flow in at c = 1
        ahead = np.concatenate((c, c[-1:]))
        flux = 0.5 * (upwind + ahead) - np.concatenate(([0.0], np.diff(ahead))) / (bo * dx)
        flux[0], flux[-1] = 1.0, c[-1]
        c = c - dt / dx * np.diff(flux)
    at = int(1.0 / dx)
    flux_c = 0.5 * (c[at] + c[at - 1]) - (c[at] - c[at - 1]) / (bo * dx)
    assert step_response(np.array([steps * dt]), bo)[0] == pytest.approx(flux_c, abs=5e-3)


@given(st.floats(0.5, 1e5))
def test_the_step_response_rises_from_nothing_to_all(bo):
    f = step_response(np.linspace(-0.5, 30.0, 200), bo)
    assert np.all(np.isfinite(f))
    assert np.all(np.diff(f) >= -1e-9)
    assert f[0] == 0.0


def test_a_tube_too_short_for_the_model_is_bounded_by_laminar_flow():
    assert theta_at(0.1) == LAMINAR_THETA99


def test_the_bodenstein_number_follows_the_short_cut_of_the_fact_sheet():
    reactor = ReactorSettings(volume_ml=5.0, inner_diameter_mm=0.8, thermostat="bath")
    for tau_min in (1.0, 5.0, 10.0):
        short_cut = 192 * 1e-9 * tau_min * 60 / 0.8e-3**2
        assert bodenstein(reactor, 5.0 / tau_min) == pytest.approx(short_cut, rel=0.01)


def test_the_bodenstein_number_does_not_depend_on_length():
    short = ReactorSettings(volume_ml=1.0, inner_diameter_mm=0.5, thermostat="bath")
    long = ReactorSettings(volume_ml=10.0, inner_diameter_mm=0.5, thermostat="bath")
    assert bodenstein(short, 0.5) == pytest.approx(bodenstein(long, 5.0), rel=1e-3)


def test_a_fast_analyser_gets_rule_a_and_a_slow_one_rule_b():
    assert choose_rule(acquisition_s=5.0, residence_time_s=600.0) == "A"
    assert choose_rule(acquisition_s=45.0, residence_time_s=60.0) == "B"


def test_slow_analysers_wait_two_volumes_or_more_and_three_when_dispersion_is_unknown():
    assert least_volumes("B", 1.3) == 2.0
    assert least_volumes("B", 2.4) == 2.4
    assert least_volumes("B", None) == least_volumes("A", None) == 3.0
    assert least_volumes("A", 1.3) == 1.3


def test_the_slope_and_its_error_are_those_of_least_squares():
    rng = np.random.default_rng(1)
    x = np.linspace(0.0, 1.0, 50)
    y = 2.0 + 0.5 * x + rng.normal(0, 0.1, 50)
    (b, _), covariance = np.polyfit(x, y, 1, cov=True)
    assert slope(x, y) == pytest.approx((b, np.sqrt(covariance[0, 0])), rel=1e-9)
    assert slope(x[:2], y[:2]) == (0.0, np.inf)
    assert slope(np.ones(5), y[:5]) == (0.0, np.inf)


def rising(bo=60.0, noise=0.0, until=4.0, n=120):
    theta = np.linspace(0.0, until, n)
    rng = np.random.default_rng(3)
    return theta, step_response(theta, bo) + noise * rng.standard_normal(n)


def test_a_flat_start_at_the_old_state_is_not_taken_for_steady():
    theta, y = rising()
    early = theta < 0.5
    assert rule_a(theta[early], y[early], theta_min=1.5, tolerance=0.02, scale=1.0) is None


def test_nothing_is_steady_without_readings():
    empty = np.array([])
    assert rule_a(empty, empty, theta_min=1.0, tolerance=0.02, scale=1.0) is None


def test_a_slope_beyond_the_tolerance_is_not_steady():
    theta = np.linspace(0.0, 3.0, 60)
    y = 0.5 + 0.03 * theta
    assert rule_a(theta, y, theta_min=1.0, tolerance=0.02, scale=1.0) is None
    assert rule_a(theta, y, theta_min=1.0, tolerance=0.04, scale=1.0).slope == pytest.approx(0.03)


def test_the_accepted_window_gives_mean_and_its_deviation():
    theta, y = rising(noise=0.002)
    found = rule_a(theta, y, theta_min=1.5, tolerance=0.02, scale=1.0)
    assert found.value == pytest.approx(1.0, abs=3 * found.sd + 1e-3)
    assert found.window >= 0.3
    assert found.readings >= 5


def test_two_samples_that_agree_are_enough():
    verdict = rule_b([0.250, 0.252], [0.001, 0.001])
    assert (verdict.accepted, verdict.more, verdict.used) == (True, False, 2)


def test_one_sample_is_never_enough():
    assert rule_b([0.25], [0.001]).more


def test_a_third_sample_is_asked_for_when_two_disagree():
    verdict = rule_b([0.200, 0.250], [0.001, 0.001])
    assert (verdict.accepted, verdict.more) == (False, True)


def test_a_third_sample_that_agrees_with_the_second_settles_it():
    verdict = rule_b([0.200, 0.250, 0.251], [0.001] * 3)
    assert (verdict.accepted, verdict.used) == (True, 2)


def test_three_samples_that_keep_rising_are_flagged():
    verdict = rule_b([0.200, 0.225, 0.250], [0.001] * 3)
    assert (verdict.accepted, verdict.more) == (False, False)
    assert "not steady" in verdict.reason


def test_a_difference_within_the_noise_is_no_drift():
    assert rule_b([0.0010, 0.0014], [0.0004, 0.0004]).accepted


def test_over_random_steps_rule_a_is_right_and_frugal():
    """A small edition of the benchmark; the figures of the note come from 1000 steps."""
    results = benchmark.run(120, seed=7)["results"]
    assert results["rule_a"]["wrong_percent"] <= 1.0
    assert results["rule_a"]["suspect_percent"] <= 1.0
    assert results["rule_a"]["fluid_to_floor"] <= 0.7
    assert results["rule_a_bo_5x_over"]["wrong_percent"] <= 1.0


@given(st.floats(0.01, 40.0), st.floats(0.1, 1e4))
def test_the_step_response_is_the_textbook_formula(theta, bo):
    from scipy.special import erfc, erfcx

    root = np.sqrt(bo / theta) / 2
    behind, ahead = root * (1 - theta), root * (1 + theta)
    expected = (erfc(behind) + np.exp(-(behind**2)) * erfcx(ahead)) / 2
    assert step_response(np.array([theta]), bo)[0] == pytest.approx(expected, abs=1e-8)
