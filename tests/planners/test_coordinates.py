"""What factors do to rates: which coordinates units give, and how they are counted."""

import numpy as np
import pytest

from planners.base import Categorical, Composition, Continuous, Discrete, Problem, Response
from planners.bayes.models.coordinates import GAS_CONSTANT, Coordinates
from planners.fixing import hold

TEMPERATURE = Continuous("temperature", 20.0, 120.0, "degC")
TIME = Continuous("residence_time", 1.0, 10.0, "min")
LOG_TIME = Continuous("residence_time", 1.0, 10.0, "min", "log")


def coordinates(*factors):
    return Coordinates(Problem(tuple(factors), (Response("yield"),)))


def moved(known, problem_factors, one, other):
    """The coordinates of one point less those of another."""
    problem = Problem(tuple(problem_factors), (Response("yield"),))
    rows = problem.features(np.array([problem.encode(one), problem.encode(other)]))
    return np.subtract(*known.of(rows))


def test_the_middle_has_no_coordinates_but_the_one():
    known = coordinates(TEMPERATURE, LOG_TIME)
    np.testing.assert_allclose(known.of(np.array([[0.5, 0.5]])), [[1.0, 0.0, 0.0]])


@pytest.mark.parametrize(("unit", "zero"), [("degC", 273.15), ("K", 0.0)])
def test_an_activation_energy_is_the_slope_over_temperature(unit, zero):
    factors = (Continuous("t", 300.0, 400.0, unit), TIME)
    gap = moved(
        coordinates(*factors),
        factors,
        {"t": 400.0, "residence_time": 2.0},
        {"t": 300.0, "residence_time": 2.0},
    )
    rates = np.exp(-60.0 / GAS_CONSTANT / (np.array([400.0, 300.0]) + zero))
    assert 60.0 * gap[1] == pytest.approx(np.log(rates[0] / rates[1]))


@pytest.mark.parametrize("time", [TIME, LOG_TIME])
def test_the_order_is_the_slope_over_time_on_any_scale(time):
    factors = (TEMPERATURE, time)
    gap = moved(
        coordinates(*factors),
        factors,
        {"temperature": 50.0, "residence_time": 8.0},
        {"temperature": 50.0, "residence_time": 2.0},
    )
    np.testing.assert_allclose(gap, [0.0, 0.0, np.log(4.0)], atol=1e-12)


def test_discrete_amounts_count_by_their_logarithm():
    factors = (TIME, Discrete("equivalents", (1.0, 1.25, 3.0)))
    gap = moved(
        coordinates(*factors),
        factors,
        {"residence_time": 2.0, "equivalents": 3.0},
        {"residence_time": 2.0, "equivalents": 1.25},
    )
    assert gap[2] == pytest.approx(np.log(3.0 / 1.25))


def test_flows_rule_the_time_together_and_the_amounts_by_their_shares():
    pumps = [Continuous(name, 0.0, 2.0, "mL/min") for name in ("a", "b")]
    known = coordinates(*pumps)
    gap = moved(known, pumps, {"a": 1.0, "b": 0.5}, {"a": 0.5, "b": 0.5})
    np.testing.assert_allclose(gap[1:], [-np.log(1.5), np.log(4 / 3), -np.log(1.5)])
    assert known.timed
    assert np.isfinite(known.of(np.zeros((1, 2)))).all()  # pumps that stand


def test_flows_on_a_logarithmic_scale_count_the_same():
    even, log = (
        [Continuous(name, 0.5, 2.0, "mL/min", scale) for name in ("a", "b")]
        for scale in ("none", "log")
    )
    one, other = {"a": 1.0, "b": 0.5}, {"a": 0.7, "b": 1.8}
    np.testing.assert_allclose(
        moved(coordinates(*log), log, one, other), moved(coordinates(*even), even, one, other)
    )


@pytest.mark.parametrize("unit", ["degC", "K"])
def test_temperatures_on_a_reciprocal_scale_count_the_same(unit):
    factors = [
        (Continuous("t", 290.0, 390.0, unit, scale), TIME)
        for scale in ("none", "reciprocal_kelvin")
    ]
    one, other = {"t": 300.0, "residence_time": 2.0}, {"t": 370.0, "residence_time": 2.0}
    gaps = [moved(coordinates(*pair), pair, one, other) for pair in factors]
    np.testing.assert_allclose(*gaps)


