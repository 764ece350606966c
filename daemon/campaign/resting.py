"""Lets the rig rest when there is nothing to run for long: nobody may be there to say the word.

Between experiments the rig is kept at its temperature under a trickle of solvent, since the next
one begins within minutes. A point that waits for approval, or a result that is to come, may take
the night. A hold keeps the temperature, for ``campaign.hold_at_most`` where that is set.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

from daemon.campaign.memory import Memory
from daemon.campaign.ports import Runner
from daemon.campaign.states import State
from daemon.events import EventBus
from daemon.experiment.faults import COOLED, HELD_AT_MOST
from daemon.settings.models import CampaignSettings

log = structlog.get_logger(__name__)

REST_S = 1800.0  # without anything to run the rig is kept warm so long
LOOK_S = 60.0
RESTS = "campaign rests"  # a decision
NOTHING = "nothing is to be run"


class Host(Protocol):
    """What resting needs of the campaign."""

    settings: CampaignSettings
    memory: Memory
    state: State
    state_since: float  # loop time, s

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, looking at every change."""
        ...

    def notify(self) -> None:
        """Wake whoever waits for a change."""
        ...


class Rest:
    """The waits of one campaign; ``warm``: an experiment has left the rig at its temperature."""

    def __init__(self, campaign: Host, runner: Runner, events: EventBus) -> None:
        self._campaign, self._runner, self._events = campaign, runner, events
        self.warm = False

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; shut the rig down when that takes long."""
        began = asyncio.get_running_loop().time()
        while not condition():
            try:
                async with asyncio.timeout(LOOK_S if self.warm else None):
                    await self._campaign.until(condition)
            except TimeoutError:
                if self._long_enough(began):
                    await self._shut_down(condition)

    def _long_enough(self, began: float) -> bool:
        now, since = asyncio.get_running_loop().time(), self._campaign.state_since
        if self._campaign.state is State.RUNNING:
            return now - max(began, since) >= REST_S
        limit = self._campaign.settings.hold_at_most
        return self._campaign.state is State.HELD and limit is not None and now - since >= limit

    async def _shut_down(self, condition: Callable[[], bool]) -> None:
        self.warm = False
        if self._campaign.state is State.HELD:
            self._events.emit("decision", what=COOLED, why=HELD_AT_MOST)
        else:
            why = word_for(self._campaign.memory.proposed)
            self._events.emit("decision", what=RESTS, why=f"{why}, for {REST_S / 60:g} min")
            log.warning("campaign.rests", why=why)
        async with asyncio.TaskGroup() as tasks:
            shutdown = tasks.create_task(self._runner.shutdown(), name="rest")
            shutdown.add_done_callback(lambda _: self._campaign.notify())
            await self._campaign.until(lambda: shutdown.done() or condition())
            shutdown.cancel()


def word_for(proposed: Collection[str]) -> str:
    """Return what is waited for by the points that are proposed: somebody's word to them."""
    if not proposed:
        return NOTHING
    verb = "waits" if len(proposed) == 1 else "wait"
    return f"{', '.join(proposed)} {verb} for a word (suggestion.approve)"
