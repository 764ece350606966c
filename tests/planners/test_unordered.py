"""The order in which runs are listed means nothing: a sheet may be sorted."""

import numpy as np
import pytest

from benchmarks.catalysis import PROBLEM, Truth, drawn
from planners.base import Continuous, Measured, Observation, Problem, Response
from planners.candidates import Candidates
from planners.extrapolate import Extrapolate
from planners.inverse import Inverse
from planners.suggest import ask
from planners.unordered import unordered
from tests.planners.inverse.problems import PROCESS, runs

SIZES = {"size": 6.5}
PLANE = Problem((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 10.0)), (Response("y"),))


def hill(n):
    """Return runs at random places of a hill."""
    rng = np.random.default_rng(4)
    points = [PLANE.scale(row) for row in rng.random((n, 2))]
    heights = [5 - 8 * (p["a"] - 0.7) ** 2 - 0.1 * (p["b"] - 4) ** 2 for p in points]
    return [Observation(p, {"y": Measured(h)}) for p, h in zip(points, heights, strict=True)]


def mixtures():
    """Return runs of catalysts, one of them failed and two under way."""
    done = Truth("smooth").measured(drawn(15, np.random.default_rng(7)))
    others = [Observation(run.point, status="pending") for run in done[:2]]
    return [*done[3:], *others, Observation(done[2].point, status="failed")]


CASES = {
    "mixture": (Inverse(target=SIZES), PROCESS, runs(12, seed=1)),
    "cross-validated": (Inverse(target=SIZES, choose="cv"), PROCESS, runs(12, seed=1)),
    "variational": (Inverse(target=SIZES, model="variational"), PROCESS, runs(12, seed=1)),
    "selected": (Candidates(model="select"), PLANE, hill(12)),
    "trees": (Extrapolate(candidates=256), PROBLEM, mixtures()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_runs_in_another_order_lead_to_the_same_points(case):
    planner, problem, history = CASES[case]
    listed = ask(planner, problem, history, 3, 0)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(history))
        assert ask(planner, problem, [history[i] for i in order], 3, 0) == listed


def test_an_order_holds_every_run_once_and_does_not_tell_how_they_were_listed():
    table = np.array([[1.0, 2.0], [0.0, 5.0], [1.0, 2.0], [0.5, np.nan]])
    order = unordered(table)
    assert sorted(order) == [0, 1, 2, 3]
    again = table[::-1]
    np.testing.assert_array_equal(table[order], again[unordered(again)])
