"""What the whole application measures is what nature, solved independently, would give."""

import sys

import numpy as np
import pytest

from daemon.settings.load import read_toml
from tests.campaigns.days import EXAMPLE as FLOW
from tests.campaigns.days import events
from tests.campaigns.test_heated_block import day, table, truth
from tests.simulators.plant.consecutive import bodenstein
from tests.simulators.plant.references import dispersed

FLOW_CONDITIONS = {
    "residence_time": 0.8,
    "temperature": 70.0,
    "concentration": 0.2,
    "equivalents.pyrrolidine": 3.0,
}
BLOCK_CONDITIONS = {"residence_time": 1.5, "temperature": 48.0, "concentration": 0.3}
PLANNER = """
import json, sys
for line in sys.stdin:
    done = len(json.loads(line)["history"])
    point = {"residence_time": 0.5, "concentration": 0.3, "equivalents.pyrrolidine": 2.0}
    point["temperature"] = [30.0, 120.0, 30.0][done % 3]
    print(json.dumps({"points": [point]}), flush=True)
"""


def flow_table(**simulation):
    raw = read_toml(FLOW)
    raw.pop("mqtt")
    raw["simulation"] |= simulation
    return raw


def with_species(raw, *species):
    """Ask for concentrations as responses too."""
    raw["responses"] += [
        {"name": s.lower(), "kind": "concentration", "species": s} for s in species
    ]
    return raw


def values(experiment, *names):
    return [experiment["responses"][name]["value"] for name in names]


def test_the_flow_rig_measures_the_axial_dispersion_solution(tmp_path):
    raw = with_species(flow_table(noise=False), "ortho", "para", "bis")
    (experiment,) = day(tmp_path, raw, conditions=FLOW_CONDITIONS).document["experiments"]
    met = experiment["achieved"]
    c0 = met["concentration"] * np.array([1.0, met["equivalents.pyrrolidine"], 0.0, 0.0, 0.0])
    tau_s = 60.0 * met["residence_time_hot"]
    expected = dispersed(c0, met["temperature"], tau_s, bodenstein(1.0, 0.8, tau_s))
    assert values(experiment, "ortho", "para", "bis") == pytest.approx(expected[2:], rel=0.01)


def test_the_block_rig_measures_the_axial_dispersion_solution(tmp_path):
    raw = with_species(table(noise=False), "A", "P", "D")
    (experiment,) = day(tmp_path, raw, conditions=BLOCK_CONDITIONS).document["experiments"]
    assert values(experiment, "a", "p", "d") == pytest.approx(
        truth(experiment["achieved"]), rel=0.01
    )


def test_a_wrong_response_factor_is_caught_by_the_mass_balance(tmp_path):
    raw = table(noise=False)
    raw["analysis"]["peaks"] = {
        "A": {"low": 7.0, "high": 7.4, "nuclei": 2.0},  # seen as half of what is there
        "P": {"low": 5.0, "high": 5.4},
        "D": {"low": 3.0, "high": 3.4},
    }
    (experiment,) = day(tmp_path, raw, conditions=BLOCK_CONDITIONS).document["experiments"]
    assert experiment["status"] == "suspect"
    assert "mass balance" in experiment["responses"]["yield"]["reason"]


def test_the_same_point_before_and_after_a_hot_one_gives_the_same_result(tmp_path):
    raw = flow_table()
    raw["campaign"] |= {"planner": {"command": [sys.executable, "-c", PLANNER]}, "experiments": 3}
    outcome = day(tmp_path, raw)
    cold, hot, again = outcome.document["experiments"]
    assert [e["status"] for e in (cold, hot, again)] == ["ok"] * 3
    degc = [e["achieved"]["temperature"] for e in (cold, hot, again)]
    assert degc == pytest.approx([30.0, 120.0, 30.0], abs=0.3)
    first, second = (e["responses"]["space_time_yield"] for e in (cold, again))
    spread = 4.0 * np.hypot(first["sd"], second["sd"])
    assert second["value"] == pytest.approx(first["value"], abs=spread)
    assert hot["responses"]["space_time_yield"]["value"] != pytest.approx(first["value"], rel=0.02)


def test_syringes_that_are_emptied_several_times_deliver_what_was_commanded(tmp_path):
    raw = table()
    for pump in ("pump-a", "pump-s"):
        raw["instruments"][pump] |= {"syringe": {"diameter_mm": 14.57, "volume_ml": 10.0}}
    raw["campaign"]["factors"][0]["low"] = 2.0
    raw["campaign"]["factors"][1]["high"] = 50.0  # no long cooling at the end
    outcome = day(tmp_path, raw)
    assert (outcome.exit_code, outcome.reason) == (0, "")
    fed = dict.fromkeys(("substrate", "solvent"), 0.0)
    for experiment in outcome.document["experiments"]:
        assert experiment["status"] == "ok"
        for feed in fed:
            name = f"flow.{feed}"
            wanted = experiment["commanded"][name]
            assert experiment["achieved"][name] == pytest.approx(wanted, rel=0.02)
            fed[feed] += experiment["achieved"][f"volume.{feed}"]
    assert fed["solvent"] + 3 * 2.45 > 10.0  # with the flush: more than one syringe
    assert events(tmp_path, "alarm") == []  # none ran empty, in the shutdown neither


def test_a_stock_that_runs_low_ends_the_campaign_before_it_is_empty(tmp_path):
    raw = table()
    raw["feeds"][0]["stock_ml"] = 4.0
    raw["campaign"]["experiments"] = 10
    raw["campaign"]["factors"][1]["high"] = 50.0  # no long cooling at the end
    outcome = day(tmp_path, raw)
    experiments = outcome.document["experiments"]
    refused = [e for e in experiments if e["status"] == "refused"]
    used = sum(e["achieved"].get("volume.substrate", 0.0) for e in experiments)
    assert {e["status"] for e in experiments} == {"ok", "refused"}
    assert 1.0 < used < 4.0
    reasons = [e for e in events(tmp_path, "experiment") if e["status"] == "refused"]
    assert len(reasons) == len(refused)
    assert all("of the stock of 4 mL is left; replace the stock" in e["reason"] for e in reasons)
