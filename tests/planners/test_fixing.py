"""Factors that a person fixes, and factors that a whole batch shares, with every planner."""

import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from planners.errors import BadOption, BadProblem, CannotSuggest
from planners.fixing import hold, parse_fixed
from planners.history import read_history, write_history
from planners.history_json import history_from_json
from planners.registry import make_planner
from planners.sampling import feasible_rows
from planners.suggest import ask, ask_shared, suggest_document
from tests.planners.strategies import problems, rows, situations

MIXED = Problem(
    (
        Continuous("T", 30.0, 120.0, "degC", "reciprocal_kelvin"),
        Discrete("eq", (1, 2, 3)),
        Categorical("base", ("DBU", "Et3N")),
        Composition("m", ("Pt", "Mo", "Nb"), 1.0, 2),
    ),
    (Response("y"),),
    (Constraint({"T": 1.0, "eq": 10.0}, at_most=110.0),),
)
MIXTURE = {"Pt": 0.25, "Mo": 0.75, "Nb": 0.0}
FIXES = [{"T": 61.5}, {"eq": 2}, {"base": "Et3N"}, {"m": MIXTURE}]


@pytest.fixture
def history(rng):
    """Twelve runs all over the place."""
    points = [MIXED.scale(row) for row in feasible_rows(MIXED, 12, rng)[:12]]
    return [Observation(p, {"y": Measured(p["T"] + 10.0 * p["eq"])}) for p in points]


@pytest.mark.parametrize("fix", FIXES, ids=lambda fix: next(iter(fix)))
@pytest.mark.parametrize("planner", [Bayes(), LatinHypercube()], ids=["bayes", "lhs"])
def test_every_point_has_the_fixed_value_exactly(planner, fix, history):
    answer = ask(planner, hold(MIXED, fix), history, 3, 0)
    assert len(answer.suggestions) == 3
    for suggestion in answer.suggestions:
        assert MIXED.faults(suggestion.point) == []
        assert {name: suggestion.point[name] for name in fix} == fix


def test_runs_at_other_values_still_teach():
    factors = (Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0))
    problem = Problem(factors, (Response("y"),))
    grid = np.linspace(0.0, 1.0, 5)
    history = [
        Observation({"a": a, "b": b}, {"y": Measured(-((b - 0.4) ** 2) + a)})
        for a in grid
        for b in grid
    ]
    (found,) = ask(Bayes(), hold(problem, {"a": 0.6}), history, 1, 0).suggestions
    assert found.point["b"] == pytest.approx(0.4, abs=0.1)
    assert found.predicted["y"].mean == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("planner", [Bayes(), LatinHypercube()], ids=["bayes", "lhs"])
def test_levels_done_at_another_value_are_not_done_at_the_fixed_one(planner):
    problem = Problem((Continuous("T", 0.0, 1.0), Categorical("c", ("A", "B"))), (Response("y"),))
    history = [
        Observation({"T": t, "c": c}, {"y": Measured(t)}) for t in (0.0, 0.2, 0.9) for c in "AB"
    ]
    points = [s.point for s in ask(planner, hold(problem, {"T": 0.5}), history, 5, 0).suggestions]
    assert sorted(point["c"] for point in points) == ["A", "B"]


def test_a_held_factor_takes_nothing_else():
    held = hold(MIXED, {"T": 60.0, "m": MIXTURE})
    point = {"T": 60.0, "eq": 1, "base": "DBU", "m": MIXTURE}
    assert held.faults(point) == []
    assert held.faults(point | {"T": 61.0}) == ["T: is held at 60, got 61.0"]
    (fault,) = held.faults(point | {"m": {"Pt": 1.0}})
    assert fault.startswith("m: is held at Pt 0.25, Mo 0.75, Nb 0, got ")
    assert held.faults(point | {"m": 3}) == ["m: is held at Pt 0.25, Mo 0.75, Nb 0, got 3"]


@pytest.mark.parametrize("unit_m3_s", [1e-9, 1.0, 1e9])
def test_values_of_a_held_factor_are_told_apart_whatever_its_unit(unit_m3_s):
    problem = Problem(
        (
            Continuous("flow", unit_m3_s, 2 * unit_m3_s),
            Discrete("steps", (unit_m3_s, 2 * unit_m3_s)),
            Composition("m", ("a", "b"), unit_m3_s),
        )
    )
    halves, thirds = ({"a": part * unit_m3_s, "b": (1 - part) * unit_m3_s} for part in (0.5, 0.3))
    held = hold(problem, {"flow": 1.5 * unit_m3_s, "steps": unit_m3_s, "m": halves})
    point = {"flow": 1.5 * unit_m3_s, "steps": unit_m3_s, "m": halves}
    assert held.feasible(point)
    for name, other in (("flow", 1.6 * unit_m3_s), ("steps", 2 * unit_m3_s), ("m", thirds)):
        assert not held.feasible({**point, name: other})


def test_a_batch_of_tiny_flows_shares_one_of_them():
    problem = Problem((Continuous("flow", 0.0, 5e-9, "m3/s"), Continuous("T", 30.0, 120.0)))
    answer = ask_shared(LatinHypercube(), problem, [], 4, 0, ["flow"])
    assert len({s.point["flow"] for s in answer.suggestions}) == 1


