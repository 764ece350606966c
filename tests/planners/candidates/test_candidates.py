"""Scores by their formulas, the order of a list, and what is refused."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from planners.base import (
    Categorical,
    Composition,
    Constraint,
    Continuous,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.candidates import Candidates
from planners.candidates.learners import Data, Process, Selected
from planners.candidates.scores import IMPOSSIBLE, Seen
from planners.errors import BadOption, CannotSuggest
from planners.fixing import hold
from planners.suggest import ask

GRID = [{"a": a / 10, "b": float(b)} for a in range(11) for b in range(11)]
MEAN, SD = np.array([1.0, 3.0, 4.0, 9.0]), np.array([0.5, 1.0, 0.0, 2.0])


def y_of(point):
    """Return a response with its best at a = 0.7, b = 4."""
    return 5.0 - 8.0 * (point["a"] - 0.7) ** 2 - 0.1 * (point["b"] - 4.0) ** 2


def ran(points, status="ok", of=y_of, name="y"):
    return [Observation(p, {name: Measured(of(p))}, status) for p in points]


def answered(planner, problem, history=(), n=1):
    return ask(planner, problem, list(history), n, 0).suggestions


def chosen(planner, problem, history=(), n=1):
    return [s.point for s in answered(planner, problem, history, n)]


SOME = ran(GRID[::12] + GRID[5::17])


# --- scores


def test_probabilities_are_those_of_the_normal_distribution():
    values = np.array([1.0, 2.0, 4.0])
    bar = 4.0 + 0.01 * values.std(ddof=1)
    more = Seen(Response("y"), values).log_probability(MEAN, SD)
    np.testing.assert_allclose(more[[0, 1, 3]], norm.logsf(bar, MEAN[[0, 1, 3]], SD[[0, 1, 3]]))
    less = Seen(Response("y", "minimise"), values).log_probability(MEAN, SD)
    low = 1.0 - 0.01 * values.std(ddof=1)
    np.testing.assert_allclose(less[[0, 1, 3]], norm.logcdf(low, MEAN[[0, 1, 3]], SD[[0, 1, 3]]))
    within = Seen(Response("y", "target", 2.0, 3.5), values).log_probability(MEAN, SD)
    inside = norm.cdf(3.5, MEAN, 0.5) - norm.cdf(2.0, MEAN, 0.5)
    assert within[0] == pytest.approx(np.log(inside[0]))


def test_the_expected_improvement_is_that_of_the_formula():
    seen = Seen(Response("y"), np.array([1.0, 2.0, 4.0]))
    gain = MEAN[[0, 1, 3]] - seen.bar
    z = gain / SD[[0, 1, 3]]
    wanted = gain * norm.cdf(z) + SD[[0, 1, 3]] * norm.pdf(z)
    np.testing.assert_allclose(np.exp(seen.log_improvement(MEAN, SD)[[0, 1, 3]]), wanted)


def test_mutual_information_explores_less_the_more_is_known():
    seen = Seen(Response("y"), np.array([1.0, 2.0, 4.0]))
    alpha = np.log(2e6)
    first = seen.mutual_information(MEAN, SD, 0.0)
    np.testing.assert_allclose(first[[0, 1, 3]], (MEAN + np.sqrt(alpha) * SD)[[0, 1, 3]])
    later = seen.mutual_information(MEAN, SD, 4.0)
    wanted = MEAN + np.sqrt(alpha) * (np.sqrt(SD**2 + 4.0) - 2.0)
    np.testing.assert_allclose(later[[0, 1, 3]], wanted[[0, 1, 3]])


def test_without_a_standard_deviation_a_candidate_is_impossible():
    seen = Seen(Response("y"), np.array([1.0, 2.0, 4.0]))
    for scores in (
        seen.log_probability(MEAN, SD),
        seen.log_improvement(MEAN, SD),
        seen.mutual_information(MEAN, SD, 0.0),
    ):
        assert scores[2] == IMPOSSIBLE


def test_variances_gained_are_those_before_each_run():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    whole = Process(Data(x, y, np.zeros(12)))
    total = 0.0
    for k in range(8, 12):
        part = whole._process.kernel_
        kernel = part(whole._of_x.apply(x))
        known, new = kernel[:k, :k] + 1e-10 * np.eye(k), kernel[:k, k]
        total += kernel[k, k] + 1e-10 - new @ np.linalg.solve(known, new)
    assert whole.gained(8) == pytest.approx(total * y.var(ddof=1))


# --- picks


@pytest.mark.parametrize("acquisition", ["auto", "probability", "ei", "mi"])
def test_the_best_of_a_grid_is_found_within_a_few_runs(plane, acquisition):
    history = list(SOME)
    for _ in range(8):
        planner = Candidates(GRID, acquisition=acquisition)
        history += ran(chosen(planner, plane, history))
    best = max(history, key=lambda run: run.responses["y"].value)
    assert best.point == {"a": 0.7, "b": 4.0}


def test_the_list_may_come_from_a_file_and_then_is_the_same(plane, tmp_path):
    lines = "\n".join(["name,b,a", *(f"c{i},{p['b']},{p['a']}" for i, p in enumerate(GRID))])
    for name, text in (("grid.csv", lines), ("grid.json", json.dumps(GRID))):
        (tmp_path / name).write_text(text)
        planner = Candidates(file=str(tmp_path / name))
        (tmp_path / name).unlink()  # read once, at birth
        assert chosen(planner, plane, SOME) == chosen(Candidates(GRID), plane, SOME)


def test_first_runs_are_spread_over_the_list(plane):
    first = answered(Candidates(GRID), plane, (), 4)
    assert first[0].point == {"a": 0.5, "b": 5.0}
    gaps = [abs(s.point["a"] - 0.5) for s in first[1:]]
    assert min(gaps) == pytest.approx(0.5)
    assert all("unlike all runs" in s.note for s in Candidates(GRID).propose(plane, [], 4, None))


def test_a_batch_believes_its_own_points_and_those_in_flight(plane):
    planner = Candidates(GRID)
    batch = chosen(planner, plane, SOME, 3)
    assert len({tuple(p.values()) for p in batch}) == 3
    waiting = [*SOME, Observation(batch[0], status="pending")]
    assert chosen(planner, plane, waiting) == batch[1:2]


def test_the_second_of_a_batch_must_improve_on_what_the_first_is_believed_to_give(plane):
    first, second = answered(Candidates(GRID, acquisition="probability"), plane, SOME, 2)
    waiting = [*SOME, Observation(first.point, status="pending")]
    believed = [*SOME, Observation(first.point, {"y": Measured(first.predicted["y"].mean)})]
    for history in (waiting, believed):
        (again,) = answered(Candidates(GRID, acquisition="probability"), plane, history)
        assert again.point == second.point
        assert again.predicted["y"].mean == pytest.approx(second.predicted["y"].mean, abs=1e-6)


def test_nothing_is_done_twice_and_the_list_ends(plane):
    short = GRID[:6]
    history = ran(short[:4])
    left = chosen(Candidates(short, n_initial=1), plane, history, 5)
    assert sorted(p["b"] for p in left) == [4.0, 5.0]
    assert chosen(Candidates(short), plane, ran(short[:5], "failed") + ran(short[5:])) == []


def test_candidates_that_break_a_constraint_are_passed_over(plane):
    problem = Problem(plane.factors, plane.responses, (Constraint({"a": 1.0}, at_most=0.35),))
    assert all(p["a"] <= 0.35 for p in chosen(Candidates(GRID), problem, SOME[:3], 6))
    never = Problem(plane.factors, plane.responses, (Constraint({"a": 1.0}, 0.97, 0.95),))
    with pytest.raises(CannotSuggest, match="no candidate keeps the constraints: "):
        chosen(Candidates(GRID), never, SOME)


def test_without_a_list_every_point_of_a_small_problem_is_one():
    problem = Problem(
        (Categorical("base", ("DBU", "Et3N", "DABCO")), Categorical("acid", ("HCl", "TFA"))),
        (Response("y"),),
    )
    assert len(chosen(Candidates(), problem, (), 9)) == 6


def test_a_mixture_of_a_shelf_is_a_candidate(plane):
    problem = Problem((Composition("m", ("Pt", "Mo"), 1.0),), (Response("y"),))
    shelf = "m.Pt,m.Mo\n" + "".join(f"{p / 10},{1 - p / 10}\n" for p in range(11))
    history = ran(
        [{"m": {"Pt": p, "Mo": 1 - p}} for p in (0.0, 0.3, 0.5, 1.0)],
        of=lambda point: -((point["m"]["Pt"] - 0.4) ** 2),
    )
    (found,) = chosen(Candidates(shelf, n_initial=1), problem, history)
    assert found["m"]["Pt"] in (0.1, 0.2, 0.4, 0.6, 0.7)


def test_suspect_runs_teach_nothing_unless_asked_to(plane):
    odd = ran([{"a": 0.05, "b": 9.5}], "suspect", lambda _: 50.0)
    assert chosen(Candidates(GRID), plane, SOME + odd) == chosen(Candidates(GRID), plane, SOME)
    trusting = Candidates(GRID, use_suspect=True)
    assert chosen(trusting, plane, SOME + odd) != chosen(Candidates(GRID), plane, SOME)


# --- the selected model


def test_the_selected_model_picks_what_it_expects_most_of_within_its_domain(plane):
    planner = Candidates(GRID, model="select")
    found = answered(planner, plane, SOME[::2])[0]
    assert y_of(found.point) > 4.5
    assert found.predicted["y"].mean == pytest.approx(y_of(found.point), abs=0.3)
    assert found.predicted["y"].sd > 0


def test_the_selected_model_waits_for_eight_different_runs(plane):
    planner = Candidates(GRID, model="select", n_initial=1)
    found = planner.propose(plane, SOME[:7], 1, np.random.default_rng(0))
    assert "unlike all runs" in found[0].note


def test_what_the_selected_model_believes_moves_it():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(14, 2))
    model = Selected.of(Data(x, x[:, 0] * x[:, 1], np.zeros(14)))
    more = model.believing(np.array([[0.9, 0.9]]))
    assert more.predict(x[:3])[0] == pytest.approx(model.predict(x[:3])[0], abs=0.05)
    assert len(more.data.y) == 15


# --- what is refused


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"acquisition": "pi"}, "acquisition: must be one of auto, probability, ei, mi"),
        ({"model": "gpr"}, r"model: must be one of gp, select, got 'gpr' \(did you mean 'gp'\?\)"),
        ({"points": [], "number": 1}, "points: must hold .*\nnumber: must be 2 to 100000"),
        ({"points": 7}, "points: must be a list or its text"),
        ({"points": "shelf.csv"}, "points: 'shelf.csv' is the name of a file; give it as file"),
        ({"points": GRID, "file": "x"}, "file: give either points or file"),
        ({"file": "nowhere.csv"}, "file: nowhere.csv: cannot be read: No such file"),
        ({"n_initial": 0, "seed": -1}, "n_initial: must be at least 1, got 0\nseed: must be"),
    ],
)
def test_a_wrong_option_is_a_sentence(options, sentence):
    with pytest.raises(BadOption, match=sentence):
        Candidates(**options)


def test_a_file_that_is_empty_or_no_text_is_refused(tmp_path):
    for content, sentence in ((b"", "is empty"), (b"\xff\xfe\x00", "is not UTF-8 text")):
        (tmp_path / "c.csv").write_bytes(content)
        with pytest.raises(BadOption, match=sentence):
            Candidates(file=str(tmp_path / "c.csv"))


def test_faulty_candidates_are_named(plane):
    with pytest.raises(BadOption, match=r"points\.1: a: must be in \[0, 1\], got 3"):
        chosen(Candidates([GRID[0], {"a": 3.0, "b": 1.0}]), plane)


@pytest.mark.parametrize("acquisition", ["ei", "mi"])
def test_improvement_of_a_target_or_of_several_is_refused(plane, acquisition):
    target = Problem(plane.factors, (Response("y", "target", 1.0, 2.0),))
    with pytest.raises(BadOption, match="take probability for targets and several"):
        chosen(Candidates(GRID, acquisition=acquisition), target, SOME)


def test_without_a_response_there_is_nothing_to_score_by(plane):
    with pytest.raises(CannotSuggest, match="candidates needs at least one response"):
        chosen(Candidates(GRID), Problem(plane.factors), [])


def test_runs_at_other_values_of_a_factor_that_is_held_still_teach():
    problem = Problem.from_json(
        {
            "factors": [
                {"name": "a", "kind": "continuous", "low": 0, "high": 1},
                {"name": "b", "kind": "continuous", "low": 0, "high": 10},
            ],
            "responses": [{"name": "y", "goal": "maximise"}],
        }
    )
    planner = Candidates(points=[{"a": 0.7, "b": 4.0}])
    (free,) = answered(planner, problem, SOME)
    (fixed,) = answered(planner, hold(problem, {"a": 0.7}), SOME)
    assert fixed.predicted["y"].mean == pytest.approx(free.predicted["y"].mean, abs=1e-6)


def test_a_value_that_no_candidate_has_is_named_not_a_crash():
    problem = Problem.from_json(
        {
            "factors": [{"name": "a", "kind": "continuous", "low": 0, "high": 1}],
            "responses": [{"name": "y", "goal": "maximise"}],
        }
    )
    with pytest.raises(CannotSuggest, match="no candidate of the list has the values"):
        chosen(Candidates(points=[{"a": 0.2}, {"a": 0.4}]), hold(problem, {"a": 0.3}))


def test_a_list_of_a_header_alone_is_refused_and_the_file_named(tmp_path):
    problem = Problem.from_json(
        {
            "factors": [{"name": "a", "kind": "continuous", "low": 0, "high": 1}],
            "responses": [{"name": "y", "goal": "maximise"}],
        }
    )
    with pytest.raises(BadOption, match="points: must hold at least one point, got none"):
        chosen(Candidates(points="a\n"), problem)
    shelf = tmp_path / "shelf.csv"
    shelf.write_text("a\n0.5\n7\n", encoding="utf-8")
    with pytest.raises(BadOption, match=r"shelf\.csv: row 3: a: must be in \[0, 1\], got 7"):
        chosen(Candidates(file=str(shelf)), problem)


def test_a_shelf_goes_on_in_a_space_that_was_narrowed(tmp_path):
    def oven(high):
        factors = [{"name": "a", "kind": "continuous", "low": 0, "high": high}]
        return Problem.from_json({"factors": factors, "responses": [{"name": "y"}]})

    shelf = tmp_path / "shelf.csv"
    shelf.write_text("bottle,a\n" + "".join(f"{i},{i / 10}\n" for i in range(10)), "utf-8")
    planner = Candidates(file=str(shelf))
    done = [
        Observation({"a": a}, {"y": Measured(a * (1 - a))}) for a in (0.0, 0.1, 0.2, 0.5, 0.8, 0.9)
    ]
    (first, *_), whole = answered(planner, oven(0.6), done, 9), answered(planner, oven(1), done, 9)
    assert {s.point["a"] for s in whole} == {0.3, 0.4, 0.6, 0.7}
    assert {p["a"] for p in chosen(planner, oven(0.6), done, 9)} == {0.3, 0.4, 0.6}
    assert "passed over until the space holds them: point 8 of 10 (a: must be in" in first.note
    assert "candidate" in first.note
    with pytest.raises(BadOption, match=r"shelf\.csv: row 9: a: must be in \[0, 0\.6\], got 0\.7"):
        chosen(planner, oven(0.6), [], 9)
    spent = [*done, *(Observation({"a": a}) for a in (0.3, 0.4, 0.6))]
    assert ask(planner, oven(0.6), spent, 1, 0).note.endswith("got 0.7)")


def test_where_no_entry_may_meet_the_goal_none_is_called_likely():
    problem = Problem((Continuous("a", 0, 1),), (Response("y", "target", 2.0, 2.1),))
    history = [Observation({"a": i / 9}, {"y": Measured(i / 9, 0.01)}) for i in range(10)]
    told = ask(Candidates(), problem, history, 1, 0).note
    assert "no entry is expected to meet the goal, this is the least unlikely" in told
