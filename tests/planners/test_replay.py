"""A list of points: in its order, each as often as it stands there."""

import json

import pytest
from hypothesis import HealthCheck, given, settings

from planners.base import (
    Categorical,
    Constraint,
    Continuous,
    Discrete,
    Observation,
    Problem,
    Response,
)
from planners.errors import BadOption
from planners.fixing import hold
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


LADDER = [{"t": 40.0}, {"t": 100.0}, {"t": 60.0}, {"t": 90.0}]


def oven(high):
    return Problem((Continuous("t", 30.0, high, "degC"),), (Response("y"),))


@pytest.mark.parametrize("given_points", [LADDER, json.dumps(LADDER), "t\n40\n100\n60\n90\n"])
def test_a_list_goes_on_in_a_space_that_was_narrowed_and_says_what_is_passed_over(given_points):
    done = [Observation(LADDER[0]), Observation(LADDER[1])]
    answer = ask(Replay(given_points), oven(80.0), done, 3, 0)
    assert [s.point for s in answer.suggestions] == [{"t": 60.0}]
    assert answer.note == (
        "point 3 of 4 of the list; passed over until the space holds them:"
        " point 4 of 4 (t: must be in [30, 80], got 90)"
    )
    end = ask(Replay(given_points), oven(80.0), [*done, Observation(LADDER[2])], 3, 0)
    assert not end.suggestions
    assert end.note.startswith("nothing left to suggest; passed over until")
    assert points(Replay(given_points), oven(120.0), [*done, Observation(LADDER[2])]) == LADDER[3:]


def test_a_list_of_which_nothing_was_run_must_be_within_the_space():
    others = [Observation({"t": 55.0}), Observation({"t": 100.0})]
    for history in ([], others[:1]):
        with pytest.raises(BadOption, match=r"points\.1: t: must be in \[30, 80\], got 100"):
            points(Replay(LADDER), oven(80.0), history)


@pytest.mark.parametrize("row", [{"t": "hot"}, {"T": 40.0}, {"t": 50.0, "s": 1.0}, 7])
def test_a_row_that_is_no_point_is_refused_also_when_the_list_is_begun(row):
    with pytest.raises(BadOption, match=r"points\.4: "):
        points(Replay([*LADDER, row]), oven(120.0), [Observation(LADDER[0])])


def test_names_values_and_constraints_that_are_gone_are_passed_over_too():
    def shelf(levels, values, most):
        return Problem(
            (Categorical("base", levels), Discrete("eq", values), Continuous("t", 0.0, 90.0)),
            (Response("y"),),
            (Constraint({"t": 1.0}, at_most=most),),
        )

    rows = [
        {"base": base, "eq": eq, "t": t}
        for base, eq, t in [("A", 1, 10.0), ("C", 1, 10.0), ("A", 3, 10.0), ("A", 1, 80.0)]
    ]
    rows.append({"base": "B", "eq": 2, "t": 20.0})
    planner, done = Replay(rows), [Observation(rows[0])]
    assert len(points(planner, shelf(("A", "B", "C"), (1, 2, 3), 90.0), done)) == 4
    narrow = shelf(("A", "B"), (1, 2), 50.0)
    answer = ask(planner, narrow, done, 9, 0)
    assert [s.point for s in answer.suggestions] == rows[4:]
    for why in ("point 2 of 5 (base: must", "point 3 of 5 (eq: must", "point 4 of 5 (breaks the"):
        assert why in answer.note


def test_points_beside_a_factor_that_is_held_wait(plane):
    held = hold(plane, {"a": 0.1})
    answer = ask(Replay(POINTS), held, [], 9, 0)
    assert [s.point for s in answer.suggestions] == [POINTS[0]]
    assert "point 2 of 4 (a: is held at 0.1, got 0.9), point 4 of 4" in answer.note


@slow
@given(situation=situations())
def test_a_history_run_again_is_feasible_and_ends(situation):
    problem, history = situation
    runs = [run.point for run in history if problem.feasible(run.point)]
    if runs:
        assert points(Replay(runs), problem, history, 5) == []
        assert points(Replay(runs), problem, [], 1)
