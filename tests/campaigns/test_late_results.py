"""One response comes from the rig, another from the analyst hours later."""

import asyncio

import pytest

from daemon.api.commands import Skip, SubmitResult
from daemon.app.state import state_document
from daemon.campaign.problem import observations, problem_for
from daemon.cli.progress import summary
from daemon.errors import BadRequest, Refused
from daemon.store.reader import Reader
from daemon.store.status import status
from tests.campaigns.days import events, scenario
from tests.campaigns.test_planned import planned_by

RESPONSES = [{"name": "space_time_yield"}, {"name": "purity", "kind": "offline", "unit": "%"}]
GOALS = [{"response": "space_time_yield"}, {"response": "purity"}]


def settings_of(experiments, objectives=GOALS, **campaign):
    more = {"responses": RESPONSES}
    return planned_by("bayes", experiments, more, objectives=objectives, **campaign)


def purity(record):
    return 99.0 - 0.2 * record["requested"]["temperature"]


def history(stage):
    campaign = stage.campaign
    problem = problem_for(campaign.settings, campaign.memory)
    return observations(problem, campaign.memory, [], late={"purity"})


async def hand_in(stage, record, **more):
    value = {"value": purity(record), "sd": 0.3, **more}
    given = SubmitResult(experiment=record["id"], responses={"purity": value}, by="Ada")
    return await stage.commands.result_submit(given)


def test_what_is_there_counts_at_once_and_the_rest_when_it_comes(tmp_path):
    async def analyst(stage):
        done = []
        while len(done) < 8:
            done.append(await stage.until("experiment", status="ok"))
            await asyncio.sleep(5)
            if len(done) == 3:
                runs = history(stage)
                assert [run.status for run in runs] == ["ok"] * 3
                assert [set(run.responses) for run in runs] == [{"space_time_yield"}] * 3
                await hand_in(stage, done[0])
                first = history(stage)[0]
                assert first.responses["purity"].value == pytest.approx(purity(done[0]))
                assert first.responses["purity"].sd == 0.3
                await hand_in(stage, done[1], quality="suspect")
            if len(done) == 6:
                for record in done[2:5]:
                    await hand_in(stage, record)
        await stage.until("campaign", state="complete")

    outcome = scenario(tmp_path, settings_of(8), analyst)
    assert outcome.exit_code == 0
    runs = outcome.document["experiments"]
    assert [e["status"] for e in runs] == ["ok"] * 8
    told = [sorted(e["responses"]) for e in runs]
    assert told == [["purity", "space_time_yield"]] * 5 + [["space_time_yield"]] * 3
    notes = [e["reason"] for e in events(tmp_path, "suggestion") if e["state"] == "proposed"]
    assert any("front" in note for note in notes)  # both responses are modelled by now
    best = outcome.document["standing"]["best"]
    assert best
    assert set(best[0]["predicted"]) == {"space_time_yield", "purity"}


def test_a_result_after_the_end_and_after_a_restart_counts_and_keeps_the_times(tmp_path):
    async def wait(stage):
        await stage.until("campaign", state="complete")

    settings = settings_of(4, [{"response": "purity"}])
    scenario(tmp_path, settings, wait, once=False)
    with Reader(tmp_path) as reader:
        before = reader.campaign().experiments
    assert [e.status for e in before] == ["ok"] * 4
    told = status(tmp_path)
    assert told["awaited"] == {"purity": [e.id for e in before]}
    standing = told["standing"]
    assert standing["best"] == []
    assert standing["text"].endswith("needs two good values (not yet: purity)")

    async def analyst(stage):
        for record in (e.document() for e in before):
            await hand_in(stage, record)
        answer = await stage.commands.result_submit(
            SubmitResult(experiment="e-0001", responses={"colour": 5.0})
        )
        assert answer["unknown"] == ["colour"]
        assert "replaced" not in answer
        with pytest.raises(BadRequest, match=r"Puritty: is no resp.* did you mean 'purity'\?"):
            await stage.commands.result_submit(
                SubmitResult(experiment="e-0001", responses={"Puritty": 5.0, "colour": 6.0})
            )
        assert stage.campaign.memory.records["e-0001"].responses["colour"].value == 5.0

    scenario(tmp_path, settings, analyst, once=False, restart="configured")
    with Reader(tmp_path) as reader:
        campaign = reader.campaign()
    assert status(tmp_path)["awaited"] == {}
    after = campaign.experiments
    assert [(e.id, e.started, e.finished, e.status) for e in after] == [
        (e.id, e.started, e.finished, e.status) for e in before
    ]
    values = [e.responses["purity"]["value"] for e in after]
    assert values == pytest.approx([purity(e.document()) for e in before])
    (best,) = campaign.standing["best"]
    coldest = min(before, key=lambda e: e.requested["temperature"])
    assert best["experiment"] == coldest.id


def test_a_result_that_replaces_one_says_what_was_there(tmp_path):
    async def analyst(stage):
        record = await stage.until("experiment", status="ok")
        await stage.until("campaign", state="complete")
        measured = record["responses"]["space_time_yield"]
        given = SubmitResult(experiment=record["id"], responses={"space_time_yield": 3.0})
        would = await stage.commands.result_check(given)
        stored = stage.campaign.memory.records[record["id"]].responses["space_time_yield"]
        assert stored.value == measured["value"]
        answer = await stage.commands.result_submit(given)
        assert answer == would
        assert answer["replaced"]["space_time_yield"]["value"] == measured["value"]
        assert answer["replaced"]["space_time_yield"]["reason"] != "offline"
        again = await stage.commands.result_submit(given)
        assert again["replaced"]["space_time_yield"]["value"] == 3.0
        assert again["replaced"]["space_time_yield"]["reason"] == "offline"
        with pytest.raises(Refused, match="there is no experiment 'e-0042'"):
            await stage.commands.result_check(given.model_copy(update={"experiment": "e-0042"}))

    scenario(tmp_path, planned_by("lhs", 1), analyst, once=False)


def test_a_result_of_an_experiment_that_gave_nothing_is_kept_and_told_to_be_of_no_use(tmp_path):
    async def skip_one(stage):
        await stage.until("experiment", status="running")
        await stage.commands.experiment_skip(Skip())
        record = await stage.until("experiment", status="aborted")
        given = SubmitResult(experiment=record["id"], responses={"purity": 97.0})
        answer = await stage.commands.result_submit(given)
        assert answer["passed_over"] == "aborted"
        assert stage.campaign.memory.records[record["id"]].responses["purity"].value == 97.0
        assert state_document(stage.parts)["campaign"]["awaited"] == {}
        await stage.until("campaign", state="complete")

    outcome = scenario(tmp_path, settings_of(2), skip_one)
    assert outcome.document["awaited"] == {"purity": ["e-0002", "e-0003"]}
    text = summary(outcome.document)
    assert (
        "awaited  purity of e-0002, e-0003\n         hand it in with `taylord result` while" in text
    )


def test_a_campaign_of_late_results_alone_keeps_looking_around_meanwhile(tmp_path):
    async def wait(stage):
        await stage.until("campaign", state="complete")
        assert {run.status for run in history(stage)} == {"pending"}

    outcome = scenario(tmp_path, settings_of(5, [{"response": "purity"}]), wait)
    points = [tuple(e["requested"].values()) for e in outcome.document["experiments"]]
    assert len(set(points)) == 5
