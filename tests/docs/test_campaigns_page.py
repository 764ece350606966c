"""The worked examples of the page on campaigns are run, by the commands that it shows."""

import asyncio
import json
import re
import shlex

import pytest

from daemon.api import send
from daemon.api.commands import VERBS, EditSpace
from daemon.api.parse import Command, Incoming, parse
from daemon.cli import main
from daemon.cli.parser import parse as parse_words
from daemon.settings.load import parse as parse_settings
from daemon.store.reader import Reader
from daemon.store.status import status, status_text
from tests.campaigns.days import scenario
from tests.docs.blocks import DOCS, block, blocks
from tests.docs.test_docs import merged

PAGE = "planners/campaigns.md"
ADDITIVES = next(b for b in blocks(PAGE, "toml") if b.path == "additives.toml")
COMMANDS = [line for b in blocks(PAGE, "sh") for line in b.text.splitlines()]


@pytest.mark.parametrize("shown", blocks(PAGE, "toml"), ids=str)
def test_every_campaign_shown_is_free_of_faults(shown):
    assert parse_settings(merged(shown))[1] == []


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_shown_becomes_a_message_the_daemon_takes(line, monkeypatch, tmp_path):
    (tmp_path / "hplc.csv").write_text("id,purity\ne-0001,97.2\n")
    monkeypatch.chdir(tmp_path)
    sent = []

    async def keep(broker, rig, verb, given, *, timeout_s):
        sent.append((verb, given))
        result = {"suggestion": "s-0001", "changes": [], "fix": given.get("fix", {})}
        result |= {"experiment": "e-0001", "responses": []}
        return {"ok": True, "result": result}

    monkeypatch.setattr(send, "send", keep)
    words = shlex.split(line)[1:]
    assert parse_words(words).run
    assert main(words) == 0
    *asked, (verb, given) = sent
    assert {verb for verb, _ in asked} <= {"result.check"}  # of every row, before the first
    found = parse(Incoming(verb, json.dumps({"id": "x", **given}).encode()))
    assert isinstance(found, Command), found


def test_the_worked_example(tmp_path, monkeypatch):
    raw = merged(ADDITIVES)
    settings, faults = parse_settings(raw)
    assert faults == []
    lines = next(b.text for b in blocks(PAGE, "sh") if "too little niobium" in b.text).splitlines()
    told = {}

    async def chemist(stage):
        while len(stage.campaign.memory.proposed) < 3:
            await stage.until("suggestion", state="proposed")
        told["status"] = status_text(status(tmp_path / "data"))
        for line in lines:
            await _do(stage, shlex.split(line)[1:])
        while stage.campaign.state == "running":
            for name in list(stage.campaign.memory.proposed):
                await _do(stage, ["approve", "flow-1", name])
            await asyncio.sleep(60)

    outcome = scenario(tmp_path / "data", settings, chemist)
    assert outcome.document["state"] == "complete"
    shown = next(b.text for b in blocks(PAGE, "text") if "s-0003" in b.text)
    proposed = told["status"][told["status"].index("proposed") :].split("\n")[:3]
    numbers = re.compile(r"\d+\.?\d*(?:e-\d+)?(?=[,;])")  # which mixtures is extrapolate's business
    assert numbers.sub("N", "\n".join(proposed)) == numbers.sub("N", shown.strip())
    with Reader(tmp_path / "data") as reader:
        kept = {s.id: s for s in reader.campaign().suggestions}
    assert kept["s-0002"].state == "vetoed"
    assert kept["s-0004"].instead_of == "s-0002"
    assert kept["s-0004"].point["additive"] == {"mo": 0.5, "w": 0.5, "nb": 0.0}
    runs = outcome.document["experiments"]
    assert [e["status"] for e in runs] == ["ok"] * 4
    first, second = (kept[name].point["additive"] for name in ("s-0003", "s-0001"))
    assert [e["requested"]["additive"] for e in runs[:2]] == [first, second]


async def _do(stage, words):
    """Do a command of the page on the running daemon, as its message would."""
    from daemon.cli import steering

    arguments = parse_words(words)
    done = []

    def ask(_, verb, given):
        done.append((verb, given | {"reason": arguments.reason} if arguments.reason else given))
        return {"ok": True, "result": {"suggestion": "", "changes": []}}

    keep, steering._ask = steering._ask, ask
    try:
        arguments.run(arguments)
    finally:
        steering._ask = keep
    ((verb, given),) = done
    method = getattr(stage.commands, VERBS[verb].method)
    await method(VERBS[verb].arguments.model_validate(given))


def test_every_option_of_an_edit_is_on_the_page():
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    for option in ("range", "values", "limits", "most", "fix", "free", "constrain"):
        assert f"--{option} " in text, option
    assert set(EditSpace.model_fields) == {
        "ranges", "values", "limits", "max_components", "fix", "free", "add_constraints",
        "drop_constraints", "reason", "by",
    }  # fmt: skip


def test_what_status_is_said_to_show_is_what_it_shows():
    shown = next(b.text for b in blocks(PAGE, "text") if b.text.startswith("best reading"))
    assert re.match(r"best reading  e-\d+ ok: .*\nbest          e-\d+ \(.*probability \d+%", shown)
    assert block(PAGE, "additives.toml")
