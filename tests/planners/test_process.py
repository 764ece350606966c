"""The Gaussian process: its gradient, its posterior, and what it learns."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from planners.bayes.process import GaussianProcess, Priors, _Posterior, fit

GROUPS = np.array([0, 1, 1, 2])


def data(n=25, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((n, 4))
    y = np.sin(4 * x[:, 0]) + x[:, 1] + 0.05 * rng.normal(size=n)
    return x, (y - y.mean()) / y.std()


@pytest.mark.parametrize("shift", [-1.0, 0.0, 1.5])
def test_the_slope_of_the_posterior_is_that_of_its_differences(shift):
    x, y = data()
    posterior = _Posterior(x, y, np.full(25, 0.01), GROUPS, Priors())
    start = posterior.means + shift * posterior.sds
    slope = posterior(start)[1]
    gap = check_grad(lambda t: posterior(t)[0], lambda t: posterior(t)[1], start, epsilon=1e-6)
    assert gap < 1e-3 * max(1.0, np.abs(slope).max())


def test_mean_and_sd_are_those_of_scikit_learn_at_the_same_hyper_parameters():
    x, y = data()
    logs = np.log([0.7, 1.1, 2.0, 1.3, 0.02])
    ours = GaussianProcess(x, y, np.zeros(25), GROUPS, logs)
    lengths = np.exp(logs[:3])[GROUPS]
    kernel = ConstantKernel(1.3) * Matern(lengths, nu=2.5) + WhiteKernel(0.02 + 1.3e-8)
    theirs = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(x, y)
    at = np.random.default_rng(1).random((40, 4))
    mean, sd = ours.predict(at)
    their_mean, their_sd = theirs.predict(at, return_std=True)
    np.testing.assert_allclose(mean, their_mean, atol=1e-9)
    np.testing.assert_allclose(sd**2 + 0.02, their_sd**2, atol=1e-6)


def test_factors_without_effect_get_long_length_scales():
    x, y = data(60)
    process, _ = fit(x, y, np.zeros(60), GROUPS, Priors())
    lengths = np.exp(process.log_parameters[:-2])
    assert lengths[2] > 1.5 * lengths[0]


def test_the_noise_is_learned():
    rng = np.random.default_rng(3)
    x = rng.random((80, 1))
    y = np.sin(5 * x[:, 0]) + 0.3 * rng.normal(size=80)
    process, _ = fit(x, y, np.zeros(80), np.array([0]), Priors())
    assert np.sqrt(process.noise_variance) == pytest.approx(0.3, rel=0.3)


def test_a_run_with_a_large_known_uncertainty_counts_less():
    x, y = np.array([[0.0], [0.5], [1.0]]), np.array([0.0, 3.0, 0.0])
    logs = np.log([0.3, 1.0, 1e-4])
    sure = GaussianProcess(x, y, np.zeros(3), np.array([0]), logs)
    doubtful = GaussianProcess(x, y, np.array([0.0, 10.0, 0.0]), np.array([0]), logs)
    assert doubtful.predict(x[1:2])[0][0] < 0.3 * sure.predict(x[1:2])[0][0]


def test_believing_a_point_keeps_the_mean_and_removes_the_doubt():
    x, y = data()
    process, _ = fit(x, y, np.zeros(25), GROUPS, Priors())
    at = np.array([[0.9, 0.1, 0.5, 0.5]])
    before, after = process.predict(at), process.believing(at).predict(at)
    assert after[0][0] == pytest.approx(before[0][0], abs=1e-6)
    assert after[1][0] < 0.7 * before[1][0]


def test_equal_rows_do_not_break_the_fit():
    x = np.repeat(np.array([[0.2], [0.8]]), 10, axis=0)
    y = np.repeat([1.0, -1.0], 10)
    process, _ = fit(x, y, np.zeros(20), np.array([0]), Priors())
    assert process.predict(np.array([[0.2]]))[0][0] == pytest.approx(1.0, abs=0.1)
