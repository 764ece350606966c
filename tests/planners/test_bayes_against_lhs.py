"""Bayesian optimisation is never worse than a Latin hypercube of as many runs, on any seed.

Worse means by more than the noise of one reading, which nobody sees through.
"""

import numpy as np
import pytest

from planners.base import (
    Categorical,
    Composition,
    Constraint,
    Continuous,
    Discrete,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.bayes import Bayes
from planners.design import LatinHypercube
from planners.suggest import generator

pytestmark = pytest.mark.no_cover  # thousands of suggestions; other tests measure these lines

RUNS, SEEDS, NOISE = 40, range(10), 0.01
UNIT = tuple(Continuous(name, 0.0, 1.0) for name in "abc")


def hill(p):
    return np.exp(-4 * ((p["a"] - 0.3) ** 2 + (p["b"] - 0.8) ** 2 + (p["c"] - 0.5) ** 2))


def ridge(p):
    return 1.0 / (1.0 + 30 * (p["b"] - p["a"] ** 2) ** 2 + 2 * (p["a"] - 0.7) ** 2)


def two_hills(p):
    far = (p["a"] - 0.8) ** 2 + (p["b"] - 0.2) ** 2 + (p["c"] - 0.7) ** 2
    return 0.6 * hill(p) + np.exp(-20 * far)


def named(p):
    gain = {"A": 0.2, "B": 0.5, "C": 1.0, "D": 0.4, "E": 0.1}[p["ligand"]]
    return gain * np.exp(-5 * (p["a"] - 0.6) ** 2) + 0.05 * p["equivalents"]


def blend(p):
    x, y, z = (p["mix"][c] for c in "xyz")
    return x * 0.3 + y * 0.4 + 3 * x * y + 6 * x * y * z


def bounded(p):
    return p["a"] + 2 * p["b"] - (p["c"] - 0.4) ** 2


PROBLEMS = {
    "hill": (UNIT, (), hill),
    "ridge": (UNIT[:2], (), ridge),
    "two hills": (UNIT, (), two_hills),
    "names": (
        (Categorical("ligand", tuple("ABCDE")), Discrete("equivalents", (1, 2, 3)), UNIT[0]),
        (),
        named,
    ),
    "mixture": ((Composition("mix", ("x", "y", "z")),), (), blend),
    "constraint": (UNIT, (Constraint({"a": 1.0, "b": 1.0}, at_most=1.0),), bounded),
}


def reaches(planner, problem, truth, seed, wanted):
    """Return whether a campaign of as many runs meets a value; it ends as soon as it does."""
    errors, history = np.random.default_rng([seed, 7]), []
    while len(history) < RUNS:
        (point,) = planner.suggest(problem, history, 1, generator(seed, len(history)))
        assert problem.feasible(point)
        if truth(point) >= wanted:
            return True
        value = float(truth(point) + NOISE * errors.normal())
        history.append(Observation(point, {"y": Measured(value)}))
    return False


@pytest.mark.parametrize("name", PROBLEMS)
def test_it_is_never_worse_than_a_latin_hypercube(name):
    factors, constraints, truth = PROBLEMS[name]
    problem = Problem(factors, (Response("y"),), constraints)
    for seed in SEEDS:
        lhs = LatinHypercube(n_runs=RUNS, seed=seed)
        wanted = max(map(truth, lhs.suggest(problem, [], RUNS, generator(seed, 0))))
        assert reaches(Bayes(seed=seed), problem, truth, seed, wanted - NOISE), f"seed {seed}"
