"""Every planner, any valid problem, any history: feasible, different points, the same each time."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planners.base import Problem
from planners.bayes import Bayes
from planners.design import LatinHypercube
from planners.suggest import ask
from tests.planners.strategies import problems, situations

PLANNERS = [LatinHypercube(n_runs=5), Bayes(), Bayes(n_initial=1, use_suspect=True)]
slow = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("planner", PLANNERS, ids=["lhs", "bayes", "bayes-eager"])
@slow
@given(situation=situations(), n=st.integers(1, 3), seed=st.integers(0, 2**40))
def test_every_suggestion_is_feasible_and_different(planner, situation, n, seed):
    problem, history = situation
    points = planner.suggest(problem, history, n, np.random.default_rng(seed))
    assert len(points) <= n
    for point in points:
        assert problem.faults(point) == []
    assert len({repr(point) for point in points}) == len(points)


@pytest.mark.parametrize("planner", PLANNERS, ids=["lhs", "bayes", "bayes-eager"])
@settings(slow, max_examples=10)
@given(situation=situations(), seed=st.integers(-5, 2**70))
def test_the_same_question_has_the_same_answer(planner, situation, seed):
    problem, history = situation
    assert ask(planner, problem, history, 2, seed) == ask(planner, problem, history, 2, seed)


@slow
@given(problem=problems(), seed=st.integers(0, 2**32 - 1))
def test_scaling_an_encoded_point_gives_it_back(problem, seed):
    rng = np.random.default_rng(seed)
    row = problem.snap(problem.spread(rng.random((1, problem.dimension))))[0]
    point = problem.scale(row)
    again = problem.scale(problem.encode(point))
    for factor in problem.factors:
        assert factor.fault(point[factor.name]) is None
        given, got = factor.row(point[factor.name]), factor.row(again[factor.name])
        np.testing.assert_allclose(given, got, atol=1e-9)
    np.testing.assert_allclose(problem.snap(row[None])[0], row, atol=1e-12)


@slow
@given(problem=problems())
def test_a_problem_survives_its_json(problem):
    assert Problem.from_json(problem.to_json()) == problem
