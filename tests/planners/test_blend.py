"""A plain and a slanted view of a response: which is believed, and what both expect together."""

import numpy as np
import pytest

from planners.bayes.models.blend import Blend
from planners.bayes.models.priors import Layout, Priors
from planners.bayes.models.process import GaussianProcess, fit
from planners.bayes.models.views import with_ridge

NOISE = 0.02


def runs(truth, n, columns, seed):
    """Rows ``(n, columns)``, standardised outcomes, and how to standardise others."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, columns))
    y = truth(x) + NOISE * rng.normal(size=n)
    return x, (y - y.mean()) / y.std(), lambda values: (values - y.mean()) / y.std()


def believed(x, y):
    """The plain process, and what is made of it."""
    columns = np.arange(x.shape[1])
    plain, surprise = fit(x, y, np.zeros(len(x)), Layout(columns), Priors())
    return plain, with_ridge(plain, surprise, columns)


def conversion(x):
    """An intermediate that needs heat or time, and dies of too much of both."""
    severity = 3.0 * x[:, 0] + 3.0 * x[:, 1] - 3.0
    return np.exp(-0.5 * severity**2)


def steps(x):
    return np.sin(6.0 * x[:, 0]) + np.cos(5.0 * x[:, 1])


def errors(process, x, truth):
    return float(np.sqrt(np.mean((process.predict(x)[0] - truth) ** 2)))


def test_a_ridge_across_two_factors_is_foretold_better_than_by_the_plain_view():
    at = np.random.default_rng(9).random((500, 3))
    ratios: list[float] = []
    for seed in range(8):
        x, y, scale = runs(conversion, 18, 3, seed)
        truth = scale(conversion(at))
        plain, found = believed(x, y)
        ratios.append(errors(found, at, truth) / errors(plain, at, truth))
    assert max(ratios) < 1.0
    assert np.mean(ratios) < 0.75


@pytest.mark.parametrize("seed", range(4))
def test_where_factors_act_one_by_one_the_plain_view_is_kept(seed):
    x, y, _ = runs(steps, 30, 2, seed)
    plain, found = believed(x, y)
    assert found is plain or (isinstance(found, Blend) and found.share < 0.5)


def test_one_factor_has_no_ridge():
    x, y, _ = runs(lambda x: x[:, 0], 10, 1, 0)
    plain, found = believed(x, y)
    assert found is plain


def test_of_many_factors_some_directions_are_looked_at():
    x, y, scale = runs(conversion, 60, 7, 0)
    plain, found = believed(x, y)
    at = np.random.default_rng(9).random((500, 7))
    truth = scale(conversion(at))
    assert errors(found, at, truth) < errors(plain, at, truth)


def both(share):
    """A blend of two processes that differ, on 12 runs."""
    x, y, _ = runs(conversion, 12, 2, 0)
    plain = GaussianProcess(
        x, y, np.zeros(12), Layout(np.arange(2)), np.log([0.2, 0.2, 1e-3, 1.0, 1e-3])
    )
    logs = np.array([0.5, 0.5, 3.0, 3.0, np.log(1e-3), 0.5, np.log(4e-3)])
    layout = Layout(np.arange(2), np.arange(2))
    return Blend(plain, GaussianProcess(x, y, np.zeros(12), layout, logs), share)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_both_views_together_have_the_mean_and_sd_of_their_draws(share):
    blend = both(share)
    at = np.random.default_rng(1).random((5, 2))
    draws = blend.draws(at, np.random.default_rng(2).normal(size=(40_000, 5)))
    mean, sd = blend.predict(at)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.03)
    assert blend.noise_variance == pytest.approx((1 - share) * 1e-3 + share * 4e-3)


def test_believing_a_point_keeps_the_mean_and_removes_the_doubt():
    blend, at = both(0.5), np.array([[0.9, 0.1]])
    before, after = blend.predict(at), blend.believing(at).predict(at)
    assert after[0][0] == pytest.approx(before[0][0], abs=0.01)
    assert after[1][0] < 0.3 * before[1][0]


def test_shorter_length_scales_make_both_views_less_sure():
    blend, at = both(0.5), np.array([[0.5, 0.5]])
    assert blend.rescaled(0.5).predict(at)[1][0] > blend.predict(at)[1][0]


def test_a_run_left_out_is_foretold_from_the_others_with_its_noise():
    blend = both(0.4)
    others = [
        GaussianProcess(p.x[1:], p.y[1:], np.zeros(11), p.layout, p.log_parameters)
        for p in (blend.plain, blend.second)
    ]
    mean, sd = Blend(*others, 0.4).predict(blend.plain.x[:1])
    left_out = blend.without(0)
    assert left_out[0] == pytest.approx(float(mean[0]))
    assert left_out[1] == pytest.approx(float(np.sqrt(sd[0] ** 2 + blend.noise_variance)))
