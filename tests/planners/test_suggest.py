"""The core of ``taylord suggest``: files in, one document out, every fault in a sentence."""

import json
import threading
from itertools import count

import pytest

from daemon.cli import main, output
from planners.advice import remarks_on_readings
from planners.base import Continuous, Measured, Observation, Problem, Response, Suggestion
from planners.errors import BadHistory, BadOption, BadProblem, NonsenseAnswer
from planners.files import load_history, load_problem
from planners.history import write_history
from planners.protocol import MAX_ANSWER
from planners.suggest import ask, ask_shared, parse_options, suggest_document

PLANE = {
    "factors": [{"name": "a", "low": 0, "high": 1}, {"name": "b", "low": 0, "high": 10}],
    "responses": [{"name": "y"}],
}


@pytest.fixture
def problem_file(tmp_path):
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(PLANE))
    return path


@pytest.fixture
def clock():
    return count(step=0.5).__next__


def test_a_document_has_points_predictions_planner_seconds_and_note(problem_file, clock, plane):
    history = [Observation({"a": x / 8, "b": x}, {"y": Measured(x)}) for x in range(8)]
    path = problem_file.with_name("history.csv")
    with path.open("w") as file:
        write_history(file, plane, history)
    told = suggest_document(problem_file, path, n=2, seed=4, clock=clock)
    assert told == suggest_document(problem_file, path, n=2, seed=4, clock=clock)
    assert told["planner"] == "bayes"
    assert told["seconds"] == 0.5
    assert "better than the best so far" in told["note"]
    for point in told["points"]:
        assert point["predicted"]["y"].keys() == {"mean", "sd"}
    json.dumps(told, allow_nan=False)


def test_an_exhausted_design_says_so(problem_file, clock):
    told = suggest_document(problem_file, planner="lhs", n=5, options={"n_runs": "3"}, clock=clock)
    assert len(told["points"]) == 3


def test_faults_of_a_problem_file_start_with_its_name(tmp_path):
    path = tmp_path / "p.json"
    with pytest.raises(BadProblem, match=r"p\.json: cannot be read: No such file"):
        load_problem(path)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(BadProblem, match=r"p\.json: cannot be read: it is not UTF-8"):
        load_problem(path)
    path.write_text("{")
    with pytest.raises(BadProblem, match=r"p\.json: is not JSON: "):
        load_problem(path)
    path.write_text('{"factors": [{"name": "a", "low": 1, "high": 0}]}')
    with pytest.raises(BadProblem, match=r"p\.json: factors\.0\.low: must be finite and below"):
        load_problem(path)


def test_faults_of_a_history_file_start_with_its_name(tmp_path, plane):
    path = tmp_path / "h.csv"
    with pytest.raises(BadHistory, match=r"h\.csv: cannot be read"):
        load_history(path, plane)
    path.write_bytes("a,b,y\n1,1,0.5 µ".encode("cp1252"))
    with pytest.raises(BadHistory, match="it is not UTF-8 text; save it as CSV UTF-8"):
        load_history(path, plane)
    path.write_text("a,b,y\n2,1,0.5\n")
    with pytest.raises(BadHistory, match=r"h\.csv: row 2: a: must be in \[0, 1\], got 2"):
        load_history(path, plane)


def test_options_must_be_pairs():
    assert parse_options(["seed=3", "label=a=b"]) == {"seed": "3", "label": "a=b"}
    with pytest.raises(BadOption) as caught:
        parse_options(["seed", "=3"])
    assert len(caught.value.faults) == 2


def test_asking_for_no_points_is_refused(problem_file, clock):
    with pytest.raises(BadOption, match="-n: must be at least 1, got 0"):
        suggest_document(problem_file, n=0, clock=clock)


class Fixed:
    """Answers what it was given."""

    def __init__(self, points):
        self.points = points

    def suggest(self, problem, history, n, rng):
        return self.points


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ([{"a": 2, "b": 1}], "point 1: a: must be in [0, 1], got 2"),
        ([{"a": 0.5}], "point 1: b: is missing"),
        ([{"a": 0.5, "b": 1}, {"a": 0.5, "b": 1.0}], "point 2: is the same as another"),
    ],
)
def test_a_plugins_invalid_points_are_refused(plane, points, sentence):
    with pytest.raises(NonsenseAnswer) as caught:
        ask(Fixed(points), plane, [], 2, 0)
    assert sentence in str(caught.value)


def test_an_empty_answer_is_remarked_on(plane):
    assert ask(Fixed([]), plane, [], 1, 0).note == "nothing left to suggest"


