"""A process around a kinetic law: what it learns, how sure it is, and whether it is believed."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from planners.base import Continuous, Measured, Observation, Problem, Response
from planners.bayes import Bayes
from planners.bayes.models.coordinates import GAS_CONSTANT, Coordinates
from planners.bayes.models.law import Law
from planners.bayes.models.priors import Layout, Priors
from planners.bayes.models.process import GaussianProcess, fit
from planners.bayes.models.scale import Scale
from planners.bayes.models.space import Space
from planners.bayes.models.surrogate import Lessons, model
from planners.bayes.models.trend import Trend, follow
from planners.bayes.models.views import viewed
from planners.measure import ANY
from planners.suggest import generator

PROBLEM = Problem(
    (
        Continuous("temperature", 20.0, 120.0, "degC"),
        Continuous("residence_time", 1.0, 10.0, "min", "log"),
        Continuous("equivalents", 1.0, 4.0),
    ),
    (Response("yield"),),
)
COORDINATES = Coordinates(PROBLEM)
LAYOUT = Layout(np.arange(3))
FORMS, DECAYS = 62.0, 88.0  # kJ/mol


def consecutive(rows):
    """Yield of the intermediate of A -> B -> C in plug flow, %, at rows of the unit cube."""
    kelvin, time = 293.15 + 100.0 * rows[:, 0], 10.0 ** rows[:, 1]
    heat = (1.0 / 343.15 - 1.0 / kelvin) / GAS_CONSTANT
    k1 = 0.4 * (1.0 + 3.0 * rows[:, 2]) ** 0.7 * np.exp(FORMS * heat)
    k2 = 0.05 * np.exp(DECAYS * heat)
    return 100.0 * k1 / (k2 - k1) * (np.exp(-k1 * time) - np.exp(-k2 * time))


def bumps(rows):
    return 50.0 + 20.0 * np.sin(9.0 * rows[:, 0]) + 20.0 * np.cos(8.0 * rows[:, 1])


def runs(truth, n, seed, noise=0.5):
    """Rows, outcomes on a plain scale, and the scale."""
    rng = np.random.default_rng(seed)
    rows = rng.random((n, 3))
    values = np.maximum(truth(rows) + noise * rng.normal(size=n), 0.01)
    return rows, values, Scale(False, float(values.mean()), float(values.std()), 1.0)


def followed(truth, n, seed):
    x, values, scale = runs(truth, n, seed)
    y = scale.forward(values)
    laws = [Law(COORDINATES, scale, COORDINATES.amounts(ANY), (x, values))]
    return x, y, scale, laws


def believed(truth, n, seed):
    """The plain process, what is made of it with a law, and the scale."""
    x, y, scale, laws = followed(truth, n, seed)
    plain, surprise = fit(x, y, np.zeros(n), LAYOUT, Priors())
    return plain, viewed(plain, surprise, laws, np.arange(3)), scale


def errors(process, truth, scale):
    at = np.random.default_rng(99).random((500, 3))
    return float(np.sqrt(np.mean((process.predict(at)[0] - scale.forward(truth(at))) ** 2)))


def test_a_reaction_is_foretold_from_few_runs_far_better_than_by_the_plain_view():
    ratios: list[float] = []
    for seed in range(8):
        plain, found, scale = believed(consecutive, 12, seed)
        ratios.append(errors(found, consecutive, scale) / errors(plain, consecutive, scale))
    assert max(ratios) < 1.0
    assert np.mean(ratios) < 0.5


@pytest.mark.parametrize("seed", range(4))
def test_where_no_reaction_is_at_work_no_law_is_believed(seed):
    _, found, _ = believed(bumps, 30, seed)
    assert found.lawful < 0.5


def test_activation_energies_are_learned():
    x, y, _, laws = followed(consecutive, 40, 0)
    trend, _ = follow(x, y, np.zeros(40), LAYOUT, laws)
    assert trend.constants[5] == pytest.approx(FORMS, abs=15.0)
    assert trend.constants[9] == pytest.approx(DECAYS, abs=20.0)


def test_of_a_waste_and_its_reciprocal_the_law_that_fits_is_followed():
    rng = np.random.default_rng(0)
    x = rng.random((15, 3))
    values = 1.0 / np.maximum(consecutive(x) / 100.0, 0.02)
    scale = Scale(True, float(np.log(values).mean()), float(np.log(values).std()), -1.0, 1e-3)
    laws = [
        Law(COORDINATES, scale, COORDINATES.amounts(ANY), (x, values), power)
        for power in (1.0, -1.0)
    ]
    trend, _ = follow(x, scale.forward(values), np.zeros(15), LAYOUT, laws)
    assert trend.law.power == -1.0


def by_hand(n=14):
    """A trend at given constants and hyper-parameters, and what it is made of."""
    x, y, _, laws = followed(consecutive, n, 3)
    means, sds = laws[0].means, laws[0].sds
    constants = means + 0.2 * np.random.default_rng(1).normal(size=len(means)) * sds
    logs = np.log([0.6, 0.9, 1.5, 1e-3, 0.1, 0.01])
    expected, _ = laws[0].expected(constants, COORDINATES.of(x))
    rest = GaussianProcess(x, y - expected, np.zeros(n), LAYOUT, logs)
    return Trend(laws[0], constants, y, rest), laws[0], logs


def test_mean_and_covariance_are_those_of_the_linear_law_in_the_kernel():
    trend, law, logs = by_hand()
    means, sds = law.means, law.sds
    at = np.random.default_rng(5).random((6, 3))
    both = np.vstack([trend.x, at])
    expected, slopes = law.expected(trend.constants, COORDINATES.of(both))
    prior = expected + slopes @ (means - trend.constants)
    kernel = LAYOUT.kernel(logs)
    covariance = (slopes * sds**2) @ slopes.T + kernel.between(both, both)
    n = len(trend.x)
    noisy = covariance[:n, :n] + (0.01 + 1e-8) * np.eye(n)
    gain = covariance[n:, :n] @ np.linalg.inv(noisy)
    mean, joint = trend.moments(at)
    np.testing.assert_allclose(mean, prior[n:] + gain @ (trend.y - prior[:n]), atol=1e-6)
    np.testing.assert_allclose(joint, covariance[n:, n:] - gain @ covariance[:n, n:], atol=1e-6)
    np.testing.assert_allclose(trend.predict(at)[0], mean, atol=1e-9)
    np.testing.assert_allclose(trend.predict(at)[1] ** 2, np.diag(joint), atol=1e-8)


def test_where_the_law_is_linear_the_surprise_is_exact():
    """With a law that is linear in its constants, Laplace's method has no error."""

    class Linear(Law):
        def expected(self, constants, terms):
            slopes = np.hstack([terms, np.zeros((len(terms), 2 * terms.shape[1]))])
            return slopes @ constants, slopes

    x, y, scale, _ = followed(consecutive, 12, 0)
    law = Linear(COORDINATES, scale, COORDINATES.amounts(ANY), (np.full((1, 3), 0.5), np.ones(1)))
    trend, surprise = follow(x, y, np.zeros(12), LAYOUT, [law])
    logs = trend.rest.log_parameters
    means, sds = law.means, law.sds
    terms = COORDINATES.of(x)
    covariance = LAYOUT.kernel(logs)(x) + 1e-8 * np.eye(12)
    covariance += (terms * sds[:4] ** 2) @ terms.T
    likely = multivariate_normal(terms @ means[:4], covariance).logpdf(y)
    centres, widths = Priors(variance=(-3.0, 1.5)).moments(LAYOUT)
    rarity = 0.5 * (((logs - centres) / widths) ** 2).sum()
    assert surprise == pytest.approx(rarity - likely, abs=1e-3)


