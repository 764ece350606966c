"""A campaign asks ahead, performs in order, and ends when it has enough."""

import asyncio

import pytest

from daemon.campaign.states import State
from daemon.errors import Refused
from tests.daemon.campaign.bench import Bench, finished

pytestmark = pytest.mark.virtual


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


async def test_what_the_planner_passes_over_at_its_end_is_told():
    bench = Bench()
    bench.answers, bench.remark = 1, "passed over: point 2 of 2 (too hot)"
    assert await finished(bench) is State.COMPLETE
    told = "the planner has no more points: 1 of 3 experiments done; passed over: point 2 of 2"
    assert bench.campaign.reason.startswith(told)


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


async def test_a_batch_is_asked_for_at_once_and_filled_up_while_its_points_run():
    bench = Bench(pending=3, experiments=5)
    await finished(bench)
    asked = [row[1] for row in bench.log if row[0] == "asked"]
    assert asked == [0, 2, 2]  # three at once, then one for each that has run
    assert len(bench.runs) == 5
