"""Calls a person to a campaign that stays held, again and again: it keeps its temperature.

Somebody has held it for lunch and gone home, or nobody has heard the first call. Whether the rig is
ever shut down by itself meanwhile is ``campaign.hold_at_most``.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from daemon.campaign.states import State
from daemon.events import EventBus

log = structlog.get_logger(__name__)

FIRST_CALL_S, NEXT_CALL_S = 1800.0, 3600.0
HELD_LONG = "campaign is held"  # a decision


class Host(Protocol):
    """What this needs of the campaign."""

    state: State
    reason: str
    state_since: float  # loop time, s

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, looking at every change."""
        ...


class Holding:
    """The holds of one campaign."""

    def __init__(self, campaign: Host, events: EventBus) -> None:
        self._campaign, self._events = campaign, events

    async def run(self) -> None:
        """Call, until cancelled."""
        while True:
            await self._campaign.until(self._is_held)
            patience_s = FIRST_CALL_S
            while not await self._over_within(patience_s):
                self._call()
                patience_s = NEXT_CALL_S

    def _is_held(self) -> bool:
        return self._campaign.state is State.HELD

    async def _over_within(self, seconds: float) -> bool:
        """Return whether the hold is over before so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._campaign.until(lambda: not self._is_held())
        return not self._is_held()

    def _call(self) -> None:
        held_min = (asyncio.get_running_loop().time() - self._campaign.state_since) / 60.0
        why = f"held for {held_min:.0f} min: {self._campaign.reason}"
        log.warning("campaign.still_held", why=why)
        self._events.emit("decision", what=HELD_LONG, why=why)
