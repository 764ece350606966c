"""The README's commands and tables are what the program has."""

import re
import shlex
from pathlib import Path

import pytest

from daemon import plugins
from daemon.cli.parser import COMMANDS, parse

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONSOLE = re.findall(r"^\$ taylord (.*?)(?:\s+#.*)?$", README, re.MULTILINE)


def test_the_two_commands_are_there_word_for_word():
    assert (
        "run: `python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/taylord demo`"
        in README
    )
    assert (
        "test: `python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest`"
        in README
    )


@pytest.mark.parametrize("line", CONSOLE)
def test_a_command_line_shown_is_understood(line):
    assert parse(shlex.split(line)).run


def test_the_command_table_names_every_command_once():
    table = README.split("| command | does |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"`taylord (\w+)`", table)) == sorted(c.name for c in COMMANDS)


def test_the_instrument_table_names_every_driver():
    table = README.split("| driver | instrument | link | is a |")[1].split("\n\n")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`([\w-]+)`", row)}
    assert named == set(plugins.names("taylord.drivers"))


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_a_link_leads_somewhere(target):
    assert (ROOT / target).exists()
