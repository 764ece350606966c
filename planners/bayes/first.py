"""How many runs to spread evenly before anything is modelled."""

from planners.base import Categorical, Problem

_FEWEST = 4
_LEVELS = 10  # of a named factor: so many are each tried once; more would cost too much


def first_runs(problem: Problem) -> int:
    """Return one run more than the cube has columns, and enough to meet every name once.

    A level that no run has met looks like any other to a model; descriptors say what it is like.
    """
    named = [
        min(int(factor.n_levels), _LEVELS)
        for factor in problem.factors
        if isinstance(factor, Categorical) and not factor.descriptors
    ]
    return max([_FEWEST, problem.dimension + 1, *named])
