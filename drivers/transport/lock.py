"""One program per serial port: keep others out, and say who is in.

pyserial's ``exclusive`` takes an advisory lock, which holds between programs that ask for it; most
do not. A port of a UART or an adapter is therefore also put into the terminal's own exclusive mode
(``TIOCEXCL``: nobody but root can open it any more), and programs that have it open already without
a lock are looked for in ``/proc``. Pseudo-terminals get the lock alone: whoever serves one keeps
its device open, so that the mode would outlast us.
"""

import fcntl
import os
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PTY_MAJORS = range(136, 144)  # Linux, devices.txt: Unix98 pseudo-terminals
PTS, MASTERS = "/dev/pts/", {"/dev/ptmx", "/dev/pts/ptmx"}
PROC = Path("/proc")


def is_pty(fd: int) -> bool:
    """Return whether this is the device of a pseudo-terminal."""
    return os.major(os.fstat(fd).st_rdev) in PTY_MAJORS


def claim(fd: int) -> None:
    """Let nobody else open the port, where that ends with us; raise OSError when it cannot be."""
    if not is_pty(fd):
        fcntl.ioctl(fd, termios.TIOCEXCL)


def release(fd: int) -> None:
    """Let others open the port again; the last one to close it does so by itself, usually."""
    with suppress(OSError):  # it was unplugged
        fcntl.ioctl(fd, termios.TIOCNXCL)


def holders(path: str) -> list[str]:
    """Return the other programs that have this device open, as far as we may look.

    The program that serves a pseudo-terminal has it open as well, and does not count. Reads
    ``/proc`` for some milliseconds: call it in a thread.
    """
    device = os.path.realpath(path)
    others = {
        pid
        for pid, files in _open_files()
        if device in files
        and pid != os.getpid()
        and not (device.startswith(PTS) and MASTERS & files)
    }
    return [f"{_name(pid)} (process {pid})" for pid in sorted(others)]


def in_use(path: str) -> str:
    """Return what to tell whoever wants this port; looks who has it, so call it in a thread."""
    who = ", ".join(holders(path))
    by = f": {who}" if who else ""
    return f"in use by another process{by}; end it: a port serves one program at a time"


def _open_files() -> Iterator[tuple[int, set[str]]]:
    """Yield every process that we may look into with the files it has open."""
    for process in PROC.iterdir():
        if not process.name.isdecimal():
            continue
        files: set[str] = set()
        with suppress(OSError):  # it ended, or is none of ours
            for entry in (process / "fd").iterdir():
                with suppress(OSError):
                    files.add(os.readlink(entry))  # noqa: PTH115 -- a string, as realpath
        yield int(process.name), files


def _name(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return "a program"