def test_hearing_of_a_run_moves_the_constants_and_removes_the_doubt():
    trend, _, _ = by_hand()
    at = np.array([[0.9, 0.9, 0.9]])
    before, after = trend.predict(at), trend.believing(at).predict(at)
    assert after[0][0] == pytest.approx(before[0][0], abs=1e-6)
    assert after[1][0] < 0.5 * before[1][0]
    surprised = trend.hearing(at, before[0] + 1.0, np.zeros(1))
    assert surprised.predict(at)[0][0] > before[0][0] + 0.5


def test_shorter_length_scales_make_it_less_sure():
    trend, _, _ = by_hand()
    at = np.array([[0.5, 0.5, 0.5]])
    assert trend.rescaled(0.3).predict(at)[1][0] > trend.predict(at)[1][0]


def test_a_run_left_out_is_foretold_from_the_others_with_its_noise():
    trend, _, _ = by_hand()
    rest = trend.given(trend.x[1:], trend.y[1:], np.zeros(13))
    mean, sd = rest.predict(trend.x[:1])
    left_out = [float(values[0]) for values in trend.left_out()]
    assert left_out[0] == pytest.approx(float(mean[0]))
    assert left_out[1] == pytest.approx(float(np.sqrt(sd[0] ** 2 + 0.01)))


