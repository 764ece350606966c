"""What the documents show works: every block of code is run, every table is the program's."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
from pydantic import BaseModel

from daemon import plugins
from daemon.app.plan import RunPlan
from daemon.app.serve import run
from daemon.cli import main
from daemon.cli.parser import COMMANDS, parse
from daemon.settings import models
from daemon.settings.load import load
from daemon.settings.load import parse as parse_settings
from drivers.errors import CommandRejected, OutOfRange, WrongInstrument
from drivers.signal import Lane
from tests.contract import bench
from tests.docs.blocks import DOCS, block, blocks

ROOT = DOCS.parent
DRIVER, PLANNER = "writing-a-driver.md", "writing-a-planner.md"
DOCUMENTS = sorted(path.name for path in DOCS.glob("*.md"))
OWN = [d for d in DOCUMENTS if d not in ("safety.md", "mqtt.md")]  # these have their own tests
FLOW = (ROOT / "config" / "flow.toml").read_text(encoding="utf-8")


def lines_of(language):
    """Return the command lines of taylord that the documents show, with where they stand."""
    found = []
    for document in DOCUMENTS:
        for shown in blocks(document, language):
            text = shown.text.replace("\\\n", " ")
            for line in text.splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["taylord"] or (words and words[0].endswith("/taylord")):
                    found.append(pytest.param(words[1:], id=f"{shown}: {line}"))
    return found


@pytest.mark.parametrize("words", lines_of("sh"))
def test_every_command_line_shown_is_understood(words):
    assert parse([word.removesuffix("&") for word in words if word != "&"]).run


def test_every_command_is_shown_in_getting_started():
    shown = " ".join(b.text for b in blocks("getting-started.md", "sh"))
    missing = [c.name for c in COMMANDS if f"taylord {c.name}" not in shown]
    assert missing == []


@pytest.mark.parametrize("shown", [b for d in DOCUMENTS for b in blocks(d, "json")], ids=str)
def test_every_json_block_is_json(shown):
    for line in [shown.text] if shown.text.startswith("{\n") else shown.text.splitlines():
        json.loads(line.replace(", …}", "}").replace("…", "..."))


# --- configuration


def merged(shown):
    """Return ``config/flow.toml`` with the sections of a block in the place of its own."""
    raw = tomllib.loads(FLOW)
    for key, value in tomllib.loads(shown.text).items():
        if key == "instruments":
            raw[key] = {**raw[key], **value}
        elif key == "responses":
            raw[key] = [*raw[key], *value]
        elif key == "campaign":
            raw[key] = {**raw[key], **value} if "factors" not in value else value
        else:
            raw[key] = value
    return raw


DESCRIBING = "describing-an-instrument.md"  # whose files have their own tests
TOML = [b for d in OWN for b in blocks(d, "toml") if d != DESCRIBING and b.path != "pyproject.toml"]


@pytest.mark.parametrize("shown", TOML, ids=str)
def test_every_toml_block_is_free_of_faults_in_a_whole_file(shown, install):
    if shown.document in (DRIVER, PLANNER):
        install(shown.document)
    whole = tomllib.loads(shown.text)
    raw = whole if "name" in whole else merged(shown)
    settings, faults = parse_settings(raw)
    assert faults == []
    assert settings is not None


def documented(model):
    """Return the tables of configuration.md that should tell of this model's keys."""
    heading = MODELS.get(model) or f"### `{model}`"
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    section = text.partition(f"\n{heading}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$", section, re.MULTILINE)
    return {key: (unit, default, meaning) for key, unit, default, meaning in rows}


