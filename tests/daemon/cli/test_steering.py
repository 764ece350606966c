"""What a person writes on the command line to steer a campaign, and what is made of it."""

import pytest

from daemon.api import send
from daemon.cli import main
from daemon.cli.steering import constraint
from daemon.errors import ConfigError


@pytest.fixture
def sent(monkeypatch):
    """Keep what would be sent; answer that it was done."""

    class Kept(list):
        answer = None

    kept = Kept()

    async def ask(broker, rig, verb, given, *, timeout_s):
        kept.append((rig, verb, dict(given)))
        result = {"suggestion": given.get("suggestion", "s-0001"), "changes": ["a: b"]}
        if "fix" in given:
            result["fix"] = given["fix"]
        return {"id": "x", "ok": True, "result": kept.answer or result}

    monkeypatch.setattr(send, "send", ask)
    return kept


def test_a_rejection_says_why_who_and_what_to_hold(sent, capsys):
    words = ["reject", "flow-1", "s-0007", "--fix", "temperature=60", "--reason", "too hot"]
    assert main([*words, "--fix", "blend=a=0.2,b=0.8", "--by", "Ada"]) == 0
    fix = {"temperature": 60.0, "blend": {"a": 0.2, "b": 0.8}}
    given = {"suggestion": "s-0007", "fix": fix, "by": "Ada", "reason": "too hot"}
    assert sent == [("flow-1", "suggestion.veto", given)]
    assert capsys.readouterr().out.startswith("s-0007: rejected; asked again with temperature 60")


def test_a_point_that_leaves_its_batch_is_told_to(sent, capsys):
    sent_result(sent, {"suggestion": "s-2", "fix": {"temperature": 60.0}, "apart": ["temperature"]})
    assert main(["reject", "flow-1", "s-2", "--fix", "temperature=60"]) == 0
    says = "asked again with temperature 60 (for this point alone; the rest of its batch shares te"
    assert says in capsys.readouterr().out


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
        (["space", "flow-1", "--range", "temperature=nan:9"], "--range: must be finite, got 'nan'"),
        (["reject", "flow-1", "--fix", "temperature=nan"], "--fix temperature: must be a finite"),
        (["space", "flow-1", "--values", "x=1,inf"], "--values: must be finite, got 'inf'"),
        (["space", "flow-1", "--constrain", "x <= nan"], "--constrain: must be finite, got 'nan'"),
        (["space", "flow-1", "--values", "x=1,b"], "--values: must be such as 1,2,5 or dbu,dipea"),
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


@pytest.mark.parametrize("text", ["a", "a <= b", "", "<= 5", "a < 3", "a <= 1 <= b"])
def test_what_is_no_constraint_is_refused(text):
    with pytest.raises(ConfigError, match="--constrain"):
        constraint(text)


def test_what_is_no_sum_is_a_formula():
    found = constraint("concentration * residence_time <= 2")
    expression = "concentration * residence_time"
    assert found == {"kind": "formula", "expression": expression, "at_most": 2.0}


def test_results_are_handed_in_one_by_one(sent, capsys):
    words = ["result", "flow-1", "e-0007", "purity=97.2 +/- 0.3", "colour=1e+2", "--by", "Ada"]
    sent_result(sent, {"experiment": "e-0007", "responses": ["colour", "purity"]})
    assert main(words) == 0
    ((_, verb, given),) = sent
    assert verb == "result.submit"
    assert given["experiment"] == "e-0007"
    assert given["responses"] == {"purity": {"value": 97.2, "sd": 0.3}, "colour": {"value": 100.0}}
    assert capsys.readouterr().out == "e-0007: colour 100, purity 97.2 +/- 0.3\n"


def test_results_are_handed_in_as_a_table(sent, tmp_path):
    table = tmp_path / "hplc.csv"
    table.write_text(
        "id,purity,purity.sd,purity.quality,temperature\n"
        "e-0001,97.2,0.3,,60\ne-0002,,,,70\ne-0003,88,,suspect,80\n"
    )
    words = ["result", "flow-1", "--csv", str(table), "--response", "purity", "--by", "Ada"]
    sent_result(sent, {"experiment": "e", "responses": ["purity"]})
    assert main(words) == 0
    asked = [(verb, given["experiment"]) for _, verb, given in sent]
    assert asked[:2] == [("result.check", "e-0001"), ("result.check", "e-0003")]
    assert asked[2:] == [("result.submit", "e-0001"), ("result.submit", "e-0003")]
    assert sent[2][2]["responses"] == {"purity": {"value": 97.2, "sd": 0.3}}
    assert sent[3][2]["responses"] == {"purity": {"value": 88.0, "quality": "suspect"}}


def test_a_table_of_which_one_row_would_be_refused_hands_in_nothing(monkeypatch, tmp_path, capsys):
    asked = []

    async def ask(broker, rig, verb, given, *, timeout_s):
        asked.append(verb)
        if given["experiment"] == "e-9":
            return {"ok": False, "error": {"code": "refused", "message": "no experiment 'e-9'"}}
        return {"ok": True, "result": {"experiment": given["experiment"], "responses": ["purity"]}}

    monkeypatch.setattr(send, "send", ask)
    table = tmp_path / "hplc.csv"
    table.write_text("id,purity\ne-1,2\ne-9,3\ne-2,4\n")
    assert main(["result", "flow-1", "--csv", str(table), "--response", "purity"]) == 2
    assert asked == ["result.check"] * 3
    captured = capsys.readouterr()
    assert captured.err == f"{table}: row 3: no experiment 'e-9'\n"
    assert captured.out == ""