def test_a_suggestion_without_prediction_has_none_in_its_json():
    assert Suggestion({"a": 1.0}).to_json() == {"a": 1.0}


@pytest.mark.parametrize("planner", ["lhs", "bayes"])
def test_another_seed_begins_with_another_design(problem_file, planner):
    def points(seed):
        return suggest_document(problem_file, planner=planner, seed=seed, n=2, clock=lambda: 0.0)[
            "points"
        ]

    assert points(1) == points(1)
    assert points(1) != points(2)
    assert points(-1) != points(1)


def test_a_problem_in_brackets_without_end_is_no_json(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(BadProblem, match="is not JSON"):
        load_problem(path)


def test_a_key_that_comes_twice_in_a_problem_is_refused(tmp_path):
    path = tmp_path / "problem.json"
    twice = '{"factors": [{"name": "a", "low": 0, "low": 1, "high": 2}], "responses": []}'
    for text, key in (
        (twice, "low"),
        ('{"factors": [], "responses": [], "responses": []}', "responses"),
    ):
        path.write_text(text)
        with pytest.raises(
            BadProblem, match=f"problem.json: key {key!r} comes twice in one object"
        ):
            load_problem(path)


def test_fewer_points_than_were_asked_for_are_counted(problem_file, capsys):
    command = ["suggest", str(problem_file), "--planner", "lhs", "--option", "n_runs=2"]
    assert main([*command, "-n", "5"]) == 0
    assert capsys.readouterr().err == "2 of 5 points asked for: there are no others now\n"
    assert main([*command, "-n", "2"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["suggest", str(problem_file), "--fix", "a=1", "--fix", "b=1", "-n", "3"]) == 0
    assert "1 of 3 points asked for: there are no others now" in capsys.readouterr().err


def test_each_point_has_its_own_note_where_they_differ(problem_file, clock, capsys):
    told = suggest_document(problem_file, planner="lhs", n=2, options={"n_runs": "3"}, clock=clock)
    assert told["notes"] == ["design 1 of 3", "design 2 of 3"]
    assert "notes" not in suggest_document(problem_file, planner="lhs", clock=clock)
    assert main(["suggest", str(problem_file), "--planner", "lhs", "-n", "2"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[1::2] == ["    design 1 of 12", "    design 2 of 12"]


def test_what_is_said_of_the_whole_answer_follows_the_points(problem_file, capsys):
    held = ["--shared", "a", "--shared", "b"]
    assert main(["suggest", str(problem_file), "-n", "2", *held]) == 0
    assert (
        capsys.readouterr().err
        == "first design, 1 of 3; nothing left to suggest that shares a, b\n"
    )
    mixture = {"name": "m", "kind": "composition", "components": ["Pt", "Mo"]}
    solvent = {"name": "s", "kind": "categorical", "levels": ["THF", "DMF", "MeCN"]}
    problem_file.write_text(json.dumps(PLANE | {"factors": [*PLANE["factors"], mixture, solvent]}))
    assert main(["suggest", str(problem_file), "-n", "3", "--shared", "m"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert sum(line.startswith("    first design, ") for line in told.out.splitlines()) == 3


def test_a_space_of_hardly_a_point_gives_fewer_points_not_the_same_one_twice(tmp_path, capsys):
    corner = {"kind": "formula", "expression": "a * b", "at_least": 9.9999}
    problem = tmp_path / "p.json"
    problem.write_text(json.dumps(PLANE | {"constraints": [corner]}))
    history = tmp_path / "h.csv"
    history.write_text("a,b,y\n1,10,1\n0.99999,10,2\n1,9.99999,3\n")
    for known in ([], ["--history", str(history)]):
        assert main(["suggest", str(problem), "-n", "3", "--json", *known]) == 0
        (point,) = json.loads(capsys.readouterr().out)["points"]
        assert point["a"] * point["b"] >= 9.9999 - 1e-6


MIXED = {
    "factors": [
        {"name": "tau", "low": 0.1, "high": 3, "transform": "log"},
        {"name": "base", "kind": "categorical", "levels": ["DBU", "Et3N, dry"]},
        {"name": "m", "kind": "composition", "components": ["Pt", "Mo", "Nb"]},
    ],
    "responses": [{"name": "y"}, {"name": "z"}],
}


def test_points_written_to_a_file_are_read_back_as_pending_runs(tmp_path, clock):
    problem, out = tmp_path / "problem.json", tmp_path / "new" / "runs.csv"
    problem.write_text(json.dumps(MIXED))
    told = suggest_document(problem, planner="lhs", n=5, out=out, clock=clock)
    assert told["out"] == str(out)
    runs = load_history(out, load_problem(problem))
    assert runs == [Observation(point, status="pending") for point in told["points"]]
    rest = suggest_document(problem, out, planner="lhs", n=99, clock=clock)
    assert len(rest["points"]) == 12 - 5
    assert "out" not in rest


def test_results_filled_in_beside_the_points_count_without_another_word(problem_file, clock, plane):
    out = problem_file.with_name("runs.csv")
    suggest_document(problem_file, planner="lhs", n=2, out=out, clock=clock)
    header, first, second = out.read_text().splitlines()
    assert header == "a,b,y,y.sd,status"
    out.write_text("\n".join([header, first.replace(",,,", ",0.5,,"), second]))
    assert [run.status for run in load_history(out, plane)] == ["ok", "pending"]


def test_a_file_that_exists_is_never_overwritten(problem_file, capsys):
    out = problem_file.with_name("runs.csv")
    asked = ["suggest", str(problem_file), "--planner", "lhs", "--out", str(out)]
    assert main(asked) == 0
    assert capsys.readouterr().err.endswith(f"wrote {out}\n")
    before = out.read_bytes()
    assert main([*asked, "--seed", "3"]) == 2
    assert capsys.readouterr().err == f"--out: {out}: exists already; choose another name\n"
    assert out.read_bytes() == before
    assert main([*asked[:-1], str(out / "runs.csv")]) == 2
    assert "runs.csv: cannot be written: " in capsys.readouterr().err


class Remarking:
    """Says of its first point what it says of the one after, and another thing of the others."""

    def propose(self, problem, history, n, rng):
        first = len(history)
        return [
            Suggestion({"a": 0.5, "b": float(first + i)}, note="direct" if i < 2 else "another")
            for i in range(n)
        ]


def test_a_remark_on_points_that_share_a_value_is_made_once(plane):
    answer = ask_shared(Remarking(), plane, [], 4, 0, ["a"])
    assert [s.note for s in answer.suggestions] == ["direct", "direct", "direct", "another"]
    assert answer.note == "direct; another"


def test_a_batch_of_a_design_is_of_its_own_table_while_that_has_rows_that_share(tmp_path, capsys):
    path, out = tmp_path / "problem.json", tmp_path / "next.csv"
    base = {"name": "base", "kind": "categorical", "levels": ["A", "B"]}
    path.write_text(json.dumps({**PLANE, "factors": [*PLANE["factors"], base]}))
    asked = ["suggest", str(path), "--planner", "design", "--option", "kind=central-composite"]
    assert main([*asked, "--shared", "a", "-n", "5", "--out", str(out)]) == 0
    assert capsys.readouterr().out.count(" of 19") == 5
    assert main([*asked, "--shared", "a", "-n", "9", "--history", str(out)]) == 0
    said = capsys.readouterr()
    assert "run 2 of 19" in said.out
    assert main(["suggest", str(path), "--planner", "lhs", "--shared", "a", "-n", "3"]) == 0
    assert (
        "no more runs that share a, these are of another: design 1 of 12" in capsys.readouterr().out
    )


def test_fewer_points_that_share_a_value_are_said_to_be_fewer(tmp_path, capsys):
    factors = [{"name": x, "kind": "discrete", "values": [1, 2]} for x in "ab"]
    path = tmp_path / "problem.json"
    path.write_text(json.dumps({"factors": factors, "responses": [{"name": "y"}]}))
    for planner in ("design", "bayes"):
        assert main(["suggest", str(path), "--planner", planner, "--shared", "a", "-n", "4"]) == 0
        assert "nothing left to suggest that shares a" in capsys.readouterr().err


def test_a_target_for_no_response_is_a_fault_of_usage(problem_file, capsys):
    asked = ["suggest", str(problem_file), "--planner", "inverse", "--option", "target=yy=3,z=1"]
    assert main(asked) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "target: no response is named 'yy' (did you mean 'y'?); they are y"
    assert told[1].startswith("target: no response is named 'z'")


def test_a_plain_scale_over_many_decades_is_remarked_on(tmp_path, capsys):
    path = tmp_path / "problem.json"

    def said(low, high, **more):
        factors = [{"name": "catalyst", "low": low, "high": high, **more}]
        path.write_text(json.dumps({"factors": factors, "responses": [{"name": "y"}]}))
        assert main(["suggest", str(path), "--planner", "lhs"]) == 0
        return capsys.readouterr().err

    assert "catalyst: spans 6 decades (1e-06 to 1), and on a plain scale" in said(1e-6, 1.0)
    assert 'transform = "log" lets the planner' in said(1e-3, 1.0)
    for quiet in (
        said(1e-6, 1.0, transform="log"),
        said(0.0, 1.0),
        said(0.002, 1.0),
        said(0.1, 120.0, unit="degC"),
    ):
        assert "decades" not in quiet


def test_readings_of_failed_runs_are_passed_over_and_told(problem_file, tmp_path, capsys):
    history = tmp_path / "history.csv"
    rows = ["0.1,1,5,ok", "0.2,2,99,failed", "0.3,3,,failed", "0.4,4,6,ok"]
    history.write_text("\n".join(["a,b,y,status", *rows]))
    assert main(["suggest", str(problem_file), "--history", str(history)]) == 0
    told = capsys.readouterr()
    assert (
        "1 failed run with a reading, which is passed over (run 2): if it may be true" in told.err
    )
    assert "measured 99" not in told.out


def read_as(response, values, status="ok"):
    """What is remarked on a history of one response's readings."""
    problem = Problem((Continuous("a", 0, 1),), (response,))
    runs = [
        Observation({"a": i / len(values)}, {response.name: Measured(value)}, status)
        for i, value in enumerate(values)
    ]
    return remarks_on_readings(problem, runs)


@pytest.mark.parametrize(
    ("response", "values", "says"),
    [
        (Response("yield"), [55.0, 150.0, 61.0], "run 2 reads 150, more than all of it (100)"),
        (Response("y", unit="%"), [140.0, 150.0, 61.0], "runs 1, 2 read up to 150, more than all"),
        (Response("y", unit="mol/mol"), [0.5, 1.2], "run 2 reads 1.2, more than all of it (1)"),
    ],
)
def test_more_than_all_of_a_share_is_remarked_on(response, values, says):
    (remark,) = read_as(response, values)
    assert remark.startswith(f"{response.name}: {says}")
    assert read_as(response, values, "suspect") == []


@pytest.mark.parametrize("absurd", [1000.0, -500.0])
def test_a_reading_far_from_all_others_is_remarked_on(absurd):
    values = [10.0 + i for i in range(12)]
    assert read_as(Response("viscosity"), values) == []
    values[3] = absurd
    (remark,) = read_as(Response("viscosity"), values)
    assert remark.startswith(f"viscosity: run 4 reads {absurd:g}, the others 10 to 21, and it is")
    assert read_as(Response("viscosity"), values[:7]) == []  # too few to tell


def test_a_misplaced_decimal_point_is_remarked_on_among_few_readings():
    (remark,) = read_as(Response("rate"), [31.0, 1e9, 24.0, 36.5])
    assert remark.startswith("rate: run 2 reads 1000000000, the others 24 to 36.5, and it is")
    (remark,) = read_as(Response("rate"), [31.0, 0.0, 3660.0, 36.5])
    assert remark.startswith("rate: run 3 reads 3660, ")
    assert read_as(Response("rate"), [1e9, 24.0, 36.5]) == []


def test_readings_of_a_hill_and_of_decades_are_not_remarked_on():
    assert read_as(Response("yield"), [0.0] * 9 + [0.62]) == []
    assert read_as(Response("impurity"), [10.0 ** (-i / 4) for i in range(12)]) == []
    assert read_as(Response("output", unit="g/h"), [50.0, 150.0]) == []


class Impatient(threading.Timer):
    """A timer whose time is up as soon as it starts."""

    def start(self):
        self.function(*self.args)


@pytest.mark.parametrize(("more", "told"), [([], ["lhs is still at work …"]), (["--json"], [])])
def test_a_planner_that_takes_long_is_said_to_be_at_work(
    problem_file, capsys, monkeypatch, more, told
):
    monkeypatch.setattr(output.threading, "Timer", Impatient)
    assert main(["suggest", str(problem_file), "--planner", "lhs", *more]) == 0
    heard = capsys.readouterr()
    assert [line for line in heard.err.splitlines() if "at work" in line] == told
    assert "at work" not in heard.out


def test_a_planner_that_answers_at_once_is_not(problem_file, capsys):
    assert main(["suggest", str(problem_file), "--planner", "lhs"]) == 0
    assert "at work" not in capsys.readouterr().err


def test_a_program_that_is_at_fault_is_named_once(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(PLANE))
    program = f"read request; head -c {MAX_ANSWER + 2} /dev/zero; sleep 9"
    with pytest.raises(NonsenseAnswer, match=r"^sh: answered more than 4 MiB$"):
        suggest_document(tmp_path / "p.json", command=["sh", "-c", program], clock=count().__next__)