MODELS = {
    models.Settings: "## The file",
    models.MqttSettings: "## `[mqtt]`",
    models.InstrumentSettings: "## `[instruments.NAME]`",
    models.FeedSettings: "## `[[feeds]]`",
    models.ReactorSettings: "## `[reactor]`",
    models.ChemistrySettings: "## `[chemistry]`",
    models.AnalysisSettings: "## `[analysis]`",
    models.PeakSettings: "### `[analysis.peaks.SPECIES]`",
    models.ResponseSettings: "## `[[responses]]`",
    models.CampaignSettings: "## `[campaign]`",
    models.StopSettings: "### `[campaign.stop]`",
    models.FactorSettings: "### `[[campaign.factors]]`",
    models.ObjectiveSettings: "### `[[campaign.objectives]]`",
    models.PlannerCommand: "### `campaign.planner`, when it is another program",
    models.InterlockSettings: "## `[[interlocks]]`",
    models.SimulationSettings: "## `[simulation]`",
    models.FaultSettings: "### `[[simulation.faults]]`",
}
UNITS = {
    models.Flow: "mL/min",
    models.Volume: "mL",
    models.DegC: "degC",
    models.Bar: "bar",
    models.Seconds: "s",
    models.Millimetre: "mm",
    models.Molar: "mol/L",
}


def default_text(field):
    """Return a default as the tables write it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f'{k} = "{v}"' for k, v in value.items()) + " }" if value else "empty"
        )
    if isinstance(value, BaseModel):
        return "see right"  # a table of its own, told in words
    if isinstance(value, list | tuple):
        return f"[{', '.join(f'{v:g}' for v in value)}]" if value else "empty"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if value < 1e5 else str(value)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_table_of_a_section_has_every_key_with_its_default(model):
    rows = documented(model)
    assert {key: default for key, (_, default, _) in rows.items()} == {
        key: default_text(field) for key, field in model.model_fields.items()
    }
    assert all(meaning for _, _, meaning in rows.values())


def test_every_section_of_the_settings_has_a_table():
    sections = {
        value
        for value in vars(models).values()
        if isinstance(value, type) and issubclass(value, models.BaseModel)
    } - {models.BaseModel, models.Strict}
    assert sections == set(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_quantities_stand_beside_the_unit_they_are_converted_to(model):
    hints, rows = model.__annotations__, documented(model)
    for key, hint in hints.items():
        for quantity, unit in UNITS.items():
            if hint in (quantity, quantity | None):
                assert rows[key][0] == unit, key


@pytest.mark.parametrize("driver", plugins.names("taylord.drivers"))
def test_the_table_of_a_driver_has_every_option_with_its_default(driver):
    fields = plugins.load("taylord.drivers", driver).Options.model_fields
    assert {key: default for key, (_, default, _) in documented(driver).items()} == {
        key: default_text(field) for key, field in fields.items()
    }


# --- the driver


@pytest.fixture
async def bath(install, tmp_path):
    install(DRIVER)
    made = bench.Bench(CASE(), tmp_path)
    await made.connect()
    yield made
    await made.close()


def CASE():  # noqa: N802 (stands for the row of CASES that the document shows)
    (text,) = [b.text for b in blocks(DRIVER) if b.path == "case"]
    names = {}
    exec(text, names)
    return names["CASES"][0]


def test_the_example_driver_is_short():
    assert len(block(DRIVER, "exemplar_c20/driver.py").splitlines()) <= 35


@pytest.mark.virtual
async def test_the_example_driver_holds_a_temperature_and_lets_go_of_it(bath):
    assert await bath.instrument.set_temperature(80.0) == 80.0
    assert bath.part.goal == 80.0
    with pytest.raises(OutOfRange, match=r"limits are \[0, 140\] degC"):
        await bath.instrument.set_temperature(150.0)
    await bath.instrument.make_safe()
    assert bath.part.goal is None


@pytest.mark.virtual
async def test_the_stricter_driver_tells_refusals_and_other_instruments_by_name(bath):
    from exemplar_c20.strict import StrictC20

    strict = StrictC20("i", bath.instrument.bus, bath.instrument.options, {})
    with pytest.raises(CommandRejected, match="'S 900' is refused: ERR 2"):
        await strict.tell("S 900", lane=Lane.COMMAND)
    assert await strict.identify() == "C-20 V1.4"
    bath.sim.identity = lambda: "I D-30"
    bath.sim._known.clear()
    with pytest.raises(WrongInstrument, match="expected a C-20, found 'D-30'"):
        await strict.identify()


def test_the_example_driver_keeps_the_contract(install):
    folder = install(DRIVER)
    (folder / "add_case.py").write_text(
        "from tests.contract import cases\n"
        f"{block(DRIVER, 'case')}\n"
        "cases.CASES[:] = CASES\n"
        "cases.WIRED[:] = CASES\n"
    )
    command = [sys.executable, "-m", "pytest", "tests/contract", "-q", "-p", "add_case"]
    command += ["-k", "exemplar", "-p", "no:cacheprovider", "--no-header"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 15


# --- planners, responses, chemistries


def test_the_example_planner_answers_what_the_document_asks_it(install, monkeypatch, capsys):
    monkeypatch.chdir(install(PLANNER))
    for words in [p.values[0] for p in lines_of("sh") if PLANNER in p.id][:2]:
        assert main(words) == 0
    assert "closer: Draw points in a box" in capsys.readouterr().out
    words = ["suggest", "problem.json", "--history", "history.csv", "--planner", "closer"]
    assert main([*words, "-n", "2", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["points"]
    assert main([*words, "-n", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["points"] == first
    assert len(first) == 2


def campaign(path, data):
    """Run two experiments of a file's campaign, in virtual time; return its document."""
    text = re.sub(r"^experiments = \d+$", "experiments = 2", path.read_text(), flags=re.MULTILINE)
    path.write_text(text)
    plan = RunPlan(load(path), path.read_text(), data, simulate=True, speed="max", once=True)
    return run(plan, lambda event: None).document


