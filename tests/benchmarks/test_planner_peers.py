"""Peers in their own environment: the protocol with a hand-written peer, and the real ones."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planners.campaign import campaign
from benchmarks.planners.peer import (
    ENVIRONMENT,
    PEERS,
    SERVE,
    CannotExpressError,
    Peer,
    PeerError,
    for_case,
    python_of,
)
from benchmarks.planners.problems import CASES
from benchmarks.planners.references import reference

HERE = Path(sys.executable)
sys.path.insert(0, str(SERVE.parent))
Space, violation = (getattr(import_module("space"), n) for n in ("Space", "violation"))
MEASURED = {"status": "ok", "responses": {"yield": 50.0}}


def talk(*lines):
    """Return the answers of the plain peer's process to lines of text."""
    done = subprocess.run(
        [sys.executable, str(SERVE), "plain"],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def start(case, seed=0):
    return json.dumps({"start": {"problem": case.problem.to_json(), "seed": seed}})


def test_a_peer_answers_every_line_with_one():
    case = CASES["hidden"]
    code, (started, asked) = talk(start(case), json.dumps({"ask": 2}))
    assert code == 0
    assert set(started["started"]) == {"how", "versions"}
    assert [case.problem.faults(point) for point in asked["points"]] == [[], []]
    assert asked["cpu_s"] >= 0
    tell = json.dumps({"tell": {"point": asked["points"][0], **MEASURED}})
    code, answers = talk(start(case), json.dumps({"ask": 1}), tell, json.dumps({"ask": 1}))
    assert code == 0
    assert answers[2] == {"told": True}
    assert answers[3]["points"] != answers[1]["points"]


def test_a_peer_says_what_it_cannot_express():
    code, answers = talk(start(CASES["flare"]))
    assert code == 0
    assert answers == [{"cannot": "constraints and compositions"}]


@pytest.mark.parametrize("line", ["no json", '{"jump": 1}', '{"ask": 1}'])
def test_nonsense_is_answered_by_an_error_and_ends_the_peer(line):
    code, answers = talk(line)
    assert code == 1
    assert set(answers[0]) == {"error"}


@pytest.mark.parametrize("name", ["snar", "suzuki", "hidden", "consecutive"])
def test_a_campaign_with_the_plain_peer_is_judged_like_any_other(name):
    case = CASES[name]
    with for_case("plain", HERE, case, 3) as peer:
        result = campaign(case, peer, 3, reference(name), runs=15, cpu=lambda: peer.cpu_s)
    assert result.outside == 0
    assert len(result.shares) == 15
    assert 0 < result.shares[-1] < 1


def test_a_problem_that_a_peer_cannot_express_is_no_result():
    with (
        pytest.raises(CannotExpressError, match="constraints and compositions"),
        for_case("plain", HERE, CASES["flare"], 0),
    ):
        pass


def test_a_peer_that_dies_is_an_error_that_names_it():
    problem = CASES["snar"].problem
    with pytest.raises(PeerError, match="nothing: "), Peer("nothing", HERE, problem, 0):
        pass
    with pytest.raises(PeerError, match="plain: "), Peer("plain", HERE, problem, 0) as peer:
        peer._call("jump", 1)


def test_a_peer_that_stays_silent_is_an_error(tmp_path):
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nsleep 60\n")
    silent.chmod(0o755)
    peer = Peer("plain", silent, CASES["snar"].problem, 0, timeout_s=0.2)
    with pytest.raises(PeerError, match=r"plain: no answer within 0\.2 s"), peer:
        pass


def test_without_an_environment_there_is_no_interpreter(tmp_path, monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert python_of(None) is None
    assert python_of(tmp_path) is None
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert python_of(None) == tmp_path / "bin" / "python"


@pytest.mark.parametrize("logs", [False, True])
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_points_and_variables_translate_into_each_other(case, logs):
    space = Space(case.problem.to_json(), logs=logs)
    for index in range(5):
        point = case.problem.scale(np.random.default_rng(index).random(case.problem.dimension))
        if not case.problem.feasible(point):
            continue
        values = space.values(point)
        assert set(values) == set(space.by_name)
        assert case.problem.faults(space.point(values)) == []


def test_a_constraint_on_one_amount_is_a_bound():
    space = Space(CASES["flare"].problem.to_json())
    assert space.linear == []
    assert (space.by_name["flare.binder"].low, space.by_name["flare.binder"].high) == (0.03, 0.08)


def test_a_solvers_rounding_is_taken_off_and_more_is_not():
    space = Space(CASES["flare"].problem.to_json())
    names = [f"flare.{c}" for c in ("magnesium", "nano3", "srno3", "binder")]
    near = dict(zip(names, (0.5, 0.25, 0.1700004, 0.0800001), strict=True))
    assert CASES["flare"].problem.faults(space.point(near)) == []
    assert CASES["flare"].problem.faults(space.point(near | {"flare.nano3": 0.3})) != []


def test_violation_is_in_widths_of_the_range():
    assert violation({"low": 10.0, "high": 14.0}, 16.0) == pytest.approx(0.5)
    assert violation({"low": 10.0, "high": 14.0}, 12.0) == pytest.approx(-0.5)


THERE = [("plain", HERE), *((name, there) for name in PEERS if (there := python_of(None)))]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "python"), THERE, ids=[name for name, _ in THERE])
def test_every_peer_that_is_installed_runs_every_kind_of_problem(name, python):
    """The plain one always; the real ones where TAYLORD_PEERS names their environment."""
    problems = ("hidden",) if name == "plain" else ("snar_two", "flare", "constrained", "targets")
    for problem in problems:
        case = CASES[problem]
        with for_case(name, python, case, 1) as peer:
            assert bool(peer.versions) == (name != "plain")
            result = campaign(case, peer, 1, reference(problem), runs=4, cpu=lambda: peer.cpu_s)
        assert result.outside == 0
