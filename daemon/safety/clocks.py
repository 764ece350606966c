"""Watches the computer's clocks: one that slept has left the rig alone, without knowing it.

Loop time stands still while a computer is suspended, so nothing is late and no reading is stale
when it wakes; pumps that need no computer have pumped on. Times in the record are loop time on the
UTC of the start: when somebody sets the system's clock, they go on as they began.
"""

import asyncio
from collections.abc import Callable

import structlog

from daemon.events import EventBus
from daemon.safety.trip import Cause

log = structlog.get_logger(__name__)

LOOK_S = 1.0
SLEPT_S = 2.0  # as short as what any pump delivers unseen between two polls
SET_S = 2.0
GO_ON = "times in the record go on as they began, until the daemon is restarted"


class ClockWatch:
    """Trips the rig after a sleep of the computer, and says when its clock was set."""

    def __init__(
        self,
        suspended_s: Callable[[], float],
        behind_s: Callable[[], float],
        pull: Callable[[Cause], None],
        events: EventBus,
    ) -> None:
        """Take how long the computer has slept, and how far the record is behind its clock, s."""
        self._suspended_s, self._behind_s = suspended_s, behind_s
        self._pull, self._events = pull, events
        self._slept, self._behind = suspended_s(), behind_s()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Look once."""
        slept_s, self._slept = self._suspended_s() - self._slept, self._suspended_s()
        if slept_s > SLEPT_S:
            why = f"the computer was suspended for {slept_s:.0f} s, and nobody watched the rig"
            self._pull(Cause("computer suspended", f"{why}; switch off that it sleeps"))
        if abs(self._behind_s() - self._behind) > SET_S:
            self._behind = self._behind_s()
            text = f"the system's clock is {self._behind:+.0f} s from the record's; {GO_ON}"
            log.warning("clock.set", ahead_s=round(self._behind, 1), now=GO_ON)
            self._events.emit("decision", what="clock set", why=text)
