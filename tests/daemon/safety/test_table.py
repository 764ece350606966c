"""The table of a rig: configured rows in the signal's unit, and the built-in ones."""

import pytest

from daemon.safety.history import History
from daemon.safety.table import safety_table, stale_after_s
from daemon.settings.models import Settings
from drivers.signal import Limits, SignalSpec
from tests.daemon.safety.scripted import bad, good

SPECS = {
    "pump-a.pressure": SignalSpec("pressure", float, "bar", poll_s=1.0),
    "pump-a.flow": SignalSpec("flow", float, "mL/min", writable=True),
    "bath.temperature": SignalSpec("temperature", float, "degC"),
    "bath.setpoint": SignalSpec("setpoint", float, "degC", True, Limits(0.0, 140.0)),
    "plate.temperature": SignalSpec("temperature", float, "degC"),
    "plate.setpoint": SignalSpec("setpoint", float, "degC"),
    "probe.temperature": SignalSpec("temperature", float, "degC"),
    "cell.pressure": SignalSpec("pressure", float, "kPa"),
    "scale.mass": SignalSpec("mass", float, "g", poll_s=None),
}
REACTOR = {"volume_ml": 1, "inner_diameter_mm": 1, "thermostat": "bath", "max_pressure": "25 bar"}


def table(*interlocks, reactor=REACTOR):
    data = {"name": "x", "instruments": {}, "reactor": reactor, "interlocks": list(interlocks)}
    return {row.name: row for row in safety_table(Settings.model_validate(data), SPECS)}


def test_built_in_rows_need_no_configuration():
    rows = table()
    assert set(rows) == {
        "pump-a.pressure beyond the reactor",
        "bath.temperature beyond its limit",
        "bath heats unseen",
        "plate heats unseen",
    }
    assert rows["pump-a.pressure beyond the reactor"].above == 25.0
    assert rows["bath.temperature beyond its limit"].above == 150.0
    assert rows["bath heats unseen"].stale_s == 5.0
    assert all(row.action == "trip" for row in rows.values())


def test_a_heater_that_can_be_watched_is_watched():
    running = {"bath.running": SignalSpec("running", bool, "", True, poll_s=5.0)}
    data = {"name": "x", "instruments": {}, "reactor": REACTOR}
    rows = {r.name: r for r in safety_table(Settings.model_validate(data), SPECS | running)}
    assert rows["bath runs away"].runaway == 15.0
    assert rows["bath.temperature stands still"].frozen_s == 300.0
    assert rows["bath runs away"].only_while == "bath.running"
    assert "plate runs away" not in rows


def test_pressure_behind_a_regulator_may_not_be_lost_while_its_pump_delivers():
    row = table(reactor=REACTOR | {"back_pressure": 7.0})["pump-a.pressure is lost"]
    assert (row.armed_above, row.below) == (pytest.approx(5.6), 3.5)
    assert row.only_while == "pump-a.flow"
    assert "pump-a.pressure is lost" not in table()


def test_heat_without_flow_is_watched_when_it_is_asked_for():
    data = {"name": "x", "instruments": {}, "reactor": REACTOR | {"heat_needs_flow": True}}
    running = {"bath.running": SignalSpec("running", bool, "", True, poll_s=5.0)}
    rows = {r.name: r for r in safety_table(Settings.model_validate(data), SPECS | running)}
    assert rows["bath heats without flow"].signal == "reactor.flow"
    assert rows["bath heats without flow"].cured_by_flow


def test_heat_without_flow_needs_a_thermostat_that_says_whether_it_runs():
    assert "bath heats without flow" not in table(reactor=REACTOR | {"heat_needs_flow": True})


def test_without_a_reactor_no_pressure_is_known_to_be_too_high():
    assert "pump-a.pressure beyond the reactor" not in table(reactor=None)


def test_thresholds_are_converted_to_the_unit_of_the_signal():
    row = table({"name": "p", "signal": "pump-a.pressure", "above": "2 MPa", "below": 1})["p"]
    assert (row.above, row.below) == (20.0, 1.0)


def test_silence_counts_after_three_polls_unless_told_otherwise():
    assert table({"name": "p", "signal": "pump-a.pressure", "above": 1})["p"].stale_s == 3.0
    given = {"name": "p", "signal": "pump-a.pressure", "above": 1, "stale_s": 9.0}
    assert table(given)["p"].stale_s == 9.0
    assert table({"name": "m", "signal": "scale.mass", "above": 1})["m"].stale_s is None


def test_a_fast_poll_is_not_stale_within_the_jitter_of_its_line():
    assert stale_after_s(0.1) == 1.0
    assert stale_after_s(None) is None


def test_every_key_of_a_row_arrives():
    given = {
        "name": "all",
        "signal": "pump-a.flow",
        "rate_above": 2.0,
        "disagrees_with": "bath.temperature",
        "by": 3.0,
        "flow_deficit": 0.2,
        "flow_of": ["pump-b.flow", "pump-c.flow"],
        "delay_s": 4.0,
        "action": "hold",
        "latching": False,
    }
    row = table(given)["all"]
    assert (row.rate_above, row.other, row.by) == (2.0, "bath.temperature", 3.0)
    assert row.commanded_of == ("pump-b.flow", "pump-c.flow")
    assert (row.deficit, row.delay_s, row.action, row.latching) == (0.2, 4.0, "hold", False)


def test_history_keeps_the_last_minutes_of_every_channel():
    history = History(keep_s=10.0)
    history.add([])
    for second in range(100):
        history.add([good("p", float(second), float(second)), bad("t", float(second))])
    channels = history.channels()
    assert [t for t, _, _ in channels["p"]] == [float(s) for s in range(89, 100)]
    assert channels["t"][-1] == (99.0, None, "timeout")


def test_history_is_bounded_however_fast_readings_come():
    history = History(keep_s=1e9, most=50)
    for i in range(1000):
        history.add([good("p", 1.0, float(i))])
    assert len(history.channels()["p"]) == 50


def test_configured_limits_hold_for_readings_too():
    instruments = {
        "pump-a": {"driver": "x", "port": "y", "limits": {"pressure": [0, 20], "flow": [0, 5]}},
        "bath": {
            "driver": "x",
            "port": "z",
            "limits": {"temperature": [5, 90], "setpoint": [5, 80]},
        },
        "scale": {"driver": "x", "port": "w", "limits": {"mass": [1, 2]}},
    }
    specs = SPECS | {
        "pump-a.pressure": SignalSpec("pressure", float, "bar", limits=Limits(0, 20)),
        "pump-a.flow": SignalSpec("flow", float, "mL/min", writable=True, limits=Limits(0, 5)),
        "bath.temperature": SignalSpec("temperature", float, "degC", limits=Limits(5, 90)),
    }
    settings = Settings.model_validate({"name": "x", "instruments": instruments})
    rows = {row.name: row for row in safety_table(settings, specs)}
    assert (row := rows["pump-a.pressure outside its limits"]).above == 20.0
    assert row.below is None
    assert rows["pump-a.flow above its limit"].above == 5.1
    assert (row := rows["bath.temperature outside its limits"]).above == 90.0
    assert row.below == 5.0
    assert not any("setpoint out" in name or "mass" in name for name in rows)
