"""A list of points: in its order, each as often as it stands there."""

import json

import pytest
from hypothesis import HealthCheck, given, settings

from planners.base import Observation
from planners.errors import BadOption
from planners.replay import Replay
from planners.suggest import ask
from tests.planners.strategies import situations

POINTS = [{"a": 0.1, "b": 1.0}, {"a": 0.9, "b": 2.0}, {"a": 0.1, "b": 1.0}, {"a": 0.5, "b": 5.0}]
slow = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


def points(planner, problem, history=(), n=9):
    return [s.point for s in ask(planner, problem, list(history), n, 0).suggestions]


def test_points_come_in_their_order_and_twice_where_listed_twice(plane):
    history = []
    for expected in POINTS:
        (point,) = points(Replay(POINTS), plane, history, 1)
        assert point == expected
        history.append(Observation(point, status="failed" if len(history) == 1 else "ok"))
    assert points(Replay(POINTS), plane, history) == []


def test_one_answer_has_no_point_twice(plane):
    assert points(Replay(POINTS), plane) == [POINTS[0], POINTS[1], POINTS[3]]


def test_points_done_before_are_passed_over(plane):
    done = [Observation(POINTS[3]), Observation({"a": 0.3, "b": 3.0})]
    assert points(Replay(POINTS), plane, done) == [POINTS[0], POINTS[1]]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(POINTS),
        json.dumps({"points": [{**p, "predicted": {"y": {"mean": 1, "sd": 1}}} for p in POINTS]}),
        "a,b\n0.1,1\n0.9,2\n0.1,1\n0.5,5\n",
        "run,b,a\n1,1,0.1\n2,2,0.9\n3,1,0.1\n4,5,0.5\n",
    ],
)
def test_a_list_may_be_json_or_csv_text(plane, text):
    assert points(Replay(text), plane) == points(Replay(POINTS), plane)


@pytest.mark.parametrize(
    ("given_points", "sentence"),
    [
        ([{"a": 2.0, "b": 1.0}], r"^points\.0: a: must be in \[0, 1\], got 2$"),
        ([POINTS[0], {"a": 0.5}], r"points\.1: b: is missing"),
        ([{"a": 0.1, "b": 1.0, "c": 2}], r"points\.0: c: is no factor"),
        ("a,c\n1,2\n", r"points: row 1: no column 'b'"),
        ("[1, 2", "points: is not JSON"),
        ("grid.csv", r'points: .grid\.csv. is the name of a file; .*"points=\$\(cat grid\.csv\)"'),
        ("[7]", r"points\.0: must be an object"),
        ("{}", r"points\.0: a: is missing"),
    ],
)
def test_faulty_points_are_named(plane, given_points, sentence):
    with pytest.raises(BadOption, match=sentence):
        points(Replay(given_points), plane)


@pytest.mark.parametrize("nothing", [[], "", 7, None])
def test_no_list_is_refused(nothing):
    with pytest.raises(BadOption, match="points: must"):
        Replay(nothing)


@slow
@given(situation=situations())
def test_a_history_run_again_is_feasible_and_ends(situation):
    problem, history = situation
    runs = [run.point for run in history if problem.feasible(run.point)]
    if runs:
        assert points(Replay(runs), problem, history, 5) == []
        assert points(Replay(runs), problem, [], 1)
