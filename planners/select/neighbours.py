"""Neighbours kept by a map: the k-nearest-neighbour normalised error (k3n-error).

Kaneko, Chemom. Intell. Lab. Syst. 2018, 176, 22 (not re-read). Tunes self-organising and
generative maps.
"""

import numpy as np

from planners.factors import Array
from planners.select.distances import squared_distances


def k3n_error(x: Array, z: Array, k: int = 10) -> float:
    """Return how badly ``z`` ``(n, d)`` keeps neighbours of ``x`` ``(n, f)``, and the other way.

    0 when all ``k`` nearest of both are at the same distances. Scale the columns before.
    """
    return _one_way(x, z, k) + _one_way(z, x, k)


def _one_way(x: Array, z: Array, k: int) -> float:
    """Return the error X -> Z: distances in z of neighbours in x, against neighbours in z."""
    k = min(k, len(x) - 1)
    in_x, in_z = (np.sqrt(squared_distances(a, a)) for a in (x, z))
    np.fill_diagonal(in_x, np.inf)
    near = np.argsort(in_x, axis=1, kind="stable")[:, :k]
    reached = np.sort(np.take_along_axis(in_z, near, axis=1), axis=1)
    np.fill_diagonal(in_z, np.inf)
    least = np.sort(in_z, axis=1)[:, :k]
    floor = max(float(in_z[np.isfinite(in_z)].max()) * 1e-9, 1e-300)  # of rows in one place
    return float(((reached - least) / np.maximum(least, floor)).mean())
