"""Standard output and standard error that cannot be written, and a terminal that goes away."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.hosting import Hosted
from tests.services.test_kill import config as config  # noqa: PLC0414
from tests.services.test_kill import until

TAYLORD = [sys.executable, "-m", "daemon"]
FULL = Path("/dev/full")
pytestmark = [
    pytest.mark.no_cover,  # processes
    pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full (Linux has)"),
]


def taylord(*words, **streams):
    return subprocess.run([*TAYLORD, *words], text=True, timeout=100, check=False, **streams)


@pytest.mark.parametrize(
    "words",
    [["drivers"], ["planners"], ["schema", "config"], ["status", "--help"]],
    ids=" ".join,
)
def test_output_that_cannot_be_written_is_one_line(words):
    buffered = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with FULL.open("w") as full:
        result = taylord(*words, stdout=full, stderr=subprocess.PIPE, env=buffered)
    assert result.stderr == "standard output cannot be written: No space left on device\n"
    assert result.returncode == 2


def test_output_that_is_written_at_once_and_cannot_be_is_one_line_too():
    unbuffered = os.environ | {"PYTHONUNBUFFERED": "1"}
    with FULL.open("w") as full:
        result = taylord("drivers", stdout=full, stderr=subprocess.PIPE, env=unbuffered)
    assert result.stderr == "standard output cannot be written: No space left on device\n"
    assert result.returncode == 2


def test_a_reader_that_has_seen_enough_is_no_fault():
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as pipe:
        result = taylord("drivers", stdout=pipe, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_command_without_output_streams_does_its_work(tmp_path):
    """``>&- 2>&-``: the record must not get their descriptors."""
    script = 'exec "$@" >&- 2>&-'
    command = ["sh", "-c", script, "sh", *TAYLORD, "demo", "--experiments", "1"]
    done = subprocess.run([*command, "--data", str(tmp_path / "d")], timeout=100, check=False)
    assert done.returncode == 0
    assert (tmp_path / "d" / "taylord.sqlite").exists()


def test_a_console_that_cannot_be_written_ends_no_campaign(tmp_path):
    with FULL.open("w") as full:
        result = taylord(
            "demo",
            "--experiments",
            "2",
            "--data",
            str(tmp_path),
            stdout=subprocess.PIPE,
            stderr=full,
        )
    assert result.returncode == 0
    assert "campaign complete: 2 experiments" in result.stdout


@pytest.fixture
def rig(config, tmp_path):
    """The example rig on real ports, and its configuration."""
    host = Hosted(tmp_path, config.read_text())
    config.write_text(host.rewired())
    host.file, host.data = config, tmp_path / "data"
    yield host
    host.end()


def acts(host):
    truth = host.truth()
    heats = any(h["goal"] is not None for h in truth["heaters"].values())
    return heats and any(pump["flow"] for pump in truth["pumps"].values())


def begin(host, stderr, hang_up=signal.SIG_DFL):
    """Start the daemon; what it does on a hang-up is not left to whoever runs these tests."""
    command = [*TAYLORD, "run", str(host.file), "--data", str(host.data)]
    set_up = lambda: signal.signal(signal.SIGHUP, hang_up)  # noqa: E731
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, preexec_fn=set_up)


def test_a_terminal_that_goes_away_leaves_nothing_heating(rig):
    """The daemon was started by hand over ssh, and the connection is lost."""
    master, terminal = os.openpty()
    daemon = begin(rig, terminal)
    os.close(terminal)
    try:
        until(lambda: acts(rig), daemon)
        os.close(master)  # from now on its console is an error
        daemon.send_signal(signal.SIGHUP)
        assert daemon.wait(30) == 0
        truth = rig.truth()
        assert [heater["goal"] for heater in truth["heaters"].values()] == [None]
        assert not any(pump["flow"] for pump in truth["pumps"].values())
    finally:
        daemon.kill()
        daemon.wait()


def test_under_nohup_the_daemon_goes_on(rig):
    daemon = begin(rig, subprocess.DEVNULL, signal.SIG_IGN)
    try:
        until(lambda: acts(rig), daemon)
        daemon.send_signal(signal.SIGHUP)
        daemon.send_signal(signal.SIGCONT)
        assert acts(rig)
        assert daemon.poll() is None
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
    finally:
        daemon.kill()
        daemon.wait()
