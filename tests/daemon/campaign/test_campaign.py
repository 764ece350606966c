"""A campaign asks ahead, performs in order, and can be held, stopped, aborted and skipped."""

import asyncio
import contextlib
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from daemon.campaign.campaign import Campaign
from daemon.campaign.memory import Memory, Suggestion, amended_document, with_result
from daemon.campaign.resting import REST_S, RESTS
from daemon.campaign.states import State
from daemon.errors import PlannerFailed, Refused, StoreFailed
from daemon.events import EventBus
from daemon.experiment.faults import EndNotWritten
from daemon.experiment.record import ExperimentRecord, ResponseValue
from daemon.settings.models import CampaignSettings

pytestmark = pytest.mark.virtual

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


async def test_a_campaign_performs_its_number_and_shuts_down_normally():
    bench = Bench()
    assert await finished(bench) is State.COMPLETE
    assert bench.runs == ["e-0001", "e-0002", "e-0003"]
    assert bench.log[-1] == ("shutdown",)
    assert bench.states() == ["running", "complete"]


async def test_without_pending_points_the_planner_waits_for_the_result():
    bench = Bench()
    await finished(bench)
    assert [row[0] for row in bench.log[:-1]] == ["asked", "run"] * 3


async def test_a_campaign_that_is_done_says_how_to_have_more_experiments():
    bench = Bench()
    await finished(bench)
    with pytest.raises(Refused, match=r"all 3 .* are done; for more, raise campaign.experiments"):
        bench.campaign.start()


async def test_with_two_pending_points_the_planner_is_asked_while_an_experiment_runs():
    bench = Bench(pending=2)
    await finished(bench)
    assert ("asked", 1) in bench.log
    assert asyncio.get_running_loop().time() < 40


async def test_a_suggestion_is_in_the_record_before_its_experiment_starts():
    bench = Bench()
    await finished(bench)
    states = [e.data["state"] for e in bench.seen if e.kind == "suggestion"]
    assert states == ["proposed", "started"] * 3


async def test_an_empty_answer_ends_the_campaign():
    bench = Bench()
    bench.answers = 1
    assert await finished(bench) is State.COMPLETE
    assert bench.runs == ["e-0001"]
    assert bench.campaign.reason == "the planner has no more points: 1 of 3 experiments done"


async def test_an_empty_answer_while_a_run_is_under_way_waits_for_what_comes_of_it():
    bench = Bench(pending=2)
    counted = bench.ask

    async def ask(memory, pending, n):
        if pending:  # as a simplex that cannot go on before its point is measured
            await asyncio.sleep(1)
            bench.log.append(("none", len(pending)))
            return []
        return await counted(memory, pending, min(n, 1))

    bench.ask = ask
    assert await finished(bench) is State.COMPLETE
    assert len(bench.runs) == 3
    assert bench.campaign.reason == ""
    assert bench.log.count(("none", 1)) <= 4  # not asked again before anything has changed


async def test_an_empty_answer_that_lasts_ends_the_campaign_after_the_runs_under_way():
    bench = Bench(pending=2, experiments=5)
    bench.answers = 3
    assert await finished(bench) is State.COMPLETE
    assert len(bench.runs) == 3
    assert bench.campaign.reason == "the planner has no more points: 3 of 5 experiments done"


async def test_refused_conditions_count_as_failed_and_the_planner_is_asked_again():
    bench = Bench()
    bench.outcome["e-0001"] = "infeasible"
    assert await finished(bench) is State.COMPLETE
    assert bench.memory.records["e-0001"].status == "refused"
    assert bench.memory.records["e-0001"].reason == "too hot"
    assert len(bench.runs) == 4


async def test_nothing_is_shut_down_where_every_experiment_was_refused():
    bench = Bench(experiments=1)
    bench.outcome = {f"e-{n:04}": "infeasible" for n in range(1, 100)}
    await finished(bench)
    assert bench.runs
    assert ("shutdown",) not in bench.log


async def test_failures_in_a_row_stop_the_campaign_with_a_reason():
    bench = Bench(experiments=9, max_failures=2)
    bench.outcome = {"e-0002": "failed", "e-0003": "failed"}
    assert await finished(bench) is State.STOPPED
    assert "2 experiments failed in a row" in bench.campaign.reason


