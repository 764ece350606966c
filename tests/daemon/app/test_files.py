"""A campaign that goes on with another file than before says so, once."""

import json
from dataclasses import replace

import pytest

from tests.campaigns.days import begin, day, events, settings_of
from tests.daemon.analysis.test_soft_sensor import written
from tests.planners.softsensor.plants import plant

SIGNALS = ["bath.temperature", "pump-a.pressure"]


def with_sensor(settings, training):
    """Return the settings with a soft sensor beside the other responses."""
    own = settings.responses[0].model_dump(exclude_unset=True) | {"name": "viscosity"}
    own |= {"kind": "soft_sensor", "signals": SIGNALS, "training": training}
    own |= {"column": "viscosity", "interval": 10.0, "lags": [0, 4]}
    sensor = type(settings.responses[0]).model_validate(own)
    return settings.model_copy(update={"responses": [*settings.responses, sensor]})


def told(data):
    """Return what the log and the record say of files that hold something else."""
    lines = [json.loads(line) for line in (data / "log.jsonl").read_text().splitlines()]
    logged = [line["file"] for line in lines if line["event"] == "file.changed"]
    decisions = events(data, "decision")
    return logged, [one["why"] for one in decisions if one.get("what") == "another file"]


@pytest.mark.no_cover  # three campaigns
def test_another_training_file_than_at_the_last_start_is_told_in_the_log_and_the_record(tmp_path):
    data, table = tmp_path / "data", replace(plant(), signals=tuple(SIGNALS))
    training = written(tmp_path / "training.csv", table)
    settings = with_sensor(settings_of(1), training)
    day(data, settings)
    begin(data, settings)
    assert told(data) == ([], [])
    with (tmp_path / "training.csv").open("a") as file:
        file.write("1,2,3\n")
    begin(data, settings)
    begin(data, settings)
    logged, recorded = told(data)
    assert logged == [f"responses.viscosity.training ({training})"]
    assert len(recorded) == 1
    assert "holds something else than at the last start" in recorded[0]
