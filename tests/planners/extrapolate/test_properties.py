"""Any problem, any history: feasible, different points, the same each time."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planners.base import Composition, Measured, Observation, Problem, Response
from planners.errors import BadOption
from planners.extrapolate import Extrapolate
from planners.suggest import ask
from tests.planners.strategies import observations, situations

slow = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


@st.composite
def alloys(draw):
    """A mixture of elements and a support, and a history of it."""
    parts = draw(
        st.lists(st.sampled_from(["Pt", "Nb", "Rb", "C", "support"]), min_size=2, unique=True)
    )
    most = draw(st.none() | st.integers(1, len(parts)))
    problem = Problem((Composition("x", tuple(parts), 5.0, most),), (Response("y"),))
    return problem, draw(st.lists(observations(problem), max_size=10))


@pytest.mark.no_cover  # hundreds of suggestions
@pytest.mark.parametrize("form", ["explorative", "conventional", "exploitative", "swed"])
@slow
@given(situation=situations() | alloys(), n=st.integers(1, 4), seed=st.integers(0, 2**40))
def test_every_suggestion_is_feasible_and_different_and_the_same_again(form, situation, n, seed):
    problem, history = situation
    planner = Extrapolate(form, candidates=300)
    answer = ask(planner, problem, history, n, seed)  # raises on infeasible or equal points
    assert answer == ask(planner, problem, history, n, seed)
    if problem.n_points == float("inf") and not problem.constraints:
        assert len(answer.suggestions) == n


def test_an_empty_history_gets_points_spread_over_the_properties(rng):
    problem = Problem((Composition("x", ("Li", "Fe", "W", "Pt"), 1.0, 2),), (Response("y"),))
    found = Extrapolate().propose(problem, [], 3, rng)
    assert [s.note[:10] for s in found] == ["first runs"] * 3
    held = [frozenset(e for e, w in s.point["x"].items() if w) for s in found]
    assert len(set(held)) >= 2
    assert np.all([not s.predicted for s in found])


def test_a_component_that_is_no_element_is_told(rng):
    problem = Problem((Composition("x", ("Nbb", "Fe", "W")),), (Response("y"),))
    found = Extrapolate().propose(problem, [], 3, rng)
    for suggestion in found:
        told = "no properties of Nbb are known" in suggestion.note
        assert told == (suggestion.point["x"]["Nbb"] > 0)
    assert any(s.point["x"]["Nbb"] > 0 for s in found)


def test_properties_of_what_is_no_component_are_refused(rng):
    problem = Problem((Composition("x", ("Ba", "Fe")),), (Response("y"),))
    planner = Extrapolate(properties={"Baa": {"co2": -1.9}})
    with pytest.raises(BadOption, match=r"properties\.Baa: no component .*mean 'Ba'"):
        planner.propose(problem, [], 1, rng)


def test_weights_are_read_as_a_list_or_with_commas():
    assert Extrapolate(weights="[0.5, 1]").weights == Extrapolate(weights="1,0.5").weights


def one_suspect(value):
    """Return a problem of mixtures and four good runs of it, and a suspect one."""
    problem = Problem((Composition("mix", ("Ni", "Fe", "Co")),), (Response("rate"),))
    parts = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0), (0, 0.5, 0.5)]
    return problem, [
        Observation(
            {"mix": dict(zip(("Ni", "Fe", "Co"), part, strict=True))},
            {"rate": Measured(value if i == 4 else 1.0 + i / 10)},
            "suspect" if i == 4 else "ok",
        )
        for i, part in enumerate(parts)
    ]


def test_what_a_suspect_run_read_is_not_the_best_so_far(rng):
    problem, history = one_suspect(1.5)
    (found,) = Extrapolate(candidates=64, n_initial=4).propose(problem, history, 1, rng)
    assert "best so far 1.3" in found.note


@pytest.mark.parametrize("value", [1e30, -1e30])
def test_a_suspect_reading_far_from_all_good_ones_teaches_nothing(rng, value):
    problem, history = one_suspect(value)
    planner = Extrapolate(candidates=64, n_initial=4)
    (found,) = planner.propose(problem, history, 1, rng)
    assert 0.5 < found.predicted["rate"].mean < 2.0
