"""What the pages on inverse design and soft sensors show works."""

import json
import shlex
import tomllib
from dataclasses import fields

import numpy as np
import pytest

from daemon.analysis.soft_sensor import SoftSensorResponse
from daemon.cli import main
from daemon.settings.load import parse
from planners.problem import Problem
from planners.registry import describe
from tests.docs.blocks import DOCS, block, blocks
from tests.docs.test_docs import FLOW, merged

INVERSE, SENSORS = "planners/inverse.md", "soft-sensors.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files of the inverse page, as the working directory."""
    for name in ("problem.json", "history.csv"):
        (tmp_path / name).write_text(block(INVERSE, name), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands():
    """Return the command lines of the inverse page, without the program."""
    return [shlex.split(shown.text)[1:] for shown in blocks(INVERSE, "sh")]


def test_the_designs_of_the_page_are_feasible_and_expected_to_hit(folder, capsys):
    asked, _ = commands()
    assert main([*asked, "--json"]) == 0
    points = json.loads(capsys.readouterr().out)["points"]
    problem = Problem.from_json(json.loads(block(INVERSE, "problem.json")))
    assert len(points) == 3
    for point in points:
        size = point.pop("predicted")["size"]["mean"]
        assert size == pytest.approx(120, abs=12)
        assert problem.feasible({f.name: point[f.name] for f in problem.factors})


def test_the_refusal_of_the_page_is_what_the_program_says(folder, capsys):
    _, refused = commands()
    assert main(refused) != 0
    said = "".join(capsys.readouterr())
    assert block(INVERSE, "refusal").strip() in said


def test_the_campaign_of_the_page_is_free_of_faults():
    (shown,) = blocks(INVERSE, "toml")
    assert parse(merged(shown))[1] == []


def test_the_page_has_every_option():
    rows = [line.split("|")[1].strip() for line in block_lines() if line.startswith("| `")]
    options = {f"`{option.name}`" for option in describe("inverse").options}
    assert set(rows) == options - {"`seed`"}


def block_lines():
    return (DOCS / INVERSE).read_text(encoding="utf-8").splitlines()


# --- soft sensors


@pytest.fixture
def training(tmp_path, monkeypatch):
    """A synthetic training file of the page's columns: viscosity follows both signals."""
    rng = np.random.default_rng(0)
    degc = 60 + np.cumsum(rng.normal(0, 0.2, 400))
    bar = 2.3 + np.cumsum(rng.normal(0, 0.02, 400))
    lines = ["bath.temperature,pump-a.pressure,viscosity"]
    for i, (t, p) in enumerate(zip(degc, bar, strict=True)):
        result = f"{20 - 0.3 * t + 5 * p:.4f}" if i % 5 == 0 else ""
        lines.append(f"{t:.4f},{p:.4f},{result}")
    (tmp_path / "training.csv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown_response():
    """Return the page's [[responses]] block."""
    return next(b for b in blocks(SENSORS) if b.path == "soft.toml")


def test_the_response_of_the_page_is_free_of_faults_where_its_file_is(training):
    assert parse(merged(shown_response()))[1] == []


def checked(folder, capsys, *options):
    """Return what ``taylord check`` prints of a rig with the response of the page."""
    text = FLOW.replace('planner = "bayes"', 'planner = "lhs"')
    (folder / "rig.toml").write_text(f"{text}\n{shown_response().text}", encoding="utf-8")
    assert main(["check", "rig.toml", *options]) == 0
    return capsys.readouterr().out


def test_check_says_how_good_the_sensor_is(training, capsys):
    found, said = checked(training, capsys).splitlines()
    assert found == "rig.toml: no fault found"
    assert said.startswith("viscosity: foretells 32 of 79 results with r2 1.00, r2LM 1.00")
    told = json.loads(checked(training, capsys, "--json"))["responses"]
    assert told == {"viscosity": {"note": said.removeprefix("viscosity: "), "doubt": ""}}


def test_check_warns_of_a_sensor_that_knows_nothing_but_the_mean(training, capsys):
    head, *rows = (training / "training.csv").read_text().splitlines()
    rng = np.random.default_rng(1)
    blind = [row.rsplit(",", 1) for row in rows]
    blind = [f"{signals},{f'{rng.normal():.4f}' if result else ''}" for signals, result in blind]
    (training / "training.csv").write_text("\n".join([head, *blind]))
    *_, figures, warning = checked(training, capsys).splitlines()
    assert figures.startswith("viscosity: foretells 32 of 79 results with r2 -")
    assert warning.startswith("viscosity: warning: the soft sensor foretells no better than the")


def test_without_its_file_the_response_is_a_fault_of_the_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, faults = parse(merged(shown_response()))
    assert len(faults) == 1
    assert "training: training.csv: cannot be read: No such file" in faults[0]


def test_the_python_of_the_page_runs(training, capsys):
    exec(block(SENSORS, "sensor.py"), {})
    assert "Validation(r2=0.9" in capsys.readouterr().out


def test_the_page_has_every_option_of_the_response(training):
    (options,) = tomllib.loads(shown_response().text)["responses"]
    names = {field.name for field in fields(SoftSensorResponse)} - {"sensor"}
    assert set(options) - {"name", "kind"} <= names
    text = "\n".join(b for b in (blocks_text()).splitlines() if b.startswith("| `"))
    assert all(f"| `{name}` |" in text for name in names)


def blocks_text():
    return (DOCS / SENSORS).read_text(encoding="utf-8")
