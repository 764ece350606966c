"""A rig fed by three makes of syringe pump: Cavro, Harvard, New Era; all refill; virtual time."""

import asyncio

import pytest

from daemon.api.commands import Because, Set
from daemon.app.plan import RunPlan
from daemon.app.serve import run
from daemon.settings.load import parse, read_toml
from tests.campaigns.days import EXAMPLE, events, scenario

CAVRO = {
    "driver": "tecan-cavro",
    "port": "/dev/serial/by-id/usb-FTDI_cavro-if00-port0",
    "syringe": {"volume_ml": 5.0},
    "stroke": 6000,
    "initialise": "on-refill",
}
NEW_ERA = {
    "driver": "new-era-ne1000",
    "port": "/dev/serial/by-id/usb-FTDI_1234-if00-port0",
    "address": 1,
    "syringe": {"diameter_mm": 7.28, "volume_ml": 1.5},
}
HARVARD = {
    "driver": "harvard-pump11-elite",
    "port": "/dev/serial/by-id/usb-Harvard_11_Elite-if00",
    "syringe": {"diameter_mm": 14.5, "volume_ml": 10.0},
}
EASY = {
    "residence_time": 0.8,
    "temperature": 60.0,
    "concentration": 0.3,
    "equivalents.pyrrolidine": 2.0,
}


def settings_of(cavro=None, **simulation):
    """Return the example rig with these three pumps on its feeds."""
    raw = read_toml(EXAMPLE)
    raw.pop("mqtt")
    raw.pop("interlocks")
    raw["instruments"] |= {"pump-a": CAVRO | (cavro or {}), "pump-b": NEW_ERA, "pump-c": HARVARD}
    raw["feeds"][0]["solutes"] = {"dfnb": 0.6}
    raw["feeds"][0]["stock_ml"] = raw["feeds"][1]["stock_ml"] = 200.0
    raw["campaign"] |= {"planner": "lhs", "experiments": 4}
    times, _, concentrations, equivalents = raw["campaign"]["factors"]
    times["low"], times["high"] = 0.6, 1.0
    concentrations["low"], concentrations["high"] = 0.2, 0.35
    equivalents["high"] = 3.0
    raw["simulation"] |= simulation
    settings, faults = parse(raw)
    assert not faults
    return settings


def plan(data, settings, **options):
    chosen = {"simulate": True, "speed": "max", "once": True, "seed": 0, "restart": "new"}
    return RunPlan(settings, "", data, **(chosen | options))


