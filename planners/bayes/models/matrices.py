"""Small positive definite matrices, by LAPACK alone.

With a few dozen runs, scipy's wrappers of the same routines take longer than the routines.
"""

from typing import Any

import numpy as np
from scipy.linalg import lapack

from planners.factors import Array

_lapack: Any = lapack


def rooted(matrix: Array) -> Array | None:
    """Return the lower triangle whose square is ``matrix`` ``(n, n)``; None where it has none.

    What stands above the diagonal is zero.
    """
    lower, fault = _lapack.dpotrf(matrix, lower=1, clean=1)
    return None if fault else lower


def squared(rows: Array) -> Array:
    """Return the lower triangle whose square is that of ``rows`` ``(m, n)``, the sum of products.

    By QR, which squares nothing: it exists however far apart the rows' sizes are. Its diagonal may
    be negative.
    """
    upper: Any = np.linalg.qr(rows, mode="r")
    return upper.T


def solved(lower: Array, values: Array) -> Array:
    """Return what ``lower`` ``(n, n)`` makes into ``values`` ``(n,)`` or ``(n, m)``."""
    return _lapack.dtrtrs(lower, values, lower=1)[0]


def twice_solved(lower: Array, values: Array) -> Array:
    """Return what the square of ``lower`` makes into ``values`` ``(n,)`` or ``(n, m)``."""
    return _lapack.dpotrs(lower, values, lower=1)[0]


def inverted(lower: Array) -> Array:
    """Return the inverse of the square of ``lower``."""
    half: Array = _lapack.dpotri(lower, lower=1)[0]
    inverse = half + half.T
    inverse[np.diag_indices(len(lower))] *= 0.5
    return inverse