def test_planner_response_and_chemistry_of_the_document_run_a_campaign(install, tmp_path):
    folder = install(PLANNER)
    document = campaign(folder / "rig.toml", tmp_path / "data")
    assert (document["state"], document["planner"]) == ("complete", "closer")
    assert [e["status"] for e in document["experiments"]] == ["ok"] * 2
    for experiment in document["experiments"]:
        values = {name: r["value"] for name, r in experiment["responses"].items()}
        assert 0 < values["yield"] < 1
        assert values["selectivity"] == pytest.approx(1.0, abs=0.15)  # nothing else is made


def test_the_program_of_the_document_runs_a_campaign_with_the_driver_of_the_other(
    install, tmp_path
):
    install(DRIVER)
    folder = install(PLANNER)
    bath = next(b for b in blocks(DRIVER, "toml") if "exemplar-c20" in b.text and not b.path).text
    own, _, rest = FLOW.partition("[instruments.bath]")
    text = own + bath + rest[rest.index("[instruments.nmr]") :]
    program = json.dumps([sys.executable, str(folder / "coordinate.py")])
    text = text.replace('planner = "bayes"', f"planner = {{ command = {program} }}")
    path = tmp_path / "rig.toml"
    path.write_text(re.sub(r'\[mqtt\]\nhost = "localhost"\n', "", text))
    document = campaign(path, tmp_path / "data")
    assert document["state"] == "complete", document
    first, second = (e["requested"] for e in document["experiments"])
    assert sum(first[name] != second[name] for name in first) == 1


# --- the picture


def test_the_picture_is_drawn_from_a_run(tmp_path):
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib: install the test extra")
    out = tmp_path / "demo.png"
    command = [sys.executable, str(DOCS / "make_pictures.py")]
    command += ["--experiments", "2", "--out", str(out)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
    assert 20_000 < out.stat().st_size < 200_000


def test_the_committed_picture_is_small_enough_for_a_page():
    assert 20_000 < (DOCS / "pictures" / "demo.png").stat().st_size < 200_000


# --- what the documents point to


@pytest.mark.parametrize("document", OWN)
def test_every_file_a_document_names_is_there(document):
    text = re.sub(r"```.*?```", "", (DOCS / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    linked = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [name for name in linked if not (DOCS / name).exists()] == []
    paths = re.findall(
        r"`((?:daemon|drivers|planners|simulators|tests|config|benchmarks)/[\w./-]*)`", text
    )
    assert [name for name in paths if not (ROOT / name).exists()] == []
