"""What the page on Bayesian optimisation shows works."""

import re
import shlex
import tomllib

from daemon.cli import main
from planners.registry import describe, make_planner
from tests.docs.blocks import DOCS, block, blocks

PAGE = "planners/bayes.md"


def test_the_worked_example_answers_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("problem.json", "history.csv"):
        (tmp_path / name).write_text(block(PAGE, name), encoding="utf-8")
    (shown,) = blocks(PAGE, "sh")
    assert main(shlex.split(shown.text)[1:]) == 0
    told = capsys.readouterr()
    assert len(re.findall("^temperature", told.out, re.MULTILINE)) == 2
    assert told.out.count("expects yield") == 2
    assert told.out.count("the best known run is expected") == 2


def test_the_options_of_the_configuration_are_taken():
    (shown,) = blocks(PAGE, "toml")
    options = tomllib.loads(shown.text)["campaign"]["options"]
    assert make_planner("bayes", options).move_cost == {"temperature": 1.0}


def test_every_option_is_described():
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
    assert listed == [option.name for option in describe("bayes").options]


def test_the_best_run_is_the_one_the_page_names():
    names = {}
    exec(block(PAGE, "best.py"), names)  # the page's own code
    best = names["best"]
    assert abs(best.point["temperature"] - 70) <= 15