def test_of_many_runs_a_part_decides_and_all_predict():
    x, y, _, laws = followed(consecutive, 200, 0)
    trend, _ = follow(x, y, np.zeros(200), LAYOUT, laws)
    assert len(trend.x) == 200


def test_equal_runs_do_not_break_it():
    x = np.repeat(np.array([[0.2, 0.3, 0.4], [0.8, 0.3, 0.4]]), 5, axis=0)
    scale = Scale(False, 50.0, 20.0, 1.0)
    law = Law(COORDINATES, scale, COORDINATES.amounts(ANY), (x, np.full(10, 70.0)))
    trend, _ = follow(x, np.repeat([-1.0, 1.0], 5), np.zeros(10), LAYOUT, [law])
    assert trend.predict(x[:1])[0][0] == pytest.approx(-1.0, abs=0.2)


WIDE = (Continuous("temperature", -270.0, 2000.0, "degC"), Continuous("t", 1e-9, 1e9, "s", "log"))
PUMPS = (Continuous("a", 0.0, 2.0, "mL/min"), Continuous("b", 0.0, 2.0, "mL/min"))


@pytest.mark.parametrize("factors", [WIDE, PUMPS, PROBLEM.factors])
@pytest.mark.parametrize("goal", ["maximise", "minimise"])
@pytest.mark.parametrize(
    "outcomes",
    [
        lambda rng: 1.0 + 1e-9 * rng.normal(size=9),
        lambda rng: 10.0 ** rng.uniform(-12.0, 12.0, 9),
        lambda rng: 1e100 * rng.random(9),
        lambda rng: 1e-100 * rng.random(9),
        lambda rng: np.where(rng.random(9) < 0.7, 0.0, rng.random(9)),
        lambda rng: np.full(9, 5.0),
    ],
)
def test_outcomes_of_any_size_are_answered_with_numbers(factors, goal, outcomes):
    problem, rng = Problem(factors, (Response("y", goal),)), np.random.default_rng(0)
    points = [problem.scale(row) for row in rng.random((9, len(factors)))]
    values = outcomes(rng)
    history = [
        Observation(p, {"y": Measured(float(v))}) for p, v in zip(points, values, strict=True)
    ]
    (found,) = Bayes().propose(problem, history, 1, generator(0, 9))
    assert not problem.faults(found.point)
    assert np.isfinite([found.predicted["y"].mean, found.predicted["y"].sd]).all()


def test_a_response_of_a_reactor_is_modelled_with_its_law():
    rows, values, _ = runs(consecutive, 12, 0)
    history = [
        Observation(PROBLEM.scale(row), {"yield": Measured(float(value))})
        for row, value in zip(rows, values, strict=True)
    ]
    found = model(Space(PROBLEM), PROBLEM.responses[0], Lessons(history))
    at = found.process
    assert isinstance(at, Trend) or isinstance(at.second, Trend)  # type: ignore[attr-defined]


def test_whoever_doubts_it_doubts_the_law():
    trend, _, _ = by_hand()
    stretched = (trend, *(trend.rescaled(by) for by in (1 / 1.5, 0.1, 2.0)))
    own, once, often, long = (float(t.rest.variances(t.x[:1])[0]) for t in stretched)
    assert own < once <= often
    assert often < 1.1  # never more than all outputs vary
    assert long < own
