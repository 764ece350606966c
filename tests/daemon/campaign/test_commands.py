"""A person holds, stops, aborts, skips, submits, approves and edits."""

import asyncio
from dataclasses import replace

import pytest

from daemon.campaign.memory import Suggestion, amended_document, with_result
from daemon.campaign.states import State
from daemon.errors import Refused
from daemon.experiment.record import ExperimentRecord, ResponseValue
from tests.daemon.campaign.bench import Bench, finished

pytestmark = pytest.mark.virtual


async def test_failures_in_a_row_stop_the_campaign_with_a_reason():
    bench = Bench(experiments=9, max_failures=2)
    bench.outcome = {"e-0002": "failed", "e-0003": "failed"}
    assert await finished(bench) is State.STOPPED
    assert "2 experiments failed in a row" in bench.campaign.reason


async def test_hold_ends_the_step_and_resume_goes_on():
    bench = Bench()
    run = bench.begin()
    await asyncio.sleep(5)
    bench.campaign.hold("by a person")
    assert bench.campaign.state is State.HOLDING
    await asyncio.sleep(100)
    assert bench.campaign.state is State.HELD
    assert bench.runs == ["e-0001"]
    bench.campaign.resume()
    assert await run is State.COMPLETE


async def test_stop_finishes_the_current_experiment():
    bench = Bench()
    run = bench.begin()
    await asyncio.sleep(5)
    bench.campaign.stop()
    assert await run is State.STOPPED
    assert bench.memory.records["e-0001"].status == "ok"
    assert len(bench.runs) == 1


async def test_stop_at_once_gives_the_current_experiment_up_and_shuts_down():
    bench = Bench()
    run = bench.begin()
    await asyncio.sleep(5)
    bench.campaign.stop("a pump is broken", at_once=True)
    assert await run is State.STOPPED
    assert asyncio.get_running_loop().time() == 5
    assert bench.memory.records["e-0001"].status == "aborted"
    assert bench.log[-1] == ("shutdown",)


async def test_abort_ends_at_once_and_goes_safe():
    bench = Bench()
    run = bench.begin()
    await asyncio.sleep(5)
    bench.campaign.abort("tripped")
    assert await run is State.ABORTED
    assert asyncio.get_running_loop().time() == 5
    assert bench.memory.records["e-0001"].status == "aborted"
    assert bench.log[-1] == ("abort",)


async def test_an_aborted_campaign_can_be_started_again_and_goes_on():
    bench = Bench()
    bench.campaign.start()
    serve = asyncio.create_task(bench.campaign.serve())
    await asyncio.sleep(5)
    bench.campaign.abort()
    await asyncio.sleep(5)
    bench.campaign.start()
    await asyncio.sleep(200)
    assert bench.campaign.state is State.COMPLETE
    serve.cancel()
    await asyncio.wait([serve])


async def test_skip_gives_up_one_experiment_only():
    bench = Bench()
    run = bench.begin()
    await asyncio.sleep(5)
    with pytest.raises(Refused, match="'e-0009' is not running, 'e-0001' is"):
        await bench.campaign.skip("e-0009")
    assert await bench.campaign.skip() == "e-0001"
    assert await run is State.COMPLETE
    assert bench.memory.records["e-0001"].status == "aborted"
    assert bench.memory.done == 3


async def test_cancelling_the_run_cancels_the_experiment_and_leaves_the_state_open():
    bench = Bench()
    run = bench.begin()
    await asyncio.sleep(5)
    run.cancel()
    await asyncio.wait([run])
    assert run.cancelled()
    assert bench.states() == ["running"]


async def test_submitted_conditions_go_first():
    bench = Bench(pending=2)
    run = bench.begin()
    await asyncio.sleep(5)
    await bench.campaign.submit({"temperature": 77.0})
    await run
    assert ("run", "e-0002", 77.0) in bench.log


async def test_conditions_submitted_while_idle_run_alone():
    bench = Bench()
    serve = asyncio.create_task(bench.campaign.serve())
    await bench.campaign.submit({"temperature": 77.0})
    await asyncio.sleep(100)
    assert bench.runs == ["e-0001"]
    assert bench.campaign.state is State.COMPLETE
    serve.cancel()
    await asyncio.wait([serve])


