"""A second host in a network namespace of its own, whose packets can be lost."""

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

IP = shutil.which("ip") or shutil.which("ip", path="/usr/sbin:/sbin")
CLONE_NEWNET = 0x40000000
FAR_MAC = "02:00:00:00:00:02"


class Network:
    """The far host, its cable, and sockets that listen there; ``close`` takes all away."""

    def __init__(self):
        """Skip the test where no namespace can be made."""
        n = os.getpid() % 16384
        self.name, self._ours, self._theirs = f"far{n}", f"near{n}", f"there{n}"
        base = f"198.18.{n // 64}.{n % 64 * 4}"  # for benchmarks of networks: nobody's addresses
        stem, _, last = base.rpartition(".")
        self.near, self.far = f"{stem}.{int(last) + 1}", f"{stem}.{int(last) + 2}"
        if IP is None or os.geteuid() != 0:
            pytest.skip("needs ip (apt install iproute2), and root to make a network namespace")
        made = self._ip("netns", "add", self.name, check=False)
        if made.returncode:
            pytest.skip(f"no network namespace can be made: {made.stderr.strip()}")
        self._ip(
            "link", "add", self._ours, "type", "veth", "peer", self._theirs, "netns", self.name
        )
        self._ip("addr", "add", f"{self.near}/30", "dev", self._ours)
        self._ip("link", "set", self._ours, "up")
        self._far("link", "set", self._theirs, "address", FAR_MAC)
        self._far("link", "set", self._theirs, "up")
        # known for ever: else packets wait at this end for an answer to "who has", and come late
        self._ip("neigh", "add", self.far, "lladdr", FAR_MAC, "dev", self._ours, "nud", "permanent")
        self.mend()

    def cut(self):
        """Lose every packet, either way; nobody is told."""
        self._far("addr", "del", f"{self.far}/30", "dev", self._theirs)

    def mend(self):
        """Let packets through again."""
        self._far("addr", "add", f"{self.far}/30", "dev", self._theirs)

    def swallow_replies(self, yes):
        """Lose what the far host sends, and nothing else."""
        self._far("route", "add" if yes else "del", "blackhole", self.near)

    def listen(self):
        """Return a socket that listens at the far host."""
        made = []

        def there():  # a thread may be in another namespace than its process
            with Path(f"/run/netns/{self.name}").open() as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.create_server((self.far, 0)))

        thread = threading.Thread(target=there)
        thread.start()
        thread.join()
        return made[0]

    def close(self):
        """Take the far host away; its end of the cable goes with it."""
        self._ip("netns", "del", self.name, check=False)
        self._ip("link", "del", self._ours, check=False)

    def _far(self, *arguments):
        self._ip("-n", self.name, *arguments)

    @staticmethod
    def _ip(*arguments, check=True):
        return subprocess.run([IP, *arguments], capture_output=True, text=True, check=check)
