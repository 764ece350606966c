"""Descriptors by hand, the table of elements, options, and the reasons given."""

import numpy as np
import pytest

from planners.base import Composition, Continuous, Measured, Observation, Problem, Response
from planners.errors import BadOption, CannotSuggest
from planners.extrapolate import Extrapolate
from planners.extrapolate.candidates import mixtures
from planners.extrapolate.descriptors import Descriptors
from planners.extrapolate.elements import described, table
from planners.extrapolate.forest import Forest

ALLOY = Composition("x", ("Pt", "Nb", "support"), 2.0, 3)
PROBLEM = Problem((ALLOY, Continuous("t", 0.0, 1.0)), (Response("y"),))
ROW = np.array([[0.25, 0.5, 0.25, 0.3]])  # 0.5 of Pt, 1.0 of Nb, 0.5 of the support


def vector(element):
    return np.array([v for k, v in table()[element].items() if k != "atomic_weight"])


def share(element, amount):
    return vector(element) * amount / table()[element]["atomic_weight"]


def test_the_table_is_that_of_the_books():
    assert len(table()) >= 50
    pt = table()["Pt"]
    assert (pt["group"], pt["period"], pt["electronegativity"]) == (10, 6, 1.44)
    assert pt["melting_point"] == pytest.approx(2041.4, abs=0.5)
    assert table()["W"]["atomic_weight"] == 183.84
    assert all(row["atomic_weight"] > 0 and row["density"] > 0 for row in table().values())


def test_each_form_is_the_sum_of_the_paper():
    total = share("Pt", 0.5) + share("Nb", 1.0)
    explorative = Descriptors(PROBLEM, "explorative")(ROW)[0]
    np.testing.assert_allclose(explorative, [0.5, *total, 0.3])
    np.testing.assert_allclose(Descriptors(PROBLEM, "conventional")(ROW)[0], [0.5, 1, 0.5, 0.3])
    both = Descriptors(PROBLEM, "exploitative")(ROW)[0]
    np.testing.assert_allclose(both, [0.5, 1, 0.5, *total, 0.3])
    slots = Descriptors(PROBLEM, "swed")(ROW)[0]
    empty = np.zeros(7)
    np.testing.assert_allclose(slots, [0.5, *share("Nb", 1.0), *share("Pt", 0.5), *empty, 0.3])


def test_moles_are_not_divided_by_atomic_weights():
    found = Descriptors(PROBLEM, "explorative", moles=True)(ROW)[0]
    np.testing.assert_allclose(found[1:-1], 0.5 * vector("Pt") + vector("Nb"))


def test_a_gap_becomes_the_mean_of_the_others_and_own_values_come_first():
    known = described(["Pt", "Nb", "C"], {"Pt": {"bandgap": 2.0}, "Nb": {"density": 1.0}})
    values = dict(zip(known.names, known.values.T, strict=True))
    assert values["bandgap"].tolist() == [2.0, 2.0, 2.0]
    assert values["density"][1] == 1.0
    mean = (table()["Pt"]["melting_point"] + table()["Nb"]["melting_point"]) / 2
    assert values["melting_point"][2] == pytest.approx(mean)


def test_few_mixtures_are_enumerated_and_many_are_drawn(rng):
    every = mixtures(Composition("x", ("Pt", "Nb", "Mo"), 1.0, 2), (1.0, 2.0), 100, rng)
    assert len(every) == 3 + 3 * 3  # alone; two of three, 1:1, 1:2 or 2:1
    many = mixtures(Composition("x", tuple(table()), 1.0, 5), (1.0, 2.0), 500, rng)
    assert len(many) <= 500
    assert max((row > 0).sum() for row in many) <= 5
    np.testing.assert_allclose(many.sum(axis=1), 1.0)


def test_variance_is_that_within_leaves_and_between_trees():
    x = np.repeat(np.arange(6.0), 2)[:, None]  # twins: their leaf cannot be parted
    y = np.array([0.0, 2.0] * 6)
    mean, variance = Forest(x, y, np.ones(12), 0).predict(x)
    np.testing.assert_allclose(mean, 1.0)
    np.testing.assert_allclose(variance, 1.0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"descriptors": "explorativ"}, "descriptors: must be one of conventional, explorative"),
        ({"amounts": "volume"}, "amounts: must be one of weight, mole, got 'volume'"),
        ({"weights": "1,0"}, "weights: must be numbers above 0"),
        ({"weights": []}, "weights: must be a list of 1 to 32 numbers"),
        ({"weights": "1,b"}, "weights: must be numbers above 0"),
        ({"properties": "{"}, "properties: is not JSON"),
        ({"properties": [1]}, "properties: must be a table"),
        ({"properties": {"Pt": 3}}, "properties.Pt: must be a table of numbers, got 3"),
        ({"properties": {"Pt": {"z": "x"}}}, "properties.Pt.z: must be a number, got 'x'"),
        ({"n_initial": 0}, "n_initial: must be at least 1"),
        ({"candidates": 5}, "candidates: must be 16 to 100000"),
        ({"seed": -1}, "seed: must be at least 0"),
    ],
)
def test_a_wrong_option_is_a_sentence(options, sentence):
    with pytest.raises(BadOption) as caught:
        Extrapolate(**options)
    assert sentence in str(caught.value)


def test_without_a_response_there_is_nothing_to_improve(rng):
    with pytest.raises(CannotSuggest, match="extrapolate needs at least one response"):
        Extrapolate().propose(Problem((ALLOY,)), [], 1, rng)


def test_nothing_is_left_when_every_point_is_tried(rng):
    problem = Problem((Composition("x", ("Pt", "Nb", "Mo"), 1.0, 1),), (Response("y"),))
    points = [problem.scale(row) for row in np.eye(3)]
    history = [Observation(p, {"y": Measured(float(i))}) for i, p in enumerate(points)]
    assert len(Extrapolate().propose(problem, history[:2], 3, rng)) == 1
    assert Extrapolate().propose(problem, history, 3, rng) == []
