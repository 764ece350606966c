"""Campaigns through the whole application with planners of every kind, good and bad."""

import asyncio
import os
import signal
import sys

import pytest

from daemon.api.commands import Because
from daemon.app.state import state_document
from daemon.settings.load import parse, read_toml
from daemon.store.export import experiments_document
from daemon.store.reader import Reader
from daemon.store.status import status
from tests.campaigns.days import EXAMPLE, day, events, scenario

RANDOM = """
import json, random, sys
for line in sys.stdin:
    request = json.loads(line)
    assert set(request) >= {"problem", "history", "n", "seed"}
    (response,) = request["problem"]["responses"]
    assert (response["name"], response["unit"]) == ("space_time_yield", "kg/(m3 h)")
    rng = random.Random(request["seed"] + len(request["history"]))
    point = {
        f["name"]: f["low"] + rng.random() * (f["high"] - f["low"]) / 2
        for f in request["problem"]["factors"]
    }
    point["residence_time"] += 0.75
    print(json.dumps({"points": [point]}), flush=True)
"""
OUTSIDE = """
import sys
for line in sys.stdin:
    print('{"points": [{"residence_time": 1e9, "temperature": NaN}]}', flush=True)
"""
DIES = "import sys; sys.stdin.readline(); sys.exit('no idea')"
BABBLES = "import sys\nfor line in sys.stdin: print('hello', flush=True)"


def planned_by(planner, experiments=2, more=None, **campaign):
    """Return the example's settings with another planner."""
    raw = read_toml(EXAMPLE)
    if not campaign.get("approve"):  # then a broker is needed, if not here
        raw.pop("mqtt")
    raw["campaign"] |= {"planner": planner, "experiments": experiments} | campaign
    raw |= more or {}
    settings, faults = parse(raw)
    assert not faults
    return settings


@pytest.fixture
def program(tmp_path):
    """Make a planner's program of its source."""

    def program(source, **more):
        path = tmp_path / "planner.py"
        path.write_text(source)
        return {"command": [sys.executable, str(path)]} | more

    return program


def test_a_latin_hypercube_fills_the_box(tmp_path):
    outcome = day(tmp_path, planned_by("lhs", 3, options={"n_runs": 3}))
    assert outcome.document["planner"] == "lhs"
    assert [e["status"] for e in outcome.document["experiments"]] == ["ok"] * 3
    taken = sorted(
        int((e["requested"]["temperature"] - 30) / 30) for e in outcome.document["experiments"]
    )
    assert taken == [0, 1, 2]


def test_any_program_can_be_the_planner(tmp_path, program):
    asked = program(RANDOM)
    outcome = day(tmp_path / "data", planned_by(asked))
    assert outcome.exit_code == 0
    assert outcome.document["planner"] == " ".join(asked["command"])
    assert [e["status"] for e in outcome.document["experiments"]] == ["ok"] * 2


@pytest.mark.parametrize("source", [OUTSIDE, DIES, BABBLES])
def test_a_planner_that_answers_nonsense_moves_nothing_and_ends_the_campaign(
    tmp_path, program, source
):
    outcome = day(tmp_path / "data", planned_by(program(source)))
    assert outcome.exit_code == 3
    assert outcome.document["experiments"] == []
    assert "the planner failed 3 times" in outcome.reason
    assert (
        len([e for e in events(tmp_path / "data", "decision") if e["what"] == "planner failed"])
        == 3
    )


def test_a_campaign_that_a_fault_holds_raises_an_alarm_until_it_is_resumed(tmp_path, program):
    async def wait_for_the_alarm(stage):
        alarm = await stage.until("alarm", name="campaign held", state="active")
        assert "the planner failed 3 times" in alarm["message"]
        assert "waits for campaign.resume" in alarm["message"]
        (standing,) = state_document(stage.parts)["alarms"]
        assert standing["id"] == "campaign held"
        await stage.commands.campaign_resume(Because())
        assert len(stage.told("alarm", name="campaign held", state="cleared")) == 1
        await stage.until("alarm", name="campaign held", state="active")
        await stage.commands.campaign_stop(Because())
        assert len(stage.told("alarm", name="campaign held", state="cleared")) == 2

    scenario(tmp_path / "data", planned_by(program(DIES)), wait_for_the_alarm, once=False)


