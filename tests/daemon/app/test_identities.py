"""Who the instruments are is remembered over starts, and compared where that says something."""

import json
import sqlite3
from contextlib import closing

import pytest

from daemon.app.identities import known_identities
from daemon.app.plan import RunPlan
from daemon.store.schema import FILE_NAME
from tests.campaigns.days import EXAMPLE, events, scenario, settings_of

TEXT = EXAMPLE.read_text()
HUBER = "Huber thermostat, serial number 123456"


async def until_heated(stage):
    await stage.step("Heat")


@pytest.fixture
def night(tmp_path):
    """Return the data directory of a start that has found its instruments."""
    scenario(tmp_path, settings_of(), until_heated, once=False)
    return tmp_path


def known(data, text=TEXT, **how):
    plan = RunPlan(settings_of(), text, data, **({"simulate": True, "speed": "max"} | how))
    return known_identities(plan)


def test_a_start_knows_who_answered_at_the_last_one(night):
    assert known(night)["bath"] == HUBER
    assert known(night).keys() == settings_of().instruments.keys()


def test_a_section_that_was_edited_is_not_compared(night):
    edited = TEXT.replace("limits.setpoint = [0.0, 140.0]", "limits.setpoint = [0.0, 130.0]")
    assert known(night, edited).keys() == settings_of().instruments.keys() - {"bath"}


def test_a_real_rig_is_not_compared_with_a_simulated_one(night):
    assert known(night, simulate=False) == {}


def test_where_there_is_no_record_nothing_is_known(tmp_path):
    assert known(tmp_path / "none") == {}


async def until_held(stage):
    await stage.until("campaign", state="held")
    assert not any(stage.flows.values())
    assert "bath was exchanged: it is 'Huber thermostat" in stage.campaign.reason


def test_a_campaign_does_not_go_on_with_another_thermostat_than_last_night(night):
    with closing(sqlite3.connect(night / FILE_NAME)) as record:
        of = {**known(night), "bath": "Huber thermostat, serial number 7"}
        kept = json.dumps({"simulated": True, "of": of})
        record.execute("UPDATE meta SET value = ? WHERE key = 'identities'", (kept,))
        record.commit()
    settings = settings_of()
    section = settings.campaign.model_copy(update={"on_restart": "resume"})
    settings = settings.model_copy(update={"campaign": section})
    before = len(events(night, "experiment"))
    scenario(night, settings, until_held, once=False, restart="configured")
    moved = [e for e in events(night, "experiment")[before:] if e["state"] == "running"]
    assert moved == []
