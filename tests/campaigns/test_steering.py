"""People steer a campaign while it runs: they reject points, and edit the space."""

import csv
import sqlite3

import pytest

from daemon.api.commands import Because, Decide, EditSpace, Veto
from daemon.errors import Refused
from daemon.settings.load import parse, read_toml
from daemon.store.export import experiments_document, export
from daemon.store.reader import Reader
from daemon.store.status import status, status_text
from tests.campaigns.days import EXAMPLE, day, events, scenario, settings_of
from tests.campaigns.test_planned import planned_by

POINTS = ("residence_time", "temperature", "concentration", "equivalents.pyrrolidine")


async def proposed(stage):
    return await stage.until("suggestion", state="proposed")


def test_a_rejected_point_is_asked_for_again_with_a_factor_held(tmp_path):
    async def reject_one_and_approve_two(stage):
        first = await proposed(stage)
        with pytest.raises(Refused, match=r"temperature: must be in \[30, 120\], got 300"):
            await stage.commands.suggestion_veto(Veto(fix={"temperature": 300.0}))
        with pytest.raises(Refused, match="temprature: is no factor"):
            await stage.commands.suggestion_veto(Veto(fix={"temprature": 60.0}))
        assert list(stage.campaign.memory.proposed) == [first["id"]]  # nothing was decided
        veto = Veto(fix={"temperature": "333.15 K"}, reason="bath is slow today", by="Ada")
        answer = await stage.commands.suggestion_veto(veto)
        assert answer["suggestion"] == first["id"]
        second = await proposed(stage)
        assert second["instead_of"] == first["id"]
        assert second["point"]["temperature"] == pytest.approx(60.0)
        await stage.commands.suggestion_approve(Decide(by="Ada"))
        third = await proposed(stage)
        assert "instead_of" not in third
        await stage.commands.suggestion_approve(Decide())
        await stage.until("campaign", state="complete")

    outcome = scenario(tmp_path, planned_by("bayes", 2, approve=True), reject_one_and_approve_two)
    assert outcome.exit_code == 0
    one, two = outcome.document["experiments"]
    assert one["requested"]["temperature"] == pytest.approx(60.0)
    vetoed = [e for e in events(tmp_path, "suggestion") if e["state"] == "vetoed"]
    assert len(vetoed) == 1
    assert vetoed[0]["verdict"]["reason"] == "bath is slow today"
    assert vetoed[0]["verdict"]["by"] == "Ada"
    assert vetoed[0]["point"] not in (one["requested"], two["requested"])
    with Reader(tmp_path) as reader:
        kept = reader.campaign().suggestions
        (told,) = experiments_document(reader)["rejected"]
    assert [s.state for s in kept] == ["vetoed", "started", "started"]
    assert kept[1].instead_of == kept[0].id
    assert (told["by"], told["reason"]) == ("Ada", "Ada: bath is slow today")
    export(tmp_path, tmp_path / "runs.csv")
    rows = list(csv.DictReader((tmp_path / "runs.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == ["e-0001", "e-0002", "s-0001"]
    assert (rows[2]["status"], rows[2]["outcome"]) == ("failed", "vetoed")
    assert rows[2]["reason"] == "Ada: bath is slow today"
    assert float(rows[2]["temperature"]) == vetoed[0]["point"]["temperature"]


def test_a_wish_that_cannot_be_met_is_given_up_and_the_campaign_goes_on(tmp_path):
    points = [dict(zip(POINTS, (1.0, t, 0.3, 2.0), strict=True)) for t in (40.0, 50.0)]

    async def wish_for_the_impossible(stage):
        await proposed(stage)
        await stage.commands.suggestion_veto(Veto(fix={"temperature": 90.0}))
        await stage.until("suggestion", state="vetoed")  # told once more: given up
        while stage.campaign.state == "running":
            if stage.campaign.memory.proposed:
                await stage.commands.suggestion_approve(Decide())
            await stage.until("suggestion")

    settings = planned_by("replay", 2, approve=True, options={"points": points})
    outcome = scenario(tmp_path, settings, wish_for_the_impossible)
    given_up = [e for e in events(tmp_path, "suggestion") if "given_up" in e.get("verdict", {})]
    assert len(given_up) == 1
    assert outcome.document["state"] in ("complete", "stopped")
    assert [e["requested"]["temperature"] for e in outcome.document["experiments"]] == [50.0]


def test_an_edited_space_holds_from_the_next_point_on_and_leaves_the_running_one_alone(tmp_path):
    seen = {}

    async def edit(stage):
        await stage.until("experiment", status="ok")
        await stage.step("WaitSteady")
        running = stage.campaign.running
        edit = EditSpace(
            ranges={"temperature": [None, 60.0], "residence_time": ["90 s", None]},
            fix={"equivalents.pyrrolidine": 3.0},
            add_constraints=[{"terms": {"temperature": 1.0, "concentration": 50.0}, "at_most": 70}],
            reason="the solvent boils",
            by="Ada",
        )
        seen["answer"] = await stage.commands.space_edit(edit)
        assert stage.campaign.running is running
        seen["running"] = stage.campaign.experiment

    outcome = scenario(tmp_path, planned_by("bayes", 8, pending=2), edit)
    assert outcome.exit_code == 0
    assert seen["answer"]["changes"] == [
        "residence_time: 0.5 to 2 -> 90 s to 2",
        "temperature: 30 to 120 -> 30 to 60",
        "equivalents.pyrrolidine: fixed at 3",
        "constraint added: 1 temperature + 50 concentration <= 70",
    ]
    ids = [e["id"] for e in outcome.document["experiments"]]
    after = outcome.document["experiments"][ids.index(seen["running"]) + 1 :]
    assert len(after) >= 5
    for experiment in after:
        point = experiment["requested"]
        assert point["temperature"] <= 60
        assert point["residence_time"] >= 1.5
        assert point["equivalents.pyrrolidine"] == 3.0
        assert point["temperature"] + 50 * point["concentration"] <= 70 + 1e-6
    running = outcome.document["experiments"][ids.index(seen["running"])]
    assert running["status"] == "ok"
    (event,) = events(tmp_path, "space")
    assert (event["by"], event["reason"]) == ("Ada", "the solvent boils")
    withdrawn = [e for e in events(tmp_path, "suggestion") if e["state"] == "withdrawn"]
    for event in withdrawn:
        assert event["verdict"]["reason"] == "the space was edited, and the point is outside"
        assert event["point"] not in [e["requested"] for e in after]


def test_a_refused_edit_says_why_and_changes_nothing(tmp_path):
    async def try_edits(stage):
        await stage.step("Heat")
        before = stage.campaign.settings
        for edit, why in [
            (EditSpace(ranges={"temperature": [30.0, 180.0]}), r"beyond the limits of bath"),
            (EditSpace(ranges={"residence_time": [0.01, 0.02]}), "no point of the box can be run"),
            (EditSpace(ranges={"temperature": [30.0, 120.0]}), "the edit changes nothing"),
            (EditSpace(free=["temperature"]), "temperature: is not fixed"),
            (EditSpace(values={"temperature": [1.0]}), "is continuous"),
        ]:
            with pytest.raises(Refused, match=why):
                await stage.commands.space_edit(edit)
        assert stage.campaign.settings is before

    outcome = scenario(tmp_path, planned_by("lhs", 1), try_edits)
    assert outcome.exit_code == 0
    assert events(tmp_path, "space") == []


def test_a_planner_without_points_left_goes_on_in_a_wider_space(tmp_path):
    factors = [
        {"name": "temperature", "kind": "discrete", "values": [40.0, 60.0]},
    ]
    fixed = {"residence_time": 1.0, "concentration": 0.3, "equivalents.pyrrolidine": 2.0}

    async def widen(stage):
        await stage.until("experiment", status="ok")
        await stage.step("Heat")  # the second and last point runs
        await stage.commands.space_edit(EditSpace(values={"temperature": [60.0, 80.0, 90.0]}))

    settings = planned_by("bayes", 4, factors=factors, fixed=fixed)
    outcome = scenario(tmp_path, settings, widen)
    assert outcome.document["state"] == "complete"
    asked = [e["requested"]["temperature"] for e in outcome.document["experiments"]]
    assert sorted(asked) == [40.0, 60.0, 80.0, 90.0]


def test_a_list_goes_on_when_the_space_no_longer_holds_all_of_it(tmp_path):
    rest = {"residence_time": 1.0, "concentration": 0.3, "equivalents.pyrrolidine": 2.0}
    ladder = [{"temperature": t, **rest} for t in (100.0, 90.0, 60.0)]

    async def narrow(stage):
        await stage.until("experiment", status="ok")
        await stage.commands.space_edit(EditSpace(ranges={"temperature": [30.0, 80.0]}))

    settings = planned_by("replay", 3, options={"points": ladder}, pending=1)
    outcome = scenario(tmp_path, settings, narrow)
    assert outcome.document["state"] == "complete"
    asked = [e["requested"]["temperature"] for e in outcome.document["experiments"]]
    assert asked == [100.0, 60.0]
    notes = [s["reason"] for s in events(tmp_path, "suggestion")]
    assert any("point 2 of 3 (temperature: must be in [30, 80], got 90)" in n for n in notes)


def test_the_space_of_an_edited_file_holds_at_a_restart_and_is_on_record(tmp_path):
    async def stop_after_two(stage):
        await stage.until("experiment", status="ok")
        await stage.until("experiment", status="ok")

    first = planned_by("bayes", 6)
    scenario(tmp_path, first, stop_after_two, once=False)
    factors = [f.model_dump(exclude_unset=True) for f in first.campaign.factors]
    factors[1] |= {"low": 30.0, "high": 50.0}
    fixed = {"concentration": 0.25}
    factors = [f for f in factors if f["name"] != "concentration"]
    second = planned_by("bayes", 6, factors=factors, fixed=fixed)

    async def watch(stage):
        await stage.until("campaign", state="complete")

    outcome = scenario(tmp_path, second, watch, restart="resume")
    assert outcome.document["state"] == "complete"
    (event,) = events(tmp_path, "space")
    assert event["by"] == "configuration"
    assert event["changes"] == [
        "concentration: is no factor any more",
        "temperature: 30 to 120 -> 30 to 50",
        "concentration: fixed at 0.25",
    ]
    fresh = [e for e in outcome.document["experiments"] if e["status"] == "ok"][2:]
    assert len(fresh) >= 3
    for experiment in fresh:
        assert experiment["requested"]["temperature"] <= 50
        assert experiment["requested"]["concentration"] == 0.25


def test_a_record_of_an_earlier_version_goes_on(tmp_path):
    async def stop_after_one(stage):
        await stage.until("experiment", status="ok")

    scenario(tmp_path, planned_by("lhs", 3), stop_after_one, once=False)
    connection = sqlite3.connect(tmp_path / "taylord.sqlite")
    connection.executescript(
        "ALTER TABLE campaigns DROP COLUMN space; ALTER TABLE suggestions DROP COLUMN verdict;"
        "ALTER TABLE suggestions DROP COLUMN instead_of;"
    )
    connection.close()
    with Reader(tmp_path) as reader:
        assert reader.campaign().space == {}

    async def watch(stage):
        await stage.until("campaign", state="complete")

    outcome = scenario(tmp_path, planned_by("lhs", 3), watch, restart="resume")
    assert outcome.document["state"] == "complete"


def stopping(**stop):
    return planned_by("bayes", 30, stop=stop)


def test_a_campaign_that_has_found_out_enough_ends_and_says_why(tmp_path):
    outcome = day(tmp_path, stopping(reached={"space_time_yield": 5000.0}, least=5))
    assert (outcome.exit_code, outcome.document["state"]) == (0, "complete")
    done = len(outcome.document["experiments"])
    assert 5 <= done < 30
    assert outcome.reason.startswith("stopping rule: e-00")
    assert "space_time_yield at least 5000" in outcome.reason
    (decision,) = [e for e in events(tmp_path, "decision") if e.get("what") == "stopping rule"]
    assert decision["why"] == outcome.reason
    with Reader(tmp_path) as reader:
        campaign = reader.campaign()
    assert campaign.reason == outcome.reason
    best = campaign.standing["best"][0]
    by_id = {e["id"]: e for e in outcome.document["experiments"]}
    assert by_id[best["experiment"]]["responses"]["space_time_yield"]["value"] > 5000
    assert outcome.document["standing"]["text"] == campaign.standing["text"]
    text = status_text(status(tmp_path))
    assert f"best          {best['experiment']} (" in text
    assert "experiments were running" in text


def test_a_campaign_without_improvement_ends(tmp_path):
    outcome = day(tmp_path, stopping(no_improvement=3, least=4))
    assert outcome.document["state"] == "complete"
    assert "in the last 3 experiments" in outcome.reason
    best = outcome.document["standing"]["best"][0]["experiment"]
    ids = [e["id"] for e in outcome.document["experiments"]]
    assert ids.index(best) < len(ids) - 3
    assert len(ids) < 30


def test_points_asked_ahead_are_withdrawn_when_a_rule_ends_the_campaign(tmp_path):
    settings = planned_by("bayes", 30, pending=3, stop={"regret_below": 1e9, "least": 4})
    outcome = day(tmp_path, settings)
    assert outcome.document["state"] == "complete"
    assert "less than regret_below" in outcome.reason
    told = [(e["id"], e["state"]) for e in events(tmp_path, "suggestion")]
    started = {name for name, state in told if state == "started"}
    withdrawn = {name for name, state in told if state == "withdrawn"}
    assert not started & withdrawn
    assert len(started) == len(outcome.document["experiments"]) < 10


@pytest.mark.parametrize(
    ("stop", "says"),
    [
        ({"reached": {"yeild": 1.0}}, "campaign.stop.reached.yeild: is no objective"),
        ({"targets_met": True}, "campaign.stop.targets_met: there is no objective with goal"),
        ({"no_improvement": 0}, "campaign.stop.no_improvement: must be greater than or equal to 1"),
        ({"no_improvement": 3, "least": 30}, "campaign.stop.least: must be less than campaign.exp"),
        ({"regret": 3}, "campaign.stop.regret: unknown key; did you mean 'regret_below'?"),
        ({"probability": 1.5}, "campaign.stop.probability: must be less than or equal to 1"),
    ],
)
def test_a_rule_that_cannot_be_judged_is_a_fault_of_the_file(stop, says):
    raw = read_toml(EXAMPLE)
    raw["campaign"]["experiments"], raw["campaign"]["stop"] = 30, stop
    _, faults = parse(raw)
    assert any(fault.startswith(says) for fault in faults), faults


def test_whoever_starts_the_campaign_while_instruments_are_looked_for_is_heard(tmp_path):
    async def script(stage):
        await stage.commands.campaign_start(Because())
        await stage.until("campaign", state="complete")

    outcome = scenario(tmp_path, settings_of(1), script)
    assert outcome.document["state"] == "complete", outcome.reason


def test_that_a_campaign_was_given_up_is_told_before_anybody_can_start_it_again(tmp_path):
    silent = [{"kind": "silent", "at": 60.0, "instrument": "nmr"}]
    day(tmp_path, settings_of(faults=silent))

    async def script(stage):
        assert "campaign given up" in {alarm.id for alarm in stage.rig.alarms.all()}
        await stage.commands.campaign_start(Because())
        assert stage.told("alarm", id="campaign given up", state="cleared")

    scenario(tmp_path, settings_of(), script, once=False, restart="configured")
