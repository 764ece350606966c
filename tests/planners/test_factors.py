"""Factors: their values, their place in the unit cube, and what is wrong with them."""

import numpy as np
import pytest

from planners.base import Problem
from planners.errors import BadProblem
from planners.factors import Categorical, Composition, Continuous, Discrete


def test_reciprocal_kelvin_puts_the_mean_of_1_over_t_in_the_middle():
    factor = Continuous("temperature", 30, 120, "degC", "reciprocal_kelvin")
    middle = factor.value(np.array([0.5]))
    assert 1 / (middle + 273.15) == pytest.approx((1 / 303.15 + 1 / 393.15) / 2)


def test_reciprocal_kelvin_takes_kelvin_as_it_is():
    factor = Continuous("temperature", 303.15, 393.15, "K", "reciprocal_kelvin")
    assert factor.value(np.array([1.0])) == pytest.approx(393.15)
    assert factor.row(303.15) == pytest.approx([0.0], abs=1e-12)


@pytest.mark.parametrize(("spelt", "plain"), [("°C", "degC"), ("celsius", "degC"), ("kelvin", "K")])
def test_reciprocal_kelvin_takes_a_unit_in_any_spelling(spelt, plain):
    found, usual = (Continuous("t", 300, 400, unit, "reciprocal_kelvin") for unit in (spelt, plain))
    assert found.row(350.0) == usual.row(350.0)


def test_log_puts_the_geometric_mean_in_the_middle():
    factor = Continuous("loading", 0.1, 10, "mol%", "log")
    assert factor.value(np.array([0.5])) == pytest.approx(1.0)


def test_a_measured_value_outside_the_range_still_has_a_row():
    assert Continuous("loading", 0.1, 10, "", "log").row(-5.0)[0] < 0
    assert Continuous("tau", 1, 2).row(2.5) == pytest.approx([1.5])


def test_discrete_values_are_sorted_and_keep_their_type():
    factor = Discrete("equivalents", (3, 1, 2))
    assert factor.values == (1, 2, 3)
    assert isinstance(factor.value(np.array([0.9])), int)


def test_uneven_steps_of_a_discrete_factor_stay_uneven_for_the_model():
    factor = Discrete("equivalents", (1, 2, 5))
    rows = factor.snap(np.array([[0.1], [0.5], [0.9]]))
    np.testing.assert_allclose(factor.features(rows).ravel(), [0, 0.25, 1])


def test_any_two_levels_without_descriptors_are_one_unit_apart():
    factor = Categorical("solvent", ("MeCN", "THF", "DMF"))
    seen = factor.features(factor.snap(np.array([[0.1], [0.5], [0.9]])))
    gaps = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    np.testing.assert_allclose(gaps[np.triu_indices(3, 1)], 1.0)


def test_descriptors_become_columns_and_constant_ones_are_dropped():
    table = {"P1": {"pKa": 1.0, "charge": 0.0}, "P2": {"pKa": 3.0, "charge": 0.0}}
    factor = Categorical("base", ("P1", "P2"), table)
    assert factor.groups == (0, 0, 1)
    np.testing.assert_allclose(factor.features(np.array([[0.25], [0.75]]))[:, 2], [0, 1])


def test_a_mixture_keeps_its_largest_components_and_its_total():
    factor = Composition("ratio", ("Pt", "Mo", "Nb"), total=2.0, max_components=2)
    row = factor.snap(np.array([[0.5, 0.1, 0.4]]))[0]
    value = factor.value(row)
    assert value["Mo"] == 0.0
    assert sum(value.values()) == pytest.approx(2.0)


def test_a_row_of_zeros_stands_for_the_first_component_alone():
    factor = Composition("ratio", ("Pt", "Mo"))
    assert factor.value(factor.snap(np.zeros((1, 2)))[0]) == {"Pt": 1.0, "Mo": 0.0}


@pytest.mark.parametrize(
    ("factor", "value", "sentence"),
    [
        (Continuous("t", 30, 120), 121.0, "must be in [30, 120], got 121"),
        (Continuous("t", 30, 120), "60", "must be a number, got '60'"),
        (Continuous("t", 30, 120), True, "must be a number, got True"),
        (Continuous("t", 30, 120), float("nan"), "must be a number, got nan"),
        (Continuous("t", 30, 120), 10**400, "must be a number"),
        (Discrete("e", (1, 2)), 1.5, "must be one of 1, 2, got 1.5"),
        (Discrete("e", (1, 2)), None, "must be a number, got None"),
        (Categorical("c", ("a", "b")), "z", "must be one of a, b, got 'z'"),
        (Categorical("c", ("a", "b")), ["a"], "must be one of a, b"),
        (Composition("r", ("A", "B")), 1.0, "must be an object of amounts"),
        (Composition("r", ("A", "B")), {"A": 0.5, "C": 0.5}, "unknown components C"),
        (Composition("r", ("A", "B")), {"A": 1.5, "B": -0.5}, "amounts >= 0, got -0.5 of B"),
        (Composition("r", ("A", "B")), {"A": "1"}, "amounts >= 0, got '1' of A"),
        (Composition("r", ("A", "B")), {"A": 0.3, "B": 0.3}, "must add up to 1, got 0.6"),
        (Composition("r", ("A", "B"), 1.0, 1), {"A": 0.5, "B": 0.5}, "at most 1 components, got 2"),
    ],
)
def test_a_wrong_value_is_named(factor, value, sentence):
    assert sentence in factor.fault(value)


