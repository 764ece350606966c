"""Whatever unit a response is in, the same point is next: 1e-20 mol and 1 mol are one experiment."""

import numpy as np
import pytest

from planners.base import Continuous, Measured, Observation, Problem, Response
from planners.registry import make_planner
from planners.suggest import ask

PLANE = (Continuous("a", 0.0, 1.0), Continuous("b", 2.0, 5.0))


def runs(unit: float) -> list[Observation]:
    rng = np.random.default_rng(5)
    places = np.column_stack([rng.random(14), 2.0 + 3.0 * rng.random(14)])
    return [
        Observation(
            {"a": a, "b": b},
            {
                "up": Measured(unit * (5.0 - (a - 0.3) ** 2 - (b - 3.0) ** 2)),
                "down": Measured(unit * (6.0 - a - (b - 4.0) ** 2)),
            },
        )
        for a, b in places
    ]


@pytest.mark.parametrize("unit", [1e-20, 1e-14, 1e14])
@pytest.mark.parametrize("goals", [("up",), ("up", "down")])
def test_bayes_chooses_the_same_point_in_any_unit(unit, goals):
    responses = [Response("up"), Response("down", "minimise")][: len(goals)]
    problem = Problem(PLANE, tuple(responses))
    (usual,) = ask(make_planner("bayes"), problem, runs(1.0), 1, 0).suggestions
    (other,) = ask(make_planner("bayes"), problem, runs(unit), 1, 0).suggestions
    assert problem.encode(other.point) == pytest.approx(problem.encode(usual.point), abs=1e-3)


def test_extrapolate_is_as_sure_in_any_unit():
    problem = Problem(PLANE, (Response("up"),))
    (found,) = ask(
        make_planner("extrapolate", {"candidates": 64}), problem, runs(1e-14), 1, 0
    ).suggestions
    assert found.predicted["up"].sd < 1e-13
