"""The runs before a model is trusted: how many, and where."""

import numpy as np

from planners.base import Categorical, Composition, Problem
from planners.bayes.columns import numbers
from planners.design import design_rows
from planners.factors import Array
from planners.sampling import feasible_rows

_ONE_GOAL = 3  # a model of so few runs already tells better than chance where to go next
_ONE_TARGET = 2  # many points meet it: a model on the way to one learns where it is needed
_FEWEST = 4  # for several goals and for several targets
_LEVELS = 10  # of a named factor: up to so many are each tried once; of more the model chooses
_NEARER = 0.5  # of the way from the middle, at which names are compared
_LOOKS = 6  # runs until which it is worth looking around where nothing explains the first ones
_BLENDS = 256  # feasible rows whose mean is the middle of a mixture


def first_runs(problem: Problem) -> int:
    """Return how many runs a first design needs.

    Three for one goal, one where it depends on a mixture, two for one target; for several of them,
    one more than the cube has columns, as a front is learned as a whole. Enough to meet every name
    once, but for one target, that some names already met can meet as well: a level that no run has
    met looks like any other to a model (descriptors say what it is like).
    """
    if _blended(problem):
        return 1
    if _one_target(problem):
        return _ONE_TARGET
    named = _named(problem)
    wanted = _ONE_GOAL if _alone(problem) and not named else max(_FEWEST, problem.dimension + 1)
    return max([wanted, *named])


def first_rows(problem: Problem, asked: int | None, rng: np.random.Generator) -> Array:
    """Return the legal rows of a first design: of ``asked`` runs, or of as many as it needs.

    They are spread evenly. Where one goal depends on names and nobody asked for more, numbers stay
    nearer to their middle, so that names are compared under conditions that are alike: at an edge
    of the ranges a good catalyst looks as bad as the others. Of a mixture the middle comes first:
    blends at the edge of what is possible say little of those with all parts.
    """
    if not asked and _blended(problem):
        return _middle(problem)
    rows = design_rows(problem, asked or first_runs(problem), rng)
    if asked or not (_alone(problem) and _named(problem)):
        return rows
    nearer = problem.snap(np.where(numbers(problem), 0.5 + _NEARER * (rows - 0.5), rows))
    return np.where(problem.keeps_constraints(nearer)[:, None], nearer, rows)


def looks_around(problem: Problem, asked: int | None, runs: int) -> bool:
    """Return whether after ``runs`` a look around is due, unless a kinetic law explains them.

    One goal's first guess has been tried by then. It may well have led up a lesser hill: with so
    few runs, a model without knowledge of the process believes in the hill that it happened to see.
    Not so of mixtures, whose middle tells more, and not where ``asked`` runs were wanted first.
    """
    if asked or not _alone(problem) or _mixed(problem):
        return False
    return _ONE_GOAL < runs < min(_LOOKS, problem.dimension + _ONE_GOAL)


def _blended(problem: Problem) -> bool:
    return _mixed(problem) and _alone(problem) and not _named(problem)


def _mixed(problem: Problem) -> bool:
    return any(isinstance(factor, Composition) for factor in problem.factors)


def _middle(problem: Problem) -> Array:
    """Return the legal row in the middle of all that are feasible, ``(1, dimension)``."""
    rows = feasible_rows(problem, _BLENDS, np.random.default_rng(0))
    middle = rows.mean(axis=0, keepdims=True)
    legal = problem.snap(middle)
    if problem.keeps_constraints(legal)[0]:
        return legal
    return rows[[int(np.argmin(((rows - middle) ** 2).sum(axis=1)))]]


def _alone(problem: Problem) -> bool:
    return len(problem.responses) == 1 and problem.responses[0].goal != "target"


def _one_target(problem: Problem) -> bool:
    return [response.goal for response in problem.responses] == ["target"]


def _named(problem: Problem) -> list[int]:
    """Return how many names of each factor without descriptors are tried; 0 of very many.

    Ten of 22 additives cost ten runs and leave the best one out as likely as not.
    """
    sizes = [
        int(factor.n_levels)
        for factor in problem.factors
        if isinstance(factor, Categorical) and not factor.descriptors
    ]
    return [size if size <= _LEVELS else 0 for size in sizes]
