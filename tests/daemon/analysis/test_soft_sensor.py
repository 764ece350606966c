"""A response from signals: foretold, or failed with the reason; faults are the file's."""

import csv
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from daemon.analysis.estimate import AnalysisFailed
from daemon.analysis.pipeline import _value, load_response
from daemon.analysis.quality import Verdict
from daemon.analysis.soft_sensor import SoftSensorResponse
from daemon.errors import ConfigError
from daemon.settings.load import parse
from tests.daemon.analysis.test_responses import MEASURED
from tests.docs.test_docs import FLOW
from tests.planners.softsensor.plants import plant, steady

SIGNALS = ["pump.pressure", "bath.temperature"]


def written(path, table):
    """Write a table as the training file; return its path as text."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*table.signals, "viscosity"])
        for x, y in zip(table.x, table.y, strict=True):
            rows.writerow([*x, "" if np.isnan(y) else y])
    return str(path)


@pytest.fixture
def options(tmp_path):
    """Options of a sensor that works: rows are 10 s apart, temperature counts 4 rows late."""
    training = written(tmp_path / "training.csv", plant())
    fixed = {"column": "viscosity", "interval": 10.0, "lags": [0, 4], "delay": 5}
    return {"signals": SIGNALS, "training": training, **fixed}


def measured(read):
    """Return a steady state whose signals were what ``read(signal, before_s)`` says."""
    return replace(MEASURED, earlier=read)


def test_the_result_follows_from_the_signals_at_their_lags(options):
    response = load_response("soft_sensor", options)
    readings = {
        ("pump.pressure", 0.0): 1.0,
        ("bath.temperature", 0.0): 0.5,
        ("pump.pressure", 40.0): 1.0,
        ("bath.temperature", 40.0): -1.0,
    }
    found = response.evaluate(measured(lambda signal, before: readings[signal, before]))
    assert found.value == pytest.approx(1 + 2.0 + 1.5 + 0.05, abs=0.5)
    assert found.sd == response.sensor.validation.rmse


def test_a_signal_without_a_reading_gives_no_value(options):
    response = load_response("soft_sensor", options)
    late = measured(lambda signal, before: None if before else 1.0)
    with pytest.raises(AnalysisFailed, match=r"pump.pressure has no reading 40 s before"):
        response.evaluate(late)
    with pytest.raises(AnalysisFailed, match=r"has no reading 0 s before"):
        response.evaluate(MEASURED)


def test_a_sensor_worse_than_the_last_measurement_gives_no_value(options, tmp_path):
    training = written(tmp_path / "steady.csv", steady())
    response = load_response("soft_sensor", {**options, "training": training})
    with pytest.raises(AnalysisFailed, match="worse than repeating the last measurement"):
        response.evaluate(measured(lambda signal, before: 0.0))


def test_a_sensor_says_how_good_it_is(options, tmp_path):
    good = load_response("soft_sensor", {**options, "unit": "mPa s"})
    figures = good.sensor.validation
    assert good.note == (
        f"foretells 48 of 119 results with r2 {figures.r2:.2f}, r2LM {figures.r2_last:.2f} and a root"
        f" mean square error of {figures.rmse:.3g} mPa s ({good.sensor.components} components,"
        f" lambda {good.sensor.localness:g})"
    )
    assert good.doubt == ""
    useless = load_response(
        "soft_sensor", {**options, "training": written(tmp_path / "steady.csv", steady())}
    )
    assert useless.doubt == useless.sensor.doubt
    assert "gives no value (r2LM -" in useless.doubt


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"signals": []}, "signals: name at least one"),
        ({"interval": 0.0}, r"interval: must be > 0 s, got 0"),
        ({"lags": [-1]}, "lags: must be whole numbers"),
        ({"delay": -1}, "delay: must be >= 0"),
        ({"delay": 1.5}, "delay: must be a whole number, got 1.5"),
        ({"localness": float("inf")}, "localness: must be a finite number, got inf"),
        ({"lags": [0, 1000]}, "lags: 1000 rows of 10 s are 10000 s, and signals are kept for 7200"),
        ({"lags": [0, 4, 4]}, "lags: 4 is there more than once"),
        ({"signals": [*SIGNALS, SIGNALS[0]]}, "signals: pump.pressure is there more than once"),
        ({"column": SIGNALS[1]}, "column: 'bath.temperature' is one of the signals"),
        ({"components": 5}, "components: must be at most 4, signals times lags, got 5"),
        ({"training": ""}, "training: name a CSV file, got ''"),
        ({"interval": "soon"}, r"got 'soon' \(s, or text such as '1 min'\)"),
        ({"lags": "0,2"}, "lags: must be a list of whole numbers, got '0,2'"),
        ({"signals": "bath.temperature"}, "signals: must be a list of names of signals, got 'bath"),
        ({"training": 3}, "training: must be text, got 3"),
        ({"training": "nowhere.csv"}, "nowhere.csv: cannot be read: No such file"),
        ({"column": "colour"}, "row 1: no column 'colour'"),
        ({"delay": 10_000}, "delay is too long"),
        (
            {"interval": "soon"},
            "responses.soft_sensor.interval: must be a finite number, got 'soon'",
        ),
    ],
)
def test_faulty_options_are_refused_by_name(options, changed, fault):
    with pytest.raises(ConfigError, match=fault):
        load_response("soft_sensor", {**options, **changed})


def test_a_training_file_that_is_no_text_is_refused(options, tmp_path):
    (tmp_path / "raw").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="it is not UTF-8 text"):
        SoftSensorResponse(**{**options, "training": str(tmp_path / "raw")})


def test_check_names_signals_that_the_rig_does_not_have(options):
    raw = tomllib.loads(FLOW)
    raw["responses"].append({"name": "viscosity", "kind": "soft_sensor", **options})
    _, faults = parse(raw)
    text = "\n".join(faults)
    assert "signals: no instrument 'pump'" in text
    raw["responses"][-1]["signals"] = ["bath.temperatur"]
    assert "bath has no signal 'temperatur'; did you mean 'temperature'?" in "\n".join(
        parse(raw)[1]
    )


def test_the_time_between_rows_may_have_a_unit(options):
    assert load_response("soft_sensor", {**options, "interval": "0.5 min"}).interval == 30.0


def test_signals_that_are_one_text_are_no_letters(options):
    raw = tomllib.loads(FLOW)
    raw["responses"].append({"name": "viscosity", "kind": "soft_sensor", **options})
    raw["responses"][-1]["signals"] = "bath.temperature"
    _, faults = parse(raw)
    assert len([fault for fault in faults if "signals" in fault]) == 1


def test_a_signal_that_never_varies_is_named(options, tmp_path):
    table = plant()
    table.x[:, 0] = 2.0
    table.y[:] = np.where(np.isnan(table.y), np.nan, 3.0 * table.x[:, 1])
    idle = load_response("soft_sensor", {**options, "training": written(tmp_path / "i.csv", table)})
    assert idle.note.endswith("in the file never varies, and so says nothing: pump.pressure")
    far = idle.evaluate(measured(lambda s, _: 7.0 if s == "pump.pressure" else 0.5))
    assert far.remark == "the soft sensor has learned nothing of pump.pressure 7: it saw 2 alone"


def test_a_value_a_whole_range_outside_is_suspect(options):
    response = load_response("soft_sensor", options)
    low, high = response.sensor.x[:, 1].min(), response.sensor.x[:, 1].max()

    def at(further):
        hot = high + further * (high - low)
        read = lambda s, _: hot if s == "bath.temperature" else 0.5  # noqa: E731  # as Earlier is
        return _value(response, measured(read), Verdict())

    assert [at(further).quality for further in (0.0, 0.5, 1.1)] == ["ok", "ok", "suspect"]
    assert "has learned nothing of bath.temperature" in at(1.1).reason


def test_beyond_what_it_was_learned_from_a_sensor_is_less_sure_and_says_why(options):
    response = load_response("soft_sensor", options)
    sensor = response.sensor
    inside = response.evaluate(measured(lambda signal, before: 0.5))
    assert (inside.sd, inside.remark) == (sensor.validation.rmse, "")
    low, high = sensor.x[:, 1].min(), sensor.x[:, 1].max()
    hot = high + 2.0 * (high - low)
    outside = response.evaluate(measured(lambda s, _: hot if s == "bath.temperature" else 0.5))
    assert outside.sd > 1.9 * sensor.y.std()
    assert outside.remark == (
        f"the soft sensor has learned nothing of bath.temperature {hot:.4g}:"
        f" it saw {low:.4g} to {high:.4g}"
    )