async def test_points_that_were_refused_are_no_failures():
    bench = Bench(experiments=4, max_failures=2)
    bench.outcome = {"e-0001": "infeasible", "e-0002": "failed", "e-0003": "infeasible"}
    assert await finished(bench) is State.COMPLETE
    assert [record.status for record in bench.memory.records.values()].count("failed") == 1


async def test_points_refused_in_between_do_not_hide_failures_in_a_row():
    bench = Bench(experiments=9, max_failures=2)
    bench.outcome = {"e-0002": "failed", "e-0003": "infeasible", "e-0004": "failed"}
    assert await finished(bench) is State.STOPPED
    assert "2 experiments failed in a row" in bench.campaign.reason


async def test_failures_are_counted_anew_once_somebody_goes_on_after_them():
    bench = Bench(experiments=9, max_failures=2)
    bench.outcome = {f"e-{n:04}": "failed" for n in (1, 2, 3, 5, 6)}
    assert await finished(bench) is State.STOPPED
    assert await finished(bench) is State.STOPPED
    assert len(bench.memory.records) == 6
    assert "2 experiments failed in a row" in bench.campaign.reason


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


async def test_hold_ends_the_step_and_resume_goes_on():
    bench = Bench()
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
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
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(5)
    bench.campaign.stop()
    assert await run is State.STOPPED
    assert bench.memory.records["e-0001"].status == "ok"
    assert len(bench.runs) == 1


async def test_stop_at_once_gives_the_current_experiment_up_and_shuts_down():
    bench = Bench()
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(5)
    bench.campaign.stop("a pump is broken", at_once=True)
    assert await run is State.STOPPED
    assert asyncio.get_running_loop().time() == 5
    assert bench.memory.records["e-0001"].status == "aborted"
    assert bench.log[-1] == ("shutdown",)


async def test_abort_ends_at_once_and_goes_safe():
    bench = Bench()
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
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
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(5)
    with pytest.raises(Refused, match="'e-0009' is not running, 'e-0001' is"):
        await bench.campaign.skip("e-0009")
    assert await bench.campaign.skip() == "e-0001"
    assert await run is State.COMPLETE
    assert bench.memory.records["e-0001"].status == "aborted"
    assert bench.memory.done == 3


async def test_cancelling_the_run_cancels_the_experiment_and_leaves_the_state_open():
    bench = Bench()
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(5)
    run.cancel()
    await asyncio.wait([run])
    assert run.cancelled()
    assert bench.states() == ["running"]


async def test_submitted_conditions_go_first():
    bench = Bench(pending=2)
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
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
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(5)
    assert bench.runs == []
    with pytest.raises(Refused, match="no suggestion 's-9' waits for a decision; waiting: s-0001"):
        await bench.campaign.steering.decide("s-9", approved=True)
    await bench.campaign.steering.decide("s-0001", approved=False)
    await asyncio.sleep(5)
    await bench.campaign.steering.decide("s-0002", approved=True)
    assert await run is State.COMPLETE
    assert [s.id for s in bench.memory.vetoed] == ["s-0001"]


async def test_a_full_disk_holds_the_campaign_before_anything_acts():
    bench = Bench()
    bench.full_disk = True
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(50)
    assert bench.campaign.state is State.HELD
    assert "the record cannot be written: the disk is full" in bench.campaign.reason
    assert bench.runs == []
    bench.full_disk = False
    bench.campaign.resume()
    assert await run is State.COMPLETE
    assert bench.runs[0] == "e-0001"


async def held_by_a_disk_that_fills_up_during(outcome):
    """Return a campaign of two whose first experiment ended so, on a disk that is full by then."""
    bench = Bench(experiments=2)
    bench.outcome = {"e-0001": outcome}
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(5)
    bench.full_disk = True
    await asyncio.sleep(20)
    assert bench.campaign.state is State.HELD
    bench.full_disk = False
    bench.campaign.resume()
    assert await run is State.COMPLETE
    return bench


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


@pytest.mark.parametrize(
    ("command", "allowed"),
    [("hold", "running"), ("resume", "held, holding"), ("stop", "held, holding, running")],
)
async def test_a_command_the_state_forbids_is_refused(command, allowed):
    bench = Bench()
    with pytest.raises(Refused, match=f"is refused while the campaign is idle; allowed: {allowed}"):
        getattr(bench.campaign, command)()


