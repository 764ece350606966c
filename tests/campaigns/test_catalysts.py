"""The example rig that chooses a catalyst, through the whole application; virtual time."""

import csv
import json
import re
from pathlib import Path

import pytest

from daemon.api.commands import Decide, EditSpace, Submit, Veto
from daemon.app.plan import RunPlan
from daemon.app.serve import run
from daemon.errors import Refused
from daemon.settings.load import parse
from daemon.store.export import export
from daemon.store.status import status, status_text
from planners.base import Problem
from planners.history import read_history
from tests.campaigns.days import events, scenario
from tests.daemon.experiment.choosing import CATALYSTS, sections

PAGE = Path(__file__).parents[2] / "docs" / "planners" / "campaigns.md"
FACTORS = ("catalyst", "equivalents.catalyst", "residence_time", "temperature")


def settings_of(experiments, **campaign):
    raw = sections(campaign={"experiments": experiments, **campaign})
    if not campaign.get("approve"):  # then a broker is needed, if not here
        raw.pop("mqtt")
    raw["campaign"]["factors"][2]["high"] = 3.0  # min: quicker than the file's
    settings, faults = parse(raw)
    assert faults == []
    return settings


def day(data, settings, **options):
    plan = {"simulate": True, "speed": "max", "once": True, "seed": 0, "restart": "new"} | options
    return run(RunPlan(settings, CATALYSTS.read_text(), Path(data), **plan), lambda _: None)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    data = tmp_path_factory.mktemp("catalysts")
    return data, day(data, settings_of(6))


def test_the_planner_s_catalysts_are_run_and_told_apart(done):
    _, outcome = done
    assert (outcome.exit_code, outcome.document["state"]) == (0, "complete")
    runs = outcome.document["experiments"]
    assert {r["requested"]["catalyst"] for r in runs} == {"phosphine", "carbene", "ligand-free"}
    for experiment in runs:
        assert experiment["status"] == "ok", experiment["reason"]
        achieved, requested = experiment["achieved"], experiment["requested"]
        assert achieved["catalyst"] == requested["catalyst"]
        assert achieved["equivalents.catalyst"] == pytest.approx(
            requested["equivalents.catalyst"], rel=0.05
        )


def test_the_export_is_a_history_of_the_problem(done, tmp_path):
    data, outcome = done
    export(data, tmp_path / "runs.csv")
    lines = (tmp_path / "runs.csv").read_text().splitlines()
    names = {row["catalyst"] for row in csv.DictReader(lines)}
    assert names == {"phosphine", "carbene", "ligand-free"}
    factors = [{"name": name, "low": 0.0, "high": 200.0} for name in FACTORS[1:]]
    factors.append({"name": "catalyst", "kind": "categorical", "levels": sorted(names)})
    problem = Problem.from_json({"factors": factors, "responses": [{"name": "yield"}]})
    history = read_history(lines, problem)
    told = [e["requested"]["catalyst"] for e in outcome.document["experiments"]]
    assert [observed.point["catalyst"] for observed in history] == told
    assert "catalyst" in status_text(status(data))


def test_a_campaign_goes_on_after_a_restart_with_a_line_that_is_not_known(tmp_path, done):
    async def until_the_third(stage):
        for _ in range(2):
            await stage.until("experiment", state="complete")
        await stage.step("WaitSteady")

    scenario(tmp_path, settings_of(4), until_the_third, once=False)
    again = day(tmp_path, settings_of(4), restart="resume")
    runs = again.document["experiments"]
    assert [e["status"] for e in runs] == ["ok", "ok", "interrupted", "ok", "ok"]
    points = [e["requested"] for e in done[1].document["experiments"]]
    assert [e["requested"] for e in runs[:4]] == [*points[:3], points[2]]
    steps = [e["step"] for e in events(tmp_path, "experiment") if e["id"] == runs[3]["id"]]
    assert "Rinse" in steps


def test_a_bottle_that_is_gone_is_taken_out_and_what_it_showed_stays(tmp_path):
    told = {}

    async def chemist(stage):
        for _ in range(3):
            await stage.until("experiment", state="complete")
        with pytest.raises(Refused, match="no feed is called 'nickel'"):
            await stage.commands.space_edit(EditSpace(values={"catalyst": ["carbene", "nickel"]}))
        edit = EditSpace(values={"catalyst": ["carbene", "ligand-free"]}, reason="air got in")
        told["changes"] = (await stage.commands.space_edit(edit))["changes"]
        told["after"] = len(stage.campaign.memory.records)
        await stage.until("campaign", state="complete")

    outcome = scenario(tmp_path, settings_of(7), chemist)
    runs = [e["requested"]["catalyst"] for e in outcome.document["experiments"]]
    assert len(runs) == 7
    assert "phosphine" in runs[:4]
    assert "phosphine" not in runs[told["after"] + 1 :]
    assert told["changes"] == [
        "catalyst: one of phosphine, carbene, ligand-free -> one of carbene, ligand-free"
    ]
    assert all(e["status"] == "ok" for e in outcome.document["experiments"])


def test_a_person_asks_for_a_catalyst(tmp_path):
    async def chemist(stage):
        await stage.until("suggestion", state="proposed")
        with pytest.raises(Refused, match="catalyst: must be one of phosphine, carbene"):
            await stage.commands.suggestion_veto(Veto(fix={"catalyst": "nickel"}))
        await stage.commands.suggestion_veto(Veto(fix={"catalyst": "ligand-free"}))
        second = await stage.until("suggestion", state="proposed")
        assert second["point"]["catalyst"] == "ligand-free"
        await stage.commands.suggestion_approve(Decide())
        own = {"catalyst": "phosphine", "equivalents.catalyst": 0.01}
        own |= {"residence_time": 1.5, "temperature": 40.0}
        await stage.commands.experiment_submit(Submit(conditions=own))
        await stage.until("experiment", state="complete")
        wrong = own | {"catalyst": "nickel"}
        with pytest.raises(Refused, match="catalyst: must be one of"):
            await stage.commands.experiment_submit(Submit(conditions=wrong))
        while stage.campaign.state == "running":
            for name in list(stage.campaign.memory.proposed):
                await stage.commands.suggestion_approve(Decide(suggestion=name))
            await stage.until("campaign")

    outcome = scenario(tmp_path, settings_of(2, approve=True), chemist)
    runs = [e["requested"]["catalyst"] for e in outcome.document["experiments"]]
    assert sorted(runs[:2]) == ["ligand-free", "phosphine"]


def test_the_page_shows_what_the_file_does(tmp_path):
    settings, faults = parse(sections() | {"mqtt": {"host": "localhost"}})
    assert faults == []
    bare = settings.model_copy(update={"mqtt": None})
    short = bare.campaign.model_copy(update={"experiments": 2})
    outcome = day(tmp_path, bare.model_copy(update={"campaign": short}))
    shown = re.findall(r"^ +\d+/25  (e-\d+)  ok .* catalyst (\S+)  .*yield ([\d.]+) ",
                       PAGE.read_text(), re.MULTILINE)  # fmt: skip
    runs = outcome.document["experiments"]
    found = [(e["id"], e["requested"]["catalyst"], e["responses"]["yield"]["value"]) for e in runs]
    assert [(name, catalyst) for name, catalyst, _ in found] == [row[:2] for row in shown]
    assert [value for *_, value in found] == pytest.approx(
        [float(row[2]) for row in shown], rel=0.02
    )
    assert json.dumps(outcome.document)
