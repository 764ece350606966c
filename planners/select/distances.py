"""Distances of rows."""

import numpy as np

from planners.factors import Array


def squared_distances(a: Array, b: Array) -> Array:
    """Return squared Euclidean distances of rows ``(n, f)`` and ``(m, f)``, shape ``(n, m)``."""
    return np.square(a[:, None, :] - b[None, :, :]).sum(axis=2)