def test_an_interrupted_campaign_raises_an_alarm_until_somebody_starts_it(tmp_path):
    async def begin(stage):
        await stage.until("experiment", state="running")

    async def decide(stage):
        if not stage.told("alarm", name="interrupted campaign", state="active"):
            await stage.until("alarm", name="interrupted campaign", state="active")
        await asyncio.sleep(600)
        assert not stage.told("alarm", name="interrupted campaign", state="cleared")
        await stage.commands.campaign_start(Because())
        assert stage.told("alarm", name="interrupted campaign", state="cleared")
        assert state_document(stage.parts)["alarms"] == []

    scenario(tmp_path, planned_by("lhs"), begin, once=False)
    scenario(tmp_path, planned_by("lhs"), decide, once=False, restart="configured")


def test_a_campaign_that_a_person_holds_raises_no_alarm(tmp_path):
    async def hold(stage):
        await stage.step("StartFlows")
        await stage.commands.campaign_hold(Because())
        await stage.until("campaign", state="held")
        await asyncio.sleep(60)
        assert stage.told("alarm", name="campaign held") == []

    scenario(tmp_path, planned_by("lhs"), hold, once=False)


def test_a_planner_that_stalls_is_given_up(tmp_path, program):
    stalls = program("import sys, time; sys.stdin.readline(); time.sleep(60)", timeout_s=0.3)
    outcome = day(tmp_path / "data", planned_by(stalls))
    assert outcome.exit_code == 3
    assert "0.3 s" in outcome.reason


def test_a_planner_killed_between_its_answers_is_started_anew(tmp_path):
    async def kill_after_the_first(stage):
        await stage.until("experiment", status="ok")
        os.kill(stage.parts.worker.pid, signal.SIGKILL)
        await asyncio.Event().wait()

    outcome = scenario(tmp_path, planned_by("lhs", 3), kill_after_the_first)
    assert outcome.exit_code == 0
    assert len(outcome.document["experiments"]) == 3


def test_a_planner_killed_while_it_thinks_is_asked_again(tmp_path, program):
    suicidal = RANDOM.replace(
        "    request = json",
        "    import os, pathlib\n"
        "    mark = pathlib.Path(__file__).with_suffix('.dead')\n"
        "    if not mark.exists():\n"
        "        mark.touch()\n"
        "        os.kill(os.getppid(), 9)\n"
        "    request = json",
    )
    outcome = day(tmp_path / "data", planned_by(program(suicidal)))
    assert outcome.exit_code == 0
    failed = [e for e in events(tmp_path / "data", "decision") if e["what"] == "planner failed"]
    assert len(failed) == 1
    assert "SIGKILL" in failed[0]["why"]


def test_two_objectives_make_a_front(tmp_path):
    responses = [{"name": "space_time_yield"}, {"name": "e_factor"}]
    objectives = [
        {"response": "space_time_yield", "goal": "maximise"},
        {"response": "e_factor", "goal": "minimise"},
    ]
    settings = planned_by("bayes", 3, {"responses": responses}, objectives=objectives)
    document = day(tmp_path, settings).document
    assert document["front"]
    values = [
        (e["responses"]["space_time_yield"]["value"], -e["responses"]["e_factor"]["value"])
        for e in document["experiments"]
    ]
    ids = [e["id"] for e in document["experiments"]]
    best = {
        name
        for name, own in zip(ids, values, strict=True)
        if not any(all(o >= m for o, m in zip(v, own, strict=True)) and v != own for v in values)
    }
    assert {e["id"] for e in document["front"]} == best


def test_two_points_are_asked_ahead(tmp_path):
    outcome = day(tmp_path, planned_by("bayes", 3, pending=2))
    assert outcome.exit_code == 0
    assert len(outcome.document["experiments"]) == 3
    order = [(e["state"], e["id"]) for e in events(tmp_path, "suggestion")]
    assert (
        order.index(("proposed", "s-0002")) < order.index(("started", "s-0001"))
        or [state for state, _ in order][:3].count("proposed") == 2
    )


def test_campaigns_in_one_directory_keep_their_experiments_apart(tmp_path):
    conditions = {
        "residence_time": 1.0,
        "temperature": 40.0,
        "concentration": 0.3,
        "equivalents.pyrrolidine": 2.0,
    }
    settings = planned_by("bayes", 1)
    for _ in range(2):
        outcome = day(tmp_path, settings, conditions=conditions)
        assert [e["id"] for e in outcome.document["experiments"]] == ["e-0001"]
    assert status(tmp_path)["progress"] == {"done": 1, "of": 1, "ok": 1}
    kept = sorted(path.parent.parent.name for path in tmp_path.glob("raw/*/e-0001/1.csv"))
    assert kept == ["c-0001", "c-0002"]
    with Reader(tmp_path) as reader:
        every = experiments_document(reader)["experiments"]
    assert [e["campaign"] for e in every] == ["c-0001", "c-0002"]
