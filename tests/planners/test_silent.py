"""A condition that becomes a factor while a list is worked off: the list goes on at its value."""

import json

import pytest

from planners.base import Continuous, Measured, Observation, Problem, Response
from planners.candidates import Candidates
from planners.errors import BadOption
from planners.fixing import hold
from planners.replay import Replay
from planners.suggest import ask

POINTS = [{"a": 0.1, "b": 1.0}, {"a": 0.9, "b": 2.0}, {"a": 0.5, "b": 5.0}]
TABLE = "b;a\n1,0;0,1\n2,0;0,9\n5,0;0,5\n"
SILENT = "with c 0.3, of which the list says nothing"


@pytest.fixture
def wider(plane):
    """The plane, and a factor that was fixed at 0.3 when the list was made."""
    return Problem((*plane.factors, Continuous("c", 0.1, 0.4)), (Response("y"),))


def run(point, c=0.3):
    return Observation({**point, "c": c}, {"y": Measured(1.0)})


@pytest.mark.parametrize("points", [POINTS, json.dumps(POINTS), TABLE], ids=["list", "json", "csv"])
@pytest.mark.parametrize("planner", [Replay, Candidates])
def test_a_list_goes_on_at_the_value_of_all_runs_and_says_so(wider, planner, points):
    history = [run(POINTS[0]), run(POINTS[2])]
    (found,) = ask(planner(points), wider, history, 3, 0).suggestions
    assert found.point == {"a": 0.9, "b": 2.0, "c": 0.3}
    assert found.note.endswith(f"; {SILENT}")


@pytest.mark.parametrize("planner", [Replay, Candidates])
def test_it_goes_on_at_the_value_that_the_factor_is_held_at(wider, planner):
    held = hold(wider, {"c": 0.2})
    history = [run(POINTS[0], 0.2), run(POINTS[2], 0.2), run(POINTS[2], 0.4)]
    (found,) = ask(planner(POINTS), held, history, 1, 0).suggestions
    assert found.point == {"a": 0.9, "b": 2.0, "c": 0.2}


@pytest.mark.parametrize("planner", [Replay, Candidates])
def test_where_runs_had_different_values_it_says_what_to_do(wider, planner):
    with pytest.raises(BadOption) as error:
        ask(planner(POINTS), wider, [run(POINTS[0]), run(POINTS[2], 0.2)], 1, 0)
    assert str(error.value) == (
        "points: say nothing of c, and the runs so far had different values;"
        " give it in each point, or fix it at one value"
    )


@pytest.mark.parametrize("given", ["points.csv", "[1, 2]", "[", '{"points": 3}'])
def test_what_is_no_list_keeps_its_own_fault(wider, given):
    with pytest.raises(BadOption, match="points"):
        ask(Replay(given), wider, [run(POINTS[0])], 1, 0)


def test_a_list_that_has_not_begun_must_say_everything(wider):
    with pytest.raises(BadOption, match=r"points\.0: c: is missing"):
        ask(Replay(POINTS), wider, [], 1, 0)
