"""A campaign that nobody ended calls a person, until somebody decides what comes next."""

import asyncio

import pytest

from daemon.app.reactions import (
    GIVEN_UP,
    HEATS_NOT,
    HELD,
    PLANNER,
    SUSPECT,
    WAITS,
    Reactions,
)
from daemon.campaign.states import State
from daemon.errors import StoreFailed
from daemon.experiment.approach import FOLLOWS_NOT
from daemon.experiment.faults import COOLED, HELD_AT_MOST
from daemon.safety.alarms import Alarms
from tests.daemon.campaign.bench import Bench, going

pytestmark = pytest.mark.virtual


class Watched(Bench):
    """A bench whose campaign raises alarms."""

    def __init__(self, *, ends_when_held=False, on="", **changes):
        super().__init__(**changes)
        self.alarms = Alarms(self.events)
        how = (self.campaign, self.events, self.alarms)
        self.reactions = Reactions(*how, ends_when_held=ends_when_held, on=lambda: on)

    @property
    def standing(self):
        return {alarm.id: alarm.message for alarm in self.alarms.all()}

    async def run_to_its_end(self):
        self.campaign.start()
        async with asyncio.timeout(1000):
            return await self.campaign.run()


async def failed():
    """Return a bench whose campaign has ended by two failures in a row."""
    bench = Watched(experiments=9, max_failures=2)
    bench.outcome = {"e-0002": "failed", "e-0003": "failed"}
    assert await bench.run_to_its_end() is State.STOPPED
    return bench


async def test_failures_in_a_row_raise_an_alarm_with_the_reason():
    bench = await failed()
    (message,) = bench.standing.values()
    assert list(bench.standing) == [GIVEN_UP]
    assert message == f"{bench.campaign.reason}; campaign.start, or taylord resume, goes on"
    assert message.startswith("2 experiments failed in a row")


async def test_refusals_in_a_row_raise_the_same_alarm():
    bench = Watched(experiments=1)
    bench.outcome = {f"e-{n:04}": "infeasible" for n in range(1, 100)}
    await bench.run_to_its_end()
    assert bench.standing[GIVEN_UP].startswith("20 experiments refused in a row; the last: too hot")


async def test_a_start_ends_the_alarm_of_a_campaign_that_was_given_up():
    bench = await failed()
    bench.campaign.start()
    assert bench.standing == {}


async def test_so_does_a_persons_experiment():
    bench = await failed()
    await bench.campaign.submit({"temperature": 50.0})
    assert bench.standing == {}


async def test_an_alarm_that_is_acknowledged_ends_as_well_with_a_start():
    bench = await failed()
    bench.alarms.acknowledge(GIVEN_UP)
    assert list(bench.standing) == [GIVEN_UP]
    bench.campaign.start()
    assert bench.standing == {}


async def test_a_campaign_that_ends_as_planned_or_by_a_person_raises_no_alarm():
    bench = Watched()
    assert await bench.run_to_its_end() is State.COMPLETE
    stopped = Watched()
    stopped.campaign.start()
    run = asyncio.create_task(stopped.campaign.run())
    await asyncio.sleep(5)
    stopped.campaign.stop()
    assert await run is State.STOPPED
    assert [event for event in bench.seen + stopped.seen if event.kind == "alarm"] == []


async def test_a_stop_of_a_campaign_that_a_fault_holds_is_a_persons_decision():
    bench = Watched()
    bench.fail_planner = 3
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(20)
    assert list(bench.standing) == [HELD]
    bench.campaign.stop()
    assert await run is State.STOPPED
    assert bench.standing == {}


async def test_a_campaign_held_for_want_of_a_record_says_that_only_a_person_is_waited_for():
    bench = Watched()
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    bench.reactions.on_trouble(StoreFailed("the disk is full"))
    await asyncio.sleep(20)
    assert bench.standing[HELD].startswith("the record cannot be written: the disk is full; waits")
    bench.alarms.acknowledge(HELD)
    bench.reactions.on_trouble(None)
    back = "the record could not be written for a while; it can again"
    assert bench.standing == {HELD: f"{back}; waits for campaign.resume"}
    assert (bench.campaign.state, bench.campaign.reason) == (State.HELD, back)
    assert bench.alarms.all()[0].state == "acknowledged"
    bench.campaign.resume()
    assert await run is State.COMPLETE
    assert bench.standing == {}


async def test_a_campaign_that_went_on_is_not_held_anew_when_the_record_is_back():
    bench = Watched()
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    bench.reactions.on_trouble(StoreFailed("the disk is full"))
    bench.campaign.stop()
    bench.reactions.on_trouble(None)
    assert await run is State.STOPPED
    assert bench.standing == {}


async def test_a_fault_that_ends_a_campaign_nobody_can_resume_is_told_as_given_up():
    bench = Watched(ends_when_held=True)
    bench.fail_planner = 3
    assert await bench.run_to_its_end() is State.STOPPED
    assert list(bench.standing) == [GIVEN_UP]
    assert "planner failed 3 times" in bench.standing[GIVEN_UP]


async def failing(times):
    """Return a bench whose planner has failed three times while an experiment runs."""
    bench = Watched(pending=2, experiments=3)
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    bench.answers = 2
    await asyncio.sleep(5)  # the first of two runs
    bench.answers, bench.fail_planner = 1000, times
    await asyncio.sleep(10)  # the second runs, and the third was thought of in vain
    return bench, run


