"""sd_notify on a real socket, by path and in the abstract namespace."""

import asyncio
import os
import secrets
import socket

import pytest

from daemon.safety.heartbeat import Heartbeats
from daemon.safety.watchdog import Notifier, Watchdog


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A service manager's end of the notify socket, and what NOTIFY_SOCKET says."""
    name = f"taylord-test-{secrets.token_hex(8)}"
    address = str(tmp_path / "notify") if request.param == "path" else f"@{name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address if request.param == "path" else f"\0{name}")
        sock.settimeout(5)
        yield sock, address


def heard(sock):
    """Return everything that has arrived."""
    sock.setblocking(False)
    messages = []
    while True:
        try:
            messages.append(sock.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_the_manager_hears_ready_status_and_stopping(manager):
    sock, address = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
    notifier.ready("3 of 4 instruments connected")
    notifier.status("a line\nbreak")
    notifier.stopping()
    assert heard(sock) == [
        "READY=1\nSTATUS=3 of 4 instruments connected",
        "STATUS=a line break",
        "STOPPING=1",
    ]


def test_without_a_manager_nothing_is_sent():
    notifier = Notifier.from_environment({})
    assert notifier.watchdog_s is None
    notifier.ready("nobody listens")
    notifier.status("")


def test_a_manager_that_is_gone_does_not_stop_the_daemon(tmp_path):
    Notifier(str(tmp_path / "nobody")).ready()


@pytest.mark.parametrize(
    ("environ", "period_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_period_is_for_this_process_only(environ, period_s):
    assert Notifier.from_environment(environ).watchdog_s == period_s


@pytest.mark.virtual
async def test_the_watchdog_is_fed_while_every_task_is_on_time(manager):
    sock, address = manager
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"}
    heartbeats = Heartbeats()
    beat = heartbeats.source("store writer", within_s=0.25)
    dog = asyncio.create_task(Watchdog(Notifier.from_environment(environ), heartbeats).run())
    for _ in range(10):
        await asyncio.sleep(0.05)
        beat()
    assert heard(sock).count("WATCHDOG=1") >= 4
    await asyncio.sleep(0.5)  # the writer hangs
    silence = heard(sock)
    assert silence[-1] == "STATUS=waiting for store writer"
    await asyncio.sleep(0.25)
    assert heard(sock) == []
    beat()
    await asyncio.sleep(0.15)
    assert heard(sock)[:2] == ["WATCHDOG=1", "STATUS=all tasks on time"]
    dog.cancel()
    await asyncio.wait([dog])


async def test_without_a_watchdog_the_task_ends_at_once():
    await asyncio.wait_for(Watchdog(Notifier(), Heartbeats()).run(), 1)


async def test_a_task_that_has_ended_is_not_waited_for():
    heartbeats = Heartbeats()
    heartbeats.source("poll", within_s=0.0)
    await asyncio.sleep(0.01)
    assert heartbeats.late() == ["poll"]
    with pytest.raises(ValueError, match="already"):
        heartbeats.source("poll", within_s=1.0)
    heartbeats.end("poll")
    assert heartbeats.late() == []
