"""A campaign whose substrate comes through a selector valve, and its amine from a Microlab 600."""

from pathlib import Path

import pytest

from daemon.app.plan import RunPlan
from daemon.app.serve import run
from daemon.settings.load import parse, read_toml
from tests.campaigns.days import EXAMPLE, events


def table():
    """Return the example rig with a VICI selector and one side of a Hamilton pump."""
    raw = read_toml(EXAMPLE)
    raw.pop("mqtt")
    raw["instruments"] |= {
        "selector": {
            "driver": "vici-actuator",
            "port": "/dev/ttyUSB5",
            "address": "Z",
            "safe_position": 1,
        },
        "pump-b": {
            "driver": "hamilton-ml600",
            "port": "/dev/ttyUSB6",
            "syringe": {"volume_ml": 10.0},
            "side": "right",
        },
    }
    raw["feeds"][0] |= {"valve": "selector", "position": 4}
    raw["campaign"] |= {"planner": "lhs", "experiments": 3}
    return raw


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished campaign: data directory and outcome."""
    data = tmp_path_factory.mktemp("selector")
    settings, faults = parse(table())
    assert not faults
    plan = {"simulate": True, "speed": "max", "once": True, "seed": 0, "restart": "new"}
    return data, run(RunPlan(settings, "", Path(data), **plan), lambda _: None)


def test_every_experiment_is_ok_with_the_conditions_asked(done):
    _, outcome = done
    assert (outcome.exit_code, outcome.document["state"]) == (0, "complete")
    for experiment in outcome.document["experiments"]:
        assert experiment["status"] == "ok", experiment
        for name, asked in experiment["requested"].items():
            assert experiment["achieved"][name] == pytest.approx(asked, rel=0.06, abs=0.1)


def test_the_valve_was_turned_once_and_before_its_pump_first_ran(done):
    data, _ = done
    commands = [c for c in events(data, "command") if c["outcome"] == "done"]
    acts = [(c["verb"], c["arguments"]) for c in commands]
    turns = [k for k, (verb, _) in enumerate(acts) if verb == "turn"]
    starts = [
        k
        for k, (verb, given) in enumerate(acts)
        if verb == "set_flow" and given.get("pump") == "pump-a" and given.get("ml_min")
    ]
    assert [acts[k][1] for k in turns] == [{"valve": "selector", "position": 4}]
    assert turns[0] < starts[0]


def test_no_alarm_was_raised(done):
    data, _ = done
    assert events(data, "alarm") == []
