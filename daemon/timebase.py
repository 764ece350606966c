"""Time: the one place where event-loop time becomes UTC.

Everything in the daemon measures with ``loop.time()``; only what leaves it (store, MQTT, log)
carries UTC. In virtual time the origin is fixed, so that the same seed gives the same bytes.
"""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

VIRTUAL_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)


class Timebase:
    """Maps loop time (s) to UTC; one instance per run."""

    def __init__(self, origin_utc: datetime, origin_loop: float) -> None:
        self._utc, self._loop = origin_utc, origin_loop

    @classmethod
    def real(cls) -> "Timebase":
        """Anchor the running loop's clock to the system's UTC, now."""
        now = datetime.fromtimestamp(time.time(), UTC)
        return cls(now, asyncio.get_running_loop().time())

    @classmethod
    def virtual(cls) -> "Timebase":
        """Anchor the running loop's clock to a fixed origin."""
        return cls(VIRTUAL_ORIGIN, asyncio.get_running_loop().time())

    def utc(self, loop_t: float | None = None) -> datetime:
        """Return the UTC of a loop time, or of now."""
        t = asyncio.get_running_loop().time() if loop_t is None else loop_t
        return self._utc + timedelta(seconds=t - self._loop)

    def behind_s(self) -> float:
        """Return how far the system's clock is ahead of this one by now, s."""
        return time.time() - self.utc().timestamp()

    def iso(self, loop_t: float | None = None) -> str:
        """Return UTC as ISO 8601 with milliseconds and ``Z``."""
        return self.utc(loop_t).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def wall_s() -> float:
    """Return monotonic wall time (s), for reporting how long a run really took."""
    return time.monotonic()


def age_s(iso: str, origin_iso: str, origin_loop_s: float) -> float | None:
    """Return how long ago (s) a daemon that runs here told something; None for virtual times.

    It was told on the clock of that daemon's start, which was then at ``origin_loop_s``: the
    system's may have been set since.
    """
    then, origin = datetime.fromisoformat(iso), datetime.fromisoformat(origin_iso)
    if then.year <= VIRTUAL_ORIGIN.year:
        return None
    return time.monotonic() - origin_loop_s - (then - origin).total_seconds()


def suspended_s() -> float:
    """Return how long (s) the computer has slept since it was switched on.

    Loop time leaves that out: to the daemon no time has passed.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


@contextmanager
def outside_work() -> Generator[None]:
    """Hold a virtual clock while something outside the loop is pending.

    Wrap every await on a worker process, thread, subprocess or real socket in this; on a real
    loop it does nothing.
    """
    hold = getattr(asyncio.get_running_loop(), "hold", None)
    with hold() if hold is not None else nullcontext():
        yield


def is_virtual() -> bool:
    """Return whether the running loop's clock jumps."""
    return hasattr(asyncio.get_running_loop(), "hold")
