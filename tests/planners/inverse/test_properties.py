"""Any valid problem, any history: feasible, different points, the same each time."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planners.errors import CannotSuggest
from planners.inverse import Inverse
from planners.suggest import ask
from tests.planners.strategies import situations

PLANNERS = {
    "mixture": Inverse(n_initial=1, beyond="nearest", components=2),
    "variational": Inverse(n_initial=1, beyond="nearest", model="variational", use_suspect=True),
    "topographic": Inverse(n_initial=1, beyond="nearest", model="topographic", forward="trees"),
}
slow = settings(max_examples=15, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("kind", PLANNERS)
@slow
@given(situation=situations(), n=st.integers(1, 3), seed=st.integers(0, 2**40))
def test_every_design_is_feasible_and_different_from_the_others(kind, situation, n, seed):
    problem, history = situation
    points = PLANNERS[kind].suggest(problem, history, n, np.random.default_rng(seed))
    assert len(points) <= n
    for point in points:
        assert problem.faults(point) == []
    assert len({repr(point) for point in points}) == len(points)


@pytest.mark.parametrize("kind", PLANNERS)
@settings(slow, max_examples=5)
@given(situation=situations(), seed=st.integers(-5, 2**70))
def test_the_same_question_has_the_same_answer(kind, situation, seed):
    problem, history = situation
    planner = PLANNERS[kind]
    assert ask(planner, problem, history, 2, seed) == ask(planner, problem, history, 2, seed)


@slow
@given(situation=situations(), seed=st.integers(0, 2**40))
def test_the_default_proposes_a_feasible_point_or_refuses_in_one_sentence(situation, seed):
    problem, history = situation
    points, said = [], ""
    try:
        points = Inverse(n_initial=1).suggest(problem, history, 1, np.random.default_rng(seed))
    except CannotSuggest as refused:
        said = str(refused)
    assert all(problem.feasible(point) for point in points)
    assert not said or "lies outside everything seen" in said
