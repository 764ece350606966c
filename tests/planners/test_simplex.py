"""The simplex: climbs, stands noise and failures, says the same after a restart."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.cli import main
from planners.base import (
    Categorical,
    Composition,
    Constraint,
    Continuous,
    Discrete,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.errors import BadOption, CannotSuggest
from planners.simplex import Simplex
from planners.suggest import ask
from tests.planners.strategies import situations

slow = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
PLANE = Problem((Continuous("a", 0, 1), Continuous("b", 0, 10)), (Response("y"),))


def hill(point):
    return 1.0 - (point["a"] - 0.8) ** 2 - (point["b"] / 10 - 0.3) ** 2


def climb(problem, truth, limit=200, planner=None, digits=None, noise=0.0, seed=0):
    """Run a campaign one point at a time; return its history."""
    planner, rng, history = planner or Simplex(), np.random.default_rng(seed), []
    while len(history) < limit:
        answer = ask(planner, problem, history, 1, 0)
        if not answer.suggestions:
            break
        point = answer.suggestions[0].point
        value = truth(point)
        if digits is not None:
            point = {n: round(v, digits) for n, v in point.items()}
        failed = value is None
        got = {} if failed else {"y": Measured(value + noise * rng.normal())}
        history.append(Observation(point, got, "failed" if failed else "ok"))
    return history


def best(history):
    return max((r for r in history if r.responses), key=lambda r: r.responses["y"].value)


def test_it_climbs_a_hill_and_ends():
    history = climb(PLANE, hill)
    assert len(history) < 60
    assert hill(best(history).point) > 0.999


@pytest.mark.parametrize("top", [1, 2, 3])
def test_of_a_few_listed_numbers_the_best_is_not_measured_over_and_over(top):
    problem = Problem((Discrete("n", (1, 2, 3)), Categorical("c", ("u", "v"))), (Response("y"),))
    history = climb(problem, lambda p: -abs(p["n"] - top) + (p["c"] == "v"))
    found = {"n": top, "c": "v"}
    assert best(history).point == found
    assert 2 <= sum(run.point == found for run in history) <= 3


def test_it_descends_when_asked_to():
    problem = Problem(PLANE.factors, (Response("y", "minimise"),))
    history = climb(problem, lambda p: -hill(p))
    assert -hill(min(history, key=lambda r: r.responses["y"].value).point) < -0.999


def test_values_in_files_have_few_digits_and_it_goes_on_all_the_same():
    history = climb(PLANE, hill, digits=3)
    assert len(history) < 60
    assert hill(best(history).point) > 0.999


def test_a_target_is_reached():
    problem = Problem((Continuous("a", 0, 1),), (Response("y", "target", 0.4, 0.41),))
    history = climb(problem, lambda p: p["a"] ** 2)
    assert any(0.395 < r.responses["y"].value < 0.415 for r in history)


def test_a_lucky_reading_does_not_hold_the_simplex_for_ever():
    lucky = {"left": 1}

    def truth(point):
        if lucky["left"] and point["a"] < 0.6:
            lucky["left"] = 0
            return 5.0  # a bubble in the cell
        return hill(point)

    history = climb(PLANE, truth)
    first = history[0].point
    assert sum(r.point == first for r in history) >= 2  # the lucky point was measured again
    held = climb(PLANE, hill, planner=Simplex(remeasure=False))
    assert len({repr(r.point) for r in held}) == len(held)


def test_with_noise_it_comes_near_the_top():
    ends = [hill(climb(PLANE, hill, limit=40, noise=0.02, seed=s)[-1].point) for s in range(12)]
    assert np.median(ends) > 0.97


def test_the_last_point_is_the_best_measured_again():
    history = climb(PLANE, hill)
    assert ask(Simplex(), PLANE, history[:-1], 1, 0).note == "best found, measured again"
    assert any(r.point == history[-1].point for r in history[:-1])


def test_failed_runs_are_the_worst_and_not_run_again():
    history = climb(PLANE, lambda p: None if p["a"] > 0.7 else hill(p))
    failed = [repr(r.point) for r in history if r.status == "failed"]
    assert failed
    assert len(set(failed)) == len(failed)
    assert best(history).point["a"] > 0.65


def test_all_failed_is_no_error():
    history = climb(PLANE, lambda p: None, limit=40)
    assert len(history) == 40 or not ask(Simplex(), PLANE, history, 1, 0).suggestions


def test_a_suspect_run_is_done_again_and_two_of_them_count():
    (first,) = ask(Simplex(), PLANE, [], 1, 0).suggestions
    doubt = Observation(first.point, {"y": Measured(9.0)}, "suspect")
    again = ask(Simplex(), PLANE, [doubt], 1, 0)
    assert again.suggestions[0].point == first.point
    assert "the last run was suspect" in again.note
    assert ask(Simplex(), PLANE, [doubt, doubt], 1, 0).suggestions[0].point != first.point


def test_the_top_on_a_bound_is_found():
    history = climb(PLANE, lambda p: p["a"] + p["b"] / 10)
    assert best(history).responses["y"].value > 1.97


def test_constraints_are_kept_and_the_edge_is_reached():
    problem = Problem(PLANE.factors, PLANE.responses, (Constraint({"a": 10, "b": 1}, 8.0),))
    history = climb(problem, lambda p: p["a"] + 0.05 * p["b"])
    assert all(problem.faults(r.point) == [] for r in history)
    assert best(history).responses["y"].value > 0.72


def test_an_equation_between_factors_is_followed():
    flows = tuple(Continuous(f"flow_{c}", 0, 1) for c in "abc")
    tie = Constraint({"flow_a": 1, "flow_b": 1, "flow_c": 1}, 1.0, 1.0)
    problem = Problem(flows, (Response("y"),), (tie,))
    history = climb(problem, lambda p: -((p["flow_a"] - 0.6) ** 2) - (p["flow_b"] - 0.3) ** 2)
    assert all(problem.faults(r.point) == [] for r in history)
    assert best(history).responses["y"].value > -2e-3


def test_a_mixture_is_climbed():
    problem = Problem((Composition("m", ("A", "B", "C")),), (Response("y"),))
    history = climb(problem, lambda p: -((p["m"]["A"] - 0.6) ** 2) - (p["m"]["B"] - 0.3) ** 2)
    assert best(history).responses["y"].value > -2e-3


def test_the_best_level_of_a_name_is_kept():
    problem = Problem((Categorical("c", ("P1", "P2", "P3")), *PLANE.factors), (Response("y"),))
    bonus = {"P1": 0.0, "P2": 0.5, "P3": 0.2}
    history = climb(problem, lambda p: hill(p) + bonus[p["c"]])
    assert [r.point["c"] for r in history[:4]] == ["P1", "P2", "P3", "P2"]
    assert {r.point["c"] for r in history[3:]} == {"P2"}


def test_discrete_numbers_move_in_their_steps():
    problem = Problem((Discrete("n", (1, 2, 4, 8)), Continuous("a", 0, 1)), (Response("y"),))
    history = climb(problem, lambda p: -abs(p["n"] - 4) - (p["a"] - 0.7) ** 2)
    assert best(history).point["n"] == 4
    assert best(history).point["a"] == pytest.approx(0.7, abs=0.05)


def test_several_points_at_once_are_the_vertices_of_the_start_then_guesses():
    answer = ask(Simplex(), PLANE, [], 5, 0).suggestions
    points = [s.point for s in answer]
    sequence = climb(PLANE, hill, limit=3)
    assert points[:3] == [r.point for r in sequence]
    assert len(points) >= 4


def test_a_run_under_way_does_not_stop_it():
    history = climb(PLANE, hill, limit=8)
    waiting = Observation(history[-1].point, status="pending")
    answer = ask(Simplex(), PLANE, [*history[:-1], waiting], 1, 0)
    assert answer.suggestions[0].point != waiting.point
    assert "in case the run under way" in answer.note


@pytest.mark.parametrize("back", [1, 2, 4])
def test_a_point_under_way_is_never_proposed_again(back):
    whole = climb(PLANE, hill)
    for k in range(back, len(whole) + 1):
        history = list(whole[:k])
        asked = history[-back].point
        history[-back] = Observation(asked, status="pending")
        for found in ask(Simplex(), PLANE, history, 3, 0).suggestions:
            assert found.point["a"] != pytest.approx(asked["a"], abs=2e-3) or found.point[
                "b"
            ] != pytest.approx(asked["b"], abs=2e-2)


def test_names_under_way_are_not_proposed_again():
    problem = Problem((Categorical("c", ("u", "v")),), (Response("y"),))
    waiting = Observation({"c": "v"}, status="pending")
    answer = ask(Simplex(), problem, [Observation({"c": "u"}, {"y": Measured(1)}), waiting], 2, 0)
    assert [found.point for found in answer.suggestions] == [{"c": "u"}]


def test_runs_of_others_are_not_in_its_way():
    strange = Observation({"a": 0.111, "b": 9.9}, {"y": Measured(7.0)})
    alone = climb(PLANE, hill, limit=12)
    mixed = []
    for run in alone:
        mixed += [run, strange]
    assert ask(Simplex(), PLANE, mixed, 1, 0) == ask(Simplex(), PLANE, alone, 1, 0)


def test_it_starts_where_it_is_told():
    (first,) = ask(Simplex(start={"a": 0.2}), PLANE, [], 1, 0).suggestions
    assert first.point == {"a": 0.2, "b": 5.0}
    (same,) = ask(Simplex(start='{"a": 0.2}'), PLANE, [], 1, 0).suggestions
    assert same.point == first.point


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"size": 0.0}, "size: must be above 0 and at most 1, got 0"),
        ({"size": 0.1, "tolerance": 0.2}, "tolerance: must be below size"),
        ({"start": "here"}, "start: must be an object"),
        ({"start": "a=0.2"}, r"start: .* as JSON \{\"temperature\": 75\}, got 'a=0.2'$"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(BadOption, match=sentence):
        Simplex(**options)


def test_what_does_not_fit_the_problem_is_named():
    with pytest.raises(BadOption, match=r"start: a: must be in \[0, 1\], got 3"):
        ask(Simplex(start={"a": 3}), PLANE, [], 1, 0)
    with pytest.raises(BadOption, match=r"response: no response 'yy' \(did you mean 'y'\?\)"):
        ask(Simplex(response="yy"), PLANE, [], 1, 0)
    with pytest.raises(CannotSuggest, match="needs a response"):
        ask(Simplex(), Problem(PLANE.factors), [], 1, 0)


@slow
@given(situation=situations(), n=st.integers(1, 4))
def test_any_problem_and_history_get_feasible_different_points_always_the_same(situation, n):
    problem, history = situation
    answer = ask(Simplex(), problem, history, n, 0)  # checks that they are feasible and different
    assert len(answer.suggestions) <= n
    assert ask(Simplex(), problem, history, n, 1) == answer


@slow
@given(situation=situations(), seed=st.integers(0, 2**32 - 1))
def test_any_campaign_goes_on_from_wherever_it_is(situation, seed):
    problem, _ = situation
    rng, history = np.random.default_rng(seed), []
    for _ in range(12):
        answer = ask(Simplex(), problem, history, 1, 0)
        if not answer.suggestions:
            break
        got = {r.name: Measured(float(rng.normal())) for r in problem.responses}
        history.append(Observation(answer.suggestions[0].point, got))


def test_two_places_that_beat_each_other_by_noise_come_to_an_end():
    mixture = Composition("c", ("p", "q", "r"), max_components=2)
    problem = Problem((Discrete("n", (-4, 6, 9)), mixture), (Response("y"),))
    values = [1.344, -0.283, -0.247, 1.491, -0.409, 0.369, -0.796, 1.113]
    history = []
    for value in values:
        (suggestion,) = ask(Simplex(), problem, history, 1, 0).suggestions
        history.append(Observation(suggestion.point, {"y": Measured(value)}))
    assert len(ask(Simplex(), problem, history, 1, 0).suggestions) <= 1


def test_of_several_responses_it_says_which_one_it_climbs():
    pair = Problem(PLANE.factors, (Response("y"), Response("cost", "minimise")))
    assert ask(Simplex(), pair, [], 1, 0).note == "start; climbs y alone"
    assert ask(Simplex(response="cost"), pair, [], 1, 0).note == "start"
    assert ask(Simplex(), pair, [], 3, 0).note.count("climbs y alone") == 1
    assert ask(Simplex(), PLANE, [], 1, 0).note == "start"


def test_a_start_where_no_run_was_names_the_best_run_to_begin_at(tmp_path, capsys):
    problem, history = tmp_path / "problem.json", tmp_path / "history.csv"
    problem.write_text(json.dumps(PLANE.to_json()), "utf-8")
    history.write_text("a,b,y\n0.2,3,0.4\n0.7,2.5,0.9\n0.9,8,\n", "utf-8")
    command = ["suggest", str(problem), "--history", str(history), "--planner", "simplex"]
    assert main(command) == 0
    told = capsys.readouterr().err
    start = '\'start={"a": 0.7, "b": 2.5}\''
    assert f"start, where no run was yet; --option {start} begins at the best run so far" in told
    assert "under way" not in told  # that one is none of the simplex's
    assert main([*command, "--option", start.strip("'")]) == 0
    assert "start: vertex 2 of 3" in capsys.readouterr().err


def test_a_suspect_reading_is_no_best_run_to_begin_at():
    low, wild = ({"a": 0.2, "b": 3.0}, {"a": 0.7, "b": 2.5})
    doubted = Observation(wild, {"y": Measured(9.0)}, "suspect")
    sure = Observation(low, {"y": Measured(0.4)})
    assert '{"a": 0.2, "b": 3.0}' in ask(Simplex(), PLANE, [sure, doubted], 1, 0).note
    assert ask(Simplex(), PLANE, [doubted], 1, 0).note == "start"


def test_the_option_that_begins_at_the_best_run_is_readable_in_any_language():
    problem = Problem((Continuous("débit", 0, 1),), (Response("y"),))
    history = [Observation({"débit": 0.1}, {"y": Measured(1.0)})]
    assert 'start={"débit": 0.1}' in ask(Simplex(), problem, history, 1, 0).note