def test_everything_fixed_leaves_one_point():
    point = {"T": 60.0, "eq": 1, "base": "DBU", "m": MIXTURE}
    held = hold(MIXED, point)
    answer = ask(Bayes(), held, [], 3, 0)
    assert [s.point for s in answer.suggestions] == [point]
    done = [Observation(point, {"y": Measured(1.0)})]
    assert ask(Bayes(), held, done, 1, 0).note == "nothing left to suggest"


def test_arguments_are_read_by_the_kind_of_factor():
    texts = ["T=60", "eq=2", "base=DBU", "m=Pt=0.25, Mo=0.75"]
    assert parse_fixed(MIXED, texts) == {"T": 60.0, "eq": 2.0, "base": "DBU", "m": MIXTURE}
    assert parse_fixed(MIXED, ['m={"Pt": 0.25, "Mo": 0.75}']) == {"m": MIXTURE}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("T", "--fix: must be NAME=VALUE, got 'T'"),
        ("T=200", "--fix: T: must be in [30, 120], got 200"),
        ("T=hot", "--fix: T: must be a number, got 'hot'"),
        ("T=nan", "--fix: T: must be a number, got nan"),
        ("t=60", "--fix: t: is no factor of this problem"),
        ("eq=4", "--fix: eq: must be one of 1, 2, 3, got 4"),
        ("base=NaOH", "--fix: base: must be one of DBU, Et3N, got 'NaOH'"),
        ("m.Pt=0.2", "--fix: m.Pt: is a part of 'm'; fix all of it, or write a constraint"),
        ("m=Pt=0.5", "--fix: m: must add up to 1, got 0.5"),
        ("m=Pt=half", "--fix: m: must have amounts >= 0, got 'half' of Pt"),
        ("m=Fe=1", "--fix: m: has unknown components Fe"),
        ("m={", "--fix: m: must be an object of amounts by component, got '{'"),
    ],
)
def test_what_cannot_be_fixed_is_said(text, sentence):
    with pytest.raises(BadOption) as caught:
        parse_fixed(MIXED, [text])
    assert caught.value.faults[0].startswith(sentence)


def test_a_factor_is_fixed_once():
    with pytest.raises(BadOption, match="--fix: T: is given twice"):
        parse_fixed(MIXED, ["T=60", "T=70"])


def test_a_value_that_leaves_no_room_is_refused():
    with pytest.raises(BadProblem, match=r"constraints\.0\.at_most: can never hold"):
        hold(MIXED, {"T": 110.0})
    with pytest.raises(BadProblem, match="x: is no factor of this problem"):
        hold(MIXED, {"x": 1.0})
    with pytest.raises(BadProblem, match="T: must be in"):
        hold(MIXED, {"T": 10.0})


def test_a_constraint_as_narrow_as_a_needle_is_threaded_with_held_factors(rng):
    factors = (*(Continuous(n, 0.0, 1.0) for n in "abcdef"), Discrete("g", (1, 2, 3)))
    tight = Constraint(dict.fromkeys("abcdef", 1.0) | {"g": 1.0}, at_most=2.001, at_least=2.0)
    held = hold(Problem(factors, (Response("y"),), (tight,)), {"a": 0.5, "g": 1})
    for row in feasible_rows(held, 5, rng)[:5]:
        assert held.feasible(held.scale(row))
        assert held.scale(row)["g"] == 1


slow = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


@slow
@given(situation=situations(), data=st.data(), n=st.integers(1, 3))
def test_any_factors_of_any_problem_can_be_held(situation, data, n):
    problem, history = situation
    legal = feasible_rows(problem, 1, np.random.default_rng(data.draw(st.integers(0, 99))))[0]
    point = problem.scale(legal)
    names = data.draw(st.lists(st.sampled_from([f.name for f in problem.factors]), unique=True))
    held = hold(problem, {name: point[name] for name in names})
    for planner in (Bayes(), LatinHypercube()):
        for suggestion in ask(planner, held, history, n, 0).suggestions:
            assert problem.faults(suggestion.point) == []


@pytest.mark.parametrize("planner", [LatinHypercube(), Bayes(n_initial=1)], ids=["lhs", "bayes"])
@pytest.mark.parametrize("shared", [["T"], ["base"], ["m"], ["T", "eq"]], ids=str)
def test_a_batch_shares_values(planner, shared, history):
    answer = ask_shared(planner, MIXED, history, 3, 0, shared)
    points = [s.point for s in answer.suggestions]
    assert len(points) == 3
    assert all(MIXED.feasible(point) for point in points)
    assert len({repr([point[name] for name in shared]) for point in points}) == 1
    assert len({repr(point) for point in points}) == 3


def test_a_batch_that_shares_ends_with_the_points(plane):
    finite = Problem((Discrete("a", (1, 2)), Discrete("b", (1, 2))), (Response("y"),))
    answer = ask_shared(LatinHypercube(), finite, [], 4, 0, ["a"])
    assert len(answer.suggestions) == 2
    everything = [Observation({"a": a, "b": b}) for a in (1, 2) for b in (1, 2)]
    assert ask_shared(LatinHypercube(), finite, everything, 4, 0, ["a"]).suggestions == ()


