"""What a person writes on the command line to steer a campaign, and what is made of it."""

import pytest

from daemon.api import send
from daemon.cli import main
from daemon.cli.steering import constraint
from daemon.errors import ConfigError


@pytest.fixture
def sent(monkeypatch):
    """Keep what would be sent; answer that it was done."""
    kept = []

    async def ask(broker, rig, verb, given, *, timeout_s):
        kept.append((rig, verb, dict(given)))
        result = {"suggestion": given.get("suggestion", "s-0001"), "changes": ["a: b"]}
        if "fix" in given:
            result["fix"] = given["fix"]
        return {"id": "x", "ok": True, "result": result}

    monkeypatch.setattr(send, "send", ask)
    return kept


def test_a_rejection_says_why_who_and_what_to_hold(sent, capsys):
    words = ["reject", "flow-1", "s-0007", "--fix", "temperature=60", "--reason", "too hot"]
    assert main([*words, "--fix", "blend=a=0.2,b=0.8", "--by", "Ada"]) == 0
    fix = {"temperature": 60.0, "blend": {"a": 0.2, "b": 0.8}}
    given = {"suggestion": "s-0007", "fix": fix, "by": "Ada", "reason": "too hot"}
    assert sent == [("flow-1", "suggestion.veto", given)]
    assert capsys.readouterr().out.startswith("s-0007: rejected; asked again with temperature 60")


def test_an_approval_needs_no_name_of_a_point(sent):
    assert main(["approve", "flow-1", "--by", "Ada"]) == 0
    assert sent == [("flow-1", "suggestion.approve", {"by": "Ada"})]


def test_every_kind_of_edit_has_its_option(sent):
    words = ["space", "flow-1", "--by", "Ada", "--range", "temperature=:90"]
    words += ["--range", "concentration=0.1 mol/L:", "--values", "equivalents.x=1,2"]
    words += ["--limits", "blend.amine=0.1:0.5", "--limits", "blend.solvent=0:0.8"]
    words += ["--most", "blend=2", "--fix", "residence_time=30 s", "--free", "pressure"]
    words += ["--constrain", "2 temperature - 3*blend.weak-amine <= 130", "--drop-constraint", "0"]
    assert main(words) == 0
    ((_, verb, given),) = sent
    assert verb == "space.edit"
    assert given == {
        "by": "Ada",
        "ranges": {"temperature": [None, 90.0], "concentration": ["0.1 mol/L", None]},
        "values": {"equivalents.x": [1.0, 2.0]},
        "limits": {"blend": {"amine": [0.1, 0.5], "solvent": [0.0, 0.8]}},
        "max_components": {"blend": 2},
        "fix": {"residence_time": 0.5},
        "free": ["pressure"],
        "add_constraints": [
            {"terms": {"temperature": 2.0, "blend.weak-amine": -3.0}, "at_most": 130.0}
        ],
        "drop_constraints": [0],
    }


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["space", "flow-1"], "space: nothing to change"),
        (["space", "flow-1", "--range", "temperature"], "--range: must be NAME=VALUE"),
        (["space", "flow-1", "--range", "temperature=90"], "--range: must be LOW:HIGH, LOW: or"),
        (["space", "flow-1", "--range", "temperature=:"], "--range: must be LOW:HIGH, LOW: or"),
        (["space", "flow-1", "--values", "x=1,b"], "--values: must be numbers such as 1,2,5"),
        (["space", "flow-1", "--limits", "blend=0:1"], "--limits: must be NAME.PART=LOW:HIGH"),
        (["space", "flow-1", "--limits", "blend.a=0:x"], "--limits: must be NAME.PART=LOW:HIGH"),
        (["space", "flow-1", "--most", "blend=two"], "--most: must be a whole number"),
        (["space", "flow-1", "--drop-constraint", "a"], "--drop-constraint: must be a whole num"),
        (["space", "flow-1", "--fix", "t=1", "--fix", "t=2"], "--fix t: is given more than once"),
        (["reject", "flow-1", "--fix", "temperature=hot"], "--fix temperature: is not a number"),
        (["reject", "flow-1", "--fix", "temperature=5 mL"], "--fix temperature: has the wrong di"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_sent(sent, capsys, words, says):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(says)
    assert captured.err.count("\n") == 1
    assert sent == []


@pytest.mark.parametrize(
    "text", ["a", "a <= b", "2 <= 3", "a + <= 5", "a ++ b <= 3", "", "<= 5", "a < 3", "3 a 4 <= 2"]
)
def test_what_is_no_constraint_is_refused(text):
    with pytest.raises(ConfigError, match="--constrain"):
        constraint(text)


def test_a_refusal_ends_with_3_and_says_why(monkeypatch, capsys):
    async def refuse(*_, **__):
        return {"id": "x", "ok": False, "error": {"code": "refused", "message": "no such point"}}

    monkeypatch.setattr(send, "send", refuse)
    assert main(["reject", "flow-1", "s-9"]) == 3
    assert capsys.readouterr().err == "taylord: no such point\n"
