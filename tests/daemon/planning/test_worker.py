"""The planner worker: a real process, killed for real; the loop goes on, nothing is left over."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from daemon.errors import PlannerFailed
from daemon.planning import child
from daemon.planning.worker import CommandPlanner, NamedPlanner, PlannerWorker, planner_of
from daemon.settings.models import CampaignSettings
from daemon.timebase import is_virtual
from planners.base import Continuous, Measured, Observation, Problem, Response
from planners.bayes import Bayes
from planners.suggest import generator

PLANE = Problem((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 10.0)), (Response("y"),))
HISTORY = [
    Observation({"a": i / 9, "b": (7.0 * i) % 10}, {"y": Measured((i / 9 - 0.4) ** 2)})
    for i in range(10)
]
BAYES = NamedPlanner()


@pytest.fixture
async def worker():
    async with PlannerWorker() as running:
        yield running


def gone(pid):
    """Whether a process has ended and been reaped, or waits to be by somebody else."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def until(condition, within_s=20.0):
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


def hanging(tmp_path):
    """A program that never answers, and the file in which it writes its process id."""
    told = tmp_path / "pid"
    script = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    return (sys.executable, "-c", script), told


async def test_the_worker_answers_as_the_planner_itself_does(worker):
    found = await worker.suggest(BAYES, PLANE, HISTORY, 2, 5)
    expected = Bayes().propose(PLANE, HISTORY, 2, generator(5, len(HISTORY)))
    for point, predicted, own in zip(found.points, found.predicted, expected, strict=True):
        assert point == pytest.approx(own.point, abs=1e-9)
        assert predicted["y"].mean == pytest.approx(own.predicted["y"].mean, abs=1e-9)
    assert found.note == "; ".join(dict.fromkeys(own.note for own in expected))
    assert found.seconds > 0


async def test_the_same_question_has_the_same_answer_in_another_process(worker):
    first = await worker.suggest(BAYES, PLANE, HISTORY, 1, 5)
    await worker.stop()
    again = await worker.suggest(BAYES, PLANE, HISTORY, 1, 5)
    assert (again.points, again.predicted) == (first.points, first.predicted)


@pytest.mark.virtual
async def test_in_virtual_time_the_clock_stands_still_while_the_planner_thinks(worker):
    before = asyncio.get_running_loop().time()
    found = await worker.suggest(BAYES, PLANE, HISTORY, 1, 5)
    assert PLANE.feasible(found.points[0])
    assert asyncio.get_running_loop().time() == before


async def test_a_killed_planner_is_a_named_fault_and_the_next_request_works(worker, tmp_path):
    command, told = hanging(tmp_path)
    asked = asyncio.create_task(worker.suggest(CommandPlanner(command), PLANE, [], 1, 0))
    await until(lambda: told.exists() and told.read_text())
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(PlannerFailed, match=r"ended without an answer \(signal SIGKILL\)"):
        await asked
    await until(lambda: gone(int(told.read_text())))  # its worker could not end it
    assert (await worker.suggest(BAYES, PLANE, HISTORY, 1, 0)).points


async def test_a_planner_killed_while_idle_goes_unnoticed(worker):
    await worker.suggest(BAYES, PLANE, [], 1, 0)
    pid = worker.pid
    os.kill(pid, signal.SIGKILL)
    await until(lambda: worker.pid is None)
    assert (await worker.suggest(BAYES, PLANE, HISTORY, 1, 0)).points
    assert worker.pid not in (pid, None)


async def test_a_numerical_marathon_is_stopped_at_its_time_limit(tmp_path, monkeypatch):
    (tmp_path / "marathon.py").write_text(
        "class Marathon:\n"
        "    def suggest(self, problem, history, n, rng):\n"
        "        sum(range(10**12))\n"
    )
    install(monkeypatch, tmp_path, "marathon = marathon:Marathon")
    planner = NamedPlanner("marathon", timeout_s=-1.0)  # plus the child's grace of 2 s
    async with PlannerWorker() as worker:
        await worker.suggest(BAYES, PLANE, [], 1, 0)  # starting does not count
        with pytest.raises(PlannerFailed, match="gave no answer within its time limit"):
            await worker.suggest(planner, PLANE, [], 1, 0)


