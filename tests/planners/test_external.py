"""Planners that are other programs: whatever they do, a named fault comes of it."""

import json
import os
import sys
import textwrap
import time
from pathlib import Path

import pytest

from planners.base import Measured, Observation
from planners.errors import NonsenseAnswer, PlannerDied, PlannerRefused
from planners.external import External
from planners.protocol import read_answer

PRELUDE = """
import json, os, signal, sys, time
def answer(**document):
    print(json.dumps(document), flush=True)
"""


@pytest.fixture
def program(tmp_path):
    """Makes a planner of a Python script; all are stopped at the end."""
    started = []

    def make(script, timeout_s=20.0):
        path = tmp_path / f"planner{len(started)}.py"
        path.write_text(PRELUDE + textwrap.dedent(script))
        started.append(External([sys.executable, str(path)], timeout_s))
        return started[-1]

    yield make
    for external in started:
        external.close()


GOOD = """
for i, line in enumerate(sys.stdin):
    request = json.loads(line)
    answer(points=[{"a": 0.1 * (i + 1) + 0.001 * k, "b": len(request["history"])}
                   for k in range(request["n"])], note=str(request["seed"]))
"""


def test_a_program_is_asked_line_by_line_and_keeps_its_memory(program, plane):
    external = program(GOOD)
    history = [Observation({"a": 0.5, "b": 1.0}, {"y": Measured(2.0, 0.1)})]
    first, second = (external.ask(plane, history, 1, seed) for seed in (7, 8))
    assert [s.point for s in first.suggestions] == [{"a": 0.1, "b": 1.0}]
    assert [s.point for s in second.suggestions] == [{"a": 0.2, "b": 1.0}]
    assert (first.note, second.note) == ("7", "8")


def test_it_fills_the_planners_role(program, plane, rng):
    with program(GOOD) as external:
        assert len(external.suggest(plane, [], 3, rng)) == 3
        assert external.propose(plane, [], 1, rng)[0].predicted == {}


def test_it_gets_the_contracts_request(program, plane):
    external = program("""
        request = json.loads(input())
        assert set(request) == {"problem", "history", "n", "seed"}, request
        assert request["problem"]["factors"][1]["high"] == 10
        run = request["history"][0]
        assert run == {"point": {"a": 0.5, "b": 1.0}, "status": "ok",
                       "responses": {"y": {"value": 2.0, "sd": None}}}, run
        answer(points=[{"a": 1, "b": 2, "predicted": {"y": {"mean": 3, "sd": 0.5}}}])
    """)
    history = [Observation({"a": 0.5, "b": 1.0}, {"y": Measured(2.0)})]
    (found,) = external.ask(plane, history, 1, 0).suggestions
    assert found.point == {"a": 1.0, "b": 2.0}
    assert (found.predicted["y"].mean, found.predicted["y"].sd) == (3.0, 0.5)


def test_a_long_history_does_not_block(program, plane):
    external = program(GOOD)
    history = [Observation({"a": 0.5, "b": 1.0}, {"y": Measured(2.0)})] * 20_000
    with pytest.raises(NonsenseAnswer, match=r"b: must be in \[0, 10\], got 20000"):
        external.ask(plane, history, 1, 0)


def test_its_own_error_is_passed_on_and_it_lives(program, plane):
    external = program("""
        for line in sys.stdin:
            answer(error="no licence")
    """)
    for _ in range(2):
        with pytest.raises(PlannerRefused, match=r"^no licence$"):
            external.ask(plane, [], 1, 0)


def test_its_death_is_told_with_its_last_words(program, plane):
    external = program("""
        input()
        sys.exit("out of cheese")
    """)
    with pytest.raises(
        PlannerDied, match=r"ended without an answer \(exit code 1\): out of cheese"
    ):
        external.ask(plane, [], 1, 0)


