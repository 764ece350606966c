"""Views of mixtures: between the names of elements and the means of their properties."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from planners.base import Composition, Continuous, Problem, Response
from planners.extrapolate import Extrapolate
from planners.extrapolate.blend import Blend
from planners.extrapolate.elements import table
from planners.extrapolate.smooth import Smooth
from planners.extrapolate.views import Parts, views

NAMES = ("Li", "Na", "K", "Nb", "Mo", "W", "Fe", "Zn")
OWN = {"X": {"size": 1.0, "heat": 3.0}, "Y": {"size": 1.0, "heat": 3.0}, "Z": {"size": 4.0}}


def seen(problem, rows, form="exploitative", moles=False, **options):
    """Return the views of a problem and its parts of rows."""
    parts = Parts(problem, Extrapolate(descriptors=form, **options))
    return views(parts, form, parts(rows), moles=moles), parts(rows)


def mixtures(n, width, seed=0):
    return np.random.default_rng(seed).dirichlet(np.full(width, 0.4), n)


ELEMENTAL = Problem((Composition("x", NAMES, 1.0),), (Response("y"),))


def test_the_view_of_names_knows_amounts_and_nothing_else():
    rows = mixtures(12, 8)
    (view,), parts = seen(ELEMENTAL, rows, "conventional")
    ratio = pdist(view(parts)) / pdist(rows)
    assert np.ptp(ratio) < 1e-9


def test_the_view_of_means_is_the_mean_property_by_weight_and_by_mole():
    rows = mixtures(12, 8)
    found, parts = seen(ELEMENTAL, rows, "explorative")
    assert len(found) == 6
    melting = np.array([table()[e]["melting_point"] for e in NAMES])
    moles = rows / np.array([table()[e]["atomic_weight"] for e in NAMES])
    moles /= moles.sum(axis=1, keepdims=True)
    for view, amounts in ((found[2], rows), (found[5], moles)):
        columns = np.column_stack([np.ones(12), view(parts)])
        wanted = amounts @ melting
        told = columns @ np.linalg.lstsq(columns, wanted, rcond=None)[0]
        np.testing.assert_allclose(told, wanted, rtol=1e-6)


def test_components_with_the_same_properties_differ_by_name_alone():
    problem = Problem((Composition("x", ("X", "Y", "Z"), 1.0),), (Response("y"),))
    rows = np.array([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5], [0.2, 0.2, 0.6], [1.0, 0.0, 0.0]])
    found, parts = seen(problem, rows, properties=OWN, amounts="mole", moles=True)
    apart = [float(np.abs(view(parts)[0] - view(parts)[1]).max()) for view in found]
    assert apart[0] > 0.5  # by name
    assert max(apart[1:]) < 1e-9


def test_other_columns_stand_beside_the_mixture_in_their_own_spread():
    problem = Problem(
        (Composition("x", (*NAMES, "support"), 1.0), Continuous("t", 0.0, 1.0)), (Response("y"),)
    )
    rows = np.column_stack([mixtures(20, 9), np.random.default_rng(1).uniform(size=20)])
    found, parts = seen(problem, rows)
    for view in found:
        assert view(parts)[:, -2:].std(axis=0) == pytest.approx([1.0, 1.0])


def test_without_elements_there_is_one_view_of_all_columns():
    problem = Problem((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)), (Response("y"),))
    found, parts = seen(problem, np.random.default_rng(0).uniform(size=(9, 2)))
    assert len(found) == 1
    assert found[0](parts).std(axis=0) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("kind", ["names", "means"])
def test_the_runs_tell_which_view_suits(kind):
    rows, fresh = mixtures(60, 8), mixtures(200, 8, seed=5)
    own = np.array([3.0, -2.0, 1.0, -4.0, 2.5, -1.0, 0.5, 3.5])
    melting = np.array([table()[e]["melting_point"] for e in NAMES]) / 1000.0

    def truth(x):
        return np.tanh(x @ own) if kind == "names" else np.sin(2.0 * x @ melting)

    found, parts = seen(ELEMENTAL, rows)
    blend = Blend.fit(found, parts, truth(rows), np.ones(60))
    most = blend.views[int(np.argmax(blend.weights))]
    best = [view is most for view in found].index(True)
    assert best == {"names": 0, "means": 4}[kind]
    assert sum(blend.weights) == pytest.approx(1.0)
    mean, variance = blend.predict(seen(ELEMENTAL, fresh)[1])
    wanted = truth(fresh)
    assert np.square(mean - wanted).mean() < 0.1 * wanted.var()
    assert (variance >= 0).all()


def test_a_blend_is_as_unsure_as_its_views_disagree():
    rows = mixtures(10, 8)
    found, parts = seen(ELEMENTAL, rows)
    y = np.random.default_rng(3).normal(size=10)
    blend = Blend.fit(found, parts, y, np.ones(10))
    told = [f.predict(v(parts)) for v, f in zip(blend.views, blend.functions, strict=True)]
    weights = np.array(blend.weights)[:, None]
    means = np.array([m for m, _ in told])
    mean = (weights * means).sum(axis=0)
    second = (weights * (np.array([v for _, v in told]) + means**2)).sum(axis=0)
    np.testing.assert_allclose(blend.predict(parts)[0], mean)
    np.testing.assert_allclose(blend.predict(parts)[1], second - mean**2, atol=1e-9)


def test_believing_a_row_makes_the_blend_surer_of_it():
    rows = mixtures(15, 8)
    found, parts = seen(ELEMENTAL, rows)
    blend = Blend.fit(found, parts, np.sin(3 * rows[:, 0]), np.ones(15))
    there = seen(ELEMENTAL, mixtures(1, 8, seed=9))[1]
    more = blend.believing(there)
    np.testing.assert_allclose(more.predict(there)[0], blend.predict(there)[0], atol=0.05)
    assert more.predict(there)[1][0] <= blend.predict(there)[1][0]


def test_a_rough_fit_looks_at_fewer_lengths_and_is_no_better():
    x = np.random.default_rng(0).normal(size=(20, 2))
    y = np.sin(x[:, 0])
    assert Smooth.fit(x, y, np.ones(20), rough=True)[1] >= Smooth.fit(x, y, np.ones(20))[1]