def refills(data):
    """Return how often each pump was refilled."""
    done = [e for e in events(data, "command") if e["verb"] == "refill" and e["outcome"] == "done"]
    pumps = [event["arguments"]["pump"] for event in done]
    return {pump: pumps.count(pump) for pump in ("pump-a", "pump-b", "pump-c")}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished campaign of four experiments: data directory and outcome."""
    data = tmp_path_factory.mktemp("makes")
    return data, run(plan(data, settings_of()), lambda _: None)


def test_every_experiment_is_ok_and_what_was_asked_for(done):
    _, outcome = done
    assert (outcome.exit_code, outcome.document["state"]) == (0, "complete")
    assert len(outcome.document["experiments"]) == 4
    for experiment in outcome.document["experiments"]:
        assert experiment["status"] == "ok", experiment
        for name, asked in experiment["requested"].items():
            assert experiment["achieved"][name] == pytest.approx(asked, rel=0.06, abs=0.1)


def test_each_make_was_refilled_on_the_way(done):
    data, _ = done
    assert all(count >= 1 for count in refills(data).values()), refills(data)


def test_what_the_pumps_delivered_is_what_the_plant_got(done):
    _, outcome = done
    for experiment in outcome.document["experiments"]:
        achieved = experiment["achieved"]
        total = sum(achieved[f"flow.{feed}"] for feed in ("substrate", "amine", "solvent"))
        measured = 0.6 * achieved["flow.substrate"] / total
        assert achieved["concentration"] == pytest.approx(measured, rel=1e-3)
        assert experiment["responses"]["space_time_yield"]["value"] > 0


def test_flows_that_the_speeds_of_the_cavro_cannot_carry_are_refused_before_anything_moves(
    tmp_path,
):
    conditions = {
        "residence_time": 1.0,
        "temperature": 60.0,
        "concentration": 0.03,
        "equivalents.pyrrolidine": 2.0,
    }
    outcome = run(plan(tmp_path, settings_of(), conditions=conditions), lambda _: None)
    (experiment,) = outcome.document["experiments"]
    assert experiment["status"] == "refused"
    assert "less than pump-a can deliver, 0.125 mL/min" in str(experiment)


async def _trip_in_the_middle(stage):
    await stage.step("WaitSteady")
    assert all(flow > 0 for flow in stage.flows.values())
    await stage.commands.trip(Because(reason="smoke"))
    assert not any(stage.flows.values())


def test_a_trip_stops_all_three_at_once(tmp_path):
    outcome = scenario(tmp_path, settings_of(), _trip_in_the_middle)
    assert outcome.exit_code == 4


async def _trip_during_the_refill(stage):
    await stage.until("command", verb="refill", outcome="pending")
    await asyncio.sleep(30)  # initialised, and drawing
    assert stage.flows["pump-a"] < 0
    await stage.commands.trip(Because(reason="smoke"))
    assert not any(stage.flows.values())
    await asyncio.sleep(60)
    assert not any(stage.flows.values())


def test_a_trip_ends_a_refill(tmp_path):
    outcome = scenario(tmp_path, settings_of(), _trip_during_the_refill)
    assert outcome.exit_code == 4


async def _initialise_when_told(stage):
    pump = stage.parts.simulation.instruments["pump-a"]
    alarm = await stage.until("alarm", name="pump-a fault", state="active")
    assert "set pump-a.initialised to true" in alarm["message"]
    held = await stage.until("campaign", state="held")
    assert held["reason"].startswith("not ready: pump-a has lost its plunger's position")
    assert "set pump-a.initialised to true" in held["reason"]
    assert pump.executed == []
    assert stage.told("experiment") == []  # not one was begun, to fail
    await stage.commands.set(Set(signal="pump-a.initialised", value=True))
    assert pump.executed == ["Z0"]
    await stage.commands.campaign_resume(Because(reason="initialised"))
    await stage.until("experiment", status="ok")


def test_a_pump_that_must_be_initialised_says_so_and_waits_for_a_person(tmp_path):
    settings = settings_of({"initialise": "on-command"})
    scenario(tmp_path, settings, _initialise_when_told, once=False)


def test_a_night_that_would_begin_with_an_uninitialised_pump_ends_before_it_begins(tmp_path):
    settings = settings_of({"initialise": "on-command"})
    outcome = run(plan(tmp_path, settings), lambda _: None)
    assert outcome.exit_code == 3
    assert "pump-a has lost its plunger's position" in outcome.reason
    assert outcome.document["experiments"] == []


async def _one_by_hand(stage):
    await stage.rig.first_attempts()
    record = await stage.parts.executor.run("e-1", EASY)
    assert record.status == "refused"
    assert not any(record.achieved.values())
    assert record.reason.startswith("not ready: pump-a has lost its plunger's position")


def test_one_experiment_with_it_is_refused_in_the_same_words(tmp_path):
    settings = settings_of({"initialise": "on-command"})
    scenario(tmp_path, settings, _one_by_hand, once=False)


async def _cut_the_power(stage):
    pump = stage.parts.simulation.instruments["pump-a"]
    await stage.step("WaitSteady")
    done = list(pump.executed)
    pump.power_cycle()
    alarm = await stage.until("alarm", name="pump-a fault", state="active", within=60)
    assert "has lost its plunger's position (power-up)" in alarm["message"]
    await stage.until("campaign", state="held", within=60)
    await asyncio.sleep(600)
    assert pump.executed == done
    assert stage.flows["pump-a"] == 0.0


def test_a_power_cut_of_the_cavro_in_mid_flow_is_named_and_nothing_moves_by_itself(tmp_path):
    scenario(tmp_path, settings_of(), _cut_the_power, once=False)


@pytest.mark.parametrize("name", ["pump-a", "pump-b", "pump-c"])
def test_a_power_cut_in_the_middle_of_a_refill_fails_the_experiment_and_the_plunger_stays(
    tmp_path, name
):
    async def cut(stage):
        pump = stage.parts.simulation.instruments[name]
        while True:
            refill = await stage.until("command", verb="refill", outcome="pending")
            if refill["arguments"]["pump"] == name:
                break
        while stage.flows[name] >= 0:  # a Cavro initialises and turns its valve first
            await asyncio.sleep(0.5)
        pump.power_cycle()
        await stage.until("command", verb="refill", outcome="failed", within=120)
        await stage.until("experiment", status="failed", within=600)
        assert stage.flows[name] == 0.0
        await stage.commands.campaign_abort(Because(reason="seen"))
        await asyncio.sleep(600)
        assert stage.flows[name] == 0.0

    scenario(tmp_path, settings_of({"initialise": "on-command"}), initialised(cut), once=False)


def initialised(script):
    """Initialise the Cavro before the campaign goes on."""

    async def run_script(stage):
        await stage.until("campaign", state="held")
        await stage.commands.set(Set(signal="pump-a.initialised", value=True))
        await stage.commands.campaign_resume(Because(reason="initialised"))
        await script(stage)

    return run_script


def with_twins():
    """Return the rig with a pair of small syringes on the solvent."""
    settings = settings_of()
    raw = settings.model_dump(mode="json", exclude_unset=True)
    own = HARVARD["syringe"] | {"volume_ml": 1.0}
    raw["instruments"]["pump-c"] = {
        "driver": "twin-pumps",
        "port": HARVARD["port"],
        "of": "harvard-pump11-elite",
        "first": {"address": 0, "syringe": own},
        "second": {"address": 1, "syringe": own},
        "refill_flow": 5.0,
    }
    raw["campaign"]["experiments"] = 2
    parsed, faults = parse(raw)
    assert not faults
    return parsed


def test_twin_pumps_feed_more_than_their_syringes_hold_without_a_refill_by_the_recipe(tmp_path):
    outcome = run(plan(tmp_path, with_twins()), lambda _: None)
    assert (outcome.exit_code, outcome.document["state"]) == (0, "complete")
    for experiment in outcome.document["experiments"]:
        assert experiment["status"] == "ok", experiment
        for name, asked in experiment["requested"].items():
            assert experiment["achieved"][name] == pytest.approx(asked, rel=0.06, abs=0.1)
    assert refills(tmp_path)["pump-c"] == 0
    used = [e["achieved"]["volume.solvent"] for e in outcome.document["experiments"]]
    assert sum(used) > 2.0, "both syringes were filled again on the way"
