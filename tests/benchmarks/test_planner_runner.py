"""The planner benchmark's runner: the rule, the comparison with the floor, the command line."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.planners.cache import Cache, key_of
from benchmarks.planners.campaign import Own, campaign, median_spent
from benchmarks.planners.own import makers
from benchmarks.planners.problems import CASES
from benchmarks.planners.references import reference, stored
from benchmarks.planners.summary import below_seeds, summed, worse_seeds

ROOT = Path(__file__).parents[2]
HIDDEN, CONSTRAINED = CASES["hidden"], CASES["constrained"]
POOR = {"temperature": 40.0, "concentration": 0.2, "equivalents": 4.0}


@dataclass
class Listed:
    """Asks for the points of a list, and remembers what it was told."""

    points: list
    told: list = field(default_factory=list)

    def ask(self):
        return self.points[len(self.told)]

    def tell(self, run):
        self.told.append(run)


def best_point(name):
    return stored()[name]["points"][0]


def test_the_first_experiment_that_reaches_the_goal_counts():
    asker = Listed([POOR, best_point("hidden"), POOR])
    result = campaign(HIDDEN, asker, 0, reference("hidden"), runs=3)
    assert result.to_goal == 2
    assert len(result.shares) == 2  # it stops there
    assert result.shares[-1] == pytest.approx(1.0, rel=1e-6)


def test_the_noise_free_truth_decides_and_the_planner_sees_noise_alone():
    asker = Listed([POOR, POOR])
    result = campaign(HIDDEN, asker, 0, reference("hidden"), runs=2)
    true = HIDDEN.truth(POOR)["yield"]
    assert result.shares == [pytest.approx(true / reference("hidden"))] * 2
    seen = [run.responses["yield"].value for run in asker.told]
    assert true not in seen
    assert seen[0] != seen[1]


def test_a_failed_run_counts_as_an_experiment_and_is_worth_nothing():
    best = best_point("constrained")
    clogs = {**best, "temperature": best["temperature"] - 5.0}
    asker = Listed([clogs, best])
    result = campaign(CONSTRAINED, asker, 0, reference("constrained"), runs=2)
    assert (result.to_goal, result.failed, result.outside) == (2, 1, 0)
    assert result.shares[0] == 0.0
    assert [run.status for run in asker.told] == ["failed"]


@pytest.mark.parametrize(
    "wrong", [{"flow_solvent": 3.0}, {"temperature": 111.0}], ids=["against a constraint", "range"]
)
def test_a_point_outside_is_counted_and_worth_nothing(wrong):
    best = best_point("constrained")
    asker = Listed([{**best, **wrong}, best])
    result = campaign(CONSTRAINED, asker, 0, reference("constrained"), runs=1)
    assert (result.to_goal, result.outside, result.failed) == (None, 1, 1)
    assert result.shares == [0.0]


@pytest.mark.parametrize("name", ["bayes", "lhs", "random"])
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_own_planners_stay_inside_on_every_problem(case, name):
    asker = Own(makers(6)[name](1), case, 1)
    result = campaign(case, asker, 1, reference(case.name), runs=6, whole=True)
    assert result.outside == 0
    assert len(result.shares) == 6
    assert result.shares == sorted(result.shares)


def test_the_same_seed_gives_the_same_campaign():
    case = CASES["solvents"]
    twice = [
        campaign(case, Own(makers(9)["bayes"](2), case, 2), 2, reference(case.name), runs=9)
        for _ in range(2)
    ]
    assert twice[0].to_json() == twice[1].to_json()


def row(seed, to_95, best=1.0):
    return {"seed": seed, "to_95": to_95, "best": best, "outside": 0, "failed": 0}


def test_campaigns_that_miss_the_goal_count_as_one_more_than_the_cap():
    found = summed([row(0, 5), row(1, 7), row(2, 9), row(3, None, 0.6)], 40)
    assert found["needed"] == [5, 7, 9, 41]
    assert found["median"] == 8.0
    assert found["quartiles"] == [6.5, 17.0]
    assert found["reached"] == 0.75
    assert found["best"] == 1.0


def test_worse_than_the_floor_is_later_or_lower_at_the_cap():
    ours = [row(0, 9), row(1, 9), row(2, None, 0.5), row(3, None, 0.8), row(4, None, 0.9)]
    floor = [row(0, None), row(1, 8), row(2, None, 0.6), row(3, None, 0.7), row(4, 40)]
    assert worse_seeds(ours, floor, 40) == [1, 2, 4]
    assert worse_seeds([row(9, 30)], floor, 40) == []


def test_below_the_floor_is_a_lower_best_of_all_runs_however_soon_the_goal_was_met():
    ours = [row(0, 9, 0.96), row(1, 30, 0.99), row(2, None, 0.6), row(3, 5, 0.97)]
    floor = [row(0, 7, 0.97), row(1, 8, 0.96), row(2, None, 0.7)]
    assert below_seeds(ours, floor) == [0, 2]


def test_median_times_are_over_all_suggestions():
    case = CASES["solvents"]
    result = campaign(case, Own(makers(4)["lhs"](0), case, 0), 0, reference(case.name), runs=4)
    assert set(median_spent([result])) == {"cpu_s", "wall_s"}
    assert median_spent([]) == {}


def test_rows_in_the_cache_count_while_problem_and_reference_are_the_same(tmp_path):
    file = tmp_path / "rows.jsonl"
    kept = {"seed": 3, "to_95": 12}
    Cache(file).keep("other", HIDDEN, 40, kept, {"other": "1.0"})
    again = Cache(file)
    assert again.find("other", HIDDEN, 3, 40)["to_95"] == 12
    assert again.find("other", HIDDEN, 3, 40)["versions"] == {"other": "1.0"}
    assert again.find("other", HIDDEN, 4, 40) is None
    assert again.find("other", CONSTRAINED, 3, 40) is None
    assert key_of(HIDDEN) != key_of(CONSTRAINED)


def run_module(module, *arguments):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


def test_a_small_real_run_prints_json_with_the_figures():
    done = run_module(
        "benchmarks.planners", "--problems", "targets", "--seeds", "2",
        "--planners", "bayes,lhs,random",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    found = document["problems"]["targets"]["planners"]
    assert found["bayes"]["reached"] == 1.0
    assert found["bayes"]["median"] < found["lhs"]["median"]
    assert found["bayes"]["cpu_s"] > 0
    assert document["problems"]["targets"]["worse_than_lhs"] == []


def test_whole_campaigns_go_on_to_the_last_run():
    done = run_module(
        "benchmarks.planners", "--problems", "targets", "--seeds", "1", "--runs", "11", "--whole",
        "--planners", "bayes,lhs",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["problems"]["targets"]
    rows = [found["planners"][name]["rows"][0] for name in ("bayes", "lhs")]
    assert [len(row["shares"]) for row in rows] == [11, 11]
    assert rows[0]["to_95"] < 11
    assert found["below_lhs"] == []


def test_an_unknown_problem_is_named():
    done = run_module("benchmarks.planners", "--problems", "snare")
    assert done.returncode == 2
    assert "unknown: snare; known: snar," in done.stderr


def test_a_campaign_that_got_there_counts_for_every_cap_and_one_that_did_not_for_its_own(tmp_path):
    cache = Cache(tmp_path / "rows.jsonl")
    cache.keep("other", HIDDEN, 40, {"seed": 3, "to_95": 12}, {})
    cache.keep("other", HIDDEN, 40, {"seed": 4, "to_95": None}, {})
    cache.keep("other", HIDDEN, 60, {"seed": 4, "to_95": 50}, {})
    assert [bool(cache.find("other", HIDDEN, 3, runs)) for runs in (10, 40, 60)] == [0, 1, 1]
    assert cache.find("other", HIDDEN, 4, 40)["to_95"] is None
    assert cache.find("other", HIDDEN, 4, 60)["to_95"] == 50
    assert cache.find("other", HIDDEN, 4, 80)["to_95"] == 50
    assert cache.find("other", HIDDEN, 4, 45) is None
