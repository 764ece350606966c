"""Batches that share a value, and what a point costs by its recipe."""

import pytest

from daemon.app import assembly
from daemon.campaign.cost import costs, run_minutes
from daemon.planning.worker import planner_of
from daemon.settings.check_problem import problem_remarks
from daemon.settings.load import parse, read_toml
from tests.campaigns.days import EXAMPLE, day, events
from tests.campaigns.test_planned import planned_by

POINT = {"temperature": 60.0, "concentration": 0.3, "equivalents.pyrrolidine": 2.0}


@pytest.mark.parametrize("planner", ["lhs", "bayes"])
def test_a_batch_shares_a_temperature_and_the_next_one_has_another(tmp_path, planner):
    settings = planned_by(planner, 6, batch=3, shared=["temperature"])
    document = day(tmp_path, settings).document
    assert document["state"] == "complete"
    heats = [e["requested"]["temperature"] for e in document["experiments"]]
    assert len(set(heats[:3])) == len(set(heats[3:])) == 1
    assert heats[0] != heats[3]
    taus = [e["requested"]["residence_time"] for e in document["experiments"]]
    assert len(set(taus)) > 3
    told = [(e["state"], e["id"]) for e in events(tmp_path, "suggestion")]
    assert [state for state, _ in told[:3]] == ["proposed"] * 3
    assert told.index(("started", "s-0003")) < told.index(("proposed", "s-0004"))


def test_longer_residence_and_heating_cost_the_time_they_take():
    settings = planned_by("bayes", 3, cost="time", ramp_k_min=1.5)
    short, long = (run_minutes(settings, POINT | {"residence_time": t}) for t in (0.5, 2.0))
    found = costs(settings)
    assert found["run_cost"]["residence_time"] == pytest.approx((long - short) / short, rel=0.1)
    assert found["move_cost"]["temperature"] == pytest.approx(90 / 1.5 / short, rel=0.1)
    assert set(found["run_cost"]) == {"residence_time"}  # the others change no duration
    planner = planner_of(settings.campaign, found)
    assert planner.options["run_cost"] == found["run_cost"]
    assert planner.options["move_cost"] == found["move_cost"]


def test_what_the_configuration_says_itself_stands_and_other_planners_are_not_told():
    own = {"run_cost": {"residence_time": 9.0}}
    settings = planned_by("bayes", 3, cost="time", options=own)
    planner = planner_of(settings.campaign, costs(settings))
    assert planner.options == own
    assert planner_of(planned_by("lhs", 3, cost="time").campaign, costs(settings)).options == {}
    assert costs(planned_by("bayes", 3)) == {}


def test_the_campaign_tells_its_planner(tmp_path, monkeypatch):
    asked = []

    def keep(section, told=None):
        asked.append(planner_of(section, told or {}))
        return asked[-1]

    monkeypatch.setattr(assembly, "planner_of", keep)
    day(tmp_path, planned_by("bayes", 1, cost="time", ramp_k_min=1.5))
    assert {"run_cost", "move_cost"} <= set(asked[-1].options)


def test_a_plain_scale_over_decades_is_worth_a_word():
    fixed = {"residence_time": 1.0, "temperature": 60.0, "equivalents.pyrrolidine": 2.0}
    wide = {"name": "concentration", "low": 1e-4, "high": 0.5}
    (remark,) = problem_remarks(planned_by("lhs", 12, factors=[wide], fixed=fixed))
    assert remark.startswith("campaign.factors: concentration: spans 3.7 decades (0.0001 to 0.5)")
    wide |= {"transform": "log"}
    assert problem_remarks(planned_by("lhs", 12, factors=[wide], fixed=fixed)) == []


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"shared": ["temprature"]}, "campaign.shared.0: 'temprature' is no factor; did you mean"),
        ({"batch": 3, "pending": 2}, "campaign.pending: is for points one by one"),
        ({"batch": 0}, "campaign.batch: must be greater than or equal to 1"),
        ({"shared": ["temperature"]}, "campaign.shared: points run one by one share nothing"),
        ({"ramp_k_min": 2.0}, 'campaign.ramp_k_min: is for cost = "time" alone'),
        ({"cost": "money"}, "campaign.cost: must be 'none' or 'time'"),
        ({"ramp_k_min": 0.0}, "campaign.ramp_k_min: must be greater than 0"),
    ],
)
def test_a_batch_or_cost_that_is_none_is_a_fault_of_the_file(keys, says):
    raw = read_toml(EXAMPLE)
    raw["campaign"] |= keys
    _, faults = parse(raw)
    assert any(fault.startswith(says) for fault in faults), faults
