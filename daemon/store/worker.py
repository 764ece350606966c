"""Who performs the writes: a thread in real time, the loop itself in virtual time.

A disk can take a second to answer; the loop must not wait for it, so in real time one thread owns
the connection. On a virtual clock a thread would make the order of things depend on the machine;
there the write is made at once, and takes no virtual time.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

from daemon.errors import StoreFailed
from daemon.store.ledger import Ledger
from daemon.store.telemetry import ReadingRow, Statement

JOIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """One transaction; ``upto`` is how many events are durable once it is written."""

    durable: Sequence[Statement]
    readings: Sequence[ReadingRow]
    upto: int


Done = Callable[[Job, StoreFailed | None], None]


class Worker(Protocol):
    """Performs one job at a time and reports in the loop."""

    def submit(self, job: Job) -> None:
        """Write; ``done`` is called in the loop afterwards."""
        ...

    def close(self) -> None:
        """End; jobs submitted before are finished first."""
        ...


class Inline:
    """Writes where it is asked to, in the loop."""

    def __init__(self, ledger: Ledger, done: Done) -> None:
        self._ledger, self._done = ledger, done

    def submit(self, job: Job) -> None:
        """Write now and report before returning."""
        self._done(job, _attempt(self._ledger, job))

    def close(self) -> None:
        """Close the file."""
        self._ledger.close()


class InThread:
    """Writes in one thread that lives as long as the store."""

    def __init__(self, ledger: Ledger, done: Done) -> None:
        self._ledger, self._done = ledger, done
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue the job; the report comes as a callback of the loop."""
        self._jobs.put(job)

    def close(self) -> None:
        """Finish what is queued and close the file; blocks for that long, within bounds.

        A thread that hangs in a write is left behind; it ends with the process.
        """
        self._jobs.put(None)
        self._thread.join(JOIN_S)
        if not self._thread.is_alive():
            self._ledger.close()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            fault = _attempt(self._ledger, job)
            with suppress(RuntimeError):  # the loop was closed while the disk hung
                self._loop.call_soon_threadsafe(self._done, job, fault)


def _attempt(ledger: Ledger, job: Job) -> StoreFailed | None:
    try:
        ledger.write(job.durable, job.readings)
    except StoreFailed as fault:
        return fault
    return None
