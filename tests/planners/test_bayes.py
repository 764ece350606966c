"""Bayesian optimisation: it finds optima, fronts and targets, and heeds what went wrong."""

import numpy as np
import pytest
from scipy.spatial import Delaunay

from planners.base import (
    Categorical,
    Constraint,
    Continuous,
    Discrete,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.bayes import Bayes
from planners.bayes.standing import standing
from planners.errors import BadOption, CannotSuggest
from planners.suggest import generator


def campaign(problem, truth, runs, noise=0.01, planner=None):
    """Return the history of a campaign against ``truth(point) -> {response: value}``."""
    planner, errors = planner or Bayes(), np.random.default_rng(5)
    history = []
    for _ in range(runs):
        point = planner.suggest(problem, history, 1, generator(0, len(history)))[0]
        values = {n: Measured(v + noise * errors.normal()) for n, v in truth(point).items()}
        history.append(Observation(point, values))
    return history


def hill(point):
    return {"y": 1 - (point["a"] - 0.3) ** 2 - ((point["b"] - 7) / 10) ** 2}


def test_it_climbs_a_hill(plane):
    history = campaign(plane, hill, 14)
    assert max(hill(run.point)["y"] for run in history) > 0.995


def test_it_minimises_too(plane):
    problem = Problem(plane.factors, (Response("y", "minimise"),))
    history = campaign(problem, lambda p: {"y": 5 - hill(p)["y"]}, 14)
    assert max(hill(run.point)["y"] for run in history) > 0.99


def test_it_reaches_a_target(plane):
    problem = Problem(plane.factors, (Response("y", "target", 0.60, 0.62),))
    history = campaign(problem, hill, 14, noise=0.001)
    assert sum(0.595 < hill(run.point)["y"] < 0.625 for run in history) >= 3


PLACES = {"p": (0.15, 0.2), "q": (0.85, 0.3), "r": (0.3, 0.9), "s": (0.6, 0.6)}


@pytest.mark.parametrize("names", ["pqr", "pqrs"])
def test_many_goals_are_sought_between_the_best_of_each(plane, names):
    """Each falls with the distance from a place, so that the front lies between the places."""
    problem = Problem(plane.factors, tuple(Response(name) for name in names))
    places = np.array([PLACES[name] for name in names])

    def truth(point):
        far = ((places - [point["a"], point["b"] / 10]) ** 2).sum(axis=1)
        return dict(zip(names, 1 - far, strict=True))

    history = campaign(problem, truth, 22, noise=0.002)
    runs = np.array([[run.point["a"], run.point["b"] / 10] for run in history[6:]])
    middle = places.mean(axis=0)
    between = Delaunay(middle + 1.15 * (places - middle)).find_simplex(runs) >= 0
    assert between.mean() > 0.7  # by chance 0.3
    gaps = np.hypot(*(runs[:, None] - places).transpose(2, 0, 1))
    assert gaps.min(axis=0).max() < 0.3


def test_two_objectives_give_a_front(plane):
    problem = Problem(plane.factors, (Response("gain"), Response("cost", "minimise")))

    def truth(p):
        return {"gain": np.sqrt(p["a"]) - 0.1 * p["b"] / 10, "cost": p["a"] + 0.1 * p["b"] / 10}

    history = campaign(problem, truth, 20, noise=0.0)
    late = [run.point for run in history[8:]]
    assert np.median([p["b"] for p in late[-8:]]) < 2.0  # b only harms
    spread = sorted(p["a"] for p in late)
    assert spread[0] < 0.15
    assert spread[-1] > 0.85


def test_three_objectives_are_improved_together(plane):
    problem = Problem(plane.factors, tuple(Response(f"y{i}") for i in range(3)))
    history = campaign(problem, lambda p: {f"y{i}": hill(p)["y"] + 0.1 * i for i in range(3)}, 16)
    assert max(hill(run.point)["y"] for run in history) > 0.98


@pytest.mark.parametrize(("low", "end"), [(100.0, 1.0), (-60.0, 0.0)])
def test_a_target_far_from_anything_seen_is_approached(plane, low, end):
    problem = Problem(plane.factors, (Response("y", "target", low, low + 1.0),))
    seen = [(0.1, 5.0), (0.5, 7.0), (0.35, 6.2), (0.85, 8.8), (0.9, 9.0)]
    history = [Observation({"a": a, "b": 5.0}, {"y": Measured(y)}) for a, y in seen]
    (found,) = Bayes(n_initial=1).propose(problem, history, 1, generator(0, 5))
    assert abs(found.point["a"] - end) < 0.1
    assert "the target of y is far from anything seen" in found.note
    nearer = Problem(plane.factors, (Response("y", "target", 10.0, 11.0),))
    (found,) = Bayes(n_initial=1).propose(nearer, history, 1, generator(0, 5))
    assert "far" not in found.note


def test_a_goal_is_sought_where_the_target_holds(plane):
    problem = Problem(plane.factors, (Response("y"), Response("ph", "target", 0.0, 0.2)))
    history = campaign(problem, lambda p: hill(p) | {"ph": p["a"]}, 18, noise=0.001)
    held = [hill(r.point)["y"] for r in history if r.point["a"] <= 0.2]
    assert max(held) > 0.98


def test_the_best_of_a_few_levels_is_found():
    gains = {"P1": 0.2, "P2": 1.0, "P3": 0.5, "P4": 0.1}
    factors = (Categorical("cat", tuple(gains)), Continuous("t", 0, 1))
    problem = Problem(factors, (Response("y"),))
    history = campaign(problem, lambda p: {"y": gains[p["cat"]] - (p["t"] - 0.6) ** 2}, 16)
    best = max(history, key=lambda run: run.responses["y"].value).point
    assert best["cat"] == "P2"
    assert best["t"] == pytest.approx(0.6, abs=0.1)


def test_the_optimum_on_a_constraint_is_found():
    factors = (Continuous("a", 0, 1), Continuous("b", 0, 1))
    problem = Problem(factors, (Response("y"),), (Constraint({"a": 1, "b": 1}, 1.0),))
    history = campaign(problem, lambda p: {"y": p["a"] + 2 * p["b"]}, 14, noise=0.001)
    assert max(run.responses["y"].value for run in history) > 1.97


def test_runs_in_flight_are_not_proposed_again(plane):
    history = campaign(plane, hill, 6)
    pending = []
    for _ in range(4):
        rng = generator(0, len(history) + len(pending))
        point = Bayes().suggest(plane, [*history, *pending], 1, rng)[0]
        pending.append(Observation(point, status="pending"))
    rows = np.array([plane.encode(run.point) for run in pending])
    gaps = np.abs(rows[:, None] - rows[None]).max(axis=2)[np.triu_indices(4, 1)]
    assert gaps.min() > 0.01


def test_the_surroundings_of_a_failure_are_avoided(plane):
    history = campaign(plane, hill, 10)
    wanted = Bayes().suggest(plane, history, 1, generator(0, 10))[0]
    failures = [Observation(wanted, status="failed")] * 2
    other = Bayes().suggest(plane, [*history, *failures], 1, generator(0, 10))[0]
    gap = np.abs(plane.encode(wanted) - plane.encode(other)).max()
    assert gap > 0.02


def test_suspect_runs_are_learned_from_only_on_request(plane):
    history = campaign(plane, hill, 8)
    liar = Observation({"a": 0.9, "b": 1.0}, {"y": Measured(50.0)}, "suspect")
    asked = generator(0, 9), generator(0, 9)
    careful = Bayes().propose(plane, [*history, liar], 1, asked[0])[0]
    trusting = Bayes(use_suspect=True).propose(plane, [*history, liar], 1, asked[1])[0]
    assert careful.predicted["y"].mean < 2
    assert trusting.predicted["y"].mean > 2


def test_achieved_conditions_count_rather_than_requested_ones(plane):
    xs = np.linspace(0, 1, 9)
    asked = [{"a": 0.5, "b": float(10 * x)} for x in xs]
    history = [
        Observation(p, {"y": Measured(float(x))}, achieved={"a": float(x), "b": 5.0})
        for p, x in zip(asked, xs, strict=True)
    ]
    point = Bayes(n_initial=1).suggest(plane, history, 1, generator(0, 9))[0]
    assert point["a"] > 0.9


@pytest.mark.parametrize("value", [0.0, 1e300, -1e-300, 7.5])
def test_a_constant_response_is_explored_without_fuss(plane, value):
    points = Bayes().suggest(plane, [], 8, generator(0, 0))
    history = [Observation(point, {"y": Measured(value)}) for point in points]
    (found,) = Bayes().propose(plane, history, 1, generator(0, 8))
    assert plane.feasible(found.point)
    assert np.isfinite(found.predicted["y"].mean)


def test_a_finite_problem_is_exhausted_without_repetition_and_then_ends(rng):
    problem = Problem((Discrete("e", (1, 2, 3)), Categorical("c", ("a", "b"))), (Response("y"),))
    history = campaign(problem, lambda p: {"y": p["e"]}, 6)
    assert len({(r.point["e"], r.point["c"]) for r in history}) == 6
    assert Bayes().suggest(problem, history, 1, rng) == []


def test_the_first_design_is_the_same_whatever_the_generator(plane):
    first = Bayes(n_initial=5).suggest(plane, [], 5, generator(1, 0))
    again = Bayes(n_initial=5).suggest(plane, [], 5, generator(2, 0))
    assert first == again


def test_the_first_design_meets_every_name_once():
    names = tuple("ABCDEFGH")
    problem = Problem((Categorical("c", names), Continuous("t", 0, 1)), (Response("y"),))
    suggestions = Bayes().propose(problem, [], 8, generator(0, 0))
    assert all("first design" in found.note for found in suggestions)
    assert sorted(found.point["c"] for found in suggestions) == sorted(names)


@pytest.mark.parametrize(
    ("factors", "responses", "runs"),
    [
        ("abcdef", (Response("y"),), 3),
        ("abcdef", (Response("y"), Response("z", "minimise")), 7),
        ("ab", (Response("y", "target", 0.0, 1.0),), 2),
    ],
)
def test_the_first_design_is_short_for_one_goal(factors, responses, runs):
    problem = Problem(tuple(Continuous(name, 0, 1) for name in factors), responses)
    notes = [found.note for found in Bayes().propose(problem, [], 9, generator(0, 0))]
    assert sum("first design" in note for note in notes) == runs


def test_failed_runs_do_not_complete_the_first_design(plane):
    points = Bayes().suggest(plane, [], 8, generator(0, 0))
    failed = [Observation(point, status="failed") for point in points]
    found = Bayes().propose(plane, failed, 1, generator(0, 8))[0]
    assert "too few results" in found.note or "design" in found.note


def test_predictions_come_in_the_responses_own_unit(plane):
    history = campaign(plane, lambda p: {"y": 1e4 * hill(p)["y"]}, 12, noise=10.0)
    (found,) = Bayes().propose(plane, history, 1, generator(0, 12))
    predicted = found.predicted["y"]
    assert predicted.mean == pytest.approx(1e4 * hill(found.point)["y"], abs=5 * predicted.sd + 50)


@pytest.mark.parametrize(("unit", "whole"), [("%", 100.0), ("mol/mol", 1.0)])
def test_no_more_than_all_is_expected_of_a_yield(unit, whole):
    """Four runs whose logarithms rise in a line would be taken to promise many times the whole."""
    factors = (Continuous("temperature", 30, 110, "degC"), Continuous("amount", 1, 9))
    problem = Problem(factors, (Response("yield", unit=unit),))
    places = [(30.0, 1.0), (40.0, 2.5), (50.0, 2.0), (60.0, 3.5), (70.0, 4.0), (75.0, 4.2)]
    history = [
        Observation(
            {"temperature": t, "amount": a},
            {"yield": Measured(whole * 0.005 * np.exp((t - 30.0) / 10.0))},
        )
        for t, a in places
    ]
    suggested = Bayes(n_initial=3).propose(problem, history, 4, generator(0, 6))
    for one in suggested:
        told = one.predicted["yield"]
        assert 0.0 <= told.mean <= whole
        assert told.sd <= whole / 2
    stands = standing(problem, problem, history)
    assert stands.regret <= whole - stands.best[0].predicted["yield"].mean + 1e-9


def test_a_problem_without_responses_is_refused(plane, rng):
    with pytest.raises(CannotSuggest, match="needs at least one response"):
        Bayes().suggest(Problem(plane.factors), [], 1, rng)


@pytest.mark.parametrize("options", [{"n_initial": 0}, {"seed": -1}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(BadOption, match="must be at least"):
        Bayes(**options)


@pytest.mark.parametrize("wrong", [None, "hot", float("nan")])
def test_an_achieved_value_that_is_no_number_is_not_used(plane, wrong):
    history = campaign(plane, hill, 6)
    broken = [Observation(r.point, r.responses, achieved={"a": wrong, "b": 1.0}) for r in history]
    first, second = (Bayes().suggest(plane, h, 1, generator(0, 6)) for h in (history, broken))
    assert first == second


def test_a_run_far_outside_the_factors_ranges_does_no_harm(plane):
    outside = Observation({"a": 1e9, "b": -1e9}, {"y": Measured(0.5)})
    history = [*campaign(plane, hill, 6), outside]
    for planner in (Bayes(), Bayes(n_initial=20)):
        (point,) = planner.suggest(plane, history, 1, generator(0, 7))
        assert plane.feasible(point)