async def test_points_wait_for_approval_and_a_veto_asks_again():
    bench = Bench(approve=True, experiments=1)
    run = bench.begin()
    await asyncio.sleep(5)
    assert bench.runs == []
    with pytest.raises(Refused, match="no suggestion 's-9' waits for a decision; waiting: s-0001"):
        await bench.campaign.steering.decide("s-9", approved=True)
    await bench.campaign.steering.decide("s-0001", approved=False)
    await asyncio.sleep(5)
    await bench.campaign.steering.decide("s-0002", approved=True)
    assert await run is State.COMPLETE
    assert [s.id for s in bench.memory.vetoed] == ["s-0001"]


async def test_a_point_that_cannot_be_rejected_any_more_is_told_from_those_that_can():
    bench = Bench(pending=3)
    run = bench.begin()
    await asyncio.sleep(8)
    with pytest.raises(
        Refused, match=r"s-0001 runs as e-0001 already: experiment.skip gives it up"
    ):
        await bench.campaign.steering.decide("s-0001", approved=False)
    with pytest.raises(Refused, match=r"'s-9' waits for a decision; waiting: s-0002, s-0003$"):
        await bench.campaign.steering.decide("s-9", approved=False)
    await bench.campaign.steering.decide("s-0003", approved=False)
    assert await run is State.COMPLETE


@pytest.mark.parametrize(
    ("command", "allowed"),
    [("hold", "running"), ("resume", "held, holding"), ("stop", "held, holding, running")],
)
async def test_a_command_the_state_forbids_is_refused(command, allowed):
    bench = Bench()
    with pytest.raises(Refused, match=f"is refused while the campaign is idle; allowed: {allowed}"):
        getattr(bench.campaign, command)()


async def test_an_offline_result_completes_an_experiment():
    record = ExperimentRecord("e-0001", "ok", {}, started=5.0, finished=9.0)
    added = with_result(record, {"ph": ResponseValue(7.0, None, "ok")})
    assert added == replace(record, responses={"ph": ResponseValue(7.0, None, "ok")})
    told = amended_document(added, "Ada")
    assert told["amended_by"] == "Ada"
    assert not {"started", "finished"} & set(told)  # perhaps times of an earlier start


async def test_a_person_picks_from_a_batch_and_vetoes_what_waits_to_be_run():
    bench = Bench(approve=True, pending=3, experiments=3)
    run = bench.begin()
    await asyncio.sleep(5)
    assert list(bench.memory.proposed) == ["s-0001", "s-0002", "s-0003"]
    decide = bench.campaign.steering.decide
    await decide("s-0003", approved=True, by="Ada")
    await decide("s-0001", approved=False, reason="too hot")
    await asyncio.sleep(2)
    await decide("s-0002", approved=True)
    await decide("s-0002", approved=False, reason="on second thoughts")  # it waits behind s-0003
    with pytest.raises(Refused, match="s-0003 runs as e-0001 already"):
        await decide("s-0003", approved=False)
    assert [s.id for s in bench.memory.vetoed] == ["s-0001", "s-0002"]
    bench.campaign.stop()
    await run
    assert bench.runs == ["e-0001"]


async def test_what_an_edit_leaves_out_is_withdrawn_but_not_what_a_person_submitted():
    bench = Bench(pending=4, experiments=9)
    run = bench.begin()
    await asyncio.sleep(5)  # s-0001 runs at 30, the others wait at 31, 32, 33
    await bench.campaign.submit({"temperature": 34.0})
    factor = {"name": "temperature", "low": 33, "high": 90}
    new = bench.campaign.settings.model_copy(
        update={"factors": [type(bench.campaign.settings.factors[0]).model_validate(factor)]}
    )
    running = bench.campaign.running
    _, gone = await bench.campaign.steering.edit_space(new, by="Ada")
    assert gone == ["s-0002", "s-0003"]
    assert bench.campaign.running is running
    told = [(e.data["id"], e.data["state"]) for e in bench.seen if e.kind == "suggestion"]
    assert [name for name, state in told if state == "withdrawn"] == ["s-0002", "s-0003"]
    assert {s.id for s in bench.memory.waiting} >= {"s-0004", "s-0005"}
    bench.campaign.abort()
    await run


async def test_a_restart_whose_file_leaves_out_the_point_that_waited_asks_for_another():
    bench = Bench(experiments=2)
    bench.memory.waiting.append(Suggestion("s-0001", {"temperature": 200.0}))
    bench.memory.n_suggested = 1
    assert await finished(bench) is State.COMPLETE
    assert bench.runs == ["e-0001", "e-0002"]
    told = [(e.data["id"], e.data["state"]) for e in bench.seen if e.kind == "suggestion"]
    assert told[0] == ("s-0001", "withdrawn")
