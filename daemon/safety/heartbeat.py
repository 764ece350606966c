"""Heartbeats: every task that must not stall says so, and how long it may be silent."""

import asyncio
from collections.abc import Callable

Beat = Callable[[], None]


class Heartbeats:
    """The tasks the watchdog waits for; times are loop times, s."""

    def __init__(self) -> None:
        self._limits: dict[str, float] = {}
        self._beats: dict[str, float] = {}

    def source(self, name: str, within_s: float) -> Beat:
        """Register a task that calls the returned function at least every ``within_s``."""
        if name in self._limits:
            raise ValueError(f"there is a heartbeat {name!r} already")
        loop = asyncio.get_running_loop()
        self._limits[name] = within_s
        self._beats[name] = loop.time()

        def beat() -> None:
            self._beats[name] = loop.time()

        return beat

    def end(self, name: str) -> None:
        """Expect no more of a task that has ended as it should."""
        self._limits.pop(name, None)
        self._beats.pop(name, None)

    def late(self) -> list[str]:
        """Return the tasks that have been silent for longer than they may."""
        now = asyncio.get_running_loop().time()
        return [name for name, limit in self._limits.items() if now - self._beats[name] > limit]
