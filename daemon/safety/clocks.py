"""Watches the computer's clocks: one that slept has left the rig alone, without knowing it.

So has a daemon that was stopped, or got no processor. Interlocks over what it did not read have
tripped by then; where none was awake an alarm tells it, which makes the sample a suspect one.

Loop time stands still while a computer is suspended, so nothing is late and no reading is stale
when it wakes; pumps that need no computer have pumped on. Times in the record are loop time on the
UTC of the start: when somebody sets the system's clock, they go on as they began.
"""

import asyncio
from collections.abc import Callable

import structlog

from daemon.events import EventBus
from daemon.safety.alarms import Alarms
from daemon.safety.trip import Cause

log = structlog.get_logger(__name__)

LOOK_S = 1.0
SLEPT_S = 2.0  # as short as what any pump delivers unseen between two polls
SET_S = 2.0
UNWATCHED_S = 5.0  # as long as a thermostat may go unread while it heats
STOOD_STILL = "taylord stood still"
STOPPED = "it was stopped, or the computer was suspended or too busy"
GO_ON = "times in the record go on as they began, until the daemon is restarted"


class ClockWatch:
    """Trips the rig after a sleep of the computer, and says when its clock was set."""

    def __init__(
        self,
        suspended_s: Callable[[], float],
        behind_s: Callable[[], float],
        pull: Callable[[Cause], None],
        events: EventBus,
        alarms: Alarms,
    ) -> None:
        """Take how long the computer has slept, and how far the record is behind its clock, s."""
        self._suspended_s, self._behind_s = suspended_s, behind_s
        self._pull, self._events, self._alarms = pull, events, alarms
        self._slept, self._behind = suspended_s(), behind_s()
        self._looked = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Look once."""
        self._look_whether_it_stood_still()
        slept_s, self._slept = self._suspended_s() - self._slept, self._suspended_s()
        if slept_s > SLEPT_S:
            why = f"the computer was suspended for {slept_s:.0f} s, and nobody watched the rig"
            self._pull(Cause("computer suspended", f"{why}; switch off that it sleeps"))
        if abs(self._behind_s() - self._behind) > SET_S:
            self._behind = self._behind_s()
            text = f"the system's clock is {self._behind:+.0f} s from the record's; {GO_ON}"
            log.warning("clock.set", ahead_s=round(self._behind, 1), now=GO_ON)
            self._events.emit("decision", what="clock set", why=text)

    def _look_whether_it_stood_still(self) -> None:
        before, self._looked = self._looked, asyncio.get_running_loop().time()
        if (stood_s := self._looked - before - LOOK_S) < UNWATCHED_S:
            return
        why = f"taylord itself stood still for {stood_s:.0f} s, and nobody watched the rig"
        self._alarms.raise_(STOOD_STILL, f"{why}: {STOPPED}")
        self._alarms.returned(STOOD_STILL)  # it goes on: the alarm waits for a person
