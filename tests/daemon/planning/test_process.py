"""A planner's process that is started before the daemon knows what it is for."""

import os
import signal
import subprocess
import sys

import pytest

from daemon.cli import main
from daemon.planning import process
from daemon.planning.process import early
from daemon.planning.worker import PlannerWorker
from tests.daemon.planning.test_worker import BAYES, HISTORY, PLANE, gone, until


async def test_the_worker_asks_the_process_that_was_started_before():
    with early() as begun:
        async with PlannerWorker(begun) as worker:
            assert worker.pid == begun.popen.pid
            found = await worker.suggest(BAYES, PLANE, HISTORY, 1, 5)
            assert worker.pid == begun.popen.pid
        assert gone(begun.popen.pid)
    assert len(found.points) == 1


async def test_a_process_that_died_early_is_no_fault():
    with early() as begun:
        begun.popen.kill()
        await until(lambda: gone(begun.popen.pid))
        async with PlannerWorker(begun) as worker:
            found = await worker.suggest(BAYES, PLANE, HISTORY, 1, 5)
            assert worker.pid != begun.popen.pid
    assert len(found.points) == 1


@pytest.fixture
def started(monkeypatch):
    """The processes started before anything else."""
    begun, start = [], process.start

    def remembering():
        begun.append(start())
        return begun[-1]

    monkeypatch.setattr(process, "start", remembering)
    return begun


def test_a_broken_configuration_leaves_none_behind(tmp_path, started, capsys):
    (tmp_path / "rig.toml").write_text("name = 7\n")
    assert main(["run", str(tmp_path / "rig.toml")]) == 2
    assert "name:" in capsys.readouterr().err
    [begun] = started
    assert gone(begun.popen.pid)


@pytest.mark.no_cover
def test_a_campaign_is_planned_by_the_process_started_first(tmp_path, started, capsys):
    assert main(["demo", "--experiments", "1", "--data", str(tmp_path)]) == 0
    [begun] = started
    assert gone(begun.popen.pid)
    assert "1 experiment" in capsys.readouterr().out


STARTING = """
import sys
from daemon.planning.process import early
with early() as begun:
    print(begun.popen.pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_it_ends_with_a_daemon_that_is_killed_while_it_gets_ready(how):
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", STARTING], stdin=pipe, stdout=pipe) as daemon:
        planning = int(daemon.stdout.readline())
        assert not gone(planning)
        os.kill(daemon.pid, how)
    await until(lambda: gone(planning))
