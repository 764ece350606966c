"""What a start tells of a file that was edited since its campaign began."""

import json

import pytest

from daemon.app.history import config_changes
from daemon.store.status import status
from tests.campaigns.days import EXAMPLE, begin, day, settings_of

BEFORE = """
name = "flow-1"
[campaign]
planner = "bayes"
experiments = 40
[[campaign.factors]]
name = "temperature"
low = 30.0
high = 120.0
"""


def test_the_keys_that_changed_are_named_with_both_values():
    now = BEFORE.replace("bayes", "lhs").replace("120.0", "90.0")
    now = now.replace("experiments = 40", "pending = 2")
    assert config_changes(BEFORE, now) == [
        "campaign.experiments: is gone, was 40",
        "campaign.planner: 'bayes' -> 'lhs'",
        "campaign.pending: is new, 2",
        "campaign.factors.temperature.high: 120.0 -> 90.0",
    ]


def test_a_factor_that_is_taken_out_renames_none_of_those_that_follow():
    two = (
        BEFORE
        + """
[[campaign.factors]]
name = "concentration"
low = 0.1
"""
    )
    first = BEFORE[BEFORE.index("[[campaign.factors]]") :]
    assert config_changes(two, two.replace(first, "")) == [
        "campaign.factors.temperature.name: is gone, was 'temperature'",
        "campaign.factors.temperature.low: is gone, was 30.0",
        "campaign.factors.temperature.high: is gone, was 120.0",
    ]


def test_tables_without_names_are_counted():
    rows = "[[campaign.constraints]]\nat_most = 3.0\n"
    now = rows.replace("3.0", "4.0")
    assert config_changes(rows, now) == ["campaign.constraints.0.at_most: 3.0 -> 4.0"]


def test_an_edit_that_changes_no_key_is_told_as_one():
    assert config_changes(BEFORE, BEFORE + "# seen") == ["nothing but comments or order"]


@pytest.mark.no_cover  # two campaigns
def test_a_restart_with_an_edited_file_logs_what_changed_and_records_the_planner(tmp_path):
    settings = settings_of(1)
    day(tmp_path, settings)
    assert status(tmp_path)["campaign"]["planner"] == "bayes"
    campaign = settings.campaign.model_copy(update={"planner": "lhs"})
    settings = settings.model_copy(update={"campaign": campaign})
    text = EXAMPLE.read_text().replace('planner = "bayes"', 'planner = "lhs"', 1)
    begin(tmp_path, settings, text)
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    (line,) = [one for one in logged if one["event"] == "campaign.config_changed"]
    assert line["changes"] == ["campaign.planner: 'bayes' -> 'lhs'"]
    assert status(tmp_path)["campaign"]["planner"] == "lhs"
