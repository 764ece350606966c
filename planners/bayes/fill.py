"""Where least is known: the middle of the largest hole between the runs.

Maximising the distance to the runs alone would run along the edges of the cube; a wall counts as a
neighbour at twice its distance, as if the cube were mirrored there. Among names most places are
equally far from all runs: of these, the one that promises most.
"""

from collections.abc import Callable

import numpy as np

from planners.bayes.models.space import Space
from planners.factors import Array, Continuous

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
    seen = problem.features(problem.snap(tried))
    mine = problem.features(pool)
    squares = (mine**2).sum(axis=1)[:, None] + (seen**2).sum(axis=1) - 2.0 * mine @ seen.T
    gaps = np.sqrt(np.maximum(squares, 0.0)).min(axis=1, initial=np.inf)
    free = [isinstance(f, Continuous) and f.n_levels > 1 for f in problem.factors]  # not held
    numbers = np.repeat(free, [f.width for f in problem.factors])
    if numbers.any():
        inner = pool[:, numbers]
        gaps = np.minimum(gaps, 2.0 * np.minimum(inner, 1.0 - inner).min(axis=1))
    far = gaps / prices
    furthest = pool[far >= (1.0 - _ALIKE) * far.max()]
    return furthest[int(np.argmax(worth(furthest)))]
