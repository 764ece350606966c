"""``taylord simulate`` as a process, and raw wires to it that know nothing of taylord."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import time
import tty
from contextlib import contextmanager
from pathlib import Path

_SCHEME = {"tcp": "socket://", "modbus-tcp": "modbus-tcp://", "mqtt": "mqtt://"}


class Hosted:
    """A running ``taylord simulate``."""

    def __init__(self, folder, config, name="endpoints.json"):
        self.path = Path(folder) / name
        self.config = Path(folder) / f"{name}.toml"
        self.config.write_text(config)
        command = [sys.executable, "-m", "daemon", "simulate", str(self.config)]
        self.process = subprocess.Popen(
            [*command, "--endpoints", str(self.path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def endpoints(self):
        """Return the endpoints document, once it is there."""
        give_up = time.monotonic() + 30
        while not self.path.exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < give_up, "no endpoints after 30 s"
            time.sleep(0.05)
        return json.loads(self.path.read_text())

    def ports(self):
        """Return each instrument's port as a configuration names it."""
        places = self.endpoints()["instruments"]
        return {name: _SCHEME.get(its["kind"], "") + its["port"] for name, its in places.items()}

    def rewired(self, **instead):
        """Return the configuration with every port as it is here, or as given instead."""
        text = self.config.read_text()
        for name, port in {**self.ports(), **instead}.items():
            if not port.startswith(_SCHEME["mqtt"]):
                before = rf"(\[instruments\.{name}\]\n(?:[^\[\n].*\n)*?port = )"
                text = re.sub(before + '".*"', rf'\1"{port}"', text, count=1)
        return text

    def truth(self):
        """Return the true state of the simulated world."""
        host, _, port = self.endpoints()["state"].rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as conn:
            return json.loads(conn.makefile().readline())

    def end(self):
        """Send SIGTERM; return exit code, what was printed, and what was said."""
        self.process.send_signal(signal.SIGTERM)
        out, said = self.process.communicate(timeout=20)
        return self.process.returncode, out, said


class RawWire:
    """Bytes to and from a pseudo-terminal or a socket."""

    def __init__(self, where):
        self._socket = None
        if where.startswith("/dev/"):
            self._fd = os.open(where, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self._fd, termios.TCSANOW)
        else:
            host, port = where.rsplit(":", 1)
            self._socket = socket.create_connection((host, int(port)), timeout=5)
            self._fd = self._socket.fileno()

    def close(self):
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        else:
            os.close(self._fd)

    def send(self, data):
        """Send bytes; ask for nothing."""
        os.write(self._fd, data)

    def ask(self, request, *, end=None, count=None, wait_s=5.0):
        """Send; return what came back up to its end, or up to a count of bytes."""
        self.send(request)
        heard, give_up = b"", time.monotonic() + wait_s
        while not (heard.endswith(end) if end else count is not None and len(heard) >= count):
            ready, _, _ = select.select([self._fd], [], [], max(0.0, give_up - time.monotonic()))
            if not ready:
                return heard
            piece = os.read(self._fd, 65536)
            if not piece:
                return heard
            heard += piece
        return heard


@contextmanager
def raw(where):
    """Yield a raw wire."""
    wire = RawWire(where)
    try:
        yield wire
    finally:
        wire.close()
