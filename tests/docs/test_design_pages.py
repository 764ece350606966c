"""What the pages on designs, the simplex and lists of points show works."""

import json
import re
import shlex

import pytest

from daemon.cli import main
from daemon.settings.load import parse
from planners.design.planner import KINDS
from planners.registry import describe
from planners.suggest import load_history, load_problem
from tests.docs.blocks import DOCS, blocks
from tests.docs.test_docs import merged

NAMES = ("design", "simplex", "replay")


def page(name):
    return f"planners/{name}.md"


def answers(name, tmp_path, monkeypatch, capsys):
    """Run the command lines of a page among its files; return what they print."""
    monkeypatch.chdir(tmp_path)
    for shown in blocks(page(name)):
        if shown.path:
            (tmp_path / shown.path).write_text(shown.text, encoding="utf-8")
    documents = []
    for shown in blocks(page(name), "sh"):
        assert main([*shlex.split(shown.text)[1:], "--json"]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    return documents


def test_the_designs_of_the_page(tmp_path, monkeypatch, capsys):
    full, best, filed = answers("design", tmp_path, monkeypatch, capsys)
    heats = [point["temperature"] for point in full["points"]]
    assert len(heats) == 18
    assert heats == sorted(heats)
    assert "2 runs that break a constraint are moved to its edge" in full["note"]
    assert len(best["points"]) == 8
    problem = load_problem(tmp_path / "problem.json")
    pending = load_history(tmp_path / filed["out"], problem)
    assert [run.point for run in pending] == filed["points"]
    assert len(pending) == 18


def test_the_move_of_the_page(tmp_path, monkeypatch, capsys):
    (answer,) = answers("simplex", tmp_path, monkeypatch, capsys)
    (point,) = answer["points"]
    assert (point["temperature"], point["residence_time"]) == pytest.approx((97.5, 1.625))


def test_the_list_of_the_page(tmp_path, monkeypatch, capsys):
    (answer,) = answers("replay", tmp_path, monkeypatch, capsys)
    assert [point["temperature"] for point in answer["points"]] == [60, 90]


@pytest.mark.parametrize("name", NAMES)
def test_the_campaign_of_a_page_is_free_of_faults(name):
    (shown,) = blocks(page(name), "toml")
    assert parse(merged(shown))[1] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_every_option(name):
    text = (DOCS / page(name)).read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE))
    rows -= set(KINDS) if name == "design" else {"kind"}
    assert rows == {option.name for option in describe(name).options}
