"""One timer for the deadlines of exchanges that follow each other.

Nearly every exchange ends long before its deadline. A timer of its own for each would be made and
thrown away all the time; this one is left running, and looks at the deadline in force when it ends.
"""

import asyncio
from collections.abc import Callable
from math import inf


class Deadline:
    """Calls ``expired`` when the deadline in force has passed; times are loop times, s."""

    def __init__(self, expired: Callable[[], None]) -> None:
        self._expired = expired
        self.at = inf  # the deadline in force; put it back to inf to have none
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf

    def set(self, at: float) -> None:
        """Put a deadline in force, instead of the one before."""
        self.at = at
        if at < self._rings_at:
            self._arm(at)

    def close(self) -> None:
        """Have no deadline, and no timer either."""
        self.at = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._rings_at = None, inf

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = at
        self._timer = asyncio.get_running_loop().call_at(at, self._ring)

    def _ring(self) -> None:
        at, rung = self.at, self._rings_at
        self._timer, self._rings_at = None, inf
        if at <= rung:
            self.at = inf
            self._expired()
        elif at < inf:
            self._arm(at)
