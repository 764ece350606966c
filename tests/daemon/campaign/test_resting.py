"""A rig that nobody has work for rests."""

import asyncio

import pytest

from daemon.campaign.resting import REST_S, RESTS
from daemon.campaign.states import State
from daemon.experiment.faults import COOLED, HELD_AT_MOST
from tests.daemon.campaign.bench import Bench, going

pytestmark = pytest.mark.virtual


async def test_a_rig_that_nobody_has_work_for_rests_until_somebody_has():
    bench = Bench(approve=True)
    bench.campaign.start()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bench.campaign.run())
        await asyncio.sleep(REST_S + 60.0)
        assert ("shutdown",) not in bench.log  # nothing has moved yet
        await bench.approve()
        await asyncio.sleep(REST_S - 60.0)
        assert ("shutdown",) not in bench.log
        await asyncio.sleep(120.0)
        assert bench.log[-1] == ("shutdown",)
        await asyncio.sleep(4 * REST_S)
        assert bench.log.count(("shutdown",)) == 1
        (told,) = [e.data for e in bench.seen if e.data.get("what") == RESTS]
        assert told["why"] == "s-0002 waits for a word (suggestion.approve), for 30 min"
        await bench.approve()
        await asyncio.sleep(20.0)
        assert bench.runs == ["e-0001", "e-0002"]
        bench.campaign.stop()
        await running


async def test_a_rest_ends_at_once_when_there_is_something_to_run():
    bench = Bench(approve=True)
    resting = asyncio.Event()

    async def slow():
        resting.set()
        await asyncio.sleep(5000.0)
        bench.log.append(("cold",))

    bench.shutdown = slow
    async with going(bench):
        await resting.wait()
        await bench.approve()
        await asyncio.sleep(1.0)
        assert bench.runs == ["e-0001", "e-0002"]
        assert ("cold",) not in bench.log
        bench.campaign.abort()


async def test_a_campaign_that_is_held_does_not_rest():
    bench = Bench(approve=True)
    async with going(bench):
        await asyncio.sleep(60.0)
        bench.campaign.hold()
        await asyncio.sleep(3 * REST_S)
        assert ("shutdown",) not in bench.log
        bench.campaign.resume()
        await asyncio.sleep(REST_S + 60.0)
        assert ("shutdown",) in bench.log
        bench.campaign.stop()


async def test_a_hold_keeps_the_rig_warm_for_as_long_as_it_may():
    bench = Bench(approve=True, hold_at_most=7200.0)
    async with going(bench):
        await asyncio.sleep(60.0)
        bench.campaign.hold("lunch")
        await asyncio.sleep(7200.0 - 60.0)
        assert ("shutdown",) not in bench.log
        await asyncio.sleep(2 * 60.0)
        assert bench.log.count(("shutdown",)) == 1
        assert [e.data["why"] for e in bench.seen if e.data.get("what") == COOLED] == [HELD_AT_MOST]
        assert bench.campaign.state is State.HELD
        bench.campaign.resume()
        await bench.approve()
        await asyncio.sleep(20.0)
        assert bench.runs == ["e-0001", "e-0002"]
        bench.campaign.stop()


async def test_the_wait_for_work_begins_anew_after_a_hold():
    bench = Bench(approve=True)
    async with going(bench):
        await asyncio.sleep(60.0)
        bench.campaign.hold()
        await asyncio.sleep(3 * REST_S)
        bench.campaign.resume()
        await asyncio.sleep(REST_S - 120.0)
        assert ("shutdown",) not in bench.log
        await asyncio.sleep(240.0)
        assert ("shutdown",) in bench.log
        bench.campaign.stop()


async def test_several_points_that_wait_are_told_in_the_plural():
    bench = Bench(approve=True, pending=2, experiments=4)
    async with going(bench):
        await asyncio.sleep(60.0)
        await bench.approve()
        await asyncio.sleep(2 * REST_S)
        (told,) = [e.data["why"] for e in bench.seen if e.data.get("what") == RESTS]
        assert told == "s-0003, s-0004 wait for a word (suggestion.approve), for 30 min"
        bench.campaign.abort()
