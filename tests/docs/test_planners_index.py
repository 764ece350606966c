"""The index of planners: all are on it, its links lead somewhere, its example works."""

import json
import re
import shlex

import pytest

from daemon.cli import main
from planners.registry import planner_names
from tests.docs.blocks import DOCS, blocks

PAGE = "planners/README.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")


def test_every_installed_planner_is_on_the_page():
    listed = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)
    assert set(planner_names()) <= set(listed)
    assert listed == sorted(listed)


def test_every_link_leads_to_a_page():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (DOCS / "planners" / target).exists(), target


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with the files of the page."""
    for shown in blocks(PAGE):
        if shown.path:
            (tmp_path / shown.path).write_text(shown.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_page_do_what_it_says(folder, capsys):
    lines = [line for b in blocks(PAGE, "sh") for line in b.text.splitlines()]
    documents = []
    for line in lines:
        assert main([*shlex.split(line)[1:], "--json"]) == 0, line
        documents.append(json.loads(capsys.readouterr().out))
    plain, fixed, shared, filed, pictured = documents
    assert plain["summary"]["best"]
    assert {(p["base"], p["temperature"]) for p in fixed["points"]} == {("DBU", 75)}
    assert len({p["temperature"] for p in shared["points"]}) == 1
    assert len(shared["points"]) == 3
    assert len(filed["points"]) == 2
    assert len((folder / filed["out"]).read_text().splitlines()) == 3
    named = set(re.findall(r"`([\w-]+\.png)`", TEXT))
    assert {path.name for path in (folder / "pictures").iterdir()} == named
    assert len(pictured["plots"]) == 4
