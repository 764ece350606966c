"""Which other process holds a serial port: a port in use is never opened, not even to look.

Opening a port may already raise its handshake lines, and some programs open theirs without asking
for it alone. Linux tells whose it is under ``/proc``; of other users' processes only root is told,
and there the exclusive opening of the port itself refuses (:mod:`drivers.transport.serial`).
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TERMINALS, MASTERS = "/dev/pts/", {"/dev/ptmx", "/dev/pts/ptmx"}


def holder(port: str, proc: Path = PROC) -> str | None:
    """Return who else holds a device, as ``process 123 (name)``, or None."""
    device = os.path.realpath(port)
    for process in _others(proc):
        opened = set(_opened(process))
        serves_it = device.startswith(TERMINALS) and MASTERS & opened  # a simulated line's far end
        if device in opened and not serves_it:
            return f"process {process.name} ({_name(process)})"
    return None


def _others(proc: Path) -> Iterator[Path]:
    if proc.is_dir():
        yield from (p for p in proc.iterdir() if p.name.isdecimal() and p.name != str(os.getpid()))


def _opened(process: Path) -> Iterator[str]:
    """Yield the files a process has open; nothing when it is another user's, or ends meanwhile."""
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                yield str(descriptor.readlink())


def _name(process: Path) -> str:
    """Return the command of a process, shortened."""
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "unknown"
    return b" ".join(words).decode("utf-8", "replace").strip()[:60] or "unknown"