@pytest.mark.parametrize("transform", ["none", "log", "reciprocal_kelvin"])
@pytest.mark.parametrize(("low", "high"), [(0.5, 30.0), (0.1, 7.3), (20.0, 120.0)])
def test_the_ends_of_a_range_are_told_exactly(transform, low, high):
    factor = Continuous("t", low, high, transform=transform)
    assert factor.value(np.array([0.0])) == low
    assert factor.value(np.array([1.0])) == high


def test_rounding_at_a_bound_is_tidied_away():
    factor = Continuous("t", 30, 120)
    assert factor.fault(120.00001) is None
    assert factor.tidy(120.00001) == 120
    assert Discrete("e", (1, 2)).tidy(2.0000001) == 2
    assert Composition("r", ("A", "B")).tidy({"A": 1.0}) == {"A": 1.0, "B": 0.0}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Continuous("t", 2, 1), "low: must be finite and below high, got 2 and 1"),
        (lambda: Continuous("t", 0, float("inf")), "low: must be finite"),
        (lambda: Continuous("t", 0, 1, "", "linear"), "transform: must be one of none, log, "),
        (lambda: Continuous("t", 0, 1, "", "log"), "low: must be > 0 with transform 'log'"),
        (lambda: Continuous("t", 0, 1, "bar", "reciprocal_kelvin"), "unit: must be degC or K"),
        (lambda: Continuous("t", -300, 1, "", "reciprocal_kelvin"), "above absolute zero"),
        (lambda: Continuous("t", 0, 1e-14, "", "reciprocal_kelvin"), "low: too close to high"),
        (lambda: Continuous("t", 1, 1), "got 1 and 1; what has one value is no factor: leave it"),
        (lambda: Categorical("c", ("a",)), "got 1; what has one value is no factor: leave it out"),
        (lambda: Continuous("", 0, 1), "name: must be a word"),
        (lambda: Continuous("status", 0, 1), "name: 'status' is reserved"),
        (lambda: Continuous("yield.sd", 0, 1), "name: 'yield.sd' is reserved"),
        (lambda: Discrete("e", (1,)), "values: must name at least 2, got 1"),
        (lambda: Discrete("e", (1, 1)), "values: must differ, got 1 more than once"),
        (lambda: Discrete("e", (1, float("nan"))), "values: must be finite"),
        (lambda: Categorical("c", ("a", "b"), {"z": {"p": 1}}), "descriptors.z: is not one"),
        (lambda: Categorical("c", ("a", "b"), {"a": {"p": 1}}), "descriptors.b: must have p"),
        (
            lambda: Categorical("c", ("a", "b"), {"a": {"p": 1}, "b": {"p": float("nan")}}),
            "descriptors.b: must be finite",
        ),
        (lambda: Composition("r", ("A", "B"), 0.0), "total: must be > 0"),
        (lambda: Composition("r", ("A", "B"), 1.0, 3), "max_components: must be 1 to 2, got 3"),
    ],
)
def test_a_factor_that_contradicts_itself_is_refused_at_birth(make, sentence):
    with pytest.raises(BadProblem) as caught:
        make()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "factor",
    [Discrete("x", (1, 2, 5), "", (3, 9)), Categorical("x", ("A", "B", "C"), {}, ("D", "E"))],
)
def test_dropped_values_keep_a_place_of_their_own_outside_the_cube(factor):
    kept = factor.values if isinstance(factor, Discrete) else factor.levels
    known = [*kept, *factor.dropped]
    rows = np.array([factor.row(value) for value in known])
    assert len(np.unique(factor.features(rows), axis=0)) == len(known)
    assert np.all(rows[: len(kept)] < 1)
    assert np.all(rows[len(kept) :] > 1)
    assert all(factor.has_row(value) for value in known)
    for value in factor.dropped:
        assert "must be one of" in factor.fault(value)
        assert factor.value(factor.snap(factor.row(value)[None])[0]) in kept
    drawn = factor.snap(factor.spread(np.linspace(0, 1, 50)[:, None]))
    assert {factor.value(row) for row in drawn} == set(kept)


def test_a_dropped_value_is_none_of_the_others():
    with pytest.raises(BadProblem, match="dropped: must differ from all others, got 2"):
        Discrete("x", (1, 2), "", (2,))
    with pytest.raises(BadProblem, match="dropped: must differ from all others, got D"):
        Categorical("x", ("A", "B"), {}, ("D", "D"))


def test_dropped_values_survive_the_document_and_being_held():
    document = {
        "factors": [
            {"name": "x", "kind": "discrete", "values": [1, 2], "dropped": [3], "held": 2},
            {"name": "y", "kind": "categorical", "levels": ["A", "B"], "dropped": ["C"]},
        ],
        "responses": [],
    }
    problem = Problem.from_json(document)
    assert Problem.from_json(problem.to_json()) == problem
    assert [f.dropped for f in problem.factors] == [(3,), ("C",)]
    assert problem.factors[0].has_row(3)
