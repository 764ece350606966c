"""The page on choosing a model does what it says."""

import json
import shlex

import pytest

from daemon.cli import main
from tests.docs.blocks import blocks

PAGE = "planners/select.md"
COMMANDS = [shlex.split(b.text)[1:] for b in blocks(PAGE, "sh")]


@pytest.fixture
def there(tmp_path, monkeypatch):
    for shown in blocks(PAGE):
        if shown.path:
            (tmp_path / shown.path).write_text(shown.text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_report_warns_as_the_page_shows(there, capsys):
    assert main(COMMANDS[0]) == 0
    shown = capsys.readouterr().out
    (warning,) = [b.text.strip() for b in blocks(PAGE, "text")]
    assert warning in shown
    assert "14 groups of rows" in shown
    assert "1/temperature" in shown or "reciprocal" in shown or "Chosen: " in shown


def test_predictions_say_which_row_not_to_believe(there, capsys):
    assert main([*COMMANDS[1], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    near, far = found["predictions"]
    assert near["outside"] == []
    assert 0.5 < near["mean"] < 0.9
    assert len(far["outside"]) >= 2
    assert found["chosen"]["r2"] > 0.95


def test_the_python_of_the_page_runs(there):
    names = {}
    exec((there / "use.py").read_text(), names)
    assert names["mean"][0] == pytest.approx(0.75, abs=0.05)
    assert names["inside"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.csv", "--response", "yield"], "nowhere.csv: cannot be read"),
        (["ether.csv", "--response", "yeild"], "no column 'yeild' (did you mean 'yield'?)"),
        (["ether.csv", "--response", "yield", "--factors", "water,tmp"], "no column 'tmp'"),
        (["ether.csv", "--response", "yield", "--transform", "log"], "must be NAME=KIND"),
        (
            ["ether.csv", "--response", "yield", "--transform", "temperature=cube"],
            "transform temperature: must be one of",
        ),
        (
            ["ether.csv", "--response", "yield", "--predict", "short.csv"],
            "no column 'ethanol'",
        ),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_code_2(there, capsys, words, sentence):
    (there / "short.csv").write_text("temperature,residence,water\n70,100,0.2\n")
    assert main(["select", *words, "--quick"]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""