def test_flows_in_other_units_are_added_up_as_what_they_are():
    plain = [Continuous("a", 0.1, 1.0, "mL/min"), Continuous("b", 0.2, 2.0, "mL/min")]
    mixed = [Continuous("a", 100.0, 1000.0, "uL/min"), Continuous("b", 12.0, 120.0, "mL/h", "log")]
    one = moved(coordinates(*plain), plain, {"a": 0.1, "b": 2.0}, {"a": 1.0, "b": 0.2})
    other = moved(coordinates(*mixed), mixed, {"a": 100.0, "b": 120.0}, {"a": 1000.0, "b": 12.0})
    assert other == pytest.approx(one)


def test_one_flow_is_the_time_alone():
    pump = Continuous("flow", 0.5, 2.0, "mL/min")
    gap = moved(coordinates(pump), [pump], {"flow": 0.5}, {"flow": 2.0})
    np.testing.assert_allclose(gap, [0.0, np.log(4.0)], atol=1e-12)


def test_what_may_be_nothing_or_varies_little_counts_as_it_is():
    factors = (TIME, Continuous("water", 0.0, 0.6), Continuous("ph", 7.0, 8.0))
    known = coordinates(*factors)
    np.testing.assert_allclose(known.of(np.array([[0.5, 1.0, 0.25]]))[0, 2:], [0.5, -0.25])


def test_names_and_mixtures_have_none():
    known = coordinates(
        Categorical("base", ("a", "b", "c")), TIME, Composition("solvent", ("x", "y"))
    )
    assert len(known.effects) == 1
    assert known.of(np.full((2, 6), 0.5)).shape == (2, 2)


def test_a_held_factor_keeps_them_for_the_runs_before():
    problem = Problem((TEMPERATURE, LOG_TIME), (Response("yield"),))
    held = Coordinates(hold(problem, {"residence_time": 2.0}))
    rows = np.array([[0.2, 0.1], [0.2, 0.9]])
    np.testing.assert_allclose(held.of(rows), Coordinates(problem).of(rows))


@pytest.mark.parametrize(
    ("factor", "timed"),
    [
        (TIME, True),
        (Continuous("t", 10.0, 60.0, "s"), True),
        (Continuous("t", 0.0, 60.0, "s"), False),  # no logarithm of nothing
        (Continuous("t", 1.0, 6.0), False),  # of what unit?
        (Continuous("flow", 0.1, 2.0, "uL/min"), True),
        (TEMPERATURE, False),
    ],
)
def test_a_clock_is_a_time_or_a_flow(factor, timed):
    assert coordinates(factor).timed is timed


def test_a_temperature_without_unit_is_known_by_its_transform():
    factors = (Continuous("t", 20.0, 120.0, transform="reciprocal_kelvin"), TIME)
    gap = moved(
        coordinates(*factors),
        factors,
        {"t": 80.0, "residence_time": 2.0},
        {"t": 30.0, "residence_time": 2.0},
    )
    assert gap[1] == pytest.approx((1 / 303.15 - 1 / 353.15) / GAS_CONSTANT)


def test_a_time_in_another_spelling_is_a_clock():
    assert coordinates(TEMPERATURE, Continuous("residence_time", 1.0, 10.0, "minutes")).timed
    assert not coordinates(TEMPERATURE, Continuous("residence_time", 1.0, 10.0, "weeks")).timed


def test_factors_without_units_are_known_by_their_names():
    plain = (Continuous("temperature", 20.0, 120.0), Continuous("residence_time", 1.0, 10.0))
    rows = np.array([[0.1, 0.3], [0.8, 0.9]])
    np.testing.assert_allclose(
        coordinates(*plain).of(rows), coordinates(TEMPERATURE, TIME).of(rows)
    )


def test_a_temperature_on_a_reciprocal_scale_is_in_degc_whatever_its_range():
    hot = Continuous("temperature", 260.0, 360.0, transform="reciprocal_kelvin")
    same = Continuous("temperature", 260.0, 360.0, "degC", "reciprocal_kelvin")
    rows = np.array([[0.1, 0.3], [0.8, 0.9]])
    np.testing.assert_allclose(coordinates(hot, TIME).of(rows), coordinates(same, TIME).of(rows))


@pytest.mark.parametrize(
    ("factor", "heated"),
    [(TEMPERATURE, True), (Continuous("temperature", 20.0, 80.0), True), (TIME, False)],
)
def test_a_temperature_heats(factor, heated):
    assert coordinates(factor).heated is heated
