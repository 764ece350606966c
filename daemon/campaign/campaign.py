"""The campaign: asks for points ahead, runs them one by one, and can be held, stopped and aborted.

The campaign alone holds state, and all of it is in the store before it is acted on: a suggestion is
committed before it is queued, an experiment before it starts, so that a restart goes on with the
same next point. Two tasks run side by side: one asks the planner while fewer than ``pending``
points are queued or running, one performs what is queued.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from daemon.campaign.ahead import Ahead
from daemon.campaign.holding import Holding
from daemon.campaign.memory import Memory, Suggestion
from daemon.campaign.ports import Asker, Observer, Runner
from daemon.campaign.resting import Rest
from daemon.campaign.standing import Standing
from daemon.campaign.states import ENDED, ENDING, NO_RECORD, State, after
from daemon.campaign.steering import Steering
from daemon.errors import Refused, StoreFailed
from daemon.events import Event, EventBus
from daemon.experiment.faults import EndNotWritten
from daemon.experiment.record import ExperimentRecord
from daemon.settings.conditions import whole_conditions
from daemon.settings.models import CampaignSettings

log = structlog.get_logger(__name__)

Commit = Callable[[Event], Awaitable[None]]
REFUSALS_IN_A_ROW = 20
AWAY_S = 900.0  # instruments may be away this long before a person is needed
UNREADY_S = 15.0  # and be there and not ready: they are asked every second
LOOK_S = 1.0


class Campaign:
    """One campaign of one rig."""

    def __init__(
        self,
        settings: CampaignSettings,
        *,
        runner: Runner,
        asker: Asker,
        memory: Memory,
        events: EventBus,
        commit: Commit,
        configured: CampaignSettings | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Take the section as it is in force, and as the file has it (by default the same).

        With an ``observer`` it is known how things stand, and the rules to stop are judged.
        """
        self.settings, self.memory = settings, memory
        self.state = State.IDLE
        self.state_since = asyncio.get_running_loop().time()
        self.reason = ""
        self.fault = ""  # what holds or ended it, when that is no person and no interlock
        self.running: Suggestion | None = None
        self._runner, self._events, self._commit = runner, events, commit
        self._changed = asyncio.Event()
        self._skip_asked = False
        self._begun_at = 0  # how many experiments there were at the last start command
        self.experiment = ""  # id of the one in flight
        self.steering = Steering(self, configured or settings)
        self._ahead = Ahead(self, asker, observer, events)
        self._rest = Rest(self, runner, events)
        self._holding = Holding(self, events)

    @property
    def standing(self) -> Standing | None:
        """Return how the campaign stood when it was last looked at."""
        return self._ahead.standing

    @property
    def warm(self) -> bool:
        """Return whether an experiment has left the rig at its temperature, under a trickle."""
        return self._rest.warm

    # -- the run -----------------------------------------------------------------------------

    async def serve(self) -> None:
        """Run a campaign at every start command, for ever."""
        while True:
            await self.until(lambda: self.state is State.RUNNING)
            await self.run()

    async def run(self) -> State:
        """Run from the start command to an ended state; return it."""
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self._ahead.run(), name="campaign asks ahead")
            calling = tasks.create_task(self._holding.run(), name="campaign calls when held")
            work = tasks.create_task(self._perform_all(), name="campaign performs")
            await self._unless_aborted(work)
            await asyncio.wait([work])
            asking.cancel()
            calling.cancel()
        await self._end()
        return self.state

    async def _unless_aborted(self, task: "asyncio.Task[None]") -> None:
        """Wait for a task; an abort meanwhile makes the runner go safe at once."""
        task.add_done_callback(lambda _: self.notify())
        await self.until(lambda: task.done() or self._skip_asked or self.state is State.ABORTING)
        if self._skip_asked:
            self._skip_asked = False
            await self._runner.skip(self.reason)
            await self.until(lambda: task.done() or self.state is State.ABORTING)
        if self.state is State.ABORTING:
            await self._runner.abort(self.reason)

    async def _end(self) -> None:
        """Leave the rig as the ending asks: safe at once, or cooled under solvent.

        Where every experiment was refused, nothing has moved and nothing is shut down.
        """
        moved = any(record.status != "refused" for record in self.memory.records.values())
        if moved and self.state is not State.ABORTING:
            async with asyncio.TaskGroup() as tasks:
                shutdown = tasks.create_task(self._runner.shutdown(), name="shut down")
                await self._unless_aborted(shutdown)
                shutdown.cancel()
        if self.state is not State.ABORTING:
            await self._ahead.look()
        ended = {State.ABORTING: State.ABORTED, State.STOPPING: State.STOPPED}
        state = ended.get(self.state, State.COMPLETE)
        self._change(state, self.reason or self._ahead.enough, self.fault)

    async def _perform_all(self) -> None:
        while await self._may_go_on():
            if not await self._instruments_there():
                continue
            try:
                await self.steering.withdraw()  # what an edit, perhaps of the file, leaves out
                if self.memory.waiting:
                    await self._perform(self.memory.waiting[0])
            except StoreFailed as error:
                self.hold_while_running(f"{NO_RECORD}{error}")

    async def _may_go_on(self) -> bool:
        """Wait until there is something to perform; return False when the campaign ends."""
        await self._rest.until(lambda: self._must_end() or self._can_perform())
        return not self._must_end()

    async def _instruments_there(self) -> bool:
        """Wait for instruments that are away or not ready; hold when they stay so."""
        runner = self._runner
        return await self._come(
            runner.missing, AWAY_S, f"not connected for {AWAY_S / 60:g} min"
        ) and await self._come(runner.unready, UNREADY_S, "not ready")

    async def _come(self, lacking: Callable[[], list[str]], within_s: float, why: str) -> bool:
        """Wait until nothing is lacking; hold when that takes too long."""
        if not lacking():
            return True
        self._events.emit("decision", what="wait for instruments", names=lacking())
        try:
            async with asyncio.timeout(within_s):
                while lacking() and self.state is State.RUNNING:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await self.until(
                                lambda: not lacking() or self.state is not State.RUNNING
                            )
        except TimeoutError:
            self.hold_while_running(f"{why}: {'; '.join(lacking())}")
        return self.state is State.RUNNING and bool(self.memory.waiting)

    async def look(self) -> None:
        """Look how the campaign stands, now."""
        await self._ahead.look()

    def look_again(self) -> None:
        """Note that something outside changed, such as a connection or a result."""
        self._ahead.news = True
        self.notify()

    def _must_end(self) -> bool:
        return self.state in ENDING or (self.state is State.RUNNING and self._finished())

    def _can_perform(self) -> bool:
        if self.state is State.HOLDING:  # nothing is in flight here: the hold is complete
            self._change(State.HELD, self.reason, self.fault)
        return self.state is State.RUNNING and bool(self.memory.waiting)

    def _finished(self) -> bool:
        if self.memory.waiting or self.memory.proposed:
            return False
        return self._ahead.done or self.memory.done >= self.settings.experiments

    async def _perform(self, suggestion: Suggestion) -> None:
        """Run one suggestion as an experiment, and remember what came of it."""
        experiment = self.memory.next_experiment_id()
        self.running, self.experiment = suggestion, experiment
        record = ExperimentRecord(experiment, "running", dict(suggestion.point))
        try:
            await self.tell("suggestion", suggestion.document("started", experiment=experiment))
            self.memory.waiting.remove(suggestion)
            self.memory.records[experiment] = record
            conditions = whole_conditions(self.settings, suggestion.point)
            record = await self._runner.run(experiment, conditions)
        except EndNotWritten as error:
            record = error.record
            raise
        finally:
            self.running, self.experiment = None, ""
            if experiment in self.memory.records:
                self._remember(record, suggestion)
        self._rest.warm |= record.status != "refused"
        self._ahead.news = True
        self.notify()
        self._judge(record)

    def _remember(self, record: ExperimentRecord, suggestion: Suggestion) -> None:
        """Remember how an experiment ended; the point of an interrupted one waits again."""
        self.memory.records[record.id] = record
        if record.status == "interrupted":
            self.memory.waiting.insert(0, suggestion)

    def _judge(self, record: ExperimentRecord) -> None:
        """End or hold a campaign whose experiments keep failing."""
        limits = {"failed": self.settings.max_failures, "refused": REFUSALS_IN_A_ROW}
        limit = limits.get(record.status)
        in_a_row = self.memory.in_a_row(record.status, since=self._begun_at)
        if limit is not None and in_a_row >= limit and self.state is State.RUNNING:
            why = f"{in_a_row} experiments {record.status} in a row; the last: {record.reason}"
            log.error("campaign.given_up", reason=why)
            self.stop(why, fault=why)

    def hold_while_running(self, reason: str) -> None:
        """Hold for a fault; a campaign that meanwhile stops or goes safe does that all the same."""
        if self.state is State.RUNNING:
            log.error("campaign.held", reason=reason)  # nobody asked for it, and somebody must look
            self.hold(reason, fault=reason)

    # -- commands ----------------------------------------------------------------------------

    def start(self, *, planned: bool = True) -> None:
        """Start, or go on after an end; unplanned, only what was submitted is performed."""
        if planned and self.memory.done >= self.settings.experiments:
            what = f"all {self.settings.experiments} experiments of the campaign are done"
            raise Refused(f"{what}; for more, raise campaign.experiments in the file and restart")
        self._change(after("start", self.state), "")
        self._begun_at = len(self.memory.records)
        self._ahead.begin(planned=planned)
        self.notify()

    def hold(self, reason: str = "commanded", *, fault: str = "") -> None:
        """End the current step safely, keep temperature, start nothing new."""
        if self.state in {State.HOLDING, State.HELD}:
            return
        self._change(after("hold", self.state), reason, fault)
        self._runner.hold()
        self.notify()

    def reword(self, reason: str) -> None:
        """Say anew why a fault holds the campaign; of one that is not held nothing."""
        if self.state in {State.HOLDING, State.HELD}:
            self._change(self.state, reason, reason)

    def experiment_held(self) -> None:
        """Note that the experiment in flight has come to its hold."""
        if self.state is State.HOLDING:
            self._change(State.HELD, self.reason, self.fault)

    def resume(self) -> None:
        """Go on after a hold."""
        self._change(after("resume", self.state), "")
        self._runner.resume()
        self.notify()

    def stop(self, reason: str = "commanded", *, at_once: bool = False, fault: str = "") -> None:
        """Finish the current experiment, or give it up, then shut down normally."""
        self._change(after("stop", self.state), reason, fault)
        self._skip_asked = at_once and bool(self.experiment)
        if not self._skip_asked:
            self._runner.resume()
        self.notify()

    def abort(self, reason: str = "commanded") -> None:
        """End at once; the rig goes safe."""
        self._change(after("abort", self.state), reason)
        self.notify()

    async def skip(self, experiment: str | None = None, reason: str = "skipped") -> str:
        """Give up the running experiment; return its id."""
        running = self.experiment
        if not running:
            raise Refused("experiment.skip is refused: no experiment is running")
        if experiment not in {None, running}:
            raise Refused(
                f"experiment.skip is refused: {experiment!r} is not running, {running!r} is"
            )
        await self._runner.skip(reason)
        return running

    async def submit(self, conditions: Mapping[str, Any]) -> Suggestion:
        """Queue a person's conditions ahead of the planner's, and start when nothing runs."""
        if self.state in ENDING:
            raise Refused(f"experiment.submit is refused while the campaign is {self.state}")
        suggestion = Suggestion(
            self.memory.next_suggestion_id(), dict(conditions), reason="submitted", origin="command"
        )
        await self.tell("suggestion", suggestion.document("proposed"))
        self.memory.waiting.insert(0, suggestion)
        if self.state in ENDED | {State.IDLE}:
            self.start(planned=False)
        self.notify()
        return suggestion

    # -- bookkeeping -------------------------------------------------------------------------

    def _change(self, state: State, reason: str, fault: str = "") -> None:
        """Take a state at once; the record of it follows, since safety does not wait for a disk."""
        if state is not self.state:
            self.state_since = asyncio.get_running_loop().time()
        self.state, self.reason, self.fault = state, reason, fault
        told = {"state": str(state), "reason": reason, "fault": fault, "done": self.memory.done}
        self._events.emit("campaign", **told)
        log.info("campaign.state", state=str(state), reason=reason)

    async def tell(self, kind: Any, document: Mapping[str, Any]) -> None:
        """Emit a document and wait until it is committed."""
        await self._commit(self._events.emit(kind, **document))

    def notify(self) -> None:
        """Wake whoever waits for a change; each wait looks at the state afresh."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, looking at every change."""
        while True:
            changed = self._changed  # first: looking at the condition may change something itself
            if condition():
                return
            await changed.wait()
