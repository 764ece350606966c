"""The runs before anything is modelled: how many, and where."""

import numpy as np

from planners.base import Categorical, Continuous, Problem
from planners.design import design_rows
from planners.factors import Array

_ONE_GOAL = 3  # a model of so few runs already tells better than chance where to go next
_FEWEST = 4  # for several goals and for targets
_LEVELS = 10  # of a named factor: so many are each tried once; more would cost too much
_NEARER = 0.5  # of the way from the middle, at which names are compared


def first_runs(problem: Problem) -> int:
    """Return how many runs a first design needs.

    Three for one goal; for several goals, one more than the cube has columns, as a front is learned
    as a whole. Enough to meet every name once: a level that no run has met looks like any other to
    a model (descriptors say what it is like).
    """
    named = _named(problem)
    wanted = _ONE_GOAL if _alone(problem) and not named else max(_FEWEST, problem.dimension + 1)
    return max([wanted, *named])


def first_rows(problem: Problem, asked: int | None, rng: np.random.Generator) -> Array:
    """Return the legal rows of a first design: of ``asked`` runs, or of as many as it needs.

    They are spread evenly. Where one goal depends on names and nobody asked for more, numbers stay
    nearer to their middle, so that names are compared under conditions that are alike: at an edge
    of the ranges a good catalyst looks as bad as the others.
    """
    rows = design_rows(problem, asked or first_runs(problem), rng)
    if asked or not (_alone(problem) and _named(problem)):
        return rows
    free = [isinstance(f, Continuous) and f.n_levels > 1 for f in problem.factors]
    numbers = np.repeat(free, [factor.width for factor in problem.factors])
    nearer = problem.snap(np.where(numbers, 0.5 + _NEARER * (rows - 0.5), rows))
    return np.where(problem.keeps_constraints(nearer)[:, None], nearer, rows)


def _alone(problem: Problem) -> bool:
    return len(problem.responses) == 1 and problem.responses[0].goal != "target"


def _named(problem: Problem) -> list[int]:
    """Return how many names of each factor without descriptors are tried."""
    return [
        min(int(factor.n_levels), _LEVELS)
        for factor in problem.factors
        if isinstance(factor, Categorical) and not factor.descriptors
    ]
