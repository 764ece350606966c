"""A campaign on a runner and an asker that are made up."""

import asyncio
import contextlib

from daemon.campaign.campaign import Campaign
from daemon.campaign.memory import Memory, Suggestion
from daemon.campaign.states import State
from daemon.errors import PlannerFailed, StoreFailed
from daemon.events import EventBus
from daemon.experiment.faults import EndNotWritten
from daemon.experiment.record import ExperimentRecord, ResponseValue
from daemon.settings.models import CampaignSettings

SETTINGS = CampaignSettings.model_validate(
    {
        "experiments": 3,
        "factors": [{"name": "temperature", "low": 30, "high": 120}],
        "objectives": [{"response": "yield"}],
    }
)


class Bench:
    """A runner that takes 10 s an experiment, and an asker that counts up."""

    def __init__(self, **changes):
        self.log = []
        self.fail_planner = 0
        self.outcome = {}
        self.answers = 1000
        self.memory = Memory()
        self.events = EventBus()
        self.seen = []
        self.events.on_event(self.seen.append)
        self.full_disk = False
        self.away, self.faults = [], []
        self.remark = ""
        self.ended = asyncio.Event()
        self.campaign = Campaign(
            SETTINGS.model_copy(update=changes),
            runner=self,
            asker=self,
            memory=self.memory,
            events=self.events,
            commit=self.commit,
        )

    async def commit(self, event):
        await asyncio.sleep(0)
        if self.full_disk:
            raise StoreFailed("the disk is full")

    async def ask(self, memory, pending, n):
        await asyncio.sleep(1)
        if self.fail_planner:
            self.fail_planner -= 1
            raise PlannerFailed("the planner died")
        n = min(n, self.answers)
        self.answers -= n
        self.log += [("asked", len(pending))] if n else []
        points = [{"temperature": 30.0 + memory.n_suggested + i} for i in range(n)]
        return [Suggestion(memory.next_suggestion_id(), point) for point in points]

    async def run(self, id, conditions):
        self.log.append(("run", id, conditions["temperature"]))
        if self.outcome.get(id) == "infeasible":
            return ExperimentRecord(id, "refused", dict(conditions), reason="too hot")
        self.ended.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await self.ended.wait()
                return ExperimentRecord(id, "aborted", dict(conditions))
        status = self.outcome.get(id, "ok")
        responses = {"yield": ResponseValue(0.5, 0.01, "ok")} if status == "ok" else {}
        record = ExperimentRecord(id, status, dict(conditions), responses=responses)
        if self.full_disk:
            raise EndNotWritten("the disk is full", record)
        return record

    def missing(self):
        return self.away

    def unready(self):
        return self.faults

    def hold(self):
        self.log.append(("hold",))

    def resume(self):
        self.log.append(("resume",))

    async def skip(self, reason):
        self.ended.set()

    async def abort(self, reason):
        self.ended.set()
        self.log.append(("abort",))

    async def shutdown(self):
        self.log.append(("shutdown",))

    def begin(self):
        """Start the campaign; return the task that runs it."""
        self.campaign.start()
        return asyncio.create_task(self.campaign.run())

    async def approve(self):
        """Say the word to the point that waits longest."""
        await self.campaign.steering.decide(next(iter(self.memory.proposed)), approved=True)

    @property
    def runs(self):
        return [row[1] for row in self.log if row[0] == "run"]

    def states(self):
        return [event.data["state"] for event in self.seen if event.kind == "campaign"]


async def finished(bench, *, by=1000):
    bench.campaign.start()
    async with asyncio.timeout(by):
        return await bench.campaign.run()


@contextlib.asynccontextmanager
async def going(bench):
    """A campaign whose first point has been approved; at the end it must have ended."""
    bench.campaign.start()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.campaign.run())
        await asyncio.sleep(5.0)
        await bench.approve()
        yield


async def held_by_a_disk_that_fills_up_during(outcome):
    """Return a campaign of two whose first experiment ended so, on a disk that is full by then."""
    bench = Bench(experiments=2)
    bench.outcome = {"e-0001": outcome}
    run = bench.begin()
    await asyncio.sleep(5)
    bench.full_disk = True
    await asyncio.sleep(20)
    assert bench.campaign.state is State.HELD
    bench.full_disk = False
    bench.campaign.resume()
    assert await run is State.COMPLETE
    return bench
