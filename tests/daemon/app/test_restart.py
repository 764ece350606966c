"""What a start does with the campaign it finds is what the table says."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.app import restart
from daemon.app.plan import RunPlan
from daemon.app.reactions import INTERRUPTED
from daemon.app.restart import begins_by_itself, campaign_to_continue
from daemon.errors import ConfigError
from daemon.store.reader import Reader
from daemon.store.stored import StoredCampaign, StoredExperiment, StoredSuggestion
from tests.campaigns.days import begin, scenario, settings_of

DONE = StoredExperiment("e-0001", "c-0001", "b", "ok", {}, {}, {}, {}, "", None, None, None, None)

CUT = replace(DONE, status="interrupted")


def campaign(state, *, experiments=(DONE,), suggestions=(), space=None):
    known = (experiments, suggestions, space or {})
    return StoredCampaign("c-0001", "b", state, "", None, "bayes", 0, 3, None, "", None, *known)


def suggestion(state):
    return StoredSuggestion("s-0001", state, {}, {}, "", "planner", None)


@pytest.fixture
def asked(monkeypatch):
    """Ask what a start does with a campaign of this state (None: an empty directory)."""

    def ask(state, *, on_restart="ask", start="auto", **how):
        kept = ("experiments", "suggestions", "space")
        left = {name: how.pop(name) for name in kept if name in how}
        settings = settings_of(3)
        section = settings.campaign.model_copy(update={"on_restart": on_restart, "start": start})
        settings = settings.model_copy(update={"campaign": section})
        plan = replace(RunPlan(settings, "", Path("data"), restart="configured"), **how)
        last = campaign(state, **left) if state else None
        monkeypatch.setattr(restart, "_last", lambda _: last)
        found = campaign_to_continue(plan)
        return found is not None, begins_by_itself(plan, found)

    return ask


@pytest.mark.parametrize(
    ("state", "how", "expected"),
    [
        (None, {}, (False, True)),
        (None, {"start": "command"}, (False, False)),
        ("running", {}, (True, False)),
        ("running", {"on_restart": "safe"}, (True, False)),
        ("running", {"on_restart": "resume"}, (True, True)),
        ("held", {"on_restart": "resume"}, (True, True)),
        ("running", {"on_restart": "resume", "experiments": (CUT, CUT)}, (True, True)),
        ("running", {"on_restart": "resume", "experiments": (CUT, DONE, CUT, CUT)}, (True, True)),
        ("running", {"on_restart": "resume", "experiments": (DONE, CUT, CUT, CUT)}, (True, False)),
        ("running", {"restart": "resume", "experiments": (CUT, CUT, CUT)}, (True, True)),
        ("stopping", {"on_restart": "resume"}, (True, False)),
        ("aborting", {"on_restart": "resume"}, (True, False)),
        ("stopped", {"on_restart": "resume"}, (True, False)),
        ("aborted", {"on_restart": "resume"}, (True, False)),
        ("complete", {"on_restart": "resume"}, (True, False)),
        (None, {"once": True, "start": "command"}, (False, True)),
        ("complete", {"once": True}, (False, True)),
        ("running", {"once": True, "on_restart": "resume"}, (True, True)),
        ("running", {"restart": "resume"}, (True, True)),
        ("aborted", {"restart": "resume"}, (True, True)),
        ("running", {"restart": "new", "once": True}, (False, True)),
        ("complete", {"restart": "new", "once": True, "conditions": {"t": 1}}, (False, True)),
        ("running", {"experiments": ()}, (False, True)),
        ("running", {"experiments": (), "suggestions": (suggestion("proposed"),)}, (False, True)),
        ("running", {"experiments": (), "suggestions": (suggestion("vetoed"),)}, (True, False)),
        (
            "running",
            {"experiments": (), "space": {"configured": {}, "current": {"x": 1}}},
            (True, False),
        ),
        ("idle", {"experiments": (), "restart": "resume"}, (True, True)),
        ("complete", {"restart": "resume"}, (True, True)),  # the file has more experiments
    ],
)
def test_a_row_of_the_table(asked, state, how, expected):
    assert asked(state, **how) == expected


@pytest.mark.parametrize(
    ("state", "how", "says"),
    [
        (None, {"restart": "resume"}, "holds no campaign to resume"),
        (
            "complete",
            {"restart": "resume", "experiments": (DONE, CUT, DONE, DONE, DONE)},
            r"c-0001 \(complete\) has done 4 experiments, and campaign.experiments is 3; raise it",
        ),
        ("stopped", {"restart": "resume", "experiments": (DONE,) * 3}, "nothing is left to resume"),
        ("running", {"once": True}, "`taylord resume` goes on with it, another --data begins"),
        ("aborted", {"once": True}, "`taylord resume` goes on with it, another --data begins"),
        ("running", {"restart": "new", "conditions": {"t": 1}}, "c-0001, running after 1 exp"),
    ],
)
def test_a_person_must_say(asked, state, how, says):
    with pytest.raises(ConfigError, match=says):
        asked(state, **how)


def test_the_record_of_another_rig_is_refused(tmp_path):
    settings = settings_of(1)
    begin(tmp_path, settings)
    other = settings.model_copy(update={"name": "flow-2"})
    with pytest.raises(
        ConfigError, match="is the record of rig 'flow-1', and this is rig 'flow-2'"
    ):
        begin(tmp_path, other)
    with Reader(tmp_path) as reader:
        assert reader.meta()["rig"] == "flow-1"
        assert reader.count("boots") == 1
    begin(tmp_path, settings)


def test_a_start_that_waits_after_experiments_cut_short_in_a_row_calls_a_person(tmp_path):
    settings = settings_of()
    section = settings.campaign.model_copy(update={"on_restart": "resume"})
    settings = settings.model_copy(update={"campaign": section})
    for _ in range(3):
        assert _killed_in_the_middle(tmp_path, settings) == []
    (message,) = _killed_in_the_middle(tmp_path, settings)
    assert message.endswith(
        "the last 3 experiments were all cut short by the end of taylord: look into the log"
    )


def _killed_in_the_middle(data, settings):
    """Start a daemon, and leave it in the first experiment; return what it calls a person for."""

    async def script(stage):
        if begins_by_itself(stage.parts.plan, stage.parts.continues):
            await stage.step("Heat")
        else:
            await asyncio.sleep(5.0)
        alarms = [a for a in stage.rig.alarms.all() if a.id == INTERRUPTED]
        told.extend(alarm.message for alarm in alarms)

    told = []
    scenario(data, settings, script, once=False, restart="configured")
    return told
