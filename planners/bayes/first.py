"""How many runs to spread evenly before anything is modelled."""

from planners.base import Categorical, Problem

_ONE_GOAL = 3  # a model of so few runs already tells better than chance where to go next
_FEWEST = 4  # for several goals and for targets
_LEVELS = 10  # of a named factor: so many are each tried once; more would cost too much


def first_runs(problem: Problem) -> int:
    """Return how many runs a first design needs.

    Three for one goal; for several goals, one more than the cube has columns, as a front is learned
    as a whole. Enough to meet every name once: a level that no run has met looks like any other to
    a model (descriptors say what it is like).
    """
    named = [
        min(int(factor.n_levels), _LEVELS)
        for factor in problem.factors
        if isinstance(factor, Categorical) and not factor.descriptors
    ]
    alone = len(problem.responses) == 1 and problem.responses[0].goal != "target"
    wanted = _ONE_GOAL if alone and not named else max(_FEWEST, problem.dimension + 1)
    return max([wanted, *named])
