"""Two daemons on one computer that command one instrument on the network."""

import os
import subprocess
import sys

import pytest

from daemon.events import EventBus
from daemon.rig.claims import Claims, tell_shared
from daemon.safety.alarms import Alarms

HOLDS = """
import sys
from daemon.rig.claims import Claims
claims = Claims()
claims.taken([sys.argv[1]])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def port():
    """An address that no other test uses at the same time."""
    return f"socket://192.0.2.1:{20000 + os.getpid() % 40000}"


@pytest.fixture
def other(port):
    """Another process that commands what is at the port."""
    command = [sys.executable, "-c", HOLDS, port]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


async def test_a_person_is_called_to_an_instrument_that_another_daemon_commands(
    virtual, port, other
):
    alarms = Alarms(EventBus())
    with Claims() as claims:
        ports = {"bath": port, "pump": "/dev/ttyUSB0", "gauge": "modbus-tcp://192.0.2.9:502"}
        tell_shared(claims, ports, alarms)
    (alarm,) = alarms.all()
    assert alarm.id == "bath shared"
    assert f"bath ({port}) is commanded by another taylord on this computer" in alarm.message


def test_whoever_ends_leaves_nothing_behind(port, other):
    other.kill()
    other.wait(10)
    with Claims() as claims:
        assert claims.taken([port, port]) == set()
        assert claims.taken([port]) == set()  # its own
    with Claims() as claims:
        assert claims.taken([port]) == set()


def test_a_system_without_such_names_tells_nothing(port, other, monkeypatch):
    def refuses(*_):
        raise OSError("not here")

    monkeypatch.setattr("socket.socket.bind", refuses)
    with Claims() as claims:
        assert claims.taken([port]) == set()