def test_what_a_result_replaces_is_said(sent, capsys):
    old = {"value": 11270.0, "sd": 320.0, "quality": "ok", "reason": ""}
    told = {"experiment": "e-1", "responses": ["space_time_yield"]}
    sent_result(sent, told | {"replaced": {"space_time_yield": old}})
    assert main(["result", "flow-1", "e-1", "space_time_yield=3"]) == 0
    says = "e-1: space_time_yield 3; replaces space_time_yield 1.127e+04 +/- 3.2e+02 (measured by"
    assert capsys.readouterr().out.startswith(says)


def test_what_was_handed_in_is_said_and_when_no_planner_learns_from_it(sent, capsys):
    told = {"experiment": "e-1", "responses": ["purity"], "passed_over": "failed"}
    sent_result(sent, told)
    assert main(["result", "flow-1", "e-1", "purity=97.25+-0.5"]) == 0
    says = "e-1: purity 97.25 +/- 0.5; on record, but the experiment is failed: no planner learns"
    assert capsys.readouterr().out.startswith(says)


@pytest.mark.parametrize("first", ["", "sep=;\n"])
def test_a_table_may_be_as_other_countries_spreadsheets_write_it(sent, tmp_path, first):
    table = tmp_path / "hplc.csv"
    table.write_text(f"{first}id;purity;purity.sd\n\ne-0001;97,2;0,3\n", encoding="utf-8-sig")
    words = ["result", "flow-1", "--csv", str(table), "--response", "purity", "--by", "Ada"]
    sent_result(sent, {"experiment": "e", "responses": ["purity"]})
    assert main(words) == 0
    assert sent[-1][2]["responses"] == {"purity": {"value": 97.2, "sd": 0.3}}


def sent_result(sent, answer):
    """Let the daemon answer this."""
    sent.answer = answer


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,other\ne-1,2\n", "row 1: no column 'purity'"),
        ("purity\n2\n", "row 1: no column 'id'"),
        ("id,purity\ne-1,lots\n", "row 2: purity: must be a finite number, got 'lots'"),
        ("id,purity\ne-1,nan\n", "row 2: purity: must be a finite number, got 'nan'"),
        ("id,purity\n,2\n", "row 2: id: is empty"),
        ("id,purity,purity.sd\ne-1,2,-1\n", "row 2: purity.sd: must be 0 or more, got '-1'"),
        ("id,purity,purity.quality\ne-1,2,bad\n", "row 2: purity.quality: must be ok or suspect"),
        ("id,purity\ne-1,2\ne-2,3\ne-1,4\n", "row 4: purity: e-1 has it in row 2"),
        ("id,purity\ne-1,\n", "holds no value of purity"),
        ("", "row 1: no column 'id'"),
        ("id,purity\n", "holds no value of purity"),
    ],
)
def test_a_table_that_is_none_is_refused_whole(sent, tmp_path, capsys, text, says):
    table = tmp_path / "hplc.csv"
    table.write_text(text)
    assert main(["result", "flow-1", "--csv", str(table), "--response", "purity"]) == 2
    assert says in capsys.readouterr().err
    assert sent == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "result: needs an experiment"),
        (["e-1"], "result: needs an experiment and NAME=VALUE"),
        (["e-1", "purity"], "result: must be NAME=VALUE"),
        (["e-1", "purity=high"], "result: purity: must be a finite number, got 'high'"),
        (["e-1", "purity=5+-x"], "result: purity: must be a finite number, got 'x'"),
        (["--csv", "nowhere.csv"], "--response: is missing"),
        (["--csv", "nowhere.csv", "--response", "purity"], "nowhere.csv: cannot be read"),
        (["e-1", "purity=5", "--csv", "nowhere.csv"], "--csv: stands alone"),
    ],
)
def test_a_result_that_is_none_is_refused(sent, capsys, words, says):
    assert main(["result", "flow-1", *words]) == 2
    assert says in capsys.readouterr().err
    assert sent == []


def test_a_refusal_ends_with_3_and_says_why(monkeypatch, capsys):
    async def refuse(*_, **__):
        return {"id": "x", "ok": False, "error": {"code": "refused", "message": "no such point"}}

    monkeypatch.setattr(send, "send", refuse)
    assert main(["reject", "flow-1", "s-9"]) == 3
    assert capsys.readouterr().err == "taylord: no such point\n"


@pytest.mark.parametrize("words", [["send", "flow-1", "ping"], ["approve", "flow-1"]])
@pytest.mark.parametrize("given", ["-1", "0", "nan", "inf", "soon"])
def test_a_timeout_that_is_none_is_refused(sent, capsys, words, given):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--timeout", given])
    assert ended.value.code == 2
    says = f"argument --timeout: must be a number of seconds above 0, got {given!r}"
    assert says in capsys.readouterr().err
    assert sent == []
