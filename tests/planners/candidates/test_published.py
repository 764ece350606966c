"""The published choice among 10,000 candidates, recomputed."""

import csv
from pathlib import Path

import pytest

from planners.base import Continuous, Measured, Observation, Problem, Response
from planners.candidates import Candidates
from planners.suggest import ask

DATA = Path(__file__).parents[4] / "shared/data/kaneko_resin"
FACTORS = ("x1", "x2", "x3", "x4")

pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="the public data set kaneko_resin is not beside the project"
)


def table(name):
    """Return the rows of a file of the data set as mappings."""
    with (DATA / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def problem():
    """Return the problem of the settings: y1 in a range, more y2, less y3."""
    kind, low, high = table("settings_in_bayesian_optimization_multi_y.csv")
    goals = {"0": "target", "1": "maximise", "-1": "minimise"}
    responses = [
        Response(name, "target", float(low[name]), float(high[name]))
        if goals[kind[name]] == "target"
        else Response(name, goals[kind[name]])
        for name in ("y1", "y2", "y3")
    ]
    return Problem(tuple(Continuous(f, 0.0, 1.0) for f in FACTORS), tuple(responses))


@pytest.fixture(scope="module")
def history():
    """Return the thirty training runs."""
    return [
        Observation(
            {f: float(row[f]) for f in FACTORS},
            {y: Measured(float(row[y])) for y in ("y1", "y2", "y3")},
        )
        for row in table("training_data_multi_y.csv")
    ]


def test_of_ten_thousand_candidates_the_published_one_is_picked(problem, history):
    planner = Candidates(file=str(DATA / "x_for_prediction_multi_y.csv"))
    answer = ask(planner, problem, history, 1, 0)
    (found,) = answer.suggestions
    (row,) = [row for row in table("x_for_prediction_multi_y.csv") if row[""] == "3177"]
    assert found.point == {f: float(row[f]) for f in FACTORS}
    assert "candidate 3178 of 10000" in answer.note  # counted from 1; the file counts from 0
    assert float(answer.note.rpartition("ln p ")[2]) == pytest.approx(-9.426, abs=5e-4)
