"""A real MQTT broker for tests: Debian's mosquitto when present, amqtt in a process otherwise.

``from tests.services.broker import broker`` in a conftest gives the fixture. The broker listens on
a free port of the loopback; it can be killed (SIGKILL, nothing saved), and started again there.
"""

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")

AMQTT = """
import asyncio, sys
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig

async def main():
    config = BrokerConfig.from_dict({
        "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:" + sys.argv[1]}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    })
    broker = Broker(config)
    await broker.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class BrokerProcess:
    """One broker on one port; ``kind`` is ``mosquitto`` or ``amqtt``."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, kind: str | None = None) -> None:
        self.port = free_port()
        self.kind = kind or ("mosquitto" if MOSQUITTO else "amqtt")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``HOST:PORT``."""
        return f"{self.host}:{self.port}"

    def start(self, timeout_s: float = 15.0) -> None:
        """Start listening; return when connections are accepted."""
        assert self._process is None, "already running"
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        give_up = time.monotonic() + timeout_s
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError((self._folder / "broker.log").read_text()) from None
                time.sleep(0.02)
            else:
                return

    def _command(self) -> list[str]:
        if self.kind == "amqtt":
            return [sys.executable, "-W", "ignore", "-c", AMQTT, str(self.port)]
        assert MOSQUITTO, "mosquitto is not installed"
        config = self._folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous true\nset_tcp_nodelay true\n"
            "max_packet_size 4000000\n"
        )
        return [MOSQUITTO, "-c", str(config), "-v"]

    def kill(self) -> None:
        """Kill it at once: no will is sent, nothing is saved."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end in good order."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Stop the process without closing its connections: the broker hangs."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def unpause(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(timeout=15)
        self._process = None


async def ends_beside(broker: BrokerProcess, task: asyncio.Task[None], turns: int) -> bool:
    """Return whether a client ends that is told to while its broker ends (a computer shut down).

    ``turns`` of the loop lie between, in which the end of the connection makes its way.
    """
    broker.stop()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    _, still_there = await asyncio.wait([task], timeout=5.0)
    task.cancel()
    return not still_there


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    """A running broker, ended with the test."""
    process = BrokerProcess(tmp_path)
    process.start()
    try:
        yield process
    finally:
        process.kill()
