"""A trace file being written: bounded, in a thread of its own, and never in the rig's way.

The loop only makes a line of text and hands it over. A file that has reached its limit is ended
with a line that says so; so is one whose disk cannot follow. A full or broken disk ends the trace,
not the daemon: it is logged once, and what comes after is not recorded.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import structlog

from daemon.errors import ConfigError
from daemon.trace.form import END, Record

LIMIT_BYTES = 256 << 20  # some 30 hours of eight exchanges a second
PENDING_MAX = 32 << 20  # lines that wait for the disk
JOIN_S = 5.0  # a disk that takes nothing must not keep the daemon from ending

log = structlog.get_logger(__name__)


class TraceFile:
    """One file; :meth:`write` takes records until the end."""

    def __init__(self, path: Path, head: Mapping[str, Any], limit_bytes: int = LIMIT_BYTES) -> None:
        """Begin the file; one that is there already is kept as ``FILE.1``. Raises ConfigError."""
        self.path, self._limit = path, limit_bytes
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._taken = self._written = 0  # bytes handed over, bytes on the disk
        self._fault = ""  # of the disk, set by the thread
        self.ended = ""  # why nothing more is recorded
        try:
            if path.is_file():
                path.rename(path.with_name(f"{path.name}.1"))
            file = path.open("wb")
        except OSError as error:
            raise ConfigError([f"--trace {path}: cannot be written: {error.strerror}"]) from None
        self._thread = threading.Thread(
            target=self._store, args=(file,), name=f"trace {path.name}", daemon=True
        )
        self._thread.start()
        self.write({**head, "limit_bytes": limit_bytes})

    def write(self, record: Record) -> None:
        """Take one record; nothing happens after the end."""
        if self.ended:
            return
        line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if self._fault:
            self._stop(record, self._fault)
        elif self._taken + len(line) > self._limit:
            self._stop(record, f"the size limit of {self._limit} bytes is reached")
        elif self._taken - self._written > PENDING_MAX:
            self._stop(record, "the disk is too slow")
        else:
            self._hand_over(line)

    def close(self, t: float, why: str = "closed") -> None:
        """End the file (t: loop time since the beginning, s); waits for the disk, but not long."""
        if not self.ended:
            self.ended = why
            self._hand_over(_end(t, why))
        self._lines.put(None)
        self._thread.join(JOIN_S)
        if self._fault:
            log.warning("trace.incomplete", file=str(self.path), why=self._fault)

    def _stop(self, record: Record, why: str) -> None:
        self.ended = why
        log.warning("trace.ended", file=str(self.path), why=why)
        self._hand_over(_end(record.get("t", 0.0), why))

    def _hand_over(self, line: bytes) -> None:
        self._taken += len(line)
        self._lines.put(line)

    def _store(self, file: IO[bytes]) -> None:
        """Write what comes, in the thread, until there is no more or the disk takes no more."""
        try:
            with file:
                while (line := self._lines.get()) is not None:
                    file.write(line)
                    self._written += len(line)
                    if self._lines.empty():
                        file.flush()
        except OSError as error:
            self._fault = error.strerror or str(error)


def _end(t: float, why: str) -> bytes:
    return json.dumps({"k": END, "t": t, "why": why}).encode() + b"\n"
