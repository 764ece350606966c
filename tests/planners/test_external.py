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
from planners.fixing import hold
from planners.protocol import called, read_answer

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


def test_a_traceback_is_told_as_what_and_where(program, plane):
    external = program("""
        input()
        def deeper():
            raise ValueError("two lines:\\nof them")
        deeper()
    """)
    with pytest.raises(PlannerDied) as caught:
        external.ask(plane, [], 1, 0)
    assert str(caught.value).endswith(
        "(exit code 1): ValueError: two lines:\nof them (planner0.py, line 8)"
    )


def test_a_missing_package_is_told_first(program, plane):
    with pytest.raises(
        PlannerDied, match=r"1\): ModuleNotFoundError: No module named 'nowhere' \("
    ):
        program("import nowhere").ask(plane, [], 1, 0)


def test_of_many_complaints_the_last_lines_are_told(program, plane):
    external = program("""
        for i in range(1000):
            print("complaint", i, file=sys.stderr)
        sys.exit(1)
    """)
    with pytest.raises(PlannerDied) as caught:
        external.ask(plane, [], 1, 0)
    told = str(caught.value).partition("(exit code 1): ")[2]
    assert told.startswith("… complaint ")
    assert told.endswith("complaint 999")
    assert len(told) < 420


@pytest.mark.parametrize("said", ["{", '{"points": [{"a": 0.5', '{"points": [{"a": 0, "b": 0}]}'])
def test_a_death_in_the_middle_of_an_answer_is_told_as_such(program, plane, said):
    external = program(f"""
        input()
        sys.stdout.write({said!r})
        sys.stdout.flush()
        sys.exit(4)
    """)
    with pytest.raises(PlannerDied, match=r"ended in the middle of an answer \(exit code 4\)"):
        external.ask(plane, [], 1, 0)


def test_half_an_answer_and_then_nothing_is_no_answer(program, plane):
    external = program(
        """
        input()
        sys.stdout.write('{"points": [')
        sys.stdout.flush()
        time.sleep(600)
        """,
        timeout_s=2.0,
    )
    with pytest.raises(PlannerDied, match="gave no answer within 2 s"):
        external.ask(plane, [], 1, 0)


def test_rubbish_on_standard_output_is_named_with_the_remedy(program, plane):
    external = program("""
        for line in sys.stdin:
            print("Loading the library, please wait ...", flush=True)
            answer(points=[{"a": 0, "b": 0}])
    """)
    for _ in range(2):  # the answer behind the rubbish answers nothing else
        with pytest.raises(
            NonsenseAnswer, match=r"not JSON .* must go to standard error"
        ) as caught:
            external.ask(plane, [], 1, 0)
        assert "Loading the library" in str(caught.value)


def test_a_point_that_is_pending_is_not_taken_twice(program, plane):
    external = program("""
        for line in sys.stdin:
            answer(points=[{"a": 1, "b": 2}])
    """)
    done = [Observation({"a": 1.0, "b": 2.0}, {"y": Measured(2.0)})]
    assert len(external.ask(plane, done, 1, 0).suggestions) == 1  # a replicate
    pending = [Observation({"a": 1.0, "b": 2.0}, status="pending")]
    with pytest.raises(NonsenseAnswer, match="a point that is pending already: point 1"):
        external.ask(plane, pending, 1, 0)


def test_a_held_factor_is_told_with_its_value(program, plane):
    external = program("""
        for line in sys.stdin:
            factors = json.loads(line)["problem"]["factors"]
            answer(points=[{"a": factors[0]["held"], "b": 3}], note=str("held" in factors[1]))
    """)
    answer = external.ask(hold(plane, {"a": 0.25}), [], 1, 0)
    assert answer.suggestions[0].point == {"a": 0.25, "b": 3.0}
    assert answer.note == "False"


def test_one_that_does_not_mind_a_held_factor_is_named(program, plane):
    external = program(GOOD)
    with pytest.raises(NonsenseAnswer, match=r"point 1: a: is held at 0\.25, got 0\.1"):
        external.ask(hold(plane, {"a": 0.25}), [], 1, 0)


def test_its_remark_comes_with_each_point(program, plane, rng):
    assert program(GOOD).propose(plane, [], 2, rng)[1].note.isdigit()


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
        (b'{"points": [{"a": -1e400, "b": 1}]}', "point 1: a: must be a number, got -inf"),
        (b'{"points": [{"a": 1' + b"0" * 400 + b', "b": 1}]}', "point 1: a: must be a number"),
        (b'{"points": [{"a": 1' + b"0" * 9999 + b', "b": 1}]}', "a line that is not JSON"),
        (b'{"points": [{"a": null, "b": 1}]}', "point 1: a: must be a number, got None"),
        (b'{"points": [{"a": [0], "b": 1}]}', "point 1: a: must be a number, got [0]"),
        (
            b'{"points": [{"a": 0, "b": 1, "predicted": {"y": {"mean": NaN, "sd": 1}}}]}',
            "predicted: must be mean and sd",
        ),
    ],
)
def test_nonsense_is_named(plane, answer, sentence):
    with pytest.raises(NonsenseAnswer) as caught:
        read_answer(answer, plane, 2)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no\x1b[31m licence\udcff\n", "no [31m licence"),
        ("", "no reason given"),
        ({"code": 3}, "{'code': 3}"),
        ("x" * 10**6, "x" * 2000),
    ],
    ids=["control characters", "nothing", "an object", "a novel"],
)
def test_what_a_program_says_can_be_shown_anywhere(plane, said, shown):
    with pytest.raises(PlannerRefused) as caught:
        read_answer(line(error=said), plane, 1)
    assert str(caught.value) == shown
    if isinstance(said, str):
        note = read_answer(line(points=[], note=said), plane, 1).note
        assert note == ("" if not said else shown[:500])
        note.encode()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["mine"], "mine"),
        (["python3", "mine.py", "fast"], "python3 mine.py"),
        (["sh", "-c", "while true; do"], "sh"),
    ],
)
def test_a_program_is_called_with_its_script(command, name):
    assert called(command) == name


def test_an_error_of_null_is_none(plane):
    answer = read_answer(line(error=None, points=[{"a": 0, "b": 1}], note=None), plane, 1)
    assert (len(answer.suggestions), answer.note) == (1, "")


def test_a_program_is_looked_for_in_its_folder_which_is_named_when_it_is_not_there(plane, tmp_path):
    with (
        External(["./plan"], folder=str(tmp_path)) as program,
        pytest.raises(
            PlannerDied, match=rf"'./plan' cannot be started: No such .* \(in {tmp_path}\)"
        ),
    ):
        program.ask(plane, [], 1, 0)