def install(monkeypatch, folder, entry):
    """Put a distribution with one planner on the path of processes started from now on."""
    info = folder / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[taylord.planners]\n{entry}\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))


async def test_an_exception_in_a_plugin_is_told_with_its_place(tmp_path, monkeypatch):
    (tmp_path / "rude.py").write_text(
        "class Rude:\n"
        "    def suggest(self, problem, history, n, rng):\n"
        "        print('noise on standard output')\n"
        "        return 1 / 0\n"
    )
    install(monkeypatch, tmp_path, "rude = rude:Rude")
    async with PlannerWorker() as worker:
        told = r"rude: ZeroDivisionError: division by zero \(rude\.py, line 4\)"
        for _ in range(2):
            with pytest.raises(PlannerFailed, match=told):
                await worker.suggest(NamedPlanner("rude"), PLANE, [], 1, 0)


async def test_a_request_given_up_leaves_no_late_answer_and_no_process(worker, tmp_path):
    command, told = hanging(tmp_path)
    asked = asyncio.create_task(worker.suggest(CommandPlanner(command), PLANE, [], 1, 0))
    await until(lambda: told.exists() and told.read_text())
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await until(lambda: gone(int(told.read_text())))
    assert (await worker.suggest(BAYES, PLANE, HISTORY, 1, 0)).points


async def test_requests_take_turns(worker):
    found = await asyncio.gather(
        *(worker.suggest(NamedPlanner("bayes", {"seed": i}), PLANE, [], 1, 0) for i in range(3))
    )
    alone = [Bayes(seed=i).suggest(PLANE, [], 1, generator(0, 0))[0] for i in range(3)]
    assert [f.points[0] for f in found] == [pytest.approx(point) for point in alone]


async def test_of_daemon_and_planner_the_planner_is_killed_when_memory_is_short(worker):
    await worker.suggest(BAYES, PLANE, [], 1, 0)
    ours, its = (
        int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in ("self", worker.pid)
    )
    assert its > ours


async def ask_one_that_is_stopped(worker, monkeypatch):
    monkeypatch.setattr("daemon.planning.worker._GRACE_S", 0.2)
    await worker.suggest(BAYES, PLANE, [], 1, 0)
    pid = worker.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(PlannerFailed, match="gave no answer within its time limit, and was stop"):
        await worker.suggest(NamedPlanner(timeout_s=0.3), PLANE, [], 1, 0)
    assert gone(pid)


async def test_a_stopped_child_is_given_up_by_the_daemon(worker, monkeypatch):
    await ask_one_that_is_stopped(worker, monkeypatch)


@pytest.mark.virtual
async def test_a_stopped_child_is_given_up_in_real_time_though_the_clock_is_held(
    worker, monkeypatch
):
    await ask_one_that_is_stopped(worker, monkeypatch)


def answering(line):
    """A program that answers each request with the same line."""
    return CommandPlanner(("sh", "-c", f"while read request; do echo '{line}'; done"))


FAULTS = [
    (NamedPlanner("bayess"), r"no planner named 'bayess' \(did you mean 'bayes'\?\)"),
    (
        NamedPlanner("bayes", {"n_initial": "x"}),
        "n_initial: must be a whole number or none, got 'x'",
    ),
    (CommandPlanner(("no-such-program",)), "^no-such-program: cannot be started"),
    (CommandPlanner(("false",)), r"^false: ended without an answer \(exit code 1\)"),
    (answering("hello"), "is not JSON"),
    (answering('{"points": [{"a": 7, "b": 1}]}'), r"a: must be in \[0, 1\], got 7"),
    (answering('{"error": "no licence"}'), "sh: no licence"),
    (CommandPlanner(("sleep", "60"), 0.2), "gave no answer within 0.2 s"),
]


