"""A planner's process and its start, which costs its caller a few milliseconds.

Nothing heavy is imported here: the process's own imports take longer than all else that a daemon
does before it can ask, so they begin first.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import planners

_ONE_THREAD = dict.fromkeys(
    ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"], "1"
)


class Process(NamedTuple):
    """A running ``planners.serve``, and our side of its socket."""

    line: socket.socket
    popen: subprocess.Popen[bytes]


def start() -> Process:
    """Start the process; it ends when the socket is closed."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    package_root = str(Path(planners.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH", "")]))
    # -P: whatever lies in the working directory is no planner
    command = [sys.executable, "-P", "-m", "planners.serve", str(theirs.fileno())]
    with theirs:
        popen = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C in the terminal is the daemon's to handle
            env=os.environ | _ONE_THREAD | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"},
        )
    return Process(ours, popen)


@contextmanager
def early() -> Generator[Process]:
    """Give a process that imports while the daemon gets ready; killed if nobody has ended it."""
    process = start()
    try:
        yield process
    finally:
        process.line.close()
        process.popen.kill()  # has nobody asked it yet, nothing is lost
        process.popen.wait()
