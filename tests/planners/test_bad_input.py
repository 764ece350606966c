"""Bad histories and impossible problems, with every installed planner: a sentence, or a good point.

Never the text of an exception, never a point outside the box.
"""

import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.cli import main
from planners.base import Observation, Problem, plain_point
from planners.errors import BadHistory, NonsenseAnswer, PlannerError
from planners.history import read_history
from planners.history_json import history_from_json
from planners.registry import make_planner, planner_names
from planners.sampling import feasible_rows
from planners.suggest import ask
from tests.planners.strategies import situations

pytestmark = pytest.mark.no_cover  # thousands of suggestions; other tests measure these lines

HEAD = "T,base,y,status\n"
GOOD = "".join(f"{t},{b},{t / 100},\n" for t in (40, 60, 80, 100) for b in ("DBU", "Et3N"))
PROBLEM = {
    "factors": [
        {"name": "T", "low": 30, "high": 120},
        {"name": "base", "kind": "categorical", "levels": ["DBU", "Et3N"]},
    ],
    "responses": [{"name": "y"}],
}
TARGET = PROBLEM | {"responses": [{"name": "y", "goal": "target", "low": 50, "high": 60}]}
SQUARE = {
    "factors": [{"name": "a", "low": 0, "high": 1}, {"name": "b", "low": 0, "high": 1}],
    "responses": [{"name": "y"}],
}
TOGETHER = [
    {"terms": {"a": 1, "b": 1}, "at_least": 1.8},
    {"terms": {"a": 1, "b": -1}, "at_least": 0.5},
]
ALONE = [{"terms": {"a": 1, "b": 1}, "at_least": 3}]

REFUSED = {  # what a history says, and the sentence; no planner is asked
    "nothing": ("", "has no header row; the columns are T, base, y"),
    "no column": ("T,y\n40,1\n", "row 1: no column 'base'"),
    "a column twice": ("T,base,y,y\n40,DBU,1,2\n", "row 1: column 'y' comes twice"),
    "an empty factor": (
        HEAD + "40,,1,\n",
        "row 2: base: is empty; every run needs all its factors",
    ),
    "words for numbers": (HEAD + "hot,DBU,1,\n", "row 2: T: must be a number, got 'hot'"),
    "words for readings": (HEAD + "50,DBU,n/a,\n", "row 2: y: must be a number, got 'n/a'"),
    "no number": (HEAD + "50,DBU,nan,\n", "row 2: y: must be a finite number, got 'nan'"),
    "infinity": (HEAD + "50,DBU,inf,\n", "row 2: y: must be a finite number, got 'inf'"),
    "beyond all numbers": (
        HEAD + "50,DBU,1e300,\n",
        "row 2: y: must be within +/- 1e+100, got '1e300'",
    ),
    "out of range": (HEAD + "200,DBU,1,\n", "row 2: T: must be in [30, 120], got 200"),
    "an unknown level": (
        HEAD + "50,NaOH,1,\n",
        "row 2: base: must be one of DBU, Et3N, got 'NaOH'",
    ),
    "an unknown status": (HEAD + "50,DBU,1,done\n", "row 2: status: must be one of ok, suspect"),
    "a negative sd": ("T,base,y,y.sd\n50,DBU,1,-1\n", "row 2: y.sd: must be >= 0, got -1"),
}
ANSWERED = {  # what a history says that is odd, but no mistake
    "no runs": HEAD,
    "one point": HEAD + "50,DBU,1,\n",
    "duplicates": HEAD + GOOD + GOOD,
    "contradictions": HEAD + GOOD + "40,DBU,0.9,\n40,DBU,-0.9,\n",
    "a constant": HEAD + "".join(f"{t},DBU,1,\n" for t in range(40, 90, 7)),
    "one point again and again": HEAD + "50,DBU,1,\n" * 6,
    "all failed": HEAD
    + "".join(f"{t},{b},,failed\n" for t in (40, 60, 80) for b in ("DBU", "Et3N")),
    "all pending": HEAD + "50,DBU,,pending\n60,Et3N,,\n",
    "all suspect": HEAD + "".join(f"{t},DBU,{t},suspect\n" for t in (40, 50, 60, 70, 80)),
    "the largest": HEAD + "".join(f"{t},DBU,{t}e98,\n" for t in (40, 50, 60, 70, 80, 90)),
    "the smallest": HEAD + "".join(f"{t},DBU,{t}e-300,\n" for t in (40, 50, 60, 70, 80, 90)),
    "all scales": HEAD + "40,DBU,1e100,\n50,Et3N,-1e100,\n60,DBU,1,\n70,Et3N,2,\n80,DBU,1e-9,\n",
}
EXCEPTION = re.compile(r"Traceback|[A-Z]\w*(Error|Exception|Warning)\b|site-packages|numpy|sklearn")


