"""Campaigns that vary the shares of feeds: what flows adds up, and keeps its limits."""

import csv
import json
import re
from pathlib import Path

import pytest

from daemon.app.plan import RunPlan
from daemon.app.serve import run
from daemon.experiment.binding import bind
from daemon.settings.load import parse, read_toml
from daemon.store.export import export
from planners.base import Problem
from planners.history import read_history
from tests.campaigns.days import EXAMPLE

FEEDS = ("substrate", "amine", "weak-amine", "solvent")


def table(**campaign):
    """Return the example rig with a fourth feed, all feeds in one composition."""
    raw = read_toml(EXAMPLE)
    raw.pop("mqtt")
    pump = {"driver": "knauer-azura-pump", "port": "socket://192.168.10.23:10001"}
    raw["instruments"]["pump-d"] = pump | {"limits": {"flow": [0.0, 5.0]}}
    weak = {"name": "weak-amine", "pump": "pump-d", "solutes": {"pyrrolidine": 1.0}}
    raw["feeds"].insert(2, weak)
    factors = [f for f in raw["campaign"]["factors"] if f["name"] == "residence_time"]
    blend = {"name": "blend", "kind": "composition", "components": list(FEEDS)}
    blend |= {"max_components": 3, "limits": {"substrate": [0.1, 0.3], "solvent": [0.1, 0.8]}}
    raw["campaign"] |= {"factors": [*factors, blend], "fixed": {"temperature": "60 degC"}}
    raw["campaign"] |= {"experiments": 8, **campaign}
    return raw


