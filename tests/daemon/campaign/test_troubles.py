"""A planner that dies, a full disk, and instruments that are away: held, named, and nothing lost."""

import asyncio

import pytest
from structlog.testing import capture_logs

from daemon.campaign.states import State
from daemon.errors import StoreFailed
from daemon.experiment.record import ResponseValue
from tests.daemon.campaign.bench import Bench, finished, held_by_a_disk_that_fills_up_during

pytestmark = pytest.mark.virtual


async def test_a_planner_that_dies_once_is_asked_again():
    bench = Bench()
    bench.fail_planner = 2
    assert await finished(bench) is State.COMPLETE


async def test_a_planner_that_keeps_dying_holds_the_campaign_and_harms_nothing():
    bench = Bench()
    bench.fail_planner = 3
    bench.campaign.start()
    with capture_logs() as logged:
        run = asyncio.create_task(bench.campaign.run())
        await asyncio.sleep(20)
    assert bench.campaign.state is State.HELD
    assert "planner failed 3 times" in bench.campaign.reason
    (line,) = [one for one in logged if one["event"] == "campaign.held"]
    assert line["log_level"] == "error"
    assert line["reason"] == bench.campaign.reason
    bench.campaign.resume()
    assert await run is State.COMPLETE


async def test_a_planner_that_dies_for_good_while_the_campaign_stops_does_not_keep_it_from_stopping():
    bench = Bench()
    bench.fail_planner = 100
    bench.campaign.start()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bench.campaign.run())
        await asyncio.sleep(2.5)  # the third answer is on its way
        bench.campaign.stop()
    assert running.result() is State.STOPPED


async def test_a_disk_that_fills_up_while_the_campaign_stops_does_not_keep_it_from_stopping():
    bench = Bench(pending=2)
    bench.campaign.start()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bench.campaign.run())
        await asyncio.sleep(1.5)  # an experiment runs, and the second point is thought of
        bench.full_disk = True
        bench.campaign.stop()
        async with asyncio.timeout(100):
            assert await running is State.STOPPED


async def test_a_full_disk_holds_the_campaign_before_anything_acts():
    bench = Bench()
    bench.full_disk = True
    run = bench.begin()
    await asyncio.sleep(50)
    assert bench.campaign.state is State.HELD
    assert "the record cannot be written: the disk is full" in bench.campaign.reason
    assert bench.runs == []
    bench.full_disk = False
    bench.campaign.resume()
    assert await run is State.COMPLETE
    assert bench.runs[0] == "e-0001"


async def test_a_point_that_a_full_disk_interrupted_is_run_again_and_counts_for_nothing():
    bench = await held_by_a_disk_that_fills_up_during("interrupted")
    assert [(row[1], row[2]) for row in bench.log if row[0] == "run"] == [
        ("e-0001", 30.0),
        ("e-0002", 30.0),
        ("e-0003", 31.0),
    ]
    assert [r.status for r in bench.memory.records.values()] == ["interrupted", "ok", "ok"]


async def test_a_result_that_a_full_disk_kept_from_the_record_is_not_run_again():
    bench = await held_by_a_disk_that_fills_up_during("ok")
    assert bench.runs == ["e-0001", "e-0002"]
    assert [r.status for r in bench.memory.records.values()] == ["ok", "ok"]


async def test_an_experiment_waits_for_instruments_that_are_away():
    bench = Bench(experiments=1)
    bench.away = ["pump-a"]
    run = bench.begin()
    await asyncio.sleep(60)
    assert bench.runs == []
    bench.away = []
    bench.campaign.look_again()
    assert await run is State.COMPLETE


async def test_instruments_that_stay_away_hold_the_campaign():
    bench = Bench(experiments=1)
    bench.away = ["pump-a"]
    run = bench.begin()
    await asyncio.sleep(1000)
    assert bench.campaign.state is State.HELD
    assert bench.campaign.reason == "not connected for 15 min: pump-a"
    bench.campaign.stop()
    assert await run is State.STOPPED