def test_its_death_by_a_signal_is_told(program, plane):
    external = program("os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(PlannerDied, match="signal SIGKILL"):
        external.ask(plane, [], 1, 0)


def test_after_a_death_the_next_request_starts_it_anew(program, plane, tmp_path):
    flag = tmp_path / "died"
    external = program(f"""
        if not os.path.exists({str(flag)!r}):
            open({str(flag)!r}, "w").close()
            sys.exit(3)
        for line in sys.stdin:
            answer(points=[{{"a": 0, "b": 0}}])
    """)
    with pytest.raises(PlannerDied):
        external.ask(plane, [], 1, 0)
    assert len(external.ask(plane, [], 1, 0).suggestions) == 1


def test_a_program_that_answers_once_and_ends_is_started_for_each_request(program, plane):
    external = program("""
        input()
        answer(points=[{"a": 0, "b": 0}])
    """)
    for _ in range(3):
        assert len(external.ask(plane, [], 1, 0).suggestions) == 1


def test_a_program_that_hangs_is_stopped_with_its_children(program, plane, tmp_path):
    pids = tmp_path / "pids"
    external = program(
        f"""
        import subprocess
        child = subprocess.Popen(["sleep", "600"])
        open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
        time.sleep(600)
        """,
        timeout_s=2.0,
    )
    with pytest.raises(PlannerDied, match="gave no answer within 2 s"):
        external.ask(plane, [], 1, 0)
    for pid in pids.read_text().split():
        assert _ends(int(pid))


def _ends(pid):
    """Return whether a process that was killed is gone soon: signals take effect when they may."""
    end = time.monotonic() + 10.0
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not _runs(pid)


def _runs(pid):
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"  # dead, but not yet reaped
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_program_that_cannot_be_started_is_named(plane):
    with pytest.raises(PlannerDied, match=r"'no-such-planner' cannot be started: No such file"):
        External(["no-such-planner"]).ask(plane, [], 1, 0)
    with pytest.raises(PlannerDied, match="cannot be started"):
        External(["nul\0byte"]).ask(plane, [], 1, 0)


def test_a_flood_is_stopped(program, plane):
    external = program("""
        input()
        while True:
            sys.stdout.write("x" * 65536)
    """)
    with pytest.raises(NonsenseAnswer, match="answered more than 4 MiB"):
        external.ask(plane, [], 1, 0)


def test_a_flood_of_complaints_does_not_block_it(program, plane):
    external = program("""
        for line in sys.stdin:
            sys.stderr.write("oh no " * 100_000)
            answer(points=[{"a": 0, "b": 0}])
    """)
    for _ in range(2):
        assert len(external.ask(plane, [], 1, 0).suggestions) == 1


def test_a_program_that_closes_its_output_is_given_up(program, plane):
    external = program("""
        os.close(1)
        time.sleep(600)
    """)
    with pytest.raises(PlannerDied, match="closed its output without an answer"):
        external.ask(plane, [], 1, 0)


def test_what_it_says_unasked_answers_nothing(program, plane, tmp_path):
    told = tmp_path / "told"
    external = program(f"""
        for i, line in enumerate(sys.stdin):
            answer(points=[{{"a": 0.1 * i, "b": 1}}])
            answer(points=[{{"a": 0.9, "b": 9}}])
            open({str(told)!r}, "w").close()
    """)
    found = []
    for _ in range(2):
        found.append(external.ask(plane, [], 1, 0).suggestions[0].point["a"])
        while not told.exists():
            time.sleep(0.01)
    assert found == [0.0, 0.1]


def line(**document):
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"hello", "a line that is not JSON"),
        (b"\xff\xfe", "a line that is not JSON"),
        (b"", "a line that is not JSON"),
        (b"[" * 100_000, "a line that is not JSON"),
        (b"[1]", "no JSON object: [1]"),
        (line(), "without a list of points: {}"),
        (line(points={"a": 1}), "without a list of points"),
        (line(points=[{}] * 3), "3 points where 2 were asked for"),
        (line(points=[3]), "point 1: must be an object"),
        (line(points=[{"a": 0.5, "b": 11}]), "point 1: b: must be in [0, 10], got 11"),
        (line(points=[{"a": "0.5", "b": 1}]), "point 1: a: must be a number, got '0.5'"),
        (line(points=[{"a": True, "b": 1}]), "point 1: a: must be a number, got True"),
        (b'{"points": [{"a": NaN, "b": 1}]}', "point 1: a: must be a number, got nan"),
        (b'{"points": [{"a": 1e999, "b": 1}]}', "point 1: a: must be a number, got inf"),
        (line(points=[{"a": 0, "b": 1, "c": 2}]), "point 1: c: is no factor"),
        (line(points=[{"a": 0, "b": 1}] * 2), "point 2: is the same as another"),
        (line(points=[{"a": 0, "b": 1, "predicted": 3}]), "predicted: must be mean and sd"),
        (
            line(points=[{"a": 0, "b": 1, "predicted": {"y": {"mean": 1, "sd": -1}}}]),
            "predicted: must be mean and sd",
        ),
        (line(points=[{"x": 0}, {"x": 1}]), "and 3 faults more"),
    ],
)
def test_nonsense_is_named(plane, answer, sentence):
    with pytest.raises(NonsenseAnswer) as caught:
        read_answer(answer, plane, 2)
    assert sentence in str(caught.value)
