"""The Gaussian process: its gradient, its posterior, and what it learns."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import multivariate_normal, norm

from planners.bayes.models.kernel import Regressor
from planners.bayes.models.posterior import JITTER, Likelihood, Posterior
from planners.bayes.models.priors import Layout, Priors
from planners.bayes.models.process import GaussianProcess, classified, fit
from planners.bayes.models.quadratic import Quadratic

GROUPS = np.array([0, 1, 1, 2])
PLAIN = Layout(GROUPS)
SLANTED = Layout(GROUPS, np.array([0, 3]))
CURVED = Layout(GROUPS, quadratic=Quadratic(np.array([0, 3])))
ONE = Layout(np.array([0]))


def data(n=25, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((n, 4))
    y = np.sin(4 * x[:, 0]) + x[:, 1] + 0.05 * rng.normal(size=n)
    return x, (y - y.mean()) / y.std()


def covariance(a, b, logs, layout=PLAIN):
    """The kernel, written out pair by pair, ``(len(a), len(b))``."""
    differences = a[:, None, :] - b[None, :, :]
    count = layout.n_lengths
    along = differences[:, :, layout.ridge] @ logs[count:-3]

    def matern(lengths, more=0.0):
        r = np.sqrt(5.0 * (((differences / lengths) ** 2).sum(axis=2) + more))
        return (1 + r + r**2 / 3) * np.exp(-r)

    little, variance = np.exp(logs[-3:-1])
    broad = matern(np.exp(logs[:count])[layout.groups], along**2)
    names = np.isin(layout.groups, np.flatnonzero(np.bincount(layout.groups) > 1))
    main = 0.4**2 * 2.0 * a[:, names] @ b[:, names].T
    found = variance * broad + little * matern(0.2 * np.sqrt(count / 3)) + main
    if layout.quadratic is None:
        return found
    return found + layout.quadratic.scaled(a) @ layout.quadratic.scaled(b).T


def surprise(x, y, known, logs, layout=PLAIN):
    """Minus the log posterior density, from textbook distributions, up to a constant."""
    noise = np.diag(np.exp(logs[-1]) + known)
    means, sds = Priors().moments(layout)
    likely = multivariate_normal(cov=covariance(x, x, logs, layout) + noise).logpdf(y)
    return -likely - (norm(means, sds).logpdf(logs) - norm(means, sds).logpdf(means)).sum()


@pytest.mark.parametrize("layout", [PLAIN, SLANTED, CURVED])
@pytest.mark.parametrize("shift", [-1.0, 0.0, 1.5])
def test_the_slope_of_the_posterior_is_that_of_its_differences(shift, layout):
    x, y = data()
    known, posterior = np.full(25, 0.01), Posterior(layout, Priors())
    logs = posterior.means + shift * posterior.sds
    objective = Likelihood(x, known, layout).objective(y)
    value, slope = posterior.value(logs, objective)
    gap = check_grad(
        lambda t: posterior.value(t, objective)[0],
        lambda t: posterior.value(t, objective)[1],
        logs,
        epsilon=1e-6,
    )
    assert value == pytest.approx(surprise(x, y, known, logs, layout), abs=1e-5)
    assert gap / max(1.0, np.abs(slope).max()) < 1e-3


@pytest.mark.parametrize("layout", [PLAIN, SLANTED, CURVED])
@pytest.mark.parametrize("shift", [-1.0, 0.0, 1.5])
def test_likelihood_and_gradient_are_scikit_learns(shift, layout):
    x, y = data()
    known, posterior = np.linspace(0.0, 0.1, 25), Posterior(layout, Priors())
    logs = posterior.means + shift * posterior.sds
    theirs = Regressor(layout.kernel(logs), alpha=known + JITTER, optimizer=None).fit(x, y)
    value, slopes = theirs.log_marginal_likelihood(logs, eval_gradient=True)
    likelihood = Likelihood(x, known, layout)
    own, pull, _ = likelihood.of(logs, y)
    assert own == pytest.approx(-value, rel=1e-9)
    assert likelihood.value(logs, y) == pytest.approx(-value, rel=1e-9)
    np.testing.assert_allclose(pull, -slopes, rtol=1e-6, atol=1e-6)


def test_the_likelihood_pulls_at_outputs_as_its_differences_do():
    x, y = data()
    likelihood, logs = Likelihood(x, np.zeros(25), PLAIN), Priors().moments(PLAIN)[0]
    gap = check_grad(lambda v: likelihood.value(logs, v), lambda v: likelihood.of(logs, v)[2], y)
    assert gap < 1e-3 * np.abs(likelihood.of(logs, y)[2]).max()


def test_a_covariance_that_is_none_has_no_likelihood():
    x, y = np.zeros((3, 4)), np.array([1.0, -1.0, 0.0])
    logs = np.array([0.0, 0.0, 0.0, 0.0, 30.0, -30.0])  # equal rows, and no noise to tell them
    likelihood = Likelihood(x, np.zeros(3), PLAIN)
    assert likelihood.of(logs, y)[0] == np.inf
    assert likelihood.value(logs, y) == np.inf


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_stretching_divides_every_distance(factor):
    x, y = data()
    layout = Layout(np.arange(4), np.array([0, 3]))  # a name's main effect knows no distance
    logs = np.array([*np.log([0.7, 1.1, 0.8, 2.0]), 1.5, -2.5, *np.log([1e-9, 1.3, 0.02])])
    at = np.random.default_rng(1).random((40, 4))
    process = GaussianProcess(x, y, np.zeros(25), layout, logs).rescaled(factor)
    near = GaussianProcess(x / factor, y, np.zeros(25), layout, logs)
    for own, other in zip(process.predict(at), near.predict(at / factor), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-6)


def test_mean_and_sd_are_those_of_the_textbook():
    x, y = data()
    logs, known = np.log([0.7, 1.1, 2.0, 0.1, 1.3, 0.02]), np.linspace(0, 0.1, 25)
    at = np.random.default_rng(1).random((40, 4))
    mean, sd = GaussianProcess(x, y, known, PLAIN, logs).predict(at)
    cross = covariance(at, x, logs)
    gain = cross @ np.linalg.inv(covariance(x, x, logs) + np.diag(0.02 + known))
    np.testing.assert_allclose(mean, gain @ y, atol=1e-6)
    before = covariance(at, at, logs).diagonal()
    np.testing.assert_allclose(sd**2, before - (gain * cross).sum(axis=1), atol=1e-6)


def test_on_a_ridge_as_well():
    x, y = data()
    logs = np.array([*np.log([0.7, 1.1, 2.0]), 1.5, -2.5, *np.log([0.1, 1.3, 0.02])])
    at = np.random.default_rng(1).random((40, 4))
    mean, sd = GaussianProcess(x, y, np.zeros(25), SLANTED, logs).predict(at)
    cross = covariance(at, x, logs, SLANTED)
    gain = cross @ np.linalg.inv(covariance(x, x, logs, SLANTED) + 0.02 * np.eye(25))
    before = covariance(at, at, logs, SLANTED).diagonal()
    np.testing.assert_allclose(mean, gain @ y, atol=1e-6)
    np.testing.assert_allclose(sd**2, before - (gain * cross).sum(axis=1), atol=1e-6)


def test_what_a_base_does_with_one_ligand_is_expected_with_another():
    levels = np.eye(3) / np.sqrt(2.0)
    pairs = np.array([[0, 0], [0, 1], [1, 0], [2, 0]])  # ligand, base; the second base is better
    x = np.hstack([levels[pairs[:, 0]], levels[pairs[:, 1]]])
    y = np.array([-1.0, 1.0, 1.0, -1.0])  # the second ligand as well
    layout = Layout(np.repeat([0, 1], 3))
    logs = np.log([1.0, 1.0, 1e-3, 0.1, 1e-3])  # names interact little
    both = np.hstack([levels[[1, 2, 1]], levels[[1, 1, 2]]])
    best, second, unknown = GaussianProcess(x, y, np.zeros(4), layout, logs).predict(both)[0]
    assert best > 2.0  # more than anything seen
    assert second > 0.0
    assert abs(unknown - best) > 1.0  # of the third base nothing is known


def test_no_hyper_parameters_nearby_are_more_probable():
    x, y = data()
    known = np.full(25, 0.01)
    process, value = fit(x, y, known, PLAIN, Priors())
    best = process.log_parameters
    assert value == pytest.approx(surprise(x, y, known, best), abs=1e-5)
    steps = 0.1 * np.vstack([np.eye(6), -np.eye(6)])
    assert min(surprise(x, y, known, best + step) for step in steps) > value


def test_hyper_parameters_that_break_the_arithmetic_count_as_very_bad():
    posterior = Posterior(PLAIN, Priors())
    value, slope = posterior.value(posterior.means, lambda theta: (np.inf, np.zeros_like(theta)))
    assert 1e20 < value < np.inf
    assert not slope.any()


def test_factors_without_effect_get_long_length_scales():
    x, y = data(60)
    process, _ = fit(x, y, np.zeros(60), PLAIN, Priors())
    lengths = np.exp(process.log_parameters[:-3])
    assert lengths[2] > 1.5 * lengths[0]


def test_a_surprise_on_a_smooth_hill_is_a_peak_and_no_noise():
    rng = np.random.default_rng(0)
    x = rng.random((40, 2))
    y = np.exp(-2 * ((x - 0.4) ** 2).sum(axis=1)) + 0.003 * rng.normal(size=40)
    x, y = np.vstack([x, [[0.9, 0.1]]]), np.append(y, 1.3)
    scaled = (y - y.mean()) / y.std()
    process, _ = fit(x, scaled, np.zeros(41), Layout(np.array([0, 1])), Priors())
    mean, _ = process.predict(x[-1:])
    assert mean[0] > 0.8 * scaled[-1]
    assert np.sqrt(process.noise_variance) < 0.1


def test_levels_of_a_name_are_thought_more_alike_than_ends_of_a_range():
    means, _ = Priors().moments(PLAIN)  # the second length-scale is that of two columns
    assert means[1] > means[0] == means[2]


def test_the_noise_is_learned():
    rng = np.random.default_rng(3)
    x = rng.random((80, 1))
    y = np.sin(5 * x[:, 0]) + 0.3 * rng.normal(size=80)
    process, _ = fit(x, y, np.zeros(80), ONE, Priors())
    assert np.sqrt(process.noise_variance) == pytest.approx(0.3, rel=0.3)


def test_a_run_with_a_large_known_uncertainty_counts_less():
    x, y = np.array([[0.0], [0.5], [1.0]]), np.array([0.0, 3.0, 0.0])
    logs = np.log([0.3, 1e-3, 1.0, 1e-4])
    sure = GaussianProcess(x, y, np.zeros(3), ONE, logs)
    doubtful = GaussianProcess(x, y, np.array([0.0, 10.0, 0.0]), ONE, logs)
    assert doubtful.predict(x[1:2])[0][0] < 0.3 * sure.predict(x[1:2])[0][0]


def test_believing_a_point_keeps_the_mean_and_removes_the_doubt():
    x, y = data()
    process, _ = fit(x, y, np.zeros(25), PLAIN, Priors())
    at = np.array([[0.9, 0.1, 0.5, 0.5]])
    before, after = process.predict(at), process.believing(at).predict(at)
    assert after[0][0] == pytest.approx(before[0][0], abs=1e-6)
    assert after[1][0] < 0.7 * before[1][0]


def test_equal_rows_do_not_break_the_fit():
    x = np.repeat(np.array([[0.2], [0.8]]), 10, axis=0)
    y = np.repeat([1.0, -1.0], 10)
    process, _ = fit(x, y, np.zeros(20), ONE, Priors())
    assert process.predict(np.array([[0.2]]))[0][0] == pytest.approx(1.0, abs=0.1)


def test_success_is_learned_from_both_kinds_of_fates():
    rng = np.random.default_rng(4)
    x = rng.random((40, 2))
    chance = classified(x, x[:, 0] < 0.6, Layout(np.array([0, 1])), Priors(noise=(-2.0, 1.0)))
    sure, border, hopeless = chance(np.array([[0.1, 0.5], [0.6, 0.5], [0.95, 0.5]]))
    assert sure > 0.8
    assert 0.2 < border < 0.8
    assert hopeless < 0.2


def test_of_many_runs_a_part_decides_on_the_hyper_parameters_and_all_predict():
    rng = np.random.default_rng(0)
    x = rng.random((300, 2))
    y = np.sin(5 * x[:, 0]) + x[:, 1] + 0.1 * rng.normal(size=300)
    process, _ = fit(x, y, np.zeros(300), Layout(np.array([0, 1])), Priors())
    assert len(process.x) == 300
    assert np.sqrt(process.noise_variance) == pytest.approx(0.1, rel=0.3)


def test_joint_draws_have_the_predictions_mean_and_sd():
    x, y = data()
    process, _ = fit(x, y, np.full(25, 0.01), PLAIN, Priors())
    at = np.random.default_rng(1).random((5, 4))
    draws = process.draws(at, np.random.default_rng(2).normal(size=(20_000, 5)))
    mean, sd = process.predict(at)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.03)
