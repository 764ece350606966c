"""The kinetic law: its slopes, its limiting cases, and who may follow it."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from planners.base import Continuous, Problem, Response
from planners.bayes.models.coordinates import GAS_CONSTANT, Coordinates
from planners.bayes.models.law import Law
from planners.bayes.models.scale import scales
from planners.bayes.models.views import laws
from planners.measure import ANY, CONTENT, OUTPUT, SHARE

PROBLEM = Problem(
    (
        Continuous("temperature", 20.0, 120.0, "degC"),
        Continuous("residence_time", 1.0, 10.0, "min", "log"),
    ),
    (Response("yield"),),
)
COORDINATES = Coordinates(PROBLEM)
VALUES = np.array([3.0, 20.0, 45.0, 80.0, 60.0])
PLAIN, LOGARITHM = scales(PROBLEM.responses[0], VALUES)


def law_of(scale, value, power=1.0):
    """The law of one run in the middle."""
    runs = np.full((1, 2), 0.5), np.array([value])
    return Law(COORDINATES, scale, COORDINATES.amounts(ANY), runs, power)


def terms(n=6, seed=0):
    return COORDINATES.of(np.random.default_rng(seed).random((n, 2)))


@pytest.mark.parametrize("scale", [PLAIN, LOGARITHM])
@pytest.mark.parametrize("power", [1.0, -1.0])
@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.7])
def test_slopes_are_those_of_differences(scale, power, shift):
    law = law_of(scale, 80.0 if power > 0 else 3.0, power)
    means, sds = law.means, law.sds
    constants, at = means + shift * sds, terms()
    expected, slopes = law.expected(constants, at)
    assert slopes.shape == (6, 9)
    for row in range(6):
        gaps = approx_fprime(constants, lambda c, r=row: law.expected(c, at)[0][r], 1e-7)
        np.testing.assert_allclose(slopes[row], gaps, rtol=1e-4, atol=1e-5)
    assert np.isfinite(expected).all()


def constants(amount, made, lost):
    """Constants of a law without slopes but for time's."""
    return np.array([np.log(amount), 0, 0, np.log(made), 0, 1, np.log(lost), 0, 1])


def test_made_without_loss_it_is_the_conversion_in_plug_flow():
    law = law_of(PLAIN, 80.0)
    at = COORDINATES.of(np.array([[0.5, 0.0], [0.5, 0.5], [0.5, 1.0]]))
    expected, _ = law.expected(constants(90.0, 1.0, 1e-12), at)
    times = np.sqrt(10.0) ** np.array([-1.0, 0.0, 1.0])  # over that in the middle
    np.testing.assert_allclose(expected, PLAIN.forward(90.0 * (1 - np.exp(-times))), rtol=1e-9)


def test_complete_and_lost_again_it_dies_exponentially():
    law = law_of(PLAIN, 80.0)
    at = COORDINATES.of(np.array([[0.5, 0.25], [0.5, 1.0]]))
    expected, _ = law.expected(constants(90.0, 1e6, 0.3), at)
    times = np.sqrt(10.0) ** np.array([-0.5, 1.0])
    np.testing.assert_allclose(expected, PLAIN.forward(90.0 * np.exp(-0.3 * times)), rtol=1e-9)


def test_an_activation_energy_is_one():
    law = law_of(LOGARITHM, 80.0)
    slow = np.array([np.log(90.0), 0, 0, np.log(1e-5), 60.0, 1, -20.0, 0, 1])
    at = COORDINATES.of(PROBLEM.features(np.array([[0.3, 0.5], [0.6, 0.5]])))
    cold, warm = 90.0 * 1e-5 * np.exp(60.0 * at[:, 1])
    ratio = np.exp(60.0 / GAS_CONSTANT * (1 / 323.15 - 1 / 353.15))
    assert warm / cold == pytest.approx(ratio)
    expected, _ = law.expected(slow, at)
    np.testing.assert_allclose(expected, LOGARITHM.forward(np.array([cold, warm])), rtol=1e-4)


