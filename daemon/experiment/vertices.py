"""Small linear programmes, solved exactly by looking at every vertex.

A rig has a handful of feeds, so that the vertices are few, and a solver library need not be loaded
into the daemon for them.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SLACK = 1e-9  # of the largest coefficient: what arithmetic may be off by


def cheapest(cost: Array, a: Array, b: Array) -> Array | None:
    """Return x >= 0 with ``a x = b`` and the least ``cost . x``, or None when there is none.

    Shapes: ``cost`` and x ``(n,)``, ``a`` ``(m, n)``, ``b`` ``(m,)``. The feasible set must be
    bounded; among equally cheap vertices the one that uses earlier columns is returned.
    """
    n = a.shape[1]
    rank = int(np.linalg.matrix_rank(a))
    best: Array | None = None
    for columns in combinations(range(n), rank):
        x = _vertex(a, b, list(columns))
        if x is not None and (
            best is None or cost @ x < cost @ best - SLACK * (1 + abs(cost @ best))
        ):
            best = x
    return best


def _vertex(a: Array, b: Array, columns: list[int]) -> Array | None:
    """Return the solution that uses these columns alone, when it exists and is not negative."""
    part, _, rank, _ = np.linalg.lstsq(a[:, columns], b, rcond=None)
    scale = max(1.0, float(np.abs(a).max())) * max(1e-12, float(np.abs(part).max(initial=0.0)))
    if rank < len(columns) or part.min(initial=0.0) < -SLACK * scale:
        return None
    x = np.zeros(a.shape[1])
    x[columns] = np.maximum(part, 0.0)
    return (
        x
        if np.abs(a @ x - b).max(initial=0.0) <= SLACK * max(scale, float(np.abs(b).max()))
        else None
    )