async def test_no_experiment_starts_before_every_instrument_is_ready():
    bench = Bench(experiments=1)
    bench.faults = ["pump-a is not initialised"]
    run = bench.begin()
    await asyncio.sleep(10)
    assert bench.runs == []
    assert bench.campaign.state is State.RUNNING
    bench.faults = []  # nobody tells: it is looked for
    assert await run is State.COMPLETE


async def test_an_instrument_that_does_not_become_ready_holds_the_campaign_with_its_own_words():
    bench = Bench(experiments=1)
    bench.faults = ["pump-a is not initialised: set pump-a.initialised", "bath: error 3"]
    run = bench.begin()
    await asyncio.sleep(30)
    assert bench.campaign.state is State.HELD
    assert bench.campaign.reason == (
        "not ready: pump-a is not initialised: set pump-a.initialised; bath: error 3"
    )
    assert bench.runs == []
    bench.campaign.resume()
    await asyncio.sleep(30)
    assert bench.campaign.state is State.HELD
    bench.faults = []
    bench.campaign.resume()
    assert await run is State.COMPLETE


async def test_a_result_that_cannot_be_recorded_is_not_believed():
    bench = Bench(experiments=1)
    await finished(bench)
    bench.full_disk = True
    late = {"ph": ResponseValue(7.0, None, "ok")}
    with pytest.raises(StoreFailed):
        await bench.campaign.steering.add_result("e-0001", late)
    assert "ph" not in bench.memory.records["e-0001"].responses


async def test_a_full_disk_during_a_veto_decides_nothing():
    bench = Bench(approve=True)
    run = bench.begin()
    await asyncio.sleep(5)
    bench.full_disk = True
    with pytest.raises(StoreFailed):
        await bench.campaign.steering.decide("s-0001", approved=False)
    assert list(bench.memory.proposed) == ["s-0001"]
    assert bench.memory.vetoed == []
    bench.full_disk = False
    bench.campaign.abort()
    await run


async def test_an_answer_for_the_space_as_it_was_is_thrown_away():
    bench = Bench(experiments=2)
    run = bench.begin()
    await asyncio.sleep(0.5)  # the first answer is on its way
    factor = {"name": "temperature", "low": 50, "high": 90}
    new = bench.campaign.settings.model_copy(
        update={"factors": [type(bench.campaign.settings.factors[0]).model_validate(factor)]}
    )
    await bench.campaign.steering.edit_space(new, by="Ada")
    await asyncio.sleep(0.2)
    assert bench.memory.n_suggested == 0
    await asyncio.sleep(1)
    assert bench.memory.n_suggested == 1  # the one that came too late
    assert [e.kind for e in bench.seen if e.kind == "space"] == ["space"]
    bench.campaign.abort()
    await run


async def test_a_planner_that_fails_leaves_the_running_experiment_alone_and_is_asked_after_it():
    bench = Bench(pending=2, experiments=3)
    run = bench.begin()
    bench.answers = 2
    await asyncio.sleep(5)  # the first of two runs
    bench.answers, bench.fail_planner = 1000, 3
    await asyncio.sleep(10)  # the second runs, and the third was thought of in vain
    assert bench.fail_planner == 0
    assert bench.campaign.state is State.RUNNING
    assert ("hold",) not in bench.log
    assert await run is State.COMPLETE
    assert bench.runs == ["e-0001", "e-0002", "e-0003"]


async def test_a_planner_that_fails_for_good_holds_when_nothing_is_left_to_run():
    bench = Bench(pending=2, experiments=3)
    run = bench.begin()
    await asyncio.sleep(5)
    bench.fail_planner = 100
    await asyncio.sleep(25)
    assert [record.status for record in bench.memory.records.values()] == ["ok", "ok"]
    assert bench.campaign.state is State.HELD
    bench.campaign.abort()
    await run


async def test_a_planner_is_asked_three_times_again_after_somebody_resumes():
    bench = Bench()
    bench.fail_planner = 5
    run = bench.begin()
    await asyncio.sleep(20)
    assert bench.campaign.state is State.HELD
    bench.campaign.resume()
    assert await run is State.COMPLETE
