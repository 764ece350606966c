"""Options of Bayesian optimisation: prices, shared factors, earlier campaigns, doubtful runs."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planners.base import Constraint, Continuous, Discrete, Measured, Observation, Problem, Response
from planners.bayes import Bayes
from planners.bayes.situation import Situation
from planners.errors import BadOption
from planners.suggest import generator
from tests.planners.strategies import situations
from tests.planners.test_bayes import campaign, hill


def rows_of(problem, points):
    return np.array([problem.encode(point) for point in points])


def even(problem, truth, n=12, **more):
    """Return runs of a first design."""
    points = Bayes(n_initial=n, seed=3).suggest(problem, [], n, generator(0, 0))
    return [Observation(p, {k: Measured(v) for k, v in truth(p).items()}, **more) for p in points]


def test_all_points_of_an_answer_share_the_shared_factor(plane):
    for history in ([], campaign(plane, hill, 8)):
        points = Bayes(shared=["b"]).suggest(plane, history, 3, generator(0, 8))
        assert len({point["b"] for point in points}) == 1
        assert len({point["a"] for point in points}) == 3


def test_a_shared_factor_keeps_the_value_of_the_points_pending(plane):
    waiting = Observation({"a": 0.5, "b": 2.5}, status="pending")
    history = [*campaign(plane, hill, 8), waiting]
    (point,) = Bayes(shared="b").suggest(plane, history, 1, generator(0, 9))
    assert point["b"] == pytest.approx(2.5)


def test_a_shared_value_that_leaves_no_feasible_point_is_given_up(plane):
    problem = Problem(plane.factors, plane.responses, (Constraint({"b": 1.0}, at_most=5.0),))
    waiting = Observation({"a": 0.5, "b": 9.0}, status="pending")  # a person's
    history = [*campaign(problem, hill, 6), waiting]
    (point,) = Bayes(shared="b").suggest(problem, history, 1, generator(0, 7))
    assert problem.feasible(point)


def test_a_shared_value_with_which_all_is_tried_is_given_up():
    problem = Problem((Discrete("e", (1, 2)), Continuous("t", 0, 1)), (Response("y"),))
    points = Bayes(shared="t").suggest(problem, [], 4, generator(0, 0))
    assert len({(p["e"], p["t"]) for p in points}) == 4
    assert len({p["t"] for p in points}) == 2


def test_a_price_on_moving_a_factor_keeps_it_near_the_last_run(plane):
    """Wherever ``b`` is, runs are worth the same."""
    last = Observation({"a": 0.9, "b": 1.0}, {"y": Measured(-0.36)})
    history = [*even(plane, lambda p: {"y": -((p["a"] - 0.3) ** 2)}, 6), last]
    gaps: list[float] = []
    for cost in ({}, {"b": 5.0}):
        points = [
            Bayes(move_cost=cost).suggest(plane, history, 1, generator(seed, 7))[0]
            for seed in range(3)
        ]
        gaps.append(float(np.mean([abs(p["b"] - 1.0) for p in points])))
    assert gaps[1] < 0.5 * gaps[0]


def test_a_price_on_long_runs_prefers_short_ones_of_the_same_worth(plane):
    history = even(plane, lambda p: {"y": -((p["a"] - 0.3) ** 2)}, 8)
    mean = []
    for cost in ({}, {"b": 5.0}):
        points = Bayes(run_cost=cost).suggest(plane, history, 3, generator(0, 8))
        mean.append(np.mean([p["b"] for p in points]))
    assert mean[1] < max(1.0, 0.5 * mean[0])


@pytest.mark.parametrize("text", ['{"b": 5}', "b=5", "b = 5.0,"])
def test_prices_may_be_text(text):
    assert Bayes(move_cost=text).move_cost == {"b": 5.0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"move_cost": {"b": -1}}, r"move_cost\.b: must be a number, at least 0, got -1"),
        ({"move_cost": "b=much"}, r"move_cost\.b: must be a number"),
        ({"move_cost": "{b"}, "move_cost: is not JSON"),
        ({"run_cost": 3}, "run_cost: must be a table"),
        ({"shared": [1]}, "shared: must be a list of factors' names"),
        ({"shared": "[1"}, "shared: is not JSON"),
        ({"earlier": 3}, "earlier: must be a list of runs"),
        ({"earlier": [3]}, r"earlier\.0: must be a run"),
        ({"earlier": [{"point": {}}] * 401}, "earlier: at most 400 runs, got 401"),
    ],
)
def test_malformed_options_are_refused_in_a_sentence(options, words):
    with pytest.raises(BadOption, match=words):
        Bayes(**options)


def test_an_option_that_names_no_factor_is_refused(plane, rng):
    with pytest.raises(BadOption, match="shared: 'temperature' is no factor"):
        Bayes(shared=["temperature"]).suggest(plane, [], 1, rng)


def test_an_earlier_run_that_does_not_fit_is_refused(plane, rng):
    with pytest.raises(BadOption, match="earlier: run 0: b"):
        Bayes(earlier=[{"point": {"a": 1}, "responses": {"y": 1}}]).suggest(plane, [], 1, rng)


def test_earlier_runs_without_a_factor_that_is_new_in_mid_campaign_are_passed_over(plane, rng):
    whole = [{"point": {"a": 0.2, "b": 1.0}, "responses": {"y": 1}}]
    short = [{"point": {"a": a}, "responses": {"y": 1}} for a in (0.3, 0.6)]
    history = even(plane, hill, 4)
    (first, second) = Bayes(earlier=[*whole, *short]).propose(plane, history, 2, rng)
    assert "2 of 3 earlier runs have no value of b and teach nothing until it is" in first.note
    assert "earlier" not in second.note
    assert Bayes(earlier=short).suggest(plane, history, 1, rng)


def test_earlier_runs_of_which_nothing_can_be_learned_are_refused(plane, rng):
    runs = [{"point": {"a": 0.5, "b": 1}, "responses": {"yeld": 1}}]
    with pytest.raises(BadOption, match="no run has a response of this problem, y, only yeld"):
        Bayes(earlier=runs).suggest(plane, [], 1, rng)
    runs[0]["responses"]["y"] = 1.0
    assert Bayes(earlier=runs).suggest(plane, [], 1, rng)


def earlier_runs(problem, truth, n=12):
    return [
        {"point": dict(r.point), "responses": {k: m.value for k, m in r.responses.items()}}
        for r in even(problem, truth, n)
    ]


def test_an_earlier_campaign_shortens_this_one(plane):
    planner = Bayes(earlier=earlier_runs(plane, hill))
    history = campaign(plane, lambda p: {"y": 0.3 + 0.9 * hill(p)["y"]}, 4, planner=planner)
    assert max(hill(run.point)["y"] for run in history) > 0.99


def test_an_earlier_campaign_of_another_chemistry_is_outvoted(plane):
    planner = Bayes(earlier=earlier_runs(plane, lambda p: {"y": 1 - hill(p)["y"]}))
    history = campaign(plane, hill, 16, planner=planner)
    assert max(hill(run.point)["y"] for run in history) > 0.98


def test_a_wild_suspect_run_hardly_moves_the_model(plane):
    history = campaign(plane, hill, 10)
    liar = Observation({"a": 0.31, "b": 7.1}, {"y": Measured(50.0)}, "suspect")
    means: list[list[float]] = []
    for runs in (history, [*history, liar]):
        known = Situation(Bayes(), plane, runs)
        (model,) = known.models()
        rows = np.array([[0.31, 0.71], [0.3, 0.6], [0.1, 0.5], [0.9, 0.9], [0.5, 0.5]])
        means.append([model.predicted(f).mean for f in known.space.features(rows)])
    np.testing.assert_allclose(*means, atol=0.02)


def test_a_suspect_run_that_agrees_teaches(plane):
    corner = {"a": 0.95, "b": 9.5}
    history = [
        Observation({"a": a, "b": b}, {"y": Measured(hill({"a": a, "b": b})["y"])})
        for a in (0.0, 0.3, 0.6)
        for b in (0.0, 3.0, 6.0)
    ]
    suspect = Observation(corner, {"y": Measured(hill(corner)["y"])}, "suspect")
    from planners.bayes.situation import Situation

    sds = []
    for runs in (history, [*history, suspect]):
        known = Situation(Bayes(), plane, runs)
        features = known.space.features(plane.encode(corner)[None])
        sds.append(known.models()[0].process.predict(features)[1][0])
    assert sds[1] < 0.95 * sds[0]


def test_many_failures_teach_where_runs_succeed():
    problem = Problem((Continuous("a", 0, 1), Continuous("b", 0, 1)), (Response("y"),))
    history, errors = [], np.random.default_rng(5)
    for _ in range(26):
        (point,) = Bayes().suggest(problem, history, 1, generator(0, len(history)))
        if point["a"] + point["b"] > 1.2:
            history.append(Observation(point, status="failed"))
        else:
            y = point["a"] + 0.5 * point["b"] + 0.01 * errors.normal()
            history.append(Observation(point, {"y": Measured(y)}))
    good = [r.point["a"] + 0.5 * r.point["b"] for r in history if r.status == "ok"]
    assert max(good) > 1.04  # the greatest possible is 1.1, where failures begin
    assert sum(r.status == "failed" for r in history[13:]) <= 8


slow = settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))


@slow
@given(situation=situations(), n=st.integers(1, 3), seed=st.integers(0, 2**40))
def test_options_never_lead_out_of_the_domain_and_never_repeat(situation, n, seed):
    problem, history = situation
    first = problem.factors[0].name
    earlier = [run.to_json() for run in history[:4]]
    planner = Bayes(shared=[first], move_cost={first: 1.0}, run_cost={first: 2}, earlier=earlier)
    points = planner.suggest(problem, history, n, np.random.default_rng(seed))
    again = planner.suggest(problem, history, n, np.random.default_rng(seed))
    assert points == again
    for point in points:
        assert problem.faults(point) == []
    assert len({repr(point) for point in points}) == len(points)
