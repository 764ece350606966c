"""Acquisition functions against brute force, and far out where floats end."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from planners.bayes import acquisition as aq
from planners.bayes.growth import Growth, front
from planners.bayes.models.surrogate import Scale

DRAWS = np.random.default_rng(0).normal(size=(200_000, 3))


@pytest.mark.parametrize("z", [-30.0, -8.0, -5.0, -1.0, 0.0, 2.0, 9.0])
def test_log_expected_improvement_is_the_integral(z):
    def part(x):
        return np.exp(norm.logpdf(x + z) - norm.logpdf(z)) * x if z < 0 else norm.pdf(x - z) * x

    if z < 0:  # E[max(z + e, 0)] / phi(z), so that nothing underflows
        whole = quad(lambda x: x * np.exp(-0.5 * x * x + z * x), 0, 60)[0]
        expected = np.log(whole) + norm.logpdf(z)
    else:
        expected = np.log(quad(part, 0, 60, points=[z])[0])
    got = aq.log_expected_improvement(np.array([2.0 * z]), np.array([2.0]), 0.0)[0]
    assert got == pytest.approx(expected + np.log(2.0), abs=1e-6)


@pytest.mark.parametrize(("mean", "sd"), [(0.5, 0.3), (3.0, 2.0), (-2.0, 0.7), (1.5, 0.01)])
def test_nothing_is_gained_beyond_the_best_there_can_be(mean, sd):
    def part(y):
        return (min(y, 1.0) - 0.2) * norm.pdf(y, mean, sd)

    expected = quad(part, 0.2, 1.0)[0] + 0.8 * norm.sf(1.0, mean, sd)
    found = aq.log_expected_improvement(np.array([mean]), np.array([sd]), 0.2, top=1.0)[0]
    assert found == pytest.approx(np.log(expected), abs=1e-6)


def test_where_the_best_is_known_the_chance_to_be_better_decides():
    means, sds = np.array([1.2, 1.0, -5.0]), np.array([0.1, 2.0, 2.0])
    found = aq.log_expected_improvement(means, sds, 1.0, top=1.0)
    np.testing.assert_allclose(
        found - found[1], norm.logsf(1.0, means, sds) - np.log(0.5), atol=0.05
    )


@given(st.floats(-1e4, 50))
def test_log_expected_improvement_rises_with_the_mean(z):
    low, high = aq.log_expected_improvement(np.array([z, z + 0.01]), np.ones(2), 0.0)
    assert np.isfinite(low)
    assert low < high


@pytest.mark.parametrize(
    ("mean", "low", "high"), [(0.0, -1.0, 1.0), (5.0, -1.0, 1.0), (-9.0, 0.0, 3.0)]
)
def test_log_probability_of_a_range_is_the_integral(mean, low, high):
    edges = np.array([low - mean, high - mean])
    share = -np.diff(norm.sf(edges)) if low > mean else np.diff(norm.cdf(edges))
    expected = np.log(share[0])
    got = aq.log_probability_between(np.array([mean]), np.ones(1), low, high)[0]
    assert got == pytest.approx(expected, rel=1e-6)


def test_log_probability_far_from_the_range_still_has_a_slope():
    near, far = aq.log_probability_between(np.array([50.0, 60.0]), np.ones(2), 0.0, 1.0)
    assert np.isfinite(far)
    assert far < near


def test_the_front_leaves_out_what_is_beaten():
    points = np.array([[1.0, 1.0], [2.0, 0.0], [0.5, 0.5], [0.0, 3.0], [2.0, -1.0]])
    np.testing.assert_array_equal(points[front(points)], [[2.0, 0.0], [1.0, 1.0], [0.0, 3.0]])


def volume(points, reference):
    """Return the dominated area by counting strips, the plain way."""
    above = points[np.all(points > reference, axis=1)]
    edge = above[front(above)]
    if not len(edge):
        return 0.0
    floors = np.concatenate([[reference[1]], edge[:-1, 1]])
    return float(((edge[:, 0] - reference[0]) * (edge[:, 1] - floors)).sum())


@pytest.mark.parametrize("seed", range(4))
def test_expected_hypervolume_improvement_is_the_average_over_draws(seed):
    rng = np.random.default_rng(seed)
    known, reference = rng.normal(size=(6, 2)), np.array([-1.5, -1.5])
    mean, sd = rng.normal(size=2), 0.3 + rng.random(2)
    got = np.exp(Growth(known, reference).log(mean[None], sd[None])[0])
    before = volume(known, reference)
    gains = [
        volume(np.vstack([known, mean + sd * e]), reference) - before for e in DRAWS[:4000, :2]
    ]
    assert got == pytest.approx(np.mean(gains), abs=4 * np.std(gains) / np.sqrt(4000))


def stacked(points, reference):
    """Return the volume that three goals dominate, as a stack of areas."""
    levels = np.unique(points[points[:, 2] > reference[2], 2])
    floors = np.concatenate([reference[2:], levels[:-1]])
    areas = [volume(points[points[:, 2] >= level, :2], reference[:2]) for level in levels]
    return float(((levels - floors) * areas).sum())


@pytest.mark.parametrize("seed", range(4))
def test_so_it_is_of_three_goals(seed):
    rng = np.random.default_rng(seed)
    known, reference = rng.normal(size=(9, 3)), np.full(3, -1.5)
    mean, sd = 0.7 * rng.normal(size=3) + 0.4, 0.1 + 0.4 * rng.random(3)
    got = np.exp(Growth(known, reference).log(mean[None], sd[None])[0])
    before, draws = stacked(known, reference), mean + sd * DRAWS[:2000]
    gains = [stacked(np.vstack([known, draw]), reference) - before for draw in draws]
    assert got == pytest.approx(np.mean(gains), abs=4 * np.std(gains) / np.sqrt(2000))


def test_a_run_of_three_goals_that_is_sure_adds_what_it_dominates():
    known = np.array([[1.0, 1.0, 3.0], [3.0, 1.0, 1.0], [1.0, 3.0, 1.0], [0.5, 0.5, 0.5]])
    above = Growth(known, np.zeros(3))
    sure = np.full((3, 3), 1e-9)
    means = np.array([[2.0, 2.0, 2.0], [0.9, 0.9, 2.9], [4.0, 2.0, 0.5]])
    found = np.exp(above.log(means, sure))
    # 8 less three arms of 2 that share a cube of 1; nothing; 4 less what two arms hold of it
    np.testing.assert_allclose(found, [4.0, 0.0, 2.0], atol=1e-6)


def test_nothing_known_above_the_reference_leaves_the_whole_quadrant():
    above = Growth(np.array([[-1.0, -1.0]]), np.zeros(2))
    got = above.log(np.ones((1, 2)), np.full((1, 2), 1e-6))
    assert np.exp(got[0]) == pytest.approx(1.0, rel=1e-4)


def test_a_point_better_in_every_objective_is_worth_more_when_scalarised():
    known = np.random.default_rng(1).random((10, 3))
    mean, sd = np.array([[1.2, 1.2, 1.2], [0.2, 0.2, 0.2]]), np.full((2, 3), 0.1)
    weights = np.full(3, 1 / 3)
    endless = np.full(3, np.inf)
    better, worse = aq.log_scalarised_improvement(mean, sd, known, weights, DRAWS[:64], endless)
    assert better > worse
    assert np.isfinite(worse)
    at_most = np.full(3, 1.1)
    capped, same = aq.log_scalarised_improvement(mean, sd, known, weights, DRAWS[:64], at_most)
    assert worse < capped < better
    assert same == worse


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("logarithm", [True, False])
def test_the_expected_gain_over_a_bound_is_that_of_many_draws_in_the_responses_own_unit(
    sign, logarithm
):
    scale = Scale(logarithm, 0.7, 0.6, sign, 0.1 if logarithm else 0.0)
    mean, sd, bound = 0.3, 0.8, 0.5
    draws = mean + sd * np.random.default_rng(0).normal(size=400_000)
    values = np.array([scale.plain(z) for z in draws[:20_000]])
    gains = np.maximum(sign * (values - scale.plain(bound)), 0.0)
    unit = scale.spread * (np.exp(scale.centre) if logarithm else 1.0)
    found = scale.shortfall(np.array([mean]), np.array([sd]), np.array([bound]))[0]
    assert found == pytest.approx(gains.mean() / unit, rel=0.05)
    limits = {"high": scale.plain(0.8)} if sign > 0 else {"low": scale.plain(0.8), "high": 1e9}
    limited = replace(scale, **limits)
    within = np.minimum(gains, sign * (scale.plain(0.8) - scale.plain(bound)))
    found = limited.shortfall(np.array([mean]), np.array([sd]), np.array([bound]))[0]
    assert found == pytest.approx(within.mean() / unit, rel=0.05)
    assert limited.own(np.array([3.0])) == pytest.approx(scale.own(np.array([0.8])))
    steps = scale.own(np.array([bound, mean]))
    plain = sign * (scale.plain(mean) - scale.plain(bound)) / unit
    assert steps[1] - steps[0] == pytest.approx(plain)


@pytest.mark.parametrize(
    ("mean", "sd", "gap"),
    [(0.0, 1.0, 0.5), (2.0, 0.7, 1.5), (-4.0, 1.0, 2.0), (1.3, 0.01, 1.0), (1.3, 1.0, 0.001)],
)
def test_nearing_is_the_mean_of_how_much_nearer_outcomes_are(mean, sd, gap):
    y = np.linspace(1.0 - gap, 1.0 + gap, 400_001)
    density = np.exp(-0.5 * ((y - mean) / sd) ** 2) / sd / np.sqrt(2 * np.pi)
    wanted = np.sum((gap - np.abs(y - 1.0)) * density) * (y[1] - y[0])
    got = aq.log_expected_nearing(np.array([mean]), np.array([sd]), 1.0, gap)[0]
    assert np.exp(got) == pytest.approx(wanted, rel=1e-6)


def test_nearing_keeps_its_order_where_no_float_is_left():
    far = aq.log_expected_nearing(np.array([90.0, 60.0, 50.0, 40.0]), np.ones(4), 0.0, 1.0)
    assert np.all(np.isfinite(far))
    assert np.all(np.diff(far) > 0)
