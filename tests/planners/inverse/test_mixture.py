"""The algebra of mixtures against the textbook, term by term."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from planners.inverse.choosing import choose, cv_r2
from planners.inverse.learners import fit_forward, fit_gaussians, fit_variational
from planners.inverse.mixture import Mixture
from planners.inverse.topographic import fit_sheet
from planners.scaling import Scale

RESIN = Path(__file__).parents[4] / "shared/data/kaneko_resin/virtual_resin.csv"
IN, OUT = [0, 1, 2, 3, 4], [5, 6]


def textbook(mixture, known, values):
    """Return the conditional mixture by explicit inverses, part by part."""
    rest = [i for i in range(mixture.means.shape[1]) if i not in known]
    weights, means, covariances = [], [], []
    for pi, mu, s in zip(mixture.weights, mixture.means, mixture.covariances, strict=True):
        aa, ba = s[np.ix_(known, known)], s[np.ix_(rest, known)]
        inverse = np.linalg.inv(aa)
        weights.append(pi * multivariate_normal(mu[known], aa).pdf(values))
        means.append(mu[rest] + ba @ inverse @ (values - mu[known]))
        covariances.append(s[np.ix_(rest, rest)] - ba @ inverse @ ba.T)
    return np.array(weights) / sum(weights), np.array(means), np.array(covariances)


@pytest.fixture(scope="module")
def resin():
    """Return the autoscaled virtual resin, conditions first, and its scaling."""
    if not RESIN.exists():
        pytest.skip("the public data set virtual_resin.csv is not beside the project")
    with RESIN.open(encoding="utf-8") as file:
        table = np.array([row[1:] for row in list(csv.reader(file))[1:]], dtype=float)
    rows = np.hstack([table[:, 2:], table[:, :2]])
    scaling = Scale.of(rows)
    return scaling.apply(rows), scaling


@pytest.fixture
def two():
    """Two overlapping clouds of three columns."""
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(2, 3, 3))
    whole = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(3)
    return Mixture(np.array([0.3, 0.7]), rng.normal(size=(2, 3)), whole)


def test_the_density_is_the_weighted_sum_of_normal_densities(two):
    rows = np.random.default_rng(1).normal(size=(5, 3))
    parts = zip(two.weights, two.means, two.covariances, strict=True)
    wanted = sum(w * multivariate_normal(m, c).pdf(rows) for w, m, c in parts)
    np.testing.assert_allclose(np.exp(two.log_density(rows)), wanted, rtol=1e-9)


@pytest.mark.parametrize("known", [[0], [2, 0], [1, 2]])
def test_the_conditional_mixture_is_the_textbooks(two, known):
    values = np.array([0.4, -1.2])[: len(known)]
    order = sorted(known)
    given = two.given(order, values)
    weights, means, covariances = textbook(two, order, values)
    np.testing.assert_allclose(given.weights, weights, atol=1e-9)
    np.testing.assert_allclose(given.means, means, atol=1e-9)
    np.testing.assert_allclose(given.covariances, covariances, atol=1e-9)
    np.testing.assert_allclose(two.regress(order, values[None])[0], weights @ means, atol=1e-9)


def test_draws_have_the_moments_of_the_mixture(two):
    rows = two.draw(200_000, np.random.default_rng(2))
    np.testing.assert_allclose(rows.mean(axis=0), two.mean(), atol=0.02)
    np.testing.assert_allclose(rows.var(axis=0), two.variance(), rtol=0.02)


def test_the_mode_is_the_mean_of_the_heaviest_part(two):
    np.testing.assert_array_equal(two.mode(), two.means[1])


@pytest.mark.parametrize("shape", ["full", "tied", "diag", "spherical"])
def test_on_the_resin_the_conditional_equals_the_textbook_to_1e_6_both_ways(resin, shape):
    rows, _ = resin
    mixture, _ = fit_gaussians(rows, 2, shape)
    for row in rows:
        for known in (IN, OUT):
            weights, means, covariances = textbook(mixture, known, row[known])
            given = mixture.given(known, row[known])
            np.testing.assert_allclose(given.mean(), weights @ means, atol=1e-6)
            np.testing.assert_allclose(given.mode(), means[np.argmax(weights)], atol=1e-6)
            np.testing.assert_allclose(given.covariances, covariances, atol=1e-6)


def test_on_the_resin_properties_lead_to_conditions_that_give_them_again(resin):
    rows, scaling = resin
    mixture, name = choose(rows, 5, 6, None, "bic")
    designs = np.array([mixture.given(OUT, row[OUT]).mean() for row in rows])
    again = mixture.regress(IN, designs)
    wanted = rows[:, OUT]
    r2 = 1 - ((again - wanted) ** 2).sum(axis=0) / (wanted**2).sum(axis=0)
    assert name == "2 Gaussians, full"
    assert r2.min() > 0.98
    materials = (scaling.mean[:5] + designs * scaling.sd[:5])[:, :3]
    np.testing.assert_allclose(materials.sum(axis=1), 1.0, atol=0.01)  # the closure is learned
    means, _ = fit_forward("gp", rows[:, IN], wanted).predict(designs)
    checked = 1 - ((means - wanted) ** 2).sum(axis=0) / (wanted**2).sum(axis=0)
    assert checked.min() > 0.8  # by a model that knows nothing of the mixture


def test_cross_validation_and_bic_choose_the_same_on_the_resin(resin):
    rows, _ = resin
    assert choose(rows, 5, 2, None, "cv")[1] == choose(rows, 5, 2, None, "bic")[1]
    assert cv_r2(rows, 5, 17, "spherical") == -np.inf  # more parts than a fold leaves rows
    assert cv_r2(rows, 5, 2, "full") > cv_r2(rows, 5, 2, "spherical")


def test_the_variational_mixture_gives_up_the_parts_it_does_not_need():
    rng = np.random.default_rng(5)
    rows = np.vstack([rng.normal(-3, 0.3, (40, 2)), rng.normal(3, 0.3, (40, 2))])
    heavy = fit_variational(rows, 6, "full").weights
    assert int((heavy > 0.05).sum()) <= 3


# --- the map


def curve(n, seed=0):
    """Return points along a bent line in three columns, with a little noise."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1.5, 1.5, n)
    return np.column_stack([t, t**2 - 0.75, np.sin(2 * t)]) + rng.normal(0, 0.05, (n, 3))


def test_the_map_follows_a_bent_line_and_predicts_along_it():
    mixture = fit_sheet(curve(80)).mixture()
    fresh = curve(30, seed=1)
    missed = fresh[:, 1:] - mixture.regress([0], fresh[:, :1])
    assert float(np.sqrt((missed**2).mean())) < 0.2
    np.testing.assert_allclose(mixture.weights, 1 / 100)


def test_more_rounds_never_make_the_map_less_likely(monkeypatch):
    found = []
    for rounds in (2, 4, 8, 16, 32):
        monkeypatch.setattr("planners.inverse.topographic._ROUNDS", rounds)
        found.append(fit_sheet(curve(40)).log_likelihood)
    assert all(b >= a - 0.02 for a, b in pairwise(found))
    assert found[-1] > found[0]


def test_the_map_of_the_resin_reads_backwards_too(resin):
    rows, _ = resin
    mixture = fit_sheet(rows).mixture()
    designs = np.array([mixture.given(OUT, row[OUT]).mean() for row in rows])
    again = mixture.regress(IN, designs)
    assert np.corrcoef(again[:, 0], rows[:, 5])[0, 1] > 0.9
    assert np.corrcoef(again[:, 1], rows[:, 6])[0, 1] > 0.9