async def test_whatever_a_planner_does_is_a_named_fault_and_the_worker_lives(worker):
    pid = worker.pid
    for planner, sentence in FAULTS:
        with pytest.raises(PlannerFailed, match=sentence):
            await worker.suggest(planner, PLANE, [], 1, 0)
    assert worker.pid == pid


async def test_a_program_keeps_its_memory_between_requests(worker, tmp_path):
    script = textwrap.dedent("""
        import json, sys
        for i, line in enumerate(sys.stdin):
            print(json.dumps({"points": [{"a": i / 10, "b": 1}]}), flush=True)
    """)
    planner = CommandPlanner((sys.executable, "-c", script))
    found = [await worker.suggest(planner, PLANE, [], 1, 0) for _ in range(2)]
    assert [f.points[0]["a"] for f in found] == [0.0, 0.1]


async def test_the_child_is_nice_and_single_threaded(worker):
    await worker.suggest(BAYES, PLANE, [], 1, 0)
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) == 19
    environment = Path(f"/proc/{worker.pid}/environ").read_bytes()
    assert b"OPENBLAS_NUM_THREADS=1" in environment


async def test_stopping_leaves_no_process(worker):
    pid = worker.pid
    await worker.stop()
    assert gone(pid)
    assert worker.pid is None
    await worker.stop()  # twice is once


DAEMON = """
import asyncio, sys
from daemon.planning.worker import CommandPlanner, PlannerWorker
from planners.base import Continuous, Problem, Response

async def main():
    async with PlannerWorker() as worker:
        print("pid", worker.pid, flush=True)
        problem = Problem((Continuous("a", 0.0, 1.0),), (Response("y"),))
        await worker.suggest(CommandPlanner(tuple(sys.argv[1:])), problem, [], 1, 0)

asyncio.run(main())
"""


async def stop_one_that_cannot_end(monkeypatch):
    """Stop a worker whose child is suspended; return whether that took no longer than it may."""
    monkeypatch.setattr(child, "END_S", 0.2)
    running = PlannerWorker()
    running.warm()
    pid = running.pid
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    await running.stop()
    return time.monotonic() - began < 10 and gone(pid)


async def test_a_child_that_cannot_end_does_not_keep_the_daemon_from_ending(monkeypatch):
    assert await stop_one_that_cannot_end(monkeypatch)


@pytest.mark.virtual
async def test_nor_does_it_while_the_clock_is_held(monkeypatch):
    assert is_virtual()
    assert await stop_one_that_cannot_end(monkeypatch)


async def test_a_killed_daemon_leaves_no_orphans(tmp_path):
    command, told = hanging(tmp_path)
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, *command], stdout=subprocess.PIPE, text=True
    )
    with daemon:
        child = next(int(line[4:]) for line in daemon.stdout if line.startswith("pid "))
        await until(lambda: told.exists() and told.read_text())
        daemon.kill()
    await until(lambda: gone(child) and gone(int(told.read_text())))


def test_asking_loads_no_numerics_into_the_daemon():
    script = (
        "import sys, daemon.planning.worker, planners.registry as r; r.make_planner('bayes');"
        "print([m for m in ('scipy', 'sklearn') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


def test_the_configuration_names_the_planner():
    campaign = {"factors": [{"name": "a"}], "objectives": [{"response": "y"}]}
    named = CampaignSettings.model_validate({**campaign, "planner": "lhs", "options": {"seed": 3}})
    assert planner_of(named) == NamedPlanner("lhs", {"seed": 3})
    program = {"command": ["python", "mine.py"], "timeout_s": 5}
    other = CampaignSettings.model_validate({**campaign, "planner": program})
    assert planner_of(other) == CommandPlanner(("python", "mine.py"), 5.0)
