"""What the page on extrapolation shows works."""

import json
import re
import shlex
import tomllib

from daemon.cli import main
from planners.extrapolate import Extrapolate
from planners.extrapolate.descriptors import FORMS
from planners.extrapolate.elements import table
from planners.registry import _default, _parameters, make_planner
from tests.docs.blocks import DOCS, block, blocks

PAGE = "planners/extrapolate.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")


def test_the_worked_example_names_new_elements(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("problem.json", "history.csv"):
        (tmp_path / name).write_text(block(PAGE, name), encoding="utf-8")
    (shown,) = blocks(PAGE, "sh")
    assert main([*shlex.split(shown.text)[1:], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["points"]) == 4
    assert all(point["predicted"]["rate"]["sd"] > 0 for point in told["points"])
    new = [any(point["additive"][e] > 0 for e in ("Nb", "Ta", "Hf")) for point in told["points"]]
    assert any(new)
    assert "extrapolate: no run has held" in told["note"]


def test_the_options_of_the_configuration_are_taken():
    (shown,) = blocks(PAGE, "toml")
    campaign = tomllib.loads(shown.text)["campaign"]
    planner = make_planner(campaign["planner"], campaign["options"])
    assert planner.grid == (0.5, 1.0, 2.0)
    assert planner.table["Ba"] == {"co2_adsorption": -1.9}
    assert campaign["approve"] is True


def test_every_option_and_form_is_described():
    listed = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", TEXT, re.MULTILINE)
    options = list(_parameters(Extrapolate))
    assert listed[: len(options)] == options
    assert set(FORMS) <= set(listed[len(options) :])
    assert f"{len(table())} elements" in TEXT
    assert _default(_parameters(Extrapolate)["candidates"].default)[0] == 8192
