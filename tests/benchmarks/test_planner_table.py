"""The documentation's table of the planner benchmark is the one its script makes."""

import json
import re
import shlex

import pytest

from benchmarks.planners.peer import PEERS
from benchmarks.planners.problems import CASES
from benchmarks.planners.table import (
    PAGE,
    SUMMARY,
    best_peer,
    cell,
    condensed,
    joined,
    ratio,
    sentences,
    table,
    verdict,
    written,
)


def found(median, quartiles=(1.0, 2.0), seeds=10):
    return {"median": median, "quartiles": list(quartiles), "seeds": seeds, "best": 0.96}


def test_the_page_shows_the_table_of_the_stored_figures():
    page = PAGE.read_text(encoding="utf-8")
    summary = json.loads(SUMMARY.read_text(encoding="utf-8"))
    assert written(page, summary) == page
    assert set(summary["problems"]) == set(CASES)


def test_the_page_lists_every_problem_and_its_commands_are_modules():
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \| [\dm>]", page, re.MULTILINE)) >= set(CASES)
    shown = re.findall(r"^python -m (\S+)(.*)$", page, re.MULTILINE)
    modules = {f"benchmarks.planners{name}" for name in ("", ".drawn", ".published", ".speed")}
    assert {module for module, _ in shown} == modules
    for _, arguments in shown:
        known = {"--planners", "--seeds", "--first", "--peers", "--cache", "--out", "--repeat"}
        known |= {"--data"}
        assert {word for word in shlex.split(arguments) if word.startswith("--")} <= known


def test_a_cell_says_median_quartiles_and_few_seeds():
    assert cell(found(9.0, (8.0, 10.5)), 40, 10) == "9 (8 to 10.5)"
    assert cell(found(41.0, (38.0, 41.0), 3), 40, 10) == "> 40 (38 to > 40, 96 %, 3 seeds)"
    assert cell(found(41.0, (41.0, 41.0)), 40, 10) == "> 40 (96 %)"
    assert cell(found(9.0, (9.0, 9.0), 1), 40, 10) == "9 (9 to 9, 1 seed)"
    assert cell({"cannot": "mixtures"}, 40, 10) == "cannot"
    assert cell({"missing": True}, 40, 10) == "-"
    assert cell(None, 40, 10) == "-"


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [(8.0, 10.0, "0.80 (Ax)"), (8.0, 41.0, "< 0.20"), (41.0, 10.0, "lost"), (41.0, 41.0, "both")],
)
def test_the_ratio_is_to_the_best_peer(ours, theirs, said):
    planners = {"bayes": found(ours), "ax": found(theirs), "optuna": found(41.0), "lhs": found(1.0)}
    assert ratio(planners, 40).startswith(said)


def test_without_a_peer_there_is_no_ratio():
    assert best_peer({"bayes": found(3.0), "lhs": found(2.0), "ax": {"missing": True}}) is None
    assert ratio({"bayes": found(3.0)}, 40) == "-"


def test_the_verdict_counts_what_the_figures_are_asked_for():
    problems = {
        "one": {"planners": {"bayes": found(8.0), "ax": found(10.0)}, "worse_than_lhs": []},
        "two": {"planners": {"bayes": found(9.0), "ax": found(10.0)}, "worse_than_lhs": [3]},
        "three": {"planners": {"bayes": found(11.0), "ax": found(10.0)}, "worse_than_lhs": []},
    }
    assert verdict({"problems": problems}) == {
        "no more": ["one", "two"],
        "20 % less": ["one"],
        "more": ["three"],
        "worse_than_lhs": ["two: seeds [3]"],
    }


def test_the_floor_is_spoken_of_where_it_was_held_against_every_problem():
    one = {"planners": {"bayes": found(8.0)}, "worse_than_lhs": [], "below_lhs": [4]}
    both = {"one": one, "two": one | {"below_lhs": []}}
    said = sentences({"problems": both}).splitlines()
    assert said[3:] == [
        "- worse than the Latin hypercube on: none.",
        "- after all runs of a campaign below the Latin hypercube on: one: seeds [4].",
    ]
    del both["two"]["below_lhs"]
    assert len(sentences({"problems": both}).splitlines()) == 4


def test_the_page_says_the_verdict_in_words():
    problems = {
        "snar": {"planners": {"bayes": found(8.0), "ax": found(10.0)}, "worse_than_lhs": []},
        "flare": {"planners": {"bayes": found(11.0), "ax": found(10.0)}, "worse_than_lhs": [6]},
    }
    assert sentences({"problems": problems}).splitlines() == [
        "- `bayes` needs no more than the best peer on 1 of 2 problems.",
        "- at least 20 % less on 1: `snar`.",
        "- more on: `flare`.",
        "- worse than the Latin hypercube on: flare: seeds [6].",
    ]


def test_a_run_is_condensed_without_times_and_rows():
    row = {"seed": 0, "to_95": 4, "versions": {"ax-platform": "1.3.1"}}
    summary = {**found(4.0), "cpu_s": 0.5, "wall_s": 0.6, "rows": [row], "reached": 1.0}
    own = {"reference": 2.0, "runs": 40, "worse_than_lhs": []}
    short = condensed({"goal": 0.95, "problems": {"snar": {**own, "planners": {"ax": summary}}}})
    assert short["versions"] == {"ax-platform": "1.3.1"}
    assert set(short["problems"]["snar"]["planners"]["ax"]) == {
        "seeds",
        "median",
        "quartiles",
        "reached",
        "best",
    }


def test_who_is_worse_than_the_floor_is_told_from_the_rows_of_joined_runs():
    runs = [a_run("bayes"), a_run("lhs")]
    for run, needed in zip(runs, (9, 7), strict=True):
        (summary,) = run["problems"]["snar"]["planners"].values()
        summary["rows"] = [{"seed": 4, "to_95": needed, "best": 0.97}]
    assert condensed(joined(runs))["problems"]["snar"]["worse_than_lhs"] == [4]


def a_run(planner, reference=2.0, runs=40):
    own = {"reference": reference, "runs": runs}
    return {"goal": 0.95, "problems": {"snar": {**own, "planners": {planner: found(5.0)}}}}


def test_runs_of_different_planners_join_and_different_references_do_not():
    whole = joined([a_run("bayes"), a_run("ax")])
    assert set(whole["problems"]["snar"]["planners"]) == {"bayes", "ax"}
    with pytest.raises(SystemExit, match="snar: the runs have different references"):
        joined([a_run("bayes"), a_run("ax", reference=2.1)])
    with pytest.raises(SystemExit, match="snar: the runs have different caps"):
        joined([a_run("bayes"), a_run("ax", runs=50)])


def test_each_problem_counts_up_to_its_own_cap():
    far = {"runs": 60, "planners": {"bayes": found(33.0), "ax": found(61.0)}}
    row = table({"problems": {"hidden": far}}).splitlines()[-1]
    assert "> 60 (1 to 2, 96 %)" in row
    assert row.endswith("| < 0.55 |")


def test_the_table_has_a_row_for_each_problem_and_a_column_for_each_peer():
    planners = {name: found(5.0) for name in ("bayes", *PEERS)}
    summary = {"problems": {"snar": {"runs": 40, "planners": planners}}}
    head, rule, row = table(summary).splitlines()
    assert head.count("|") == rule.count("|") == row.count("|")
    assert row.startswith("| `snar` | 5 (1 to 2) |")
    assert row.endswith("| 1.00 (Optuna) |")
