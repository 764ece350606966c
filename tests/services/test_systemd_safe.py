"""The unit's commands on real ports: the daemon under a service manager, killed, and made safe."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.hosting import Hosted

FLOW = Path(__file__).parents[2] / "config" / "flow.toml"
PROGRAM = [sys.executable, "-m", "daemon"]


def wait_for(condition, seconds=40.0):
    """Return the first true answer; fail after so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.1)
    return pytest.fail(f"not within {seconds:g} s")


class Host(Hosted):
    """The flow rig, and whether anything of it acts."""

    def __init__(self, directory):
        super().__init__(directory, FLOW.read_text())

    def acts(self):
        """Return whether anything is pumped or heated."""
        truth = self.truth()
        flows = [pump["flow"] for pump in truth["pumps"].values()]
        return any(flows) or any(h["goal"] is not None for h in truth["heaters"].values())

    def wired(self, directory):
        """Write the configuration of the real rig that these ports are; it has no broker."""
        before, _, rest = self.rewired().partition("[mqtt]")
        file = directory / "rig.toml"
        file.write_text(before + rest[rest.index("[instruments") :])
        return file


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("host"))
    yield host
    host.end()


class Manager:
    """A service manager's side of the notify socket."""

    def __init__(self, directory):
        self.address = str(directory / "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.address)
        self.sock.setblocking(False)
        self.heard = []

    def has(self, word, times=1):
        return self.count(word) >= times

    def count(self, word):
        while True:
            try:
                self.heard += self.sock.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard.count(word)


@pytest.fixture
def manager(tmp_path):
    manager = Manager(tmp_path)
    yield manager
    manager.sock.close()


HANGS = """
import os, sys, time
from daemon.app import serve
from daemon.cli import main
from daemon.store.ledger import Ledger

write = Ledger.write

def hanging(*words):
    while os.path.exists(sys.argv[-1] + "/hang"):
        time.sleep(0.05)
    return write(*words)

Ledger.write, serve.STORE_BEAT_S = hanging, 2.0
sys.exit(main())
"""


@contextmanager
def at_work(program, host, manager, folder):
    """A daemon of the rig that pumps and heats."""
    config = host.wired(folder)
    environ = os.environ | {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "3000000"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*program, "run", str(config), "--data", str(folder / "data")],
            env=environ,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    process.config = config
    try:
        wait_for(lambda: manager.has("READY=1"))
        wait_for(host.acts)
        yield process
    finally:
        process.kill()
        process.wait(10)
        subprocess.run([*PROGRAM, "safe", str(config)], capture_output=True, timeout=60)


@pytest.fixture
def daemon(host, manager, tmp_path):
    """The daemon at work on the rig: it pumps and heats."""
    with at_work(PROGRAM, host, manager, tmp_path) as process:
        yield process


def test_a_killed_daemon_is_followed_by_safe_and_the_rig_stands_still(host, daemon):
    daemon.send_signal(signal.SIGKILL)
    daemon.wait(10)
    assert host.acts()
    result = subprocess.run(
        [*PROGRAM, "safe", str(daemon.config)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for name in host.ports():
        assert f"{name}: safe" in result.stdout
    assert not host.acts()


def test_a_file_broken_under_the_hands_of_a_daemon_that_dies_leaves_nothing_acting(host, daemon):
    whole = daemon.config.read_text()
    daemon.config.write_text(whole.replace('name = "flow-1"', 'name = "flow-1'))
    try:
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(10)
        assert host.acts()
        data = str(daemon.config.parent / "data")
        command = [*PROGRAM, "safe", str(daemon.config), "--data", data]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        daemon.config.write_text(whole)
    assert result.returncode == 3  # the file is to be mended
    assert "is not valid TOML" in result.stderr
    assert "going by what the last start had" in result.stderr
    assert not host.acts()


def test_sigterm_makes_the_rig_safe_and_tells_the_manager(host, daemon, manager):
    wait_for(lambda: manager.has("WATCHDOG=1", times=2), 10.0)
    daemon.send_signal(signal.SIGTERM)
    wait_for(lambda: manager.has("STOPPING=1"), 15.0)
    daemon.wait(20)
    assert not host.acts()


def test_the_watchdog_is_fed_no_more_when_the_disk_hangs(host, manager, tmp_path):
    with at_work([sys.executable, "-c", HANGS], host, manager, tmp_path) as daemon:
        wait_for(lambda: manager.has("WATCHDOG=1", times=2), 10.0)
        late = manager.count("STATUS=waiting for store")  # on a busy computer it may have been
        (tmp_path / "data" / "hang").touch()
        wait_for(lambda: manager.has("STATUS=waiting for store", times=late + 1), 15.0)
        fed = manager.count("WATCHDOG=1")
        time.sleep(3.0)
        assert manager.count("WATCHDOG=1") == fed
        (tmp_path / "data" / "hang").unlink()
        wait_for(lambda: manager.has("WATCHDOG=1", times=fed + 1), 10.0)
        assert daemon.poll() is None


def test_instruments_that_hang_trip_the_rig_and_leave_the_watchdog_alone(host, daemon, manager):
    wait_for(lambda: manager.has("WATCHDOG=1", times=2), 10.0)
    host.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(8.0)
        fed = manager.count("WATCHDOG=1")
        time.sleep(3.0)
        assert manager.count("WATCHDOG=1") > fed
    finally:
        host.process.send_signal(signal.SIGCONT)
    wait_for(lambda: not host.acts(), 30.0)
    assert daemon.poll() is None


def test_sigterm_in_the_middle_of_a_trip_still_ends_safe(host, daemon, manager):
    host.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(6.0)  # stale by now: the trip is under way, and nobody answers it
        daemon.send_signal(signal.SIGTERM)
        time.sleep(1.0)
    finally:
        host.process.send_signal(signal.SIGCONT)
    wait_for(lambda: manager.has("STOPPING=1"), 15.0)
    daemon.wait(20)
    assert not host.acts()