def points_for(document, count=4):
    """Return points for ``replay``, which needs a list; none where nothing is feasible."""
    try:
        problem = Problem.from_json(document)
        rows = feasible_rows(problem, count, np.random.default_rng(0))[:count]
    except PlannerError:
        return [{"a": 0.5, "b": 0.5}]
    return [plain_point(problem.scale(row)) for row in rows]


def asked(planner, document, tmp_path, capsys, history=None):
    """Run ``taylord suggest``; return exit code, points and what it said."""
    problem = tmp_path / "p.json"
    problem.write_text(json.dumps(document))
    command = ["suggest", str(problem), "--planner", planner, "-n", "2", "--json"]
    if history is not None:
        (tmp_path / "h.csv").write_text(history)
        command += ["--history", str(tmp_path / "h.csv")]
    if planner == "replay":
        command += ["--option", "points=" + json.dumps(points_for(document))]
    code = main(command)
    said = capsys.readouterr()
    assert not EXCEPTION.search(said.err + said.out), said
    points = json.loads(said.out)["points"] if code == 0 else []
    for point in points:
        point.pop("predicted", None)
    return code, points, said.err


@pytest.mark.parametrize("planner", planner_names())
@pytest.mark.parametrize("what", REFUSED)
def test_a_mistake_in_a_history_is_a_sentence(what, planner, tmp_path, capsys):
    text, sentence = REFUSED[what]
    code, _, said = asked(planner, PROBLEM, tmp_path, capsys, text)
    assert code == 2
    assert said.startswith(f"{tmp_path / 'h.csv'}: {sentence}")


def check(problem, code, points, said):
    """Points are feasible and different, or there are none and a sentence says why."""
    if code:
        assert code in (2, 3)
        assert len(said.strip()) > 20
        return
    assert points or "nothing left" in said
    assert [problem.faults(point) for point in points] == [[]] * len(points)
    assert len({json.dumps(point, sort_keys=True) for point in points}) == len(points)


@pytest.mark.parametrize("planner", planner_names())
@pytest.mark.parametrize("what", ANSWERED)
def test_an_odd_history_gets_good_points_or_a_reason(what, planner, tmp_path, capsys):
    code, points, said = asked(planner, PROBLEM, tmp_path, capsys, ANSWERED[what])
    check(Problem.from_json(PROBLEM), code, points, said)


@pytest.mark.parametrize("what", ANSWERED)
def test_bayes_and_lhs_answer_every_odd_history(what, tmp_path, capsys):
    for planner in ("bayes", "lhs"):
        code, points, _ = asked(planner, PROBLEM, tmp_path, capsys, ANSWERED[what])
        assert (code, len(points)) == (0, 2)


@pytest.mark.parametrize("planner", planner_names())
def test_a_target_beyond_everything_seen_gets_good_points_or_a_reason(planner, tmp_path, capsys):
    code, points, said = asked(planner, TARGET, tmp_path, capsys, HEAD + GOOD)
    check(Problem.from_json(TARGET), code, points, said)


@pytest.mark.parametrize("planner", planner_names())
@pytest.mark.parametrize("constraints", [TOGETHER, ALONE], ids=["together", "alone"])
def test_constraints_that_nothing_keeps_are_named(planner, constraints, tmp_path, capsys):
    code, _, said = asked(planner, SQUARE | {"constraints": constraints}, tmp_path, capsys)
    assert code in (2, 3)
    assert "constraint" in said


@pytest.mark.parametrize(
    "measured",
    [
        {"value": 1e300},
        {"value": float("nan")},
        {"value": 1.0, "sd": float("inf")},
        {"value": 10**400},
    ],
)
def test_readings_beyond_numbers_are_refused_in_requests_too(plane, measured):
    runs = [{"point": {"a": 0.5, "b": 1.0}, "responses": {"y": measured}}]
    with pytest.raises(BadHistory, match="run 0: y: must be "):
        history_from_json(runs, plane)


def test_a_partial_result_keeps_what_is_there():
    problem = Problem.from_json(PROBLEM | {"responses": [{"name": "y"}, {"name": "cost"}]})
    lines = [
        "T,base,y,cost,status,achieved.T,achieved.base",
        "50,DBU,0.5,,,51.5,DBU",
        "60,DBU,,3,,,",
        "70,DBU,,3,,68,",
    ]
    half, other, cooler = read_history(lines, problem)
    assert (list(half.responses), half.status) == (["y"], "ok")
    assert half.achieved == {"T": 51.5, "base": "DBU"}
    assert (list(other.responses), other.achieved) == (["cost"], None)
    assert cooler.achieved == {"T": 68.0, "base": "DBU"}  # what is not known, as requested


