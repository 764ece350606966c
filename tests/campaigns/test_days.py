"""A campaign through the whole application: real drivers, simulated instruments, coupled plant."""

import csv
import json

import pytest

from daemon.store.eventlog import event_log
from daemon.store.export import export
from tests.campaigns.days import day, events, settings_of


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished campaign of three experiments: data directory and outcome."""
    data = tmp_path_factory.mktemp("day")
    return data, day(data, settings_of())


def test_a_campaign_reaches_its_end_and_says_what_it_did(done):
    _, outcome = done
    assert outcome.exit_code == 0
    document = outcome.document
    assert document["state"] == "complete"
    assert [e["status"] for e in document["experiments"]] == ["ok"] * 3
    assert document["best"]["responses"]["space_time_yield"]["value"] > 0
    assert document["virtual_s"] > 100 * document["wall_s"] / 100


def test_requested_commanded_and_achieved_are_kept_apart(done):
    _, outcome = done
    for experiment in outcome.document["experiments"]:
        for name, asked in experiment["requested"].items():
            assert experiment["commanded"][name] == pytest.approx(asked, rel=0.02, abs=0.05)
            assert experiment["achieved"][name] == pytest.approx(asked, rel=0.03, abs=0.5)
        assert experiment["achieved"]["volume.substrate"] > 0


def test_the_same_seed_gives_the_same_event_log_byte_for_byte(done, tmp_path):
    data, _ = done
    day(tmp_path, settings_of())
    assert event_log(tmp_path) == event_log(data)


def test_another_seed_gives_another_log(done, tmp_path):
    data, _ = done
    day(tmp_path, settings_of(), seed=1)
    assert event_log(tmp_path) != event_log(data)


def test_the_export_is_a_history_for_the_planner_alone(done, tmp_path):
    data, outcome = done
    assert export(data, tmp_path / "runs.csv") == 3
    rows = list(csv.DictReader((tmp_path / "runs.csv").read_text().splitlines()))
    first = outcome.document["experiments"][0]
    assert float(rows[0]["temperature"]) == first["requested"]["temperature"]
    assert float(rows[0]["space_time_yield"]) == first["responses"]["space_time_yield"]["value"]
    assert {row["status"] for row in rows} == {"ok"}
    export(data, tmp_path / "runs.json", "json")
    assert len(json.loads((tmp_path / "runs.json").read_text())["experiments"]) == 3


def test_solvent_flows_until_the_reactor_is_cool_and_every_pump_stops_at_the_end(done):
    data, _ = done
    steps = [e["step"] for e in events(data, "decision") if e.get("what") == "step"]
    assert steps[0] == "HeatOff"
    assert steps[-1] == "StopPumps"
    assert "CoolDown" in steps


def test_a_clog_trips_the_rig_in_the_safe_order(tmp_path):
    faults = [{"kind": "clog", "at": 400.0, "size": 1e4}]
    outcome = day(tmp_path, settings_of(faults=faults))
    assert outcome.exit_code == 4
    assert outcome.document["state"] == "aborted"
    trips = events(tmp_path, "trip")
    assert trips[0]["state"] == "tripped"
    assert trips[0]["signal"].endswith("pressure")


def test_a_trip_stays_latched_over_a_restart_until_a_person_resets_it(tmp_path):
    faults = [{"kind": "clog", "at": 400.0, "size": 1e4}]
    assert day(tmp_path, settings_of(faults=faults)).exit_code == 4
    again = day(tmp_path, settings_of(), restart="resume")
    assert again.exit_code == 4
    assert "--reset-trip" in again.reason
    assert len(again.document["experiments"]) == 1
    once_more = day(tmp_path, settings_of(), restart="resume")
    cause = events(tmp_path, "trip")[0]
    assert f"{cause['message']}, not reset since it tripped at " in again.reason
    assert once_more.reason == again.reason
    released = day(tmp_path, settings_of(), restart="resume", reset_trip=True)
    assert released.document["state"] == "complete"


def test_an_analyser_that_stays_silent_gives_no_value(tmp_path):
    faults = [{"kind": "silent", "at": 60.0, "instrument": "nmr"}]
    outcome = day(tmp_path, settings_of(faults=faults))
    assert outcome.exit_code == 3
    for experiment in outcome.document["experiments"]:
        assert experiment["status"] != "ok"
        for response in experiment["responses"].values():
            assert response["value"] is None


def test_a_pump_unplugged_for_a_minute_fails_one_experiment_and_the_campaign_goes_on(tmp_path):
    faults = [{"kind": "unplug", "at": 500.0, "duration": 60.0, "instrument": "pump-c"}]
    outcome = day(tmp_path, settings_of(faults=faults))
    statuses = [e["status"] for e in outcome.document["experiments"]]
    assert outcome.document["state"] == "complete"
    assert statuses.count("ok") >= 1
    states = [e["state"] for e in events(tmp_path, "connection") if e["instrument"] == "pump-c"]
    assert states[-1] == "connected"
