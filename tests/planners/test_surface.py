"""A process around a surface of second order: its prior, its posterior, and how it is doubted."""

import numpy as np
import pytest

from planners.bayes.models.priors import Layout, Priors
from planners.bayes.models.process import GaussianProcess, fit
from planners.bayes.models.quadratic import Quadratic
from planners.bayes.models.surface import Surface, curved

QUADRATIC = Quadratic(np.array([0, 2]))  # of three columns
LAYOUT = Layout(np.arange(3), quadratic=QUADRATIC)
LOGS = np.log([0.6, 0.9, 1.5, 1e-3, 0.1, 0.01])
RNG = np.random.default_rng(0)
X, AT = RNG.random((12, 3)), RNG.random((6, 3))
Y = RNG.normal(size=12)
KNOWN = np.linspace(0.0, 0.1, 12)


def surface():
    left = Y - QUADRATIC.expected(X)
    return Surface(QUADRATIC, Y, GaussianProcess(X, left, KNOWN, LAYOUT, LOGS))


def terms(rows):
    """The polynomial's terms, written out, each times the sd of its constant."""
    one, other = 2 * rows[:, 0] - 1, 2 * rows[:, 2] - 1
    slopes, curvatures = (0.5 * one, 0.5 * other), (0.3 * one**2, 0.3 * other**2)
    return np.column_stack([np.ones(len(rows)), *slopes, *curvatures, 0.15 * one * other])


def test_the_prior_is_that_of_independent_constants():
    np.testing.assert_allclose(QUADRATIC.scaled(AT), terms(AT))


def test_a_top_is_expected_inside_and_nothing_on_average():
    rows = np.random.default_rng(1).random((200_000, 3))
    expected = QUADRATIC.expected(rows)
    assert expected.mean() == pytest.approx(0.0, abs=0.005)
    ends = np.array([[0.5, 0.0, 0.5], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(np.diff(QUADRATIC.expected(ends)), -1.0)


def test_mean_sd_and_draws_are_those_of_the_textbook():
    kernel = Layout(np.arange(3)).kernel(LOGS)
    both = np.vstack([X, AT])
    covariance = terms(both) @ terms(both).T + kernel.between(both, both)
    n = len(X)
    noisy = covariance[:n, :n] + np.diag(KNOWN + 0.01 + 1e-8)
    gain = covariance[n:, :n] @ np.linalg.inv(noisy)
    expected = QUADRATIC.expected(both)
    mean = expected[n:] + gain @ (Y - expected[:n])
    joint = covariance[n:, n:] - gain @ covariance[:n, n:]
    found = surface()
    np.testing.assert_allclose(found.predict(AT)[0], mean, atol=1e-6)
    np.testing.assert_allclose(found.predict(AT)[1] ** 2, np.diag(joint), atol=1e-6)
    draws = found.draws(AT, np.random.default_rng(2).normal(size=(40_000, 6)))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.01)
    np.testing.assert_allclose(np.cov(draws.T), joint, atol=0.01)
    assert found.noise_variance == pytest.approx(0.01)


def test_another_history_is_heard_at_the_same_hyper_parameters():
    more = np.vstack([X, AT]), np.append(Y, np.ones(6)), np.zeros(18)
    left = more[1] - QUADRATIC.expected(more[0])
    rest = GaussianProcess(more[0], left, more[2], LAYOUT, LOGS)
    heard, anew = surface().given(*more), Surface(QUADRATIC, more[1], rest)
    np.testing.assert_allclose(heard.predict(AT), anew.predict(AT))


def test_whoever_doubts_the_process_doubts_the_surface():
    doubted = surface().rescaled(0.5)
    assert np.all(doubted.predict(AT)[1] > surface().predict(AT)[1])
    # what is left over may be sixteen times as much, but no more than all outputs vary
    assert doubted.rest.log_parameters[-2] == pytest.approx(0.0)


def parabola(rows):
    return 1.0 - 2.0 * (rows[:, 0] - 0.7) ** 2 + rows[:, 2]


def test_a_parabola_is_followed_from_few_runs():
    ratios: list[float] = []
    at = np.random.default_rng(99).random((300, 3))
    for seed in range(8):
        x = np.random.default_rng(seed).random((9, 3))
        middle, spread = parabola(x).mean(), parabola(x).std()
        y = (parabola(x) - middle) / spread
        plain, _ = fit(x, y, np.zeros(9), Layout(np.arange(3)), Priors())
        found, surprise = curved(plain, QUADRATIC)
        truth = (parabola(at) - middle) / spread
        off = [np.square(view.predict(at)[0] - truth).mean() for view in (found, plain)]
        ratios.append(float(off[0] / off[1]))
        assert np.isfinite(surprise)
    assert np.mean(ratios) < 0.5


def test_a_run_left_out_is_foretold_from_the_others_with_its_noise():
    whole = surface()
    mean, sd = whole.given(X[1:], Y[1:], KNOWN[1:]).predict(X[:1])
    means, sds = whole.left_out()
    assert means[0] == pytest.approx(float(mean[0]), abs=1e-6)
    assert sds[0] == pytest.approx(float(np.sqrt(sd[0] ** 2 + 0.01 + KNOWN[0])), abs=1e-6)