async def test_a_planner_that_fails_while_an_experiment_runs_is_an_alarm_until_it_answers():
    bench, run = await failing(3)
    assert bench.campaign.state is State.RUNNING
    assert bench.standing == {
        PLANNER: "the planner failed 3 times: the planner died; what runs is not touched;"
        " it is asked again after the next experiment"
    }
    assert bench.alarms.all()[0].concerns == "campaign"  # and not the sample that is running
    await asyncio.sleep(10)
    assert bench.standing == {}
    assert await run is State.COMPLETE


async def test_a_campaign_held_by_its_planner_has_one_alarm():
    bench, run = await failing(100)
    await asyncio.sleep(10)
    assert bench.campaign.state is State.HELD
    assert list(bench.standing) == [HELD]
    bench.campaign.abort()
    await run


async def test_a_campaign_that_ends_without_its_planner_ends_that_alarm():
    bench, run = await failing(100)
    bench.campaign.abort()
    await run
    assert bench.standing == {}


async def test_a_planner_that_fails_while_a_point_waits_for_approval_is_an_alarm_too():
    bench = Watched(approve=True, pending=2, experiments=3)
    bench.answers = 1
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(1.5)  # one point is proposed, and another is thought of
    bench.answers, bench.fail_planner = 1000, 3
    await asyncio.sleep(5)
    assert list(bench.memory.proposed) == ["s-0001"]
    assert list(bench.standing) == [PLANNER]
    await bench.campaign.steering.decide("s-0001", approved=True)
    await asyncio.sleep(12)  # it has run, and the planner was asked again
    assert bench.standing == {}
    bench.campaign.abort()
    await run


async def test_a_point_that_nobody_approves_calls_a_person_until_it_runs():
    bench = Watched(approve=True)
    async with going(bench):
        await asyncio.sleep(2000.0)
        assert list(bench.standing) == [WAITS]
        assert bench.standing[WAITS].startswith("s-0002 waits for a word (suggestion.approve)")
        bench.events.emit("experiment", id="e-0001", state="ok", amended_by="Ada")
        assert list(bench.standing) == [WAITS]
        bench.events.emit("experiment", id="e-0002", state="running")
        assert bench.standing == {}
        bench.campaign.abort()


async def test_one_suspect_result_after_the_other_calls_a_person_until_a_good_one():
    bench = Watched(experiments=9, max_failures=2)

    def ended(status, **more):
        bench.events.emit(
            "experiment", id="e", state="complete", status=status, reason="low", **more
        )
        return bench.standing.get(SUSPECT, "").partition(";")[0]

    told = [ended(status) for status in ("suspect", "failed", "suspect", "suspect", "ok")]
    assert told == ["", "", "2 suspect results in a row", "3 suspect results in a row", ""]
    assert ended("suspect") == ended("suspect", amended_by="Ada") == ""
    assert ended("suspect") == "2 suspect results in a row"
    bench.campaign.start()
    assert bench.standing == {}


async def test_a_thermostat_that_does_not_follow_calls_a_person_until_there_is_a_result():
    bench = Watched(experiments=1)
    bench.events.emit("decision", what=FOLLOWS_NOT, why="bath comes no nearer to 80 degC")
    bench.events.emit("decision", what=FOLLOWS_NOT, why="bath comes no nearer to 90 degC")
    assert bench.standing == {HEATS_NOT: "bath comes no nearer to 90 degC"}
    bench.events.emit("experiment", state="stopped", status="failed", reason="too cold")
    assert HEATS_NOT in bench.standing
    bench.events.emit("experiment", state="complete", status="suspect", reason="noisy")
    assert bench.standing == {}


async def test_a_person_is_called_to_a_hold_that_lasts_again_and_again():
    bench = Watched(experiments=1)
    run = bench.begin()
    bench.campaign.hold("lunch")
    bench.campaign.experiment_held()
    await asyncio.sleep(29 * 60.0)
    assert HELD not in bench.standing
    told = []
    for hours in (0.1, 1.0, 1.0):
        await asyncio.sleep(hours * 3600.0)
        told.append(bench.standing[HELD])
    kept = "the rig keeps its temperature; waits for campaign.resume, .stop or .abort"
    assert told == [f"held for {n} min: lunch; {kept}" for n in (30, 90, 150)]
    bench.events.emit("decision", what=COOLED, why=HELD_AT_MOST)
    off = "heat is off, and pumps are once it is cool; campaign.resume heats again"
    assert bench.standing[HELD] == f"held for longer than campaign.hold_at_most; {off}"
    await asyncio.sleep(3600.0)
    assert bench.standing[HELD] == f"held for 210 min: lunch; {off}"
    bench.campaign.resume()
    assert bench.standing == {}
    assert await run is State.COMPLETE


async def test_the_call_to_a_hold_names_what_is_on():
    bench = Watched(experiments=1, on="bath 80 degC, pump-c 0.05 mL/min")
    run = bench.begin()
    bench.campaign.hold("lunch")
    bench.campaign.experiment_held()
    await asyncio.sleep(31 * 60.0)
    assert bench.standing[HELD].endswith(".abort; on: bath 80 degC, pump-c 0.05 mL/min")
    bench.campaign.resume()
    assert await run is State.COMPLETE
