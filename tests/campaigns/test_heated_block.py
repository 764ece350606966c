"""The second example rig through the whole application: syringes, Modbus, MQTT; virtual time."""

from pathlib import Path

import pytest

from daemon.app.plan import RunPlan
from daemon.app.serve import run
from daemon.settings.load import parse, read_toml
from tests.campaigns.days import events
from tests.simulators.plant.consecutive import outlet

EXAMPLE = Path(__file__).parents[2] / "config" / "heated-block.toml"
COIL_ML, COIL_MM = 2.0, 0.8


def table(**simulation):
    """Return the example without its broker, planned by the cheap planner, and quick."""
    raw = read_toml(EXAMPLE)
    raw.pop("mqtt")
    raw["campaign"] |= {"planner": "lhs", "experiments": 3}
    raw["campaign"]["factors"][0]["high"] = 3.0  # min
    raw["simulation"] |= simulation
    return raw


def day(data, raw, **options):
    """Run a configuration in virtual time; return its outcome."""
    settings, faults = parse(raw)
    assert not faults
    plan = {"simulate": True, "speed": "max", "once": True, "seed": 0, "restart": "new"} | options
    return run(RunPlan(settings, "", Path(data), **plan), lambda _: None)


def truth(achieved):
    """Return A, P and D where the coil ends, as the axial-dispersion equation has them."""
    return outlet(
        achieved["concentration"],
        achieved["temperature"],
        60.0 * achieved["residence_time_hot"],
        COIL_ML,
        COIL_MM,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished campaign of three experiments: data directory and outcome."""
    data = tmp_path_factory.mktemp("block")
    return data, day(data, table())


def test_every_experiment_of_the_block_rig_is_ok(done):
    _, outcome = done
    assert (outcome.exit_code, outcome.document["state"]) == (0, "complete")
    for experiment in outcome.document["experiments"]:
        assert experiment["status"] == "ok", experiment
        for name, asked in experiment["requested"].items():
            assert experiment["achieved"][name] == pytest.approx(asked, rel=0.02, abs=0.1)


def test_yields_of_the_block_rig_are_those_of_its_kinetics(done):
    _, outcome = done
    for experiment in outcome.document["experiments"]:
        expected = truth(experiment["achieved"])[1] / experiment["achieved"]["concentration"]
        measured = experiment["responses"]["yield"]
        assert measured["value"] == pytest.approx(expected, rel=0.03, abs=3 * measured["sd"])


def test_the_e_factor_is_the_mass_fed_over_the_product(done):
    _, outcome = done
    for experiment in outcome.document["experiments"]:
        made = 0.1 * experiment["responses"]["yield"]["value"]  # g/mmol A; all feeds are 1 g/mL
        per_ml = made * experiment["achieved"]["concentration"]
        expected = 1.0 / per_ml - 1.0
        assert experiment["responses"]["e_factor"]["value"] == pytest.approx(expected, rel=1e-3)
    assert outcome.document["front"]


def test_pumps_are_stopped_and_the_block_is_off_at_the_end(done):
    data, _ = done
    steps = [e["step"] for e in events(data, "decision") if e.get("what") == "step"]
    assert (steps[0], steps[-1]) == ("HeatOff", "StopPumps")


def test_an_epc3000_on_ethernet_does_for_the_block_as_well(tmp_path):
    raw = table()
    raw["instruments"]["block"] |= {
        "driver": "eurotherm-epc3000",
        "port": "modbus-tcp://192.168.10.50:502",
    }
    conditions = {"residence_time": 1.5, "temperature": 45.0, "concentration": 0.3}
    (experiment,) = day(tmp_path, raw, conditions=conditions).document["experiments"]
    assert experiment["status"] == "ok"
    expected = truth(experiment["achieved"])[1] / 0.3
    assert experiment["responses"]["yield"]["value"] == pytest.approx(expected, rel=0.03)


def test_a_blocked_line_trips_the_block_rig_by_its_transmitter(tmp_path):
    outcome = day(tmp_path, table(faults=[{"kind": "clog", "at": 600.0, "size": 1e4}]))
    assert (outcome.exit_code, outcome.document["state"]) == (4, "aborted")
    (tripped,) = [trip for trip in events(tmp_path, "trip") if trip["state"] == "tripped"]
    assert tripped["signal"] == "line-pressure.pressure"
