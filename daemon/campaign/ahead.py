"""Asks the planner for points ahead, looks at how things stand, and knows when it is enough."""

from collections.abc import Callable
from typing import Any, Protocol

import structlog

from daemon.campaign.memory import Memory, Suggestion
from daemon.campaign.ports import Asker, Observer
from daemon.campaign.standing import Standing
from daemon.campaign.states import NO_RECORD, State
from daemon.campaign.steering import Steering
from daemon.campaign.stopping import why_stop
from daemon.errors import PlannerFailed, StoreFailed
from daemon.events import EventBus
from daemon.settings.models import CampaignSettings

log = structlog.get_logger(__name__)
PLANNER_TRIES = 3
PLANNER_OUT = "planner out"  # decisions: it failed so often, and points are left without it
PLANNER_BACK = "planner back"


class Host(Protocol):
    """What asking ahead needs of the campaign."""

    settings: CampaignSettings
    memory: Memory
    state: State
    reason: str
    running: Suggestion | None
    steering: Steering

    async def tell(self, kind: Any, document: Any) -> None:
        """Emit a document and wait until it is committed."""
        ...

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, looking at every change."""
        ...

    def notify(self) -> None:
        """Wake whoever waits for a change."""
        ...

    def hold_while_running(self, reason: str) -> None:
        """Hold for a fault."""
        ...


class Ahead:
    """Keeps so many points queued or running as the campaign wants."""

    def __init__(
        self, campaign: Host, asker: Asker, observer: Observer | None, events: EventBus
    ) -> None:
        self._campaign, self._asker = campaign, asker
        self._observer, self._events = observer, events
        self._planned, self._failures, self._out = True, 0, False
        self._exhausted: int | None = None  # at which edit of the space the planner had no more
        self._nothing_at: object = None  # how things stood when it had none while runs are pending
        self.standing: Standing | None = None
        self.news = True  # something has been measured since the last look
        self.enough = ""  # which rule ends the campaign

    def begin(self, *, planned: bool) -> None:
        """Ask from now on; unplanned, only what was submitted is performed."""
        self._planned, self._exhausted, self.enough = planned, None, ""
        self._nothing_at = None

    @property
    def done(self) -> bool:
        """Return whether nothing more will be asked for."""
        return not self._planned or self._exhausted == self._campaign.steering.edits

    async def run(self) -> None:
        """Ask whenever points are wanted, for ever."""
        while True:
            await self._campaign.until(self._wants_points)
            try:
                if await self.look() and await self._is_enough():
                    continue
                if self._wants_points():  # or things went on while it looked
                    await self._ask()
            except StoreFailed as error:
                self._campaign.hold_while_running(f"{NO_RECORD}{error}")

    async def _ask(self) -> None:
        campaign = self._campaign
        wish, edits = next(iter(campaign.memory.wishes), None), campaign.steering.edits
        pending, stand = self._pending(), self._stand()
        try:
            found = await self._asker.ask(campaign.memory, pending, self._room())
            self._answered()
        except PlannerFailed as error:
            await self._planner_failed(str(error), wish, stand)
            return
        if edits != campaign.steering.edits:  # an answer for the space as it was
            return
        if not found and wish is not None:
            await campaign.steering.give_up(wish, "the planner has no such point")
        elif not found and pending:
            self._nothing_at = stand  # what comes of those may lead to more
        elif not found:
            self._no_more()
        for suggestion in found:
            await self._take(suggestion)

    def _answered(self) -> None:
        self._failures = 0
        if self._out:
            self._out = False
            self._events.emit("decision", what=PLANNER_BACK, why="it answers again")

    async def look(self) -> bool:
        """Note how things stand; return whether there was anything new to see."""
        if self._observer is None or not self.news or not self._campaign.memory.done:
            return False
        self.news = False
        before = self.standing or Standing()
        try:
            self.standing = await self._observer.standing(self._campaign.memory)
        except PlannerFailed as error:  # that nobody knows ends nothing
            log.warning("standing.unknown", error=str(error))
            return False
        for factor, how in self.standing.otherwise.items():
            if factor not in before.otherwise:  # once: its numbers change with every run
                log.warning("factor.otherwise", factor=factor, remark=how)
        self._events.emit("standing", **self.standing.document())
        return True

    async def _is_enough(self) -> bool:
        """End the campaign when a rule of its configuration says so; return whether it ends."""
        campaign = self._campaign
        why = why_stop(campaign.settings, campaign.memory, self.standing or Standing())
        if not why:
            return False
        self._events.emit("decision", what="stopping rule", why=why)
        self._planned, self.enough = False, why
        await campaign.steering.withdraw_all(why)
        campaign.notify()
        return True

    def _pending(self) -> list[Suggestion]:
        campaign = self._campaign
        running = [campaign.running] if campaign.running is not None else []
        waiting = [s for s in campaign.memory.waiting if s is not campaign.running]  # it begins
        return [*running, *waiting, *campaign.memory.proposed.values()]

    def _room(self) -> int:
        """Return how many points more may be asked for."""
        campaign, pending = self._campaign, len(self._pending())
        left = campaign.settings.experiments - campaign.memory.done - pending
        batch = campaign.settings.batch
        if batch > 1:  # the next one when all of it has run, but for what somebody wished
            return min(len(campaign.memory.wishes) if pending else batch, left)
        return min(campaign.settings.pending - pending, left)

    def _stand(self) -> object:
        """Return what an answer depends on: the space, what is done, and what is pending."""
        pending = tuple(suggestion.id for suggestion in self._pending())
        return self._campaign.steering.edits, self._campaign.memory.done, pending

    def _wants_points(self) -> bool:
        if self._campaign.state is not State.RUNNING or self.done or self._room() <= 0:
            return False
        return self._stand() != self._nothing_at

    def _no_more(self) -> None:
        campaign = self._campaign
        self._exhausted = campaign.steering.edits
        if campaign.memory.done < campaign.settings.experiments:
            done = f"{campaign.memory.done} of {campaign.settings.experiments}"
            remark = f"; {self._asker.remark}" if self._asker.remark else ""
            campaign.reason = f"the planner has no more points: {done} experiments done{remark}"
        campaign.notify()

    async def _take(self, suggestion: Suggestion) -> None:
        campaign, memory = self._campaign, self._campaign.memory
        await campaign.tell("suggestion", suggestion.document("proposed"))
        memory.wishes = [w for w in memory.wishes if w.id != suggestion.instead_of]
        if campaign.settings.approve:
            log.info("suggestion.proposed", suggestion=suggestion.id)
            memory.proposed[suggestion.id] = suggestion
        else:
            memory.waiting.append(suggestion)
        campaign.notify()

    async def _planner_failed(self, why: str, wish: Suggestion | None, stand: object) -> None:
        """Ask again a few times, and then when a point has been run; hold when there is none."""
        self._failures += 1
        log.warning("planner.failed", error=why, attempt=self._failures)
        self._events.emit("decision", what="planner failed", why=why, attempt=self._failures)
        if self._failures < PLANNER_TRIES:
            return
        self._failures = 0
        told = f"the planner failed {PLANNER_TRIES} times: {why}"
        if wish is not None:
            await self._campaign.steering.give_up(wish, why)
        elif self._pending():
            self._nothing_at, self._out = stand, True
            self._events.emit("decision", what=PLANNER_OUT, why=told)
        elif self._stand() == stand:
            self._campaign.hold_while_running(told)
