"""What the page on lists of candidates shows works."""

import json
import re
import shlex
import tomllib

import pytest

from daemon.cli import main
from planners.registry import describe, make_planner
from tests.docs.blocks import DOCS, block, blocks

PAGE = "planners/candidates.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with the files of the page."""
    for name in ("problem.json", "history.csv", "shelf.csv"):
        (tmp_path / name).write_text(block(PAGE, name), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_worked_example_picks_a_bottle_of_the_shelf(folder, capsys):
    (shown,) = blocks(PAGE, "sh")
    assert main([*shlex.split(shown.text)[1:], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (point,) = told["points"]
    bottles = {
        line.partition(",")[2]: line[0] for line in block(PAGE, "shelf.csv").splitlines()[1:]
    }
    assert bottles[f"{point['monomer']:g},{point['temperature']:g}"] == "E"
    assert set(point["predicted"]) == {"viscosity", "strength", "colour"}
    assert "most likely to meet every goal at once, ln p" in told["note"]


def test_the_options_of_the_configuration_are_taken(folder):
    (shown,) = blocks(PAGE, "toml")
    campaign = tomllib.loads(shown.text)["campaign"]
    planner = make_planner(campaign["planner"], campaign["options"])
    assert planner.listed.startswith("bottle,")


def test_every_option_is_described():
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
    options = [option.name for option in describe("candidates").options]
    assert listed[: len(options)] == options
