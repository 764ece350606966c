"""What inverse design proposes, what it says with it, and what it refuses."""

import numpy as np
import pytest

from planners.base import (
    Categorical,
    Constraint,
    Continuous,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.errors import BadOption, CannotSuggest
from planners.fixing import hold
from planners.inverse import Inverse
from planners.registry import make_planner
from planners.suggest import generator
from tests.planners.inverse.problems import PROCESS, outcome, ran, runs

AIM = {"colour": 3.0, "size": 6.5}


def design(planner, problem, history, n):
    """Return what a planner proposes with the generator of seed 0."""
    return planner.propose(problem, history, n, generator(0, len(history)))


@pytest.mark.parametrize("model", ["mixture", "variational"])
def test_the_design_gives_the_target_in_truth(model):
    (found,) = design(Inverse(target=AIM, model=model), PROCESS, runs(), 1)
    for name, value in outcome(found.point).items():
        assert value == pytest.approx(AIM[name], abs=0.15)
        assert found.predicted[name].mean == pytest.approx(AIM[name], abs=0.3)
    assert "the direct solution, within the domain, confirmed by a Gaussian process" in found.note


def test_the_map_comes_close_to_the_target_too():
    (found,) = design(Inverse(target=AIM, model="topographic"), PROCESS, runs(40), 1)
    assert outcome(found.point)["colour"] == pytest.approx(3.0, abs=0.5)


def test_further_points_show_other_conditions_with_the_same_result():
    planner = Inverse(target={"colour": 3.0})
    points = [s.point for s in design(planner, PROCESS, runs(), 4)]
    assert all(outcome(p)["colour"] == pytest.approx(3.0, abs=0.3) for p in points)
    assert np.ptp([p["flow"] for p in points]) > 0.5


def test_a_target_range_is_aimed_into():
    problem = Problem(PROCESS.factors, (Response("size", "target", 6.0, 7.0), Response("colour")))
    (found,) = design(Inverse(), problem, runs(), 1)
    assert 6.0 < outcome(found.point)["size"] < 7.0
    assert found.note.startswith("for size in [6, 7]: ")


def test_without_any_target_the_best_seen_is_aimed_at():
    problem = Problem(PROCESS.factors, (Response("size"),))
    history = runs()
    best = max(run.responses["size"].value for run in history)
    (found,) = design(Inverse(), problem, history, 1)
    assert outcome(found.point)["size"] > best - 0.6
    assert "as good as the best seen" in found.note


@pytest.mark.parametrize("estimate", ["mean", "mode"])
def test_mean_and_mode_are_both_designs(estimate):
    (found,) = design(Inverse(target=AIM, estimate=estimate), PROCESS, runs(), 1)
    assert outcome(found.point)["size"] == pytest.approx(6.5, abs=0.3)


def test_two_ways_to_a_result_are_not_averaged_to_a_third_that_gives_another():
    problem = Problem((Continuous("x", -1.0, 1.0),), (Response("y"),))
    points = [{"x": float(x)} for x in np.linspace(-1, 1, 25)]
    history = [ran(p, y=p["x"] ** 2) for p in points]
    (found,) = design(Inverse(target={"y": 0.5}), problem, history, 1)
    assert found.point["x"] ** 2 == pytest.approx(0.5, abs=0.12)


def test_constraints_are_kept_even_where_the_direct_solution_breaks_them():
    free = design(Inverse(target={"colour": 3.0}), PROCESS, runs(), 1)[0].point
    limit = Constraint({"flow": 1.0}, at_most=free["flow"] - 0.3)
    problem = Problem(PROCESS.factors, PROCESS.responses, (limit,))
    (found,) = design(Inverse(target={"colour": 3.0}), problem, runs(), 1)
    assert problem.feasible(found.point)
    assert outcome(found.point)["colour"] == pytest.approx(3.0, abs=0.3)


def test_names_of_levels_are_designed_as_well():
    factors = (Continuous("heat", 0.0, 1.0), Categorical("base", ("DBU", "Et3N")))
    problem = Problem(factors, (Response("y"),))
    points = [{"heat": h / 9, "base": b} for h in range(10) for b in ("DBU", "Et3N")]
    history = [ran(p, y=p["heat"] + 2.0 * (p["base"] == "Et3N")) for p in points]
    (found,) = design(Inverse(target={"y": 2.45}), problem, history, 1)
    assert found.point["base"] == "Et3N"
    assert found.point["heat"] == pytest.approx(0.45, abs=0.15)


# --- what it refuses


def test_a_target_outside_everything_seen_is_refused_with_the_distance_and_an_offer():
    history = runs()
    most = max(run.responses["size"].value for run in history)
    with pytest.raises(CannotSuggest) as refused:
        design(Inverse(target={"size": 20.0}), PROCESS, history, 1)
    text = str(refused.value)
    assert "size = 20 lies outside everything seen" in text
    assert f"{20 - most:.4g} above the highest" in text
    assert "the nearest that is supported is size = " in text


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("wanted", [-20.0, 20.0, 333.3])
def test_what_is_offered_instead_is_accepted(wanted, offset):
    history = [ran(run.point, size=run.responses["size"].value + offset) for run in runs()]
    with pytest.raises(CannotSuggest) as refused:
        design(Inverse(target={"size": wanted + offset}), PROCESS, history, 1)
    offered = str(refused.value).partition("supported is size = ")[2].partition(":")[0]
    assert design(Inverse(target={"size": float(offered)}), PROCESS, history, 1)


def test_values_seen_apart_but_never_together_are_refused_as_such():
    problem = Problem((Continuous("x", 0.0, 1.0),), (Response("a"), Response("b")))
    history = [ran({"x": i / 19}, a=i / 19, b=2 * i / 19 + 0.01 * (i % 3)) for i in range(20)]
    with pytest.raises(CannotSuggest, match="never seen together"):
        design(Inverse(target={"a": 0.1, "b": 1.8}), problem, history, 1)


def test_on_request_the_nearest_supported_result_is_aimed_at_instead():
    planner = Inverse(target={"size": 20.0}, beyond="nearest")
    (found,) = design(planner, PROCESS, runs(), 1)
    assert "is the nearest that is supported" in found.note
    assert outcome(found.point)["size"] > 8.0


def test_a_target_for_no_response_is_refused_with_the_nearest_name():
    with pytest.raises(BadOption, match=r"named 'siez' \(did you mean 'size'\?\)"):
        design(Inverse(target={"siez": 1.0}), PROCESS, runs(), 1)


def test_all_faulty_options_are_named_at_once():
    with pytest.raises(BadOption) as refused:
        Inverse(target="much", model="magic", components=0, outliers=1.0, n_initial=0, seed=-1)
    named = [fault.partition(":")[0] for fault in refused.value.faults]
    assert named == ["model", "components", "outliers", "n_initial", "seed", "target"]


@pytest.mark.parametrize("text", ["colour=3.0, size=6.5", '{"colour": 3.0, "size": 6.5}'])
def test_targets_may_be_written_on_the_command_line(text):
    assert make_planner("inverse", {"target": text}) == Inverse(target=AIM)


BEYOND_NUMBERS = ["a=1e200", {"a": 10**400}, '{"a":' * 50_000]


@pytest.mark.parametrize(
    "target",
    ["a=1,b", "a=nan", {"a": True}, ["a"], '{"a": "1"}', "{a", *BEYOND_NUMBERS],
    ids=lambda given: repr(given)[:12],
)
def test_what_is_no_target_is_refused(target):
    with pytest.raises(BadOption, match="target: must be numbers by response"):
        Inverse(target=target)


# --- the history


def test_too_few_runs_are_spread_evenly_first():
    found = design(Inverse(target=AIM), PROCESS, [], 5)
    assert [s.note for s in found] == [f"first design, {i} of 5" for i in range(1, 6)]


def test_a_failed_run_of_the_first_design_is_made_up_for_elsewhere():
    first = [s.point for s in design(Inverse(target=AIM), PROCESS, [], 5)]
    history = [*[ran(p) for p in first[:4]], ran(first[4], "failed")]
    (found,) = design(Inverse(target=AIM, n_initial=5), PROCESS, history, 1)
    assert found.point != first[4]


def test_pending_points_are_not_asked_for_again():
    history = runs()
    (first,) = design(Inverse(target=AIM), PROCESS, history, 1)
    (second,) = design(Inverse(target=AIM), PROCESS, [*history, ran(first.point, "pending")], 1)
    assert second.point != first.point
    assert outcome(second.point)["size"] == pytest.approx(6.5, abs=0.4)


def test_where_a_run_failed_no_design_is_placed():
    history = runs()
    planner = Inverse(target={"colour": 3.0})
    (first,) = design(planner, PROCESS, history, 1)
    (second,) = design(planner, PROCESS, [*history, ran(first.point, "failed")], 1)
    apart = np.abs(PROCESS.encode(first.point) - PROCESS.encode(second.point)).max()
    assert apart >= 0.05


def test_suspect_runs_teach_nothing_unless_asked_to():
    odd = [ran(run.point, "suspect", colour=9.0, size=1.0) for run in runs(6, seed=8)]
    (found,) = design(Inverse(target=AIM), PROCESS, [*runs(), *odd], 1)
    assert outcome(found.point)["size"] == pytest.approx(6.5, abs=0.2)
    trusting = Inverse(target={"size": 1.0}, use_suspect=True)
    assert design(trusting, PROCESS, [*runs(), *odd], 1)


@pytest.mark.parametrize(
    "history",
    [
        [ran({"heat": 50.0, "flow": 1.0})],
        [ran({"heat": 50.0, "flow": 1.0}, "failed")] * 9,
        [ran({"heat": 50.0, "flow": 1.0})] * 9,
        [ran(r.point, colour=1.0, size=1.0) for r in runs(9)],
        [ran(r.point, colour=1.0) for r in runs(9)],
        [ran(r.point, colour=float("nan"), size=1.0) for r in runs(9)],
    ],
    ids=["one", "all failed", "repeated", "constant", "partial", "not a number"],
)
def test_poor_histories_still_give_a_sensible_point(history):
    (found,) = design(Inverse(n_initial=1), PROCESS, history, 1)
    assert PROCESS.feasible(found.point)
    assert found.note


def test_a_problem_without_responses_has_nothing_to_aim_at():
    with pytest.raises(CannotSuggest, match="needs at least one response"):
        design(Inverse(), Problem(PROCESS.factors), [], 1)


def test_a_target_range_leaves_responses_without_one_alone():
    problem = Problem(PROCESS.factors, (Response("size", "target", 6.0, 7.0), Response("colour")))
    history = [ran(run.point, size=run.responses["size"].value) for run in runs()]
    (found,) = design(Inverse(), problem, history, 1)
    assert set(found.predicted) == {"size"}


def test_the_selected_model_checks_a_design():
    (found,) = design(Inverse(target=AIM, forward="select"), PROCESS, runs(), 1)
    assert "confirmed by the selected model" in found.note
    for name, value in outcome(found.point).items():
        assert value == pytest.approx(AIM[name], abs=0.15)
        assert found.predicted[name].mean == pytest.approx(value, abs=0.1)


def test_too_few_runs_to_select_a_model_are_checked_by_a_process():
    planner = Inverse(target={"size": 7.0}, forward="select", n_initial=1)
    (found,) = design(planner, PROCESS, runs(6), 1)
    assert "Gaussian process" in found.note


@pytest.mark.parametrize("forward", ["gp", "trees"])
def test_the_model_that_checks_is_the_one_asked_for(forward):
    (found,) = design(Inverse(target=AIM, forward=forward), PROCESS, runs(40), 1)
    assert ("extra trees" in found.note) == (forward == "trees")


def test_the_last_point_of_a_finite_problem_ends_the_campaign():
    problem = Problem((Categorical("base", ("DBU", "Et3N")),), (Response("y"),))
    history = [ran({"base": base}, y=float(i)) for i, base in enumerate(("DBU", "Et3N") * 4)]
    assert design(Inverse(), problem, history, 2) == []


def test_where_all_that_is_allowed_is_strange_the_target_still_counts():
    factors = (Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0))
    problem = Problem(factors, (Response("y"),))
    places = np.random.default_rng(1).uniform([0.1, 0.05], [0.6, 0.95], (24, 2)).tolist()
    history = [Observation({"a": a, "b": b}, {"y": Measured(b)}) for a, b in places]
    held = hold(problem, {"a": 0.95})
    (found,) = design(Inverse(target={"y": 0.8}), held, history, 1)
    assert "outside the domain" in found.note
    assert found.predicted["y"].mean == pytest.approx(0.8, abs=0.1)
