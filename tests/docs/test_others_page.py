"""The page on other people's planners: from an empty directory to a campaign, as it says."""

import json
import os
import re
import shlex
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from daemon.app.plan import RunPlan
from daemon.app.serve import run
from daemon.cli import main
from daemon.cli.parser import parse
from daemon.settings.load import load
from tests.docs.blocks import DOCS, blocks

PAGE = "planners/others.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
LINES = [line for b in blocks(PAGE, "sh") for line in b.text.splitlines()]
SUGGEST = [line for line in LINES if line.startswith("taylord suggest")]


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    """Return a directory in which the page's first command was given and its files lie."""
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(LINES[0])[1:]) == 0
    capsys.readouterr()
    for shown in blocks(PAGE):
        if shown.path:
            (tmp_path / shown.path).write_text(shown.text, encoding="utf-8")
    return tmp_path


def environment(name, folder):
    """Put the environment of that name where the page makes it; skip the test without one."""
    if name == "python3":
        return
    there = os.environ.get("TAYLORD_OTHER_PLANNERS")
    if not there:
        pytest.skip(f"TAYLORD_OTHER_PLANNERS names no folder with {name}'s environment")
    (folder / name).symlink_to(Path(there) / name)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("line", SUGGEST, ids=lambda line: re.search(r"--command '(\w+)", line)[1])
def test_a_program_answers_what_the_page_asks_it(folder, capsys, line):
    name = re.search(r"--command '(\w+)", line)[1]
    environment(name, folder)
    words = shlex.split(line.replace("'python3 ", f"'{sys.executable} "))[1:]
    assert main([*words, "--json"]) == 0, capsys.readouterr().err
    document = json.loads(capsys.readouterr().out)
    assert len(document["points"]) == (2 if "-n" in words else 1)
    assert all(("predicted" in point) == (name == "baybe") for point in document["points"])


def test_the_commands_for_a_campaign_are_understood():
    assert [parse(shlex.split(line)[1:]).run for line in LINES if line.startswith("taylord")]


@pytest.mark.timeout(300)
def test_the_campaign_of_the_page_runs_with_the_script(folder):
    text = Path("other-planner.toml").read_text(encoding="utf-8")
    (shown,) = [b.text for b in blocks(PAGE, "toml")]
    for line in shown.splitlines():
        assert line in text
    text = text.replace('"python3"', json.dumps(sys.executable))
    text = re.sub(r"^experiments = \d+$", "experiments = 5", text, flags=re.MULTILINE)
    Path("rig.toml").write_text(text)
    plan = RunPlan(
        load(Path("rig.toml")), text, folder / "data", simulate=True, speed="max", once=True
    )
    document = run(plan, lambda event: None).document
    assert document["state"] == "complete", document
    assert document["planner"] == f"{sys.executable} planners/by_hand.py"
    points = [tuple(e["requested"].values()) for e in document["experiments"]]
    assert len(set(points)) == 5
    assert {e["status"] for e in document["experiments"]} == {"ok"}
    assert greatest_flow(folder) > 0


POINT = """
import json, sys
point = {"residence_time": 1, "temperature": 60, "concentration": 0.3, "equivalents.pyrrolidine": 2}
for line in sys.stdin:
    """
BAD = {
    "rubbish": ("print('Loading, please wait', flush=True)", "is not JSON"),
    "out of the box": (
        "print(json.dumps({'points': [{**point, 'temperature': 500}]}), flush=True)",
        r"temperature: must be in \[30, 120\], got 500",
    ),
    "dead": ("sys.exit('no licence')", r"ended without an answer \(exit code 1\): no licence"),
    "refusing": ('print(\'{"error": "not today"}\', flush=True)', "not today"),
}


def campaign(folder, program):
    """Run the page's campaign with another program in the place of the script."""
    Path("planners/by_hand.py").write_text(program)
    text = Path("other-planner.toml").read_text(encoding="utf-8")
    text = text.replace('"python3"', json.dumps(sys.executable))
    Path("rig.toml").write_text(text)
    plan = RunPlan(
        load(Path("rig.toml")), text, folder / "data", simulate=True, speed="max", once=True
    )
    return run(plan, lambda event: None).document


def greatest_flow(folder):
    """Return the greatest flow that any pump has shown."""
    asks = "SELECT count(*), max(value) FROM v_readings WHERE signal LIKE 'pump-%.flow'"
    with closing(sqlite3.connect(folder / "data" / "taylord.sqlite")) as record:
        count, greatest = record.execute(asks).fetchone()
    assert count
    return greatest


def failures(folder):
    """Return why the planner failed, each time, as the record has it."""
    asks = "SELECT data FROM events WHERE kind = 'decision'"
    with closing(sqlite3.connect(folder / "data" / "taylord.sqlite")) as record:
        decisions = [json.loads(row[0]) for row in record.execute(asks)]
    return [data["why"] for data in decisions if data["what"] == "planner failed"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_program_moves_nothing_and_is_named(folder, kind):
    does, sentence = BAD[kind]
    document = campaign(folder, POINT + does)
    assert (document["state"], document["experiments"]) == ("stopped", [])
    assert re.search(
        rf"the planner failed 3 times: .*by_hand\.py: .*{sentence}", document["reason"]
    )
    assert greatest_flow(folder) == 0


@pytest.mark.timeout(300)
def test_a_program_that_looks_at_no_pending_run_is_named(folder):
    """It is asked anew when the run has ended, and then it may answer the same point again."""
    document = campaign(folder, f"{POINT}print(json.dumps({{'points': [point]}}), flush=True)")
    assert document["state"] == "complete"
    assert {e["status"] for e in document["experiments"]} == {"ok"}
    reasons = failures(folder)
    assert len(reasons) >= 3
    assert all("a point that is pending already: point 1" in why for why in reasons)


def test_every_sentence_of_the_page_is_one_that_is_said():
    said = "".join(
        (DOCS.parent / "planners" / name).read_text(encoding="utf-8")
        for name in ("external.py", "protocol.py")
    )
    for sentence in (
        "cannot be started: ",
        "answered a line that is not JSON",
        "answered points that are not valid: ",
        "answered a point that is pending already",
    ):
        assert sentence in said
        assert sentence.strip() in TEXT


def test_every_program_and_file_is_on_the_page():
    for path in (DOCS.parent / "config" / "planners").iterdir():
        assert f"`{path.name}`" in TEXT
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT):
        assert (DOCS / "planners" / target).exists(), target
