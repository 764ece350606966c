"""Lets the rig rest when there is nothing to run for long: nobody may be there to say the word.

Between experiments the rig is kept at its temperature under a trickle of solvent, since the next
one begins within minutes. A point that waits for approval, or a result that is to come, may take
the night.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from daemon.campaign.memory import Memory
from daemon.campaign.ports import Runner
from daemon.campaign.states import State
from daemon.events import EventBus

log = structlog.get_logger(__name__)

REST_S = 1800.0  # without anything to run the rig is kept warm so long
RESTS = "campaign rests"  # a decision


class Host(Protocol):
    """What resting needs of the campaign."""

    memory: Memory
    state: State

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
        while not condition():
            try:
                async with asyncio.timeout(REST_S if self.warm else None):
                    await self._campaign.until(condition)
            except TimeoutError:
                if self._campaign.state is State.RUNNING:  # a hold keeps the temperature
                    await self._shut_down(condition)

    async def _shut_down(self, condition: Callable[[], bool]) -> None:
        self.warm = False
        proposed = self._campaign.memory.proposed
        verb = "waits" if len(proposed) == 1 else "wait"
        waits = f"{', '.join(proposed)} {verb} for a word (suggestion.approve)"
        why = waits if proposed else "nothing is to be run"
        self._events.emit("decision", what=RESTS, why=f"{why}, for {REST_S / 60:g} min")
        log.warning("campaign.rests", why=why)
        async with asyncio.TaskGroup() as tasks:
            shutdown = tasks.create_task(self._runner.shutdown(), name="rest")
            shutdown.add_done_callback(lambda _: self._campaign.notify())
            await self._campaign.until(lambda: shutdown.done() or condition())
            shutdown.cancel()