@pytest.mark.parametrize("power", [1.0, -1.0])
def test_nothing_is_beyond_arithmetic(power):
    law = law_of(LOGARITHM, 80.0 if power > 0 else 3.0, power)
    means, sds = law.means, law.sds
    for shift in (-100.0, 100.0):
        for value in law.expected(means + shift * sds, terms()):
            assert np.isfinite(value).all()


WASTE = Response("waste", "minimise")
MORE = (Continuous("equivalents", 1.0, 4.0), Continuous("water", 0.0, 0.5))
NO_CLOCK = Coordinates(Problem(PROBLEM.factors[:1], PROBLEM.responses))
ONLY_WARM = Coordinates(Problem((PROBLEM.factors[0], MORE[0]), PROBLEM.responses))
ONLY_AMOUNTS = Coordinates(Problem(MORE, PROBLEM.responses))
ONLY_A_CLOCK = Coordinates(Problem(PROBLEM.factors[1:], PROBLEM.responses))


@pytest.mark.parametrize(
    ("coordinates", "response", "values", "powers"),
    [
        (COORDINATES, PROBLEM.responses[0], VALUES, [1.0]),
        (COORDINATES, WASTE, VALUES, [1.0, -1.0]),
        (COORDINATES, WASTE, np.append(VALUES, 0.0), [1.0]),  # nothing has no reciprocal
        (COORDINATES, PROBLEM.responses[0], VALUES[:3], []),  # too few
        (COORDINATES, PROBLEM.responses[0], VALUES - 5.0, []),  # no amount is below nothing
        (COORDINATES, PROBLEM.responses[0], np.zeros(5), []),
        (NO_CLOCK, PROBLEM.responses[0], VALUES, []),
        (ONLY_A_CLOCK, PROBLEM.responses[0], VALUES, []),
        (ONLY_WARM, PROBLEM.responses[0], VALUES, [1.0]),
        (ONLY_AMOUNTS, PROBLEM.responses[0], VALUES, []),
    ],
)
def test_who_may_follow_a_law(coordinates, response, values, powers):
    rows = np.full((len(values), 5), 0.5)
    found = laws(coordinates, response, PLAIN, (rows, values))
    assert [law.power for law in found] == powers


WITH_AMOUNT = (*PROBLEM.factors, Continuous("concentration", 0.05, 0.5, "mol/L"))


@pytest.mark.parametrize("measure", [SHARE, CONTENT, OUTPUT])
def test_what_a_response_counts_says_how_its_amount_goes_with_time_and_concentration(measure):
    coordinates = Coordinates(Problem(WITH_AMOUNT, PROBLEM.responses))
    temperature, time, concentration = coordinates.amounts(measure)
    assert (time, concentration) == (measure.times, measure.concentrations)
    assert temperature == coordinates.amounts(ANY)[0]


def test_of_two_times_or_concentrations_nobody_has_said_with_which_one_an_output_goes():
    more = (Continuous("quench_time", 1, 5, "s"), Continuous("conc_b", 0.05, 0.5, "mol/L"))
    coordinates = Coordinates(Problem((*WITH_AMOUNT, *more), PROBLEM.responses))
    unclear = [ANY.times, ANY.concentrations] * 2
    assert coordinates.amounts(OUTPUT)[1:] == unclear
    none = [SHARE.times, SHARE.concentrations] * 2
    assert coordinates.amounts(SHARE)[1:] == none  # a yield goes with neither


def test_the_amount_is_expected_where_the_best_run_lets_expect_it_in_the_middle():
    coordinates = Coordinates(Problem(WITH_AMOUNT, PROBLEM.responses))
    rows = np.array(
        [[0.5, 0.0, 1.0], [0.5, 0.5, 0.5]]
    )  # the shortest time at 0.5 mol/L; the middle
    amounts = coordinates.amounts(OUTPUT)
    law = Law(coordinates, PLAIN, amounts, (rows, np.array([80.0, 7.0])))
    ceiling = np.exp(law.means[0])
    assert ceiling == pytest.approx(80.0 / np.sqrt(10.0) * 0.275 / 0.5)
    (found,) = laws(coordinates, Response("sty"), PLAIN, (rows.repeat(2, axis=0), VALUES[:4]))
    np.testing.assert_array_equal(found.means[2:4], [-1.0, 1.0])