@pytest.mark.parametrize("planner", planner_names())
def test_partial_results_are_no_trouble(planner, tmp_path, capsys):
    document = PROBLEM | {"responses": [{"name": "y"}, {"name": "cost", "goal": "minimise"}]}
    rows = [
        f"{t},DBU,{t if k % 2 else ''},{'' if k % 3 else k}"
        for k, t in enumerate(range(40, 100, 6))
    ]
    history = "\n".join(["T,base,y,cost", *rows]) + "\n"
    code, points, said = asked(planner, document, tmp_path, capsys, history)
    check(Problem.from_json(document), code, points, said)


@pytest.mark.parametrize("planner", planner_names())
@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(situation=situations(), n=st.integers(1, 3), seed=st.integers(0, 2**40))
def test_every_planner_suggests_feasible_different_points_or_says_why_not(
    planner, situation, n, seed
):
    problem, history = situation
    options = {"points": points_for(problem.to_json())} if planner == "replay" else {}
    chosen = make_planner(planner, options, seed=seed)
    try:
        answer = ask(chosen, problem, history, n, seed)
    except NonsenseAnswer:
        raise
    except PlannerError as error:
        assert len(str(error)) > 20  # noqa: PT017
        return
    assert len(answer.suggestions) <= n
    for suggestion in answer.suggestions:
        assert problem.faults(suggestion.point) == []
    assert len({repr(s.point) for s in answer.suggestions}) == len(answer.suggestions)
    assert ask(chosen, problem, history, n, seed) == answer


def test_an_observation_of_nothing_is_pending(plane):
    (run,) = read_history(["a,b,y", "0.5,1,"], plane)
    assert run == Observation({"a": 0.5, "b": 1.0}, {}, "pending")


@pytest.mark.parametrize("planner", [name for name in planner_names() if name != "replay"])
@pytest.mark.parametrize("fix", ["T=60", "base=Et3N"])
def test_every_planner_keeps_to_what_is_fixed_and_shared(planner, fix, tmp_path, capsys):
    problem, history = tmp_path / "p.json", tmp_path / "h.csv"
    more = {"name": "m", "kind": "composition", "components": ["Pt", "Mo"]}
    document = PROBLEM | {"factors": [*PROBLEM["factors"], more]}
    document["responses"] = [{"name": "y", "goal": "target", "low": 0.5, "high": 0.7}]
    rows = [
        f"{t},{b},{t / 100},{s},{1 - s}"
        for t in (40, 60, 80, 100)
        for b, s in (("DBU", 0), ("Et3N", 0.5))
    ]
    problem.write_text(json.dumps(document))
    history.write_text("\n".join(["T,base,y,m.Pt,m.Mo", *rows]) + "\n")
    command = ["suggest", str(problem), "--history", str(history), "--planner", planner, "--json"]
    assert main([*command, "-n", "3", "--fix", fix, "--shared", "m"]) == 0
    points = json.loads(capsys.readouterr().out)["points"]
    name, _, value = fix.partition("=")
    assert points
    assert {str(point[name]).removesuffix(".0") for point in points} == {value}
    assert len({json.dumps(point["m"]) for point in points}) == 1


@pytest.mark.parametrize(
    ("planner", "words"),
    [
        ("bayes", "first design"),
        ("candidates", "unlike all runs so far"),
        ("extrapolate", "first runs, 2 of 4: unlike the others"),
        ("inverse", "first design"),
    ],
)
def test_readings_of_one_point_are_no_first_look(planner, words, tmp_path, capsys):
    problem, history = tmp_path / "problem.json", tmp_path / "history.csv"
    factors = [{"name": name, "low": 0, "high": 1} for name in "ab"]
    problem.write_text(json.dumps({"factors": factors, "responses": [{"name": "y"}]}), "utf-8")
    history.write_text("a,b,y\n" + "".join(f"0.3,0.4,{0.5 + i / 100}\n" for i in range(9)), "utf-8")
    assert main(["suggest", str(problem), "--history", str(history), "--planner", planner]) == 0
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("planner", ["bayes", "candidates", "extrapolate"])
@pytest.mark.parametrize(("low", "best"), [(50, 1.0), (-60, 0.0)])
def test_a_target_far_from_anything_seen_is_neared_and_said_to_be_far(
    planner, low, best, tmp_path, capsys
):
    problem, history = tmp_path / "problem.json", tmp_path / "history.csv"
    factors = [{"name": name, "low": 0, "high": 1} for name in "ab"]
    goal = {"name": "y", "goal": "target", "low": low, "high": low + 10}
    problem.write_text(json.dumps({"factors": factors, "responses": [goal]}), "utf-8")
    places = [(i % 4 / 5 + 0.2, i // 4 / 3) for i in range(12)]
    rows = "".join(f"{a},{b},{5 + 2 * a + b / 10}\n" for a, b in places)
    history.write_text(f"a,b,y\n{rows}", "utf-8")
    command = ["suggest", str(problem), "--history", str(history), "--planner", planner, "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["points"][0]["a"] == pytest.approx(best, abs=0.25)
    assert "far from anything seen" in told["note"]