@pytest.fixture
def problem_file(tmp_path):
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(MIXED.to_json()))
    return path


@pytest.mark.parametrize("planner", ["bayes", "lhs"])
def test_a_document_keeps_what_is_fixed_and_shared(planner, problem_file):
    told = suggest_document(
        problem_file, planner=planner, n=3, fixed=["eq=2"], shared=["T"], clock=lambda: 0.0
    )
    assert [p["eq"] for p in told["points"]] == [2, 2, 2]
    assert len({p["T"] for p in told["points"]}) == 1


@pytest.mark.parametrize("planner", ["bayes", "lhs"])
def test_what_is_no_factor_cannot_be_shared(planner, problem_file):
    with pytest.raises(BadOption, match=r"shared: .?temp.? ?.?is no factor of this problem"):
        suggest_document(problem_file, planner=planner, n=2, shared=["temp"], clock=lambda: 0.0)


def test_a_fixed_value_that_breaks_a_constraint_is_an_option_fault(problem_file):
    with pytest.raises(BadOption, match=r"--fix: constraints\.0\.at_most: can never hold"):
        suggest_document(problem_file, fixed=["T=115"], clock=lambda: 0.0)


@slow
@given(problem=problems(), data=st.data())
def test_a_held_problem_snaps_every_row_to_its_values(problem, data):
    row = data.draw(rows(problem))
    point = problem.scale(row)
    try:
        held = hold(problem, point)
    except BadProblem:
        return  # the row broke a constraint
    found = held.scale(data.draw(rows(problem)))
    assert found == {f.name: f.tidy(point[f.name]) for f in problem.factors}
    assert held.faults(found) == []
    assert held.n_points == 1


@pytest.mark.parametrize("fix", FIXES, ids=lambda fix: next(iter(fix)))
def test_a_held_factor_survives_its_document(fix, history):
    held = hold(MIXED, fix)
    document = json.loads(json.dumps(held.to_json()))
    assert Problem.from_json(document) == held
    (told,) = [factor["held"] for factor in document["factors"] if factor["name"] in fix]
    assert told == next(iter(fix.values()))
    runs = history_from_json([run.to_json() for run in history], held)  # at other values, too
    assert runs == history


def test_runs_at_other_values_are_read_beside_a_held_factor(history):
    held = hold(MIXED, {"T": 60.0, "eq": 2, "base": "Et3N", "m": MIXTURE})
    file = io.StringIO()
    write_history(file, MIXED, history)
    assert read_history(file.getvalue().splitlines(), held) == history


@pytest.mark.parametrize(
    ("factor", "value", "sentence"),
    [
        ("T", 200, "factors.0.held: must be in [30, 120], got 200"),
        ("eq", 4, "factors.1.held: must be one of 1, 2, 3, got 4"),
        ("base", "NaOH", "factors.2.held: must be one of DBU, Et3N, got 'NaOH'"),
        ("m", {"Pt": 0.5}, "factors.3.held: must add up to 1, got 0.5"),
        ("T", "hot", "factors.0.held: must be a valid number, got 'hot'"),
    ],
)
def test_a_document_holds_legal_values_only(factor, value, sentence):
    document = MIXED.to_json()
    next(f for f in document["factors"] if f["name"] == factor)["held"] = value
    with pytest.raises(BadProblem) as caught:
        Problem.from_json(document)
    assert caught.value.faults == (sentence,)


@pytest.mark.parametrize("planner", ["bayes", "extrapolate", "inverse"])
def test_a_mixture_held_whole_is_asked_for_though_others_were_run(planner):
    elements = ("Mo", "W", "Nb")
    blend = Composition("blend", elements)
    problem = Problem((blend,), (Response("y"),))
    shares = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.2, 0.3, 0.5), (0.6, 0.4, 0)]
    history = [
        Observation(
            {"blend": dict(zip(elements, s, strict=True))}, {"y": Measured(s[0] + 2 * s[1])}
        )
        for s in shares
    ]
    wanted = {"Mo": 0.5, "W": 0.5, "Nb": 0.0}
    held = hold(problem, {"blend": wanted})
    (found,) = ask(make_planner(planner, {}, seed=0), held, history, 1, 0).suggestions
    assert found.point == {"blend": wanted}
    again = ask(make_planner(planner, {}, seed=0), held, [*history, Observation(found.point)], 1, 0)
    assert again.suggestions == ()


def test_a_value_that_leaves_no_point_is_named_beside_the_constraints():
    flows = (Continuous("a", 0.0, 5.0), Continuous("b", 0.0, 5.0))
    limits = (Constraint({"a": 1.0, "b": 1.0}, at_most=5.0), FormulaConstraint("a*b", at_least=0.5))
    with pytest.raises(CannotSuggest, match=r"0\.5 <= a\*b; with a fixed at 4\.95"):
        ask(Bayes(), hold(Problem(flows, (Response("y"),), limits), {"a": 4.95}), [], 1, 0)
