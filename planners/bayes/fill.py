"""Where least is known: the middle of the largest hole between the runs.

Maximising the distance to the runs alone would run along the edges of the cube; a wall counts as a
neighbour at twice its distance, as if the cube were mirrored there. Names are equally far from each
other, whatever describes them: with a dozen descriptors, the largest hole is around the name that
is like no other, and the best one is seldom that. Most places among names are then equally far from
all runs: of these, the one that promises most.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from planners.bayes.columns import numbers
from planners.bayes.models.space import Space
from planners.factors import Array, Categorical
from planners.problem import Problem

_ALIKE = 1e-9  # relative, of distances: such places are equally far


def emptiest(
    space: Space,
    pool: Array,
    tried: Array,
    worth: Callable[[Array], Array],
    prices: Array | float = 1.0,
) -> Array:
    """Return the row of ``pool`` ``(m, dimension)`` furthest from tried rows and walls.

    With ``prices`` ``(m,)``, furthest for its price; of rows equally far, the one with the greatest
    ``worth``, which takes rows ``(k, dimension)`` and gives ``(k,)``.
    """
    problem = space.problem
    plain = _undescribed(problem)
    seen, mine = (problem.features(rows)[:, plain] for rows in (problem.snap(tried), pool))
    squares = (mine**2).sum(axis=1)[:, None] + (seen**2).sum(axis=1) - 2.0 * mine @ seen.T
    gaps = np.sqrt(np.maximum(squares, 0.0)).min(axis=1, initial=np.inf)
    free = numbers(problem)
    if free.any():
        inner = pool[:, free]
        gaps = np.minimum(gaps, 2.0 * np.minimum(inner, 1.0 - inner).min(axis=1))
    far = gaps / prices
    furthest = pool[far >= (1.0 - _ALIKE) * far.max()]
    return furthest[int(np.argmax(worth(furthest)))]


def _undescribed(problem: Problem) -> NDArray[np.bool_]:
    """Return which feature columns are no descriptors of names."""
    pairs = [(factor, group) for factor in problem.factors for group in factor.groups]
    return np.array([group == 0 or not isinstance(factor, Categorical) for factor, group in pairs])