def settings_of(raw):
    settings, faults = parse(raw)
    assert faults == []
    return settings


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished campaign: data directory and outcome."""
    data = tmp_path_factory.mktemp("blend")
    plan = {"simulate": True, "speed": "max", "once": True, "seed": 0, "restart": "new"}
    return data, run(RunPlan(settings_of(table()), "", Path(data), **plan), lambda _: None)


def test_every_blend_adds_up_and_keeps_its_limits(done):
    _, outcome = done
    assert (outcome.exit_code, outcome.document["state"]) == (0, "complete")
    blends = [e["requested"]["blend"] for e in outcome.document["experiments"]]
    assert len({json.dumps(blend) for blend in blends}) == len(blends)
    for blend in blends:
        assert set(blend) == set(FEEDS)
        assert sum(blend.values()) == pytest.approx(1.0, abs=1e-9)
        assert sum(share > 0 for share in blend.values()) <= 3
        assert 0.1 - 1e-9 <= blend["substrate"] <= 0.3 + 1e-9
        assert blend["solvent"] >= 0.1 - 1e-9


def test_the_pumps_made_what_was_asked(done):
    _, outcome = done
    good = [e for e in outcome.document["experiments"] if e["status"] == "ok"]
    assert len(good) >= 7
    for experiment in good:
        total = 1.0 / experiment["requested"]["residence_time"]
        for feed, share in experiment["requested"]["blend"].items():
            assert experiment["commanded"][f"flow.{feed}"] == pytest.approx(
                share * total, abs=2e-3, rel=0.05
            )
            assert experiment["achieved"]["blend"][feed] == pytest.approx(share, abs=0.02)
        assert experiment["requested"]["temperature"] == 60.0


def test_the_export_is_a_history_with_a_column_for_each_component(done, tmp_path):
    data, outcome = done
    export(data, tmp_path / "runs.csv")
    lines = (tmp_path / "runs.csv").read_text().splitlines()
    rows = list(csv.DictReader(lines))
    assert {f"blend.{feed}" for feed in FEEDS} <= set(rows[0])
    assert {f"achieved.blend.{feed}" for feed in FEEDS} <= set(rows[0])
    factors = [
        {"name": "residence_time", "low": 0.5, "high": 2.0},
        {"name": "blend", "kind": "composition", "components": list(FEEDS), "max_components": 3},
    ]
    problem = Problem.from_json({"factors": factors, "responses": [{"name": "space_time_yield"}]})
    history = read_history(lines, problem)
    assert [dict(run.point["blend"]) for run in history] == [
        e["requested"]["blend"] for e in outcome.document["experiments"]
    ]


def blend(**changes):
    """Return the table with another composition."""
    raw = table()
    raw["campaign"]["factors"][1] |= changes
    return raw


FAULTS = [
    (blend(components=["substrate", "amin"]), "factors.1.components: no feed is called 'amin'"),
    (blend(components=["substrate"]), "factors.1.components: must name at least 2 feeds, got 1"),
    (
        blend(components=["amine", "amine", "solvent"], limits={}),
        "factors.1.components: names feed 'amine' more than once",
    ),
    (blend(max_components=5), "factors.1.max_components: must be 1 to 4, got 5"),
    (blend(limits={"amin": [0, 1]}), "factors.1.limits.amin: is no component; did you mean"),
    (blend(limits={"amine": [0.5, 0.2]}), "factors.1.limits.amine: must be [low, high] with"),
    (blend(limits={"amine": [0.5, 2]}), "factors.1.limits.amine: must be [low, high] with"),
    (
        blend(limits={"amine": [0.6, 1], "solvent": [0.6, 1]}),
        "factors.1.limits: the least amounts add up to 1.2, more than the total, 1",
    ),
    (
        blend(limits={feed: [0.1, 0.5] for feed in FEEDS}, max_components=3),
        "factors.1.limits: 4 components can never be absent, max_components is 3",
    ),
    (
        blend(limits={feed: [0, 0.3] for feed in FEEDS}, max_components=3),
        "factors.1.limits: 3 components add up to 0.9 at most, less than the total, 1",
    ),
    (blend(low=1.0), "factors.1.low: belongs to kind 'continuous', got kind 'composition'"),
    (blend(name="temperature"), "factors.1.name: 'temperature' is a number; give a composition"),
    (blend(name="my blend"), "factors.1.name: a composition's name has letters"),
    (blend(components=["amine", "solvent"]), "campaign.factors: nothing sets "),
    (
        table(fixed={"temperature": 60.0, "other": {"amine": 0.5, "solvent": 0.5}}),
        "campaign.factors: feed 'amine' belongs to both 'blend' and 'other'",
    ),
    (
        table(fixed={"temperature": 60.0, "blend": {"amine": 0.5, "solvent": 0.4}}),
        "campaign.fixed.blend: must add up to 1, got 0.9",
    ),
]


@pytest.mark.parametrize(("raw", "says"), FAULTS, ids=[says for _, says in FAULTS])
def test_a_fault_is_told_where_it_stands(raw, says):
    _, faults = parse(raw)
    assert any(
        fault.removeprefix("campaign.").startswith(says.removeprefix("campaign."))
        for fault in faults
    ), faults
    assert not any(re.match(r"campaign\.constraints\.\d", fault) for fault in faults)


def test_a_blend_that_no_pump_can_make_is_refused_before_anything_opens():
    raw = table()
    raw["campaign"]["factors"][0] |= {"low": 0.001, "high": 0.002}
    _, faults = parse(raw)
    assert faults
    assert faults[0].startswith(
        "campaign.factors: unreachable flow: no point of the box can be run"
    )
    assert "blend.substrate" in faults[0]


def test_a_fixed_blend_leaves_the_other_conditions_to_vary():
    raw = table(fixed={"blend": dict.fromkeys(FEEDS, 0.25)})
    raw["campaign"]["factors"] = read_toml(EXAMPLE)["campaign"]["factors"][:2]
    campaign = settings_of(raw).campaign
    assert campaign.fixed["blend"] == dict.fromkeys(FEEDS, 0.25)
    assert [factor.name for factor in campaign.factors] == ["residence_time", "temperature"]


def test_a_blend_of_some_feeds_leaves_their_joint_flow_to_the_others():
    raw = table(fixed={"temperature": 60.0, "concentration": 0.2, "equivalents.pyrrolidine": 2.0})
    raw["campaign"]["factors"][1] |= {"components": ["amine", "weak-amine"], "limits": {}}
    raw["campaign"]["factors"][1].pop("max_components")
    settings = settings_of(raw)
    half = {"blend": {"amine": 0.5, "weak-amine": 0.5}, "residence_time": 1.0}
    bound = bind(settings, half | raw["campaign"]["fixed"])
    assert bound.flows["amine"] == pytest.approx(bound.flows["weak-amine"])
    assert bound.commanded["concentration"] == pytest.approx(0.2)
    assert bound.commanded["equivalents.pyrrolidine"] == pytest.approx(2.0)
