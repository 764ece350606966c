"""The command line: results on standard output, exit codes, and never a traceback."""

import csv
import json
import re
import shlex
import sqlite3
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from daemon.app.plan import RunPlan
from daemon.cli import main
from daemon.cli.data import LEFT_OUT
from daemon.cli.progress import Progress
from tests.campaigns.days import day, settings_of

EXAMPLE = Path(__file__).parents[3] / "config" / "flow.toml"
PROBLEM = {
    "factors": [
        {"name": "temperature", "kind": "continuous", "low": 30, "high": 120, "unit": "degC"},
        {"name": "equivalents", "kind": "discrete", "values": [1, 2, 3]},
    ],
    "responses": [{"name": "yield", "goal": "maximise"}],
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The data directory and document of a short demo."""
    return tmp_path_factory.mktemp("demo") / "data"


@pytest.fixture
def demo_run(demo, capsys):
    """Run the demo once for the module; give its document."""
    if not (demo / "document.json").exists():
        assert main(["demo", "--experiments", "2", "--data", str(demo), "--json"]) == 0
        (demo / "document.json").write_text(capsys.readouterr().out)
    return json.loads((demo / "document.json").read_text())


@pytest.fixture
def problem(tmp_path):
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(PROBLEM))
    return path


def json_of(capsys):
    return json.loads(capsys.readouterr().out)


@pytest.mark.no_cover  # a whole campaign
def test_the_demo_prints_one_json_document_with_the_agreed_fields(demo_run):
    fields = {
        "rig",
        "planner",
        "experiments",
        "best",
        "front",
        "virtual_s",
        "wall_s",
        "state",
        "data",
    }
    assert fields <= demo_run.keys()
    assert demo_run["state"] == "complete"
    own = {"id", "status", "requested", "commanded", "achieved", "responses", "started", "finished"}
    for experiment in demo_run["experiments"]:
        assert own <= experiment.keys()
        for response in experiment["responses"].values():
            assert {"value", "sd", "quality"} <= response.keys()


def test_the_views_for_readers_are_there(demo_run):
    connection = sqlite3.connect(f"file:{demo_run['data']}/taylord.sqlite?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT temperature, space_time_yield FROM v_experiments")
        assert len(rows.fetchall()) == 2
        query = "SELECT time_utc, signal, value, quality FROM v_readings LIMIT 3"
        assert len(connection.execute(query).fetchall()) == 3
        for view in ("v_events", "v_commands"):
            assert connection.execute(f"SELECT COUNT(*) FROM {view}").fetchone()[0] > 0
    finally:
        connection.close()


def test_status_tells_how_the_rig_stands(demo_run, capsys):
    assert main(["status", "--data", demo_run["data"], "--json"]) == 0
    assert json_of(capsys)["state"] == "complete"
    assert main(["status", "--data", demo_run["data"]]) == 0
    assert "2 of 2 done" in capsys.readouterr().out


def test_a_data_directory_is_found_below_the_default_one(demo_run, capsys):
    assert main(["status", "--data", str(Path(demo_run["data"]).parent), "--json"]) == 0
    assert json_of(capsys)["rig"] == "flow-1"


def test_export_writes_csv_that_suggest_reads(demo_run, tmp_path, capsys):
    out = tmp_path / "runs.csv"
    assert main(["export", demo_run["data"], "--format", "csv", "--out", str(out)]) == 0
    assert len(list(csv.DictReader(out.read_text().splitlines()))) == 2
    factors = [
        {"name": n, "kind": "continuous", "low": low, "high": high}
        for n, low, high in (
            ("residence_time", 0.5, 2.0),
            ("temperature", 30.0, 120.0),
            ("concentration", 0.1, 0.5),
            ("equivalents.pyrrolidine", 1.0, 5.0),
        )
    ]
    problem = tmp_path / "p.json"
    problem.write_text(
        json.dumps({"factors": factors, "responses": [{"name": "space_time_yield"}]})
    )
    capsys.readouterr()
    assert main(["suggest", str(problem), "--history", str(out), "--json"]) == 0
    assert len(json_of(capsys)["points"]) == 1


@pytest.mark.no_cover  # a whole campaign
def test_export_names_the_runs_it_leaves_out(tmp_path, capsys):
    faults = [{"kind": "unplug", "instrument": "pump-b", "at": 600.0, "duration": 60.0}]
    settings = settings_of(1, faults=faults)
    day(tmp_path / "data", settings)
    out = tmp_path / "runs.csv"
    assert main(["export", str(tmp_path / "data"), "--format", "csv", "--out", str(out)]) == 0
    assert out.read_text().count("\n") == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-2:] == [f"{out}: 0 experiments", f"{out}: {LEFT_OUT}: e-0001"]


def test_export_never_writes_over_a_file_unasked(demo_run, tmp_path, capsys):
    out = tmp_path / "runs.json"
    out.write_text("mine")
    command = ["export", demo_run["data"], "--format", "json", "--out", str(out)]
    assert main(command) == 2
    assert out.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0


def test_export_goes_to_standard_output_as_well(demo_run, tmp_path, capsys):
    out = tmp_path / "runs.csv"
    assert main(["export", demo_run["data"], "--format", "csv", "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["export", demo_run["data"], "--format", "csv", "--out", "-"]) == 0
    captured = capsys.readouterr()
    assert captured.out == out.read_bytes().decode()
    assert captured.err.startswith("standard output: ")


def test_export_to_nowhere_is_a_mistake(demo_run, capsys):
    assert main(["export", demo_run["data"], "--out", "/nowhere/runs.csv"]) == 2
    assert "there is no directory '/nowhere'" in capsys.readouterr().err


def test_an_export_without_data_advises_what_export_takes(tmp_path, capsys):
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "runs.csv")]) == 2
    error = capsys.readouterr().err
    assert error == f"{tmp_path}: holds no taylord.sqlite; name a data directory as DATA\n"


def test_a_rig_that_cannot_be_simulated_is_told_with_its_file(tmp_path, capsys):
    config = tmp_path / "rig.toml"
    bath = '[instruments.bath]\ndriver = "huber-pilot-one"\nport = "socket://10.0.0.2:8101"\n'
    config.write_text(f'name = "rig-1"\n{bath}')
    assert main(["simulate", str(config)]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error
    assert all(line.startswith(f"{config}: ") for line in error), error


@pytest.mark.parametrize("command", ["status --data", "export --out x.csv", "demo --data"])
def test_a_file_that_is_no_record_is_named(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taylord.sqlite").write_bytes(b"garbage" * 1000)
    assert main([*command.split(), str(tmp_path)]) == 2
    assert "taylord.sqlite: cannot be read: file is not a database" in capsys.readouterr().err


def test_one_experiment_prints_one_element(tmp_path, capsys):
    config = tmp_path / "rig.toml"
    config.write_text(EXAMPLE.read_text())
    settings = [
        "residence_time=30 s",
        "temperature=40",
        "concentration=0.3",
        "equivalents.pyrrolidine=2",
    ]
    command = ["experiment", str(config), "--simulate", "--speed", "max", "--json"]
    command += ["--data", str(tmp_path / "data")]
    assert main([*command, *(f"--set={setting}" for setting in settings)]) == 0
    document = json_of(capsys)
    assert document["status"] == "ok"
    assert document["requested"]["residence_time"] == 0.5


def test_conditions_that_cannot_be_made_are_refused_before_anything_moves(tmp_path, capsys):
    command = ["experiment", str(EXAMPLE), "--simulate", "--speed", "max", "--json"]
    command += ["--data", str(tmp_path / "data"), "--set", "residence_time=0.1"]
    command += ["--set", "temperature=40", "--set", "concentration=0.3"]
    assert main([*command, "--set", "equivalents.pyrrolidine=2"]) == 3
    document = json_of(capsys)
    assert document["status"] == "refused"
    assert "mL/min" in document["reason"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "nowhere.toml"], "nowhere.toml: cannot be read: No such file or directory"),
        (
            ["run", str(EXAMPLE), "--speed", "max"],
            "--speed: only a simulated rig has another clock",
        ),
        (["run", str(EXAMPLE), "--simulate", "--speed", "-3"], "--speed: must be real, max or a"),
        (["experiment", str(EXAMPLE), "--simulate"], "--set: must be NAME=VALUE"),
        (
            ["experiment", str(EXAMPLE), "--set", "temperature=hot"],
            "conditions.temperature: is not a",
        ),
        (
            ["experiment", str(EXAMPLE), "--simulate", "--set", "temprature=40"],
            "--set temprature: this rig has no condition 'temprature'; did you mean 'temperature'?",
        ),
        (
            ["experiment", str(EXAMPLE), "--set", "temperature=40", "--set", "temperature=50"],
            "--set temperature: is given more than once",
        ),
        (
            ["run", str(EXAMPLE), "--simulate", "--speed", "max", "--data", str(EXAMPLE)],
            "cannot be used for data: File exists",
        ),
        (["demo", "--experiments", "1", "--data", str(EXAMPLE)], "cannot be used for data"),
        (["demo", "--experiments", "1000000"], "--experiments: must be at most 100000"),
        (["status", "--data", "/nowhere"], "holds no taylord.sqlite"),
        (["suggest", "nowhere.json"], "nowhere.json: cannot be read"),
        (["send", "flow-1", "ping", "[1]"], "must be a JSON object"),
        (["send", "flow-1", "ping", "--broker", "h:x"], "--broker: must be HOST:PORT"),
        (["demo", "--experiments", "0"], "--experiments: must be at least 1"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(
    arguments, says, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["schema", "moon"]])
def test_wrong_usage_exits_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_a_history_without_its_option_is_told_how_it_is_given(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["suggest", "problem.json", "history.csv"])
    assert ended.value.code == 2
    assert "did you mean --history history.csv?" in capsys.readouterr().err


def test_send_says_when_nobody_listens(capsys):
    assert main(["send", "flow-1", "ping", "--broker", "localhost:1", "--timeout", "2"]) == 3
    assert "the broker cannot be used" in capsys.readouterr().err


def test_suggest_says_what_is_wrong_with_a_history(problem, tmp_path, capsys):
    history = tmp_path / "h.csv"
    history.write_text("temperature,equivalents,yield\nhot,1,0.5\n50,9,0.6\n")
    assert main(["suggest", str(problem), "--history", str(history)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{history}: row") for line in lines)


def test_suggest_gives_points_in_the_box(problem, capsys):
    assert main(["suggest", str(problem), "-n", "3", "--planner", "lhs", "--json"]) == 0
    document = json_of(capsys)
    assert document["planner"] == "lhs"
    for point in document["points"]:
        assert 30 <= point["temperature"] <= 120
        assert point["equivalents"] in (1, 2, 3)


@pytest.mark.parametrize("command", ["drivers", "planners"])
def test_what_is_installed_is_listed(command, capsys):
    assert main([command, "--json"]) == 0
    names = [row["name"] for row in json_of(capsys)[command]]
    assert {"drivers": "new-era-ne1000", "planners": "bayes"}[command] in names
    assert main([command]) == 0
    assert names[0] in capsys.readouterr().out


def test_a_broken_planner_is_named_beside_the_others(monkeypatch, capsys):
    from planners import registry

    broken = EntryPoint("mine", "nowhere.at.all:Mine", registry.GROUP)
    points = {**registry._points(), "mine": broken}
    monkeypatch.setattr(registry, "_points", lambda: points)
    assert main(["planners"]) == 2
    told = capsys.readouterr()
    assert "bayes: " in told.out
    assert told.err == (
        "broken: 'mine' cannot be loaded: No module named 'nowhere' (it is nowhere.at.all:Mine)\n"
    )
    assert main(["planners", "--json"]) == 2
    document = json_of(capsys)
    assert "bayes" in [row["name"] for row in document["planners"]]
    assert list(document["broken"]) == ["mine"]


ANSWERING = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if len(sys.argv) > 1:
        print("a complaint", file=sys.stderr)
        print(sys.argv[1], flush=True)
        sys.exit(3)
    points = [{"temperature": 60 + k, "equivalents": 2} for k in range(request["n"])]
    print(json.dumps({"points": points, "note": f"run {len(request['history']) + 1}"}), flush=True)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "a planner.py"
    path.write_text(ANSWERING)
    return shlex.join([sys.executable, str(path)])


def test_suggest_asks_a_program(problem, program, capsys):
    assert main(["suggest", str(problem), "--command", program, "-n", "2", "--json"]) == 0
    document = json_of(capsys)
    assert [p["temperature"] for p in document["points"]] == [60, 61]
    assert (document["planner"], document["note"]) == (program, "run 1")
    assert main(["suggest", str(problem), "--command", program]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("temperature 60  equivalents 2\n")
    assert told.err == "run 1\n"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--command", "''"], 3, "'' cannot be started"),
        (["--command", "{program} rubbish"], 3, "answered a line that is not JSON"),
        (["--command", '{program} \'{"error": "no licence"}\''], 3, "no licence"),
        (["--command", "{program} --fix"], 3, "answered a line that is not JSON"),
        (["--command", "{program}", "--fix", "temperature=70"], 3, "temperature: is held at 70"),
        (["--command", "sleep 60", "--timeout", "0.2"], 3, "gave no answer within 0.2 s"),
        (["--command", " "], 2, "--command: must name a program"),
        (["--command", "python 'x"], 2, '--command: no closing quotation, got "python \'x"'),
        (
            ["--command", "x", "--planner", "lhs"],
            2,
            "--command: give either a program or --planner",
        ),
        (["--command", "x", "--option", "a=1"], 2, "--option: belongs to an installed planner"),
    ],
)
def test_what_goes_wrong_with_a_program_is_a_sentence(
    problem, program, capsys, words, code, sentence
):
    words = [word.replace("{program}", program) for word in words]
    assert main(["suggest", str(problem), *words]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert sentence in told.err
    assert "Traceback" not in told.err


def test_schemas_are_json_schemas(capsys):
    import jsonschema

    for what in ("config", "problem"):
        assert main(["schema", what]) == 0
        jsonschema.Draft202012Validator.check_schema(json_of(capsys))
    assert main(["schema", "mqtt"]) == 0
    assert json_of(capsys)["asyncapi"].startswith("3.")


def test_the_problem_schema_accepts_the_contract_s_example(capsys):
    import jsonschema

    main(["schema", "problem"])
    jsonschema.validate(PROBLEM, json_of(capsys))


def test_init_writes_a_configuration_that_has_no_fault(tmp_path, capsys):
    assert main(["init", str(tmp_path / "new")]) == 0
    path = capsys.readouterr().out.split()[1]
    assert main(["check", path, "--json"]) == 0
    assert json_of(capsys)["ok"] is True
    assert main(["init", str(tmp_path / "new")]) == 2


@pytest.mark.parametrize("name", ["flow", "heated-block", "catalysts"])
def test_init_writes_any_of_the_rigs(name, tmp_path, capsys):
    assert main(["init", str(tmp_path), "--example", name]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / name}.toml\n"
    assert main(["check", str(tmp_path / f"{name}.toml"), "--json"]) == 0
    assert json_of(capsys)["ok"] is True


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--example", "other"], "--example: must be one of catalysts, flow, heated-block, got"),
        (["--example", "flow", "--planners"], "--planners: brings an example of its own"),
    ],
)
def test_an_example_there_is_not_is_refused(words, says, tmp_path, capsys):
    assert main(["init", str(tmp_path), *words]) == 2
    assert capsys.readouterr().err.startswith(says)
    assert list(tmp_path.iterdir()) == []


def test_init_writes_programs_that_ask_other_planners(tmp_path, monkeypatch, capsys):
    (tmp_path / "flow.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--planners"]) == 0
    written = [line.removeprefix("wrote ") for line in capsys.readouterr().out.splitlines()]
    assert written[0] == "other-planner.toml"
    names = {path.name for path in (EXAMPLE.parent / "planners").glob("*.py")}
    assert {str(path) for path in Path("planners").iterdir()} == set(written[1:])
    assert {Path(path).name for path in written[1:]} == names
    assert main(["check", written[0], "--json"]) == 0
    assert json_of(capsys)["ok"] is True
    Path("planners/by_hand.py").write_text("mine")
    Path("other-planner.toml").unlink()
    assert main(["init", "--planners"]) == 2
    assert "planners/by_hand.py: exists already; nothing was written" in capsys.readouterr().err
    assert Path("planners/by_hand.py").read_text() == "mine"
    assert not Path("other-planner.toml").exists()


@pytest.mark.parametrize(
    ("planner", "options", "says"),
    [
        (
            "replay",
            "points = [{ temperatur = 60.0 }]",
            "replay: points.0: temperatur: is no factor",
        ),
        ("inverse", "target = { yeild = 0.5 }", "inverse: target: no response is named 'yeild'"),
        (
            "bayes",
            "move_cost = { temprature = 1.0 }",
            "bayes: move_cost: 'temprature' is no factor",
        ),
        ("design", 'kind = "simplex-lattice"', "design: simplex-lattice needs a composition"),
    ],
)
def test_check_finds_what_the_planner_would_refuse(tmp_path, capsys, planner, options, says):
    text = EXAMPLE.read_text().replace('"bayes"', f'"{planner}"')
    table = f"[campaign.options]\n{options}\n[[campaign.factors]]"
    path = tmp_path / "rig.toml"
    path.write_text(text.replace("[[campaign.factors]]", table, 1))
    assert main(["check", str(path)]) == 2
    faults = capsys.readouterr().err.splitlines()
    assert faults[0].startswith(f"{path}: campaign.planner: {says}")
    assert all(line.startswith(f"{path}: campaign.planner: {planner}: ") for line in faults)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "--once"], "--once and --speed max need it"),
        (["run", "--speed", "max"], "--once and --speed max need it"),
        (["resume"], "resume needs it"),
    ],
)
def test_a_run_that_ends_with_a_campaign_needs_one(tmp_path, capsys, words, says):
    before, rest = EXAMPLE.read_text().split("[campaign]\n")
    path = tmp_path / "rig.toml"
    path.write_text(before + rest[rest.index("[[interlocks]]") :])
    verb, *options = words
    data = tmp_path / "data"
    assert main([verb, str(path), "--simulate", "--data", str(data), *options]) == 2
    assert f"{path}: campaign: is missing: {says}" in capsys.readouterr().err
    assert not data.exists()


@pytest.mark.no_cover
def test_in_virtual_time_a_run_ends_with_its_campaign(tmp_path, capsys):
    path = tmp_path / "rig.toml"
    path.write_text(EXAMPLE.read_text().replace("experiments = 40", "experiments = 1"))
    words = ["run", str(path), "--simulate", "--speed", "max", "--data", str(tmp_path / "data")]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("campaign complete: 1 experiments, 1 ok")


def test_check_lists_all_faults_also_as_json(tmp_path, capsys):
    path = tmp_path / "rig.toml"
    path.write_text(EXAMPLE.read_text().replace("pump-b", "pump_B").replace("bayes", "bays"))
    assert main(["check", str(path), "--json"]) == 2
    assert len(json_of(capsys)["faults"]) >= 2


@pytest.mark.parametrize(
    "words", [["safe", "nowhere.toml", "--within"], ["suggest", "nowhere.json", "--timeout"]]
)
@pytest.mark.parametrize("given", ["-1", "0", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused(capsys, words, given):
    with pytest.raises(SystemExit) as ended:
        main([*words, given])
    assert ended.value.code == 2
    says = f"argument {words[-1]}: must be a number of seconds above 0, got {given!r}"
    assert says in capsys.readouterr().err


def test_safe_names_every_instrument_it_could_not_reach(tmp_path, capsys):
    path = tmp_path / "rig.toml"
    path.write_text(
        'name = "r"\n[instruments.pump]\ndriver = "knauer-azura-pump"\n'
        'port = "socket://127.0.0.1:1"\n'
    )
    assert main(["safe", str(path), "--within", "2"]) == 3
    assert "pump: " in capsys.readouterr().out


def test_safe_works_on_what_is_left_of_a_broken_file(tmp_path, capsys):
    path = tmp_path / "rig.toml"
    path.write_text(
        'name = "r"\nrubbish = 1\n[instruments.pump]\ndriver = "knauer-azura-pump"\n'
        'port = "socket://127.0.0.1:1"\n'
    )
    assert main(["safe", str(path), "--within", "2"]) == 3
    captured = capsys.readouterr()
    assert "rubbish: unknown key" in captured.err
    assert "pump: " in captured.out


@pytest.mark.no_cover
def test_progress_goes_to_standard_error_and_the_summary_to_standard_output(tmp_path, capsys):
    assert main(["demo", "--experiments", "1", "--data", str(tmp_path / "data")]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("  1/1  e-0001  ok ")
    assert captured.out.startswith("campaign complete: 1 experiments, 1 ok\n")


def test_progress_counts_what_is_done_of_the_whole_campaign(capsys):
    progress = Progress(RunPlan(settings_of(9), "", Path()), quiet=False)
    progress.on_event({"kind": "campaign", "state": "running", "done": 4})
    for number, status in enumerate(["ok", "refused", "interrupted", "failed", "ok"], 6):
        ended = {"id": f"e-{number:04}", "status": status, "requested": {}}
        progress.on_event({"kind": "experiment", **ended})
    late = {"id": "e-0002", "status": "ok", "requested": {}, "amended_by": "Ada"}
    progress.on_event({"kind": "experiment", **late})
    counts = [line.split("  e-")[0].strip() for line in capsys.readouterr().err.splitlines()]
    assert counts == ["5/9", "5/9", "5/9", "6/9", "7/9"]


def test_suggest_prints_a_planners_words_below_each_point(tmp_path, capsys):
    path = tmp_path / "mixture.json"
    mixture = {"name": "ratio", "kind": "composition", "components": ["Pt", "Mo", "Nb"]}
    document = {"factors": [mixture], "responses": [{"name": "y", "goal": "maximise"}]}
    path.write_text(json.dumps(document))
    asked = ["suggest", str(path), "--planner", "design", "--option", "kind=simplex-lattice"]
    asked += ["--option", "order=standard", "--option", "degree=1", "--option", "replicates=2"]
    assert main([*asked, "-n", "5"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[:6] == [
        "ratio.Pt 1",
        "    simplex-lattice, 3 blends; run 1 of 6, replicate 1",
        "ratio.Mo 1",
        "    run 2 of 6, replicate 1",
        "ratio.Nb 1",
        "    run 3 of 6, replicate 1; 3 replicates of these wait for the next question",
    ]
    assert told.err == "3 of 5 points asked for: there are no others now\n"
    assert main([*asked, "-n", "2", "--json"]) == 0
    assert json_of(capsys)["notes"][1] == "run 2 of 6, replicate 1"


def test_a_point_typed_as_it_is_printed_is_the_point(tmp_path, capsys):
    path, history = tmp_path / "mixture.json", tmp_path / "history.csv"
    mixture = {"name": "ratio", "kind": "composition", "components": ["Pt", "Mo", "Nb"]}
    pressure = {"name": "p", "low": 1e5, "high": 12345678.9}
    document = {"factors": [mixture, pressure], "responses": [{"name": "y"}]}
    path.write_text(json.dumps(document))
    asked = ["suggest", str(path), "--planner", "design", "--option", "kind=simplex-centroid"]
    assert main([*asked, "--option", "order=standard", "-n", "14"]) == 0
    printed = [line.split("  ") for line in capsys.readouterr().out.splitlines() if "  p " in line]
    assert ["ratio.Pt 0.333333", "ratio.Mo 0.333333", "ratio.Nb 0.333333", "p 12345700"] in printed
    columns = ["ratio.Pt", "ratio.Mo", "ratio.Nb", "p", "y"]
    rows = [dict(cell.split(" ") for cell in line) for line in printed]
    typed = [",".join(columns), *(",".join(row.get(c, "") for c in columns) for row in rows)]
    history.write_text("\n".join(typed))
    assert main([*asked, "--history", str(history)]) == 0
    assert "nothing left to suggest" in capsys.readouterr().err


def test_select_predicts_a_small_change_on_a_large_offset(tmp_path, capsys):
    table, conditions = tmp_path / "runs.csv", tmp_path / "next.csv"
    rows = "".join(f"{i},{i * i % 7},{1e6 + i + 0.1 * (i % 3):.1f}\n" for i in range(12))
    table.write_text("a,b,y\n" + rows)
    conditions.write_text("a,b\n5.5,3\n")
    asked = ["select", str(table), "--response", "y", "--quick", "--predict", str(conditions)]
    assert main(asked) == 0
    assert re.search(r"row 2: 1000005\.\d+ \+/- ", capsys.readouterr().out)


def test_select_calls_what_lies_far_from_all_runs_no_prediction(tmp_path, capsys):
    table, conditions = tmp_path / "runs.csv", tmp_path / "next.csv"
    table.write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},{i}\n" for i in range(12)))
    conditions.write_text("a,b\n5.5,3\n900,-900\n")
    asked = ["select", str(table), "--response", "y", "--quick", "--predict", str(conditions)]
    assert main(asked) == 0
    among, far = capsys.readouterr().out.splitlines()[-2:]
    assert "+/-" in among
    assert re.fullmatch(r" +row 3: no prediction: outside by kNN, .* \(the model says .+\)", far)


@pytest.mark.parametrize(
    "words", [["select", "--response", "y"], ["result", "rig", "--response", "y", "--csv"]]
)
def test_tables_that_are_no_utf_8_are_refused_with_what_to_do(words, tmp_path, capsys):
    table = tmp_path / "runs.csv"
    table.write_bytes("température;y\n40;0,5\n".encode("latin-1"))
    assert main([*words, str(table)]) == 2
    advice = "it is not UTF-8 text; save it as CSV UTF-8 in the spreadsheet"
    assert f"{table}: cannot be read: {advice}\n" in capsys.readouterr().err


def test_select_reads_decimal_commas_beside_names_with_points_when_told_what_counts(
    tmp_path, capsys
):
    table = tmp_path / "runs.csv"
    rows = "".join(f"{i}.1;{i},5;{i * i},25\n" for i in range(9))
    table.write_text(f"sample;t;y\n{rows}", "utf-8")
    assert main(["select", str(table), "--response", "y", "--quick", "--factors", "t"]) == 0
    assert "y from t: 9 rows" in capsys.readouterr().out
    assert main(["select", str(table), "--response", "y", "--quick"]) == 2
    assert "decimal commas need semicolons or tabs" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["run", "resume"])
def test_a_campaign_to_approve_is_refused_where_nobody_can(tmp_path, capsys, verb):
    config = tmp_path / "rig.toml"
    config.write_text(EXAMPLE.read_text().replace("[campaign]", "[campaign]\napprove = true"))
    data = ["--data", str(tmp_path / "data")]
    assert main([verb, str(config), "--simulate", "--speed", "max", *data]) == 2
    said = capsys.readouterr().err
    assert "campaign.approve: nobody can approve a point with --speed max" in said
    assert "--speed 60" in said
    assert not (tmp_path / "data").exists()
