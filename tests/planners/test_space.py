"""What models see of rows: columns that span about 1, also of a mixture with bounds."""

import numpy as np
import pytest

from planners.base import Composition, Constraint, Continuous, FormulaConstraint, Problem, Response
from planners.bayes.models.space import Space

MIXTURE = Composition("mix", ("a", "b", "c"), total=2.0)
TEMPERATURE = Continuous("temperature", 20.0, 120.0)


def spans(*constraints):
    """What one whole fraction counts as, for each part of the mixture."""
    problem = Problem((TEMPERATURE, MIXTURE), (Response("y"),), constraints)
    rows = np.vstack([np.zeros(4), np.eye(4)])
    features = Space(problem).features(rows)
    return 1.0 / (features[1:] - features[0]).diagonal()


def test_without_bounds_columns_are_as_they_are():
    assert list(spans()) == [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        ([Constraint({"mix.a": 1.0}, at_most=0.5, at_least=0.1)], [0.2, 0.95, 0.95]),
        ([Constraint({"mix.a": -10.0}, at_most=-1.0, at_least=-5.0)], [0.2, 0.95, 0.95]),
        ([Constraint({"mix.a": 1.0}, at_least=1.0)], [0.5, 0.5, 0.5]),
        (
            [Constraint({"mix.a": 1.0}, at_most=0.4), Constraint({"mix.b": 1.0}, at_most=0.2)],
            [0.2, 0.1, 0.3],
        ),
        ([Constraint({"mix.a": 1.0}, at_most=0.01)], [0.02, 1.0, 1.0]),
        ([Constraint({"mix.a": 1.0, "mix.b": 1.0}, at_most=0.5)], [1.0, 1.0, 1.0]),
        ([Constraint({"temperature": 1.0}, at_most=50.0)], [1.0, 1.0, 1.0]),
        ([Constraint({"mix.a": 0.0}, at_most=50.0)], [1.0, 1.0, 1.0]),
        ([FormulaConstraint("mix.a", at_most=0.5)], [1.0, 1.0, 1.0]),
    ],
)
def test_bounded_parts_are_counted_by_the_root_of_what_the_bounds_leave(constraints, expected):
    np.testing.assert_allclose(spans(*constraints) ** 2, [1.0, *expected], atol=1e-12)


def test_runs_of_an_earlier_campaign_have_a_column_of_their_own():
    space = Space(Problem((TEMPERATURE,), (Response("y"),)), transfer=True)
    rows = np.array([[0.3]])
    assert space.features(rows).tolist() == [[0.3, 0.0]]
    assert space.features(rows, earlier=True).tolist() == [[0.3, 1.0]]