async def test_an_experiment_waits_for_instruments_that_are_away():
    bench = Bench(experiments=1)
    bench.away = ["pump-a"]
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(60)
    assert bench.runs == []
    bench.away = []
    bench.campaign.look_again()
    assert await run is State.COMPLETE


async def test_instruments_that_stay_away_hold_the_campaign():
    bench = Bench(experiments=1)
    bench.away = ["pump-a"]
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(1000)
    assert bench.campaign.state is State.HELD
    assert bench.campaign.reason == "not connected for 15 min: pump-a"
    bench.campaign.stop()
    assert await run is State.STOPPED


async def test_no_experiment_starts_before_every_instrument_is_ready():
    bench = Bench(experiments=1)
    bench.faults = ["pump-a is not initialised"]
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(10)
    assert bench.runs == []
    assert bench.campaign.state is State.RUNNING
    bench.faults = []  # nobody tells: it is looked for
    assert await run is State.COMPLETE


async def test_an_instrument_that_does_not_become_ready_holds_the_campaign_with_its_own_words():
    bench = Bench(experiments=1)
    bench.faults = ["pump-a is not initialised: set pump-a.initialised", "bath: error 3"]
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
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


async def test_an_offline_result_completes_an_experiment():
    record = ExperimentRecord("e-0001", "ok", {}, started=5.0, finished=9.0)
    added = with_result(record, {"ph": ResponseValue(7.0, None, "ok")})
    assert added == replace(record, responses={"ph": ResponseValue(7.0, None, "ok")})
    told = amended_document(added, "Ada")
    assert told["amended_by"] == "Ada"
    assert not {"started", "finished"} & set(told)  # perhaps times of an earlier start


async def test_a_result_that_cannot_be_recorded_is_not_believed():
    bench = Bench(experiments=1)
    await finished(bench)
    bench.full_disk = True
    late = {"ph": ResponseValue(7.0, None, "ok")}
    with pytest.raises(StoreFailed):
        await bench.campaign.steering.add_result("e-0001", late)
    assert "ph" not in bench.memory.records["e-0001"].responses


async def test_a_batch_is_asked_for_at_once_and_filled_up_while_its_points_run():
    bench = Bench(pending=3, experiments=5)
    await finished(bench)
    asked = [row[1] for row in bench.log if row[0] == "asked"]
    assert asked == [0, 2, 2]  # three at once, then one for each that has run
    assert len(bench.runs) == 5


async def test_a_person_picks_from_a_batch_and_vetoes_what_waits_to_be_run():
    bench = Bench(approve=True, pending=3, experiments=3)
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(5)
    assert list(bench.memory.proposed) == ["s-0001", "s-0002", "s-0003"]
    decide = bench.campaign.steering.decide
    await decide("s-0003", approved=True, by="Ada")
    await decide("s-0001", approved=False, reason="too hot")
    await asyncio.sleep(2)
    await decide("s-0002", approved=True)
    await decide("s-0002", approved=False, reason="on second thoughts")  # it waits behind s-0003
    with pytest.raises(Refused, match="waits for a decision"):
        await decide("s-0003", approved=False)  # it runs
    assert [s.id for s in bench.memory.vetoed] == ["s-0001", "s-0002"]
    bench.campaign.stop()
    await run
    assert bench.runs == ["e-0001"]


async def test_a_full_disk_during_a_veto_decides_nothing():
    bench = Bench(approve=True)
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
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
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
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


async def test_what_an_edit_leaves_out_is_withdrawn_but_not_what_a_person_submitted():
    bench = Bench(pending=4, experiments=9)
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(5)  # s-0001 runs at 30, the others wait at 31, 32, 33
    await bench.campaign.submit({"temperature": 34.0})
    factor = {"name": "temperature", "low": 33, "high": 90}
    new = bench.campaign.settings.model_copy(
        update={"factors": [type(bench.campaign.settings.factors[0]).model_validate(factor)]}
    )
    running = bench.campaign.running
    await bench.campaign.steering.edit_space(new, by="Ada")
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


async def test_a_planner_that_fails_leaves_the_running_experiment_alone_and_is_asked_after_it():
    bench = Bench(pending=2, experiments=3)
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
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
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
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
    bench.campaign.start()
    run = asyncio.create_task(bench.campaign.run())
    await asyncio.sleep(20)
    assert bench.campaign.state is State.HELD
    bench.campaign.resume()
    assert await run is State.COMPLETE
