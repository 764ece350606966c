"""Files that a configuration names are looked for in its folder, wherever taylord is started."""

from pathlib import Path

import pytest

from daemon.campaign.problem import problem_of
from daemon.errors import ConfigError, PlannerFailed
from daemon.planning.worker import PlannerWorker, planner_of
from daemon.settings.load import load, read_toml, salvage
from daemon.settings.paths import beside
from tests.docs.test_docs import FLOW
from tests.planners.softsensor.plants import plant

SENSOR = """
[[responses]]
name = "viscosity"
kind = "soft_sensor"
signals = ["pump-a.pressure", "bath.temperature"]
training = "training.csv"
column = "viscosity"
interval = 10.0
"""
SHELF = "residence_time,temperature,concentration,equivalents.pyrrolidine\n1,60,0.2,2\n1,90,0.2,2\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with the files, which is not where taylord is started."""
    own = tmp_path / "etc"
    own.mkdir()
    table = plant()
    rows = (f"{a},{b},{'' if y != y else y}" for (a, b), y in zip(table.x, table.y, strict=True))
    lines = ["pump-a.pressure,bath.temperature,viscosity", *rows]
    (own / "training.csv").write_text("\n".join(lines))
    (own / "shelf.csv").write_text(SHELF)
    (own / "password").write_text("secret\n")
    (own / "ca.pem").write_text("")
    monkeypatch.chdir("/")
    return own


def written(folder, text):
    (folder / "rig.toml").write_text(text)
    return folder / "rig.toml"


def test_the_training_file_of_a_soft_sensor_is_found_beside_the_configuration(folder):
    settings = load(written(folder, FLOW + SENSOR))
    assert settings.responses[-1].model_extra["training"] == str(folder / "training.csv")


def test_a_training_file_that_is_missing_is_told_with_where_it_was_looked_for(folder):
    (folder / "training.csv").unlink()
    with pytest.raises(ConfigError, match=r"responses.1.training: .*etc/training.csv: cannot be"):
        load(written(folder, FLOW + SENSOR))


def test_the_list_of_candidates_is_found_beside_the_configuration(folder):
    text = FLOW.replace('planner = "bayes"', 'planner = "candidates"\noptions.file = "shelf.csv"')
    settings = load(written(folder, text))
    assert settings.campaign.options["file"] == str(folder / "shelf.csv")


def test_secrets_of_the_broker_are_found_beside_the_configuration(folder):
    keys = 'username = "rig"\npassword_file = "password"\ntls_ca_file = "ca.pem"\n'
    settings = load(written(folder, FLOW.replace("[mqtt]\n", f"[mqtt]\n{keys}")))
    assert settings.mqtt.password_file == str(folder / "password")
    assert settings.mqtt.tls_ca_file == str(folder / "ca.pem")


def test_a_whole_path_stays_what_it_is(folder):
    text = FLOW + SENSOR.replace("training.csv", str(folder / "training.csv"))
    settings = load(written(folder, text))
    assert settings.responses[-1].model_extra["training"] == str(folder / "training.csv")


@pytest.mark.parametrize(
    "raw",
    [
        {"instruments": 3, "mqtt": [], "responses": {"training": "x"}, "campaign": "bayes"},
        {"instruments": {"a": 3}, "responses": [3, {"kind": 3}], "campaign": {"options": 3}},
        {"responses": [{"name": "no-such"}], "campaign": {"planner": {}, "options": {"a": "b"}}},
        {"mqtt": {"password_file": 3}, "responses": [{"kind": "soft_sensor", "training": 3}]},
    ],
)
def test_tables_of_another_shape_are_left_for_others_to_name(raw):
    assert beside(Path("/etc/rig.toml"), raw) == raw


def test_a_file_that_is_missing_does_not_keep_a_rig_from_going_safe(folder):
    (folder / "training.csv").unlink()
    settings, faults = salvage(written(folder, FLOW + SENSOR))
    assert set(settings.instruments) == set(read_toml(folder / "rig.toml")["instruments"])
    assert any("training.csv" in fault for fault in faults)


def program(command, **more):
    """Return the flow rig with another program as its planner."""
    keys = ", ".join([f"command = {command}", *(f'{k} = "{v}"' for k, v in more.items())])
    return FLOW.replace('planner = "bayes"', f"planner = {{ {keys} }}")


@pytest.fixture
def script(folder):
    """Return a planner beside the configuration, which may be started and names where it runs."""
    path = folder / "plan.sh"
    path.write_text('#!/bin/sh\nread line\necho "{\\"error\\": \\"$(pwd)\\"}"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("command", ['["./plan.sh"]', '["sh", "plan.sh"]'])
async def test_a_program_that_plans_is_started_beside_the_configuration(folder, script, command):
    settings = load(written(folder, program(command)))
    planner = planner_of(settings.campaign)
    async with PlannerWorker() as worker:
        with pytest.raises(PlannerFailed, match=rf"{folder}$"):
            await worker.suggest(planner, problem_of(settings.campaign), [], 1, 0)


def test_a_program_that_plans_may_be_started_in_another_folder_that_counts_from_there(folder):
    (folder / "mine").mkdir()
    planner = load(written(folder, program('["sh"]', folder="mine"))).campaign.planner
    assert planner.folder == str(folder / "mine")
    with pytest.raises(ConfigError, match=r"planner.folder: no folder '.*etc/nowhere', in which"):
        load(written(folder, program('["sh"]', folder="nowhere")))


def test_a_program_that_is_not_there_is_told_with_where_it_was_looked_for(folder):
    with pytest.raises(ConfigError, match=r"command.0: no program 'bin/x' .* started in .*etc$"):
        load(written(folder, program('["bin/x"]')))
    with pytest.raises(ConfigError, match=r"command.0: no program 'no-such' .* be started$"):
        load(written(folder, program('["no-such"]')))
