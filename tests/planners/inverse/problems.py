"""A synthetic process with two ways to one result, and runs of it."""

import numpy as np

from planners.base import Continuous, Measured, Observation, Problem, Response

PROCESS = Problem(
    (Continuous("heat", 20.0, 120.0), Continuous("flow", 0.1, 2.0)),
    (Response("colour"), Response("size")),
)


def outcome(point):
    """Return colour, linear in both factors, and size, which rises with the flow alone."""
    heat, flow = (point["heat"] - 20) / 100, (point["flow"] - 0.1) / 1.9
    return {"colour": 2.0 + 3.0 * heat - 1.0 * flow, "size": 5.0 + 4.0 * flow}


def ran(point, status="ok", **responses):
    """Return a run of a point, with its true outcome unless others are given."""
    found = responses or (outcome(point) if status in ("ok", "suspect") else {})
    return Observation(point, {k: Measured(v) for k, v in found.items()}, status)


def runs(n=20, seed=3, problem=PROCESS):
    """Return ``n`` good runs at random points."""
    rows = np.random.default_rng(seed).random((n, problem.dimension))
    return [ran(problem.scale(row)) for row in rows]
