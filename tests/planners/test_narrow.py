"""Problems whose constraints leave next to no room."""

import numpy as np
import pytest

from planners.base import Categorical, Composition, Constraint, Continuous, Discrete, Problem
from planners.errors import CannotSuggest
from planners.narrow import narrow_rows
from planners.sampling import all_rows, even_rows, feasible_rows, known_rows

KINDS = (
    Continuous("flow", 0.0, 5.0),
    Discrete("step", (1, 2, 4)),
    Categorical("base", ("DBU", "Et3N")),
    Composition("ratio", ("Pt", "Mo", "Nb"), 1.0, 2),
)


def test_every_kind_of_factor_takes_part(rng):
    tight = Constraint({"flow": 1.0, "step": 1.0, "ratio.Pt": 2.0}, 3.0, 3.0)
    problem = Problem(KINDS, (), (tight,))
    rows = narrow_rows(problem, 40, rng)
    points = [problem.scale(row) for row in rows]
    assert len(points) == 40
    for point in points:
        assert problem.faults(point) == []
        assert point["flow"] + point["step"] + 2 * point["ratio"]["Pt"] == pytest.approx(3.0)
    assert {point["base"] for point in points} == {"DBU", "Et3N"}
    assert {point["step"] for point in points} >= {1, 2}


def test_a_sliver_is_filled_by_draws_and_solutions_together(rng):
    problem = Problem(KINDS, (), (Constraint({"flow": 1.0, "step": 1.0}, 1.0001),))
    rows = feasible_rows(problem, 20, rng)
    assert len(rows) >= 20
    assert problem.keeps_constraints(rows).all()


def test_levels_that_can_never_add_up_are_told(rng):
    factors = (Discrete("a", (1, 3)), Discrete("b", (1, 3)), Continuous("x", 0.0, 1.0))
    problem = Problem(factors, (), (Constraint({"a": 1.0, "b": 1.0}, 5.5, 4.5),))
    with pytest.raises(CannotSuggest, match=r"keeps the constraints: 4\.5 <= 1 a \+ 1 b <= 5\.5"):
        narrow_rows(problem, 3, rng)


def test_a_finite_problem_without_a_feasible_point_is_told():
    problem = Problem(
        (Discrete("a", (1, 3)), Discrete("b", (1, 3))),
        (),
        (Constraint({"a": 1, "b": 1}, 5.5, 4.5),),
    )
    with pytest.raises(CannotSuggest):
        all_rows(problem)


def test_a_composition_of_one_component_counts_as_finite():
    problem = Problem((Composition("ratio", ("Pt", "Mo", "Nb"), 1.0, 1), Discrete("s", (1, 2))))
    assert len(all_rows(problem)) == 6


def test_even_rows_leave_no_gap(rng):
    rows = even_rows(64, 2, rng)
    counts = np.histogram2d(*rows.T, bins=4, range=[[0, 1], [0, 1]])[0]
    assert counts.min() >= 2
    assert counts.max() <= 6


def test_nothing_is_known_in_an_empty_history():
    problem = Problem((Continuous("x", 0.0, 1.0),))
    assert not known_rows(problem, np.array([[0.5]]), np.empty((0, 1)), 0.1).any()
