"""Constraints that are formulas: parsed without running anything, kept by every planner."""

import numpy as np
import pytest

from planners.base import (
    Categorical,
    Composition,
    Constraint,
    Continuous,
    Discrete,
    FormulaConstraint,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.bayes import Bayes
from planners.design import LatinHypercube
from planners.errors import BadProblem, CannotSuggest
from planners.expressions import Formula
from planners.sampling import feasible_rows
from planners.suggest import generator

PUMPS = (Continuous("flow", 0.1, 10.0, "mL/min"), Continuous("time", 0.5, 20.0, "min", "log"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a * b", 6.0),
        ("-a + 2.5 * (b - 1) / 2", 0.5),
        ("a ** 2 + sqrt(b + 1)", 6.0),
        ("exp(log(a)) + log10(100 * b / 3)", 4.0),
        ("max(a, b, 1) - min(a, b)", 1.0),
        ("abs(a - b) + ratio.Pt", 1.5),
    ],
)
def test_a_formula_has_the_value_that_arithmetic_says(text, value):
    columns = {"a": np.array([2.0]), "b": np.array([3.0]), "ratio.Pt": np.array([0.5])}
    assert Formula(text)(columns)[0] == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.real()",
        "(lambda: a)()",
        "a if a else a",
        "[a][0]",
        "a < 3",
        "a and a",
        "f'{a}'",
        "print(a)",
        "exp(a, a)",
        "max(a)",
        "exp(*a)",
        "max(a, key=a)",
        "True + a",
        "1e999 * a",
        "1j * a",
        "a @ a",
        "a // 2",
        "(a := 1)",
    ],
)
def test_a_formula_may_do_nothing_but_arithmetic(text):
    with pytest.raises(BadProblem, match="is not allowed"):
        Formula(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be a formula"),
        ("a *", "is no formula"),
        ("a\x00", "is no formula"),
        ("1 + 1", "must name at least one factor"),
        ("a" + " + a" * 200, "at most 500 characters"),
        ("-" * 60 + "a", "nested too deeply"),
    ],
)
def test_a_text_that_is_no_formula_is_refused_in_a_sentence(text, said):
    with pytest.raises(BadProblem, match=said):
        Formula(text)


def test_a_name_that_is_no_factor_is_told_with_the_nearest():
    with pytest.raises(BadProblem, match=r"constraints.0.expression: flou.*mean 'flow'"):
        Problem(PUMPS, (), (FormulaConstraint("flou * time", at_most=30.0),))


def test_a_formula_needs_a_bound():
    with pytest.raises(BadProblem, match="give at_most, at_least or both"):
        FormulaConstraint("flow * time")


def test_where_a_formula_has_no_value_it_is_broken():
    problem = Problem(
        (Continuous("a", -1.0, 1.0),), (), (FormulaConstraint("log(a)", at_most=0.0),)
    )
    assert problem.feasible({"a": 0.5})
    assert not problem.feasible({"a": -0.5})
    assert "breaks the constraint log(a) <= 0" in problem.faults({"a": -0.5})[0]


def test_a_formula_survives_its_own_json():
    bounds = FormulaConstraint("flow * time", at_most=30.0, at_least=2.0)
    problem = Problem(PUMPS, (Response("y"),), (bounds, Constraint({"flow": 1.0}, at_most=8.0)))
    assert Problem.from_json(problem.to_json()) == problem
    assert str(bounds) == "2 <= flow * time <= 30"


def test_an_unknown_kind_of_constraint_is_refused():
    document = Problem(PUMPS).to_json() | {"constraints": [{"kind": "quadratic"}]}
    with pytest.raises(BadProblem, match="kind: must be linear or formula, got 'quadratic'"):
        Problem.from_json(document)


def volumes(problem, points):
    return [p["flow"] * p["time"] for p in points]


@pytest.mark.parametrize("planner", [Bayes(), LatinHypercube(n_runs=12)])
def test_planners_keep_a_formula(planner):
    limits = FormulaConstraint("flow * time", at_most=12.0, at_least=10.0)
    problem = Problem(PUMPS, (Response("y"),), (limits,))
    history = []
    for i in range(10):
        (point,) = planner.suggest(problem, history, 1, generator(0, i))
        assert problem.feasible(point)
        assert 10.0 - 1e-6 <= point["flow"] * point["time"] <= 12.0 + 1e-6
        history.append(Observation(point, {"y": Measured(point["flow"])}))
    assert len({tuple(run.point.values()) for run in history}) == 10


def test_bayes_finds_the_optimum_on_a_curved_edge():
    problem = Problem(
        (Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)),
        (Response("y"),),
        (FormulaConstraint("a ** 2 + b ** 2", at_most=0.5),),
    )
    history = []
    for i in range(16):
        (point,) = Bayes().suggest(problem, history, 1, generator(0, i))
        history.append(Observation(point, {"y": Measured(point["a"] + 2 * point["b"])}))
    best = max(run.responses["y"].value for run in history)
    assert best > 0.99 * np.sqrt(5 * 0.5)


def test_a_very_narrow_formula_is_found_beside_a_linear_constraint_and_names():
    factors = (
        *(Continuous(name, 0.0, 1.0) for name in "abcd"),
        Categorical("s", ("x", "y")),
        Discrete("n", (1, 2, 3)),
        Composition("mix", ("u", "v", "w")),
    )
    constraints = (
        FormulaConstraint("a * b * c * d * n * mix.u", at_least=0.9),
        Constraint({"a": 1.0, "b": -1.0}, at_most=0.0),
    )
    problem = Problem(factors, (Response("y"),), constraints)
    rows = feasible_rows(problem, 5, np.random.default_rng(0))
    assert len(rows) >= 5
    assert problem.keeps_constraints(rows).all()


def test_a_formula_that_nothing_keeps_is_told(rng):
    problem = Problem(PUMPS, (Response("y"),), (FormulaConstraint("flow * time", at_least=1e3),))
    with pytest.raises(CannotSuggest, match="keeps the constraints: 1000 <= flow"):
        Bayes().suggest(problem, [], 1, rng)
