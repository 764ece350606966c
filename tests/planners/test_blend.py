"""Several views of a response: which are believed, and what they expect together."""

import numpy as np
import pytest

from planners.bayes.models.blend import Blend, blended
from planners.bayes.models.priors import Layout, Priors
from planners.bayes.models.process import GaussianProcess, fit
from planners.bayes.models.surface import Surface
from planners.bayes.models.views import viewed

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
    return plain, viewed(plain, surprise, [], columns)


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


def hill(x):
    """Three factors with their best inside, two of which make up for each other."""
    gaps = x - [0.3, 0.6, 0.5]
    return -(gaps**2) @ [2.0, 1.0, 0.5] - gaps[:, 0] * gaps[:, 1]


def shares(found, which):
    """What views of a kind are believed together."""
    views = (
        zip(found.views, found.shares, strict=True) if isinstance(found, Blend) else [(found, 1)]
    )
    return sum(share for view, share in views if which(view))


def slanted(view):
    return isinstance(view, GaussianProcess) and len(view.layout.ridge) > 0


def curved(view):
    return isinstance(view, Surface)


@pytest.mark.parametrize("seed", range(4))
def test_where_factors_act_one_by_one_no_ridge_is_believed(seed):
    _, found = believed(*runs(steps, 30, 2, seed)[:2])
    assert shares(found, slanted) < 0.1


def test_a_smooth_hill_is_foretold_from_few_runs_by_its_curvature():
    at = np.random.default_rng(9).random((500, 3))
    ratios, believe = list[float](), list[float]()
    for seed in range(8):
        x, y, scale = runs(hill, 12, 3, seed)
        plain, found = believed(x, y)
        truth = scale(hill(at))
        ratios.append(errors(found, at, truth) / errors(plain, at, truth))
        believe.append(shares(found, curved))
    assert np.mean(ratios) < 0.8
    assert np.mean(believe) > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_what_has_many_tops_is_no_surface_of_second_order(seed):
    x, y, _ = runs(lambda x: np.sin(20.0 * x[:, 0]) * np.cos(15.0 * x[:, 1]), 40, 2, seed)
    assert shares(believed(x, y)[1], curved) < 0.3


def test_one_factor_has_no_ridge():
    _, found = believed(*runs(lambda x: x[:, 0], 10, 1, 0)[:2])
    assert shares(found, slanted) == 0.0


def test_names_alone_are_looked_at_plainly():
    x, y, _ = runs(steps, 10, 2, 0)
    plain, surprise = fit(x, y, np.zeros(10), Layout(np.zeros(2, dtype=int)), Priors())
    assert viewed(plain, surprise, [], np.empty(0, dtype=np.intp)) is plain


def test_of_many_factors_some_directions_are_looked_at():
    x, y, scale = runs(conversion, 60, 7, 0)
    plain, found = believed(x, y)
    at = np.random.default_rng(9).random((500, 7))
    truth = scale(conversion(at))
    assert errors(found, at, truth) < errors(plain, at, truth)


def both(share):
    """A blend of two processes that differ, on 12 runs; the second one has the ``share``."""
    x, y, _ = runs(conversion, 12, 2, 0)
    plain = GaussianProcess(
        x, y, np.zeros(12), Layout(np.arange(2)), np.log([0.2, 0.2, 1e-3, 1.0, 1e-3])
    )
    logs = np.array([0.5, 0.5, 3.0, 3.0, np.log(1e-3), 0.5, np.log(4e-3)])
    layout = Layout(np.arange(2), np.arange(2))
    second = GaussianProcess(x, y, np.zeros(12), layout, logs)
    return Blend([plain, second], [1.0 - share, share])


def test_views_are_believed_by_their_weights_and_those_beyond_hope_left_out():
    one, other = both(0.5).views
    logs = np.log([0.6, 0.36, 0.04]) + 100.0
    found = blended([(one, logs[0]), (other, logs[1]), (one.rescaled(0.5), logs[2])])
    assert isinstance(found, Blend)
    assert found.views == (one, other)
    assert found.shares == pytest.approx((0.625, 0.375))
    assert blended([(one, 0.0), (other, -4.0)]) is one


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
        for p in blend.views
    ]
    mean, sd = Blend(others, blend.shares).predict(blend.x[:1])
    left_out = [float(values[0]) for values in blend.left_out()]
    assert left_out[0] == pytest.approx(float(mean[0]))
    assert left_out[1] == pytest.approx(float(np.sqrt(sd[0] ** 2 + blend.noise_variance)))
