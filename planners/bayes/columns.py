"""Which columns of the unit cube are numbers."""

import numpy as np
from numpy.typing import NDArray

from planners.base import Continuous, Problem


def numbers(problem: Problem) -> NDArray[np.bool_]:
    """Return which columns are numbers that vary in small steps, ``(dimension,)``."""
    free = [isinstance(f, Continuous) and f.n_levels > 1 for f in problem.factors]  # not held
    return np.repeat(free, [factor.width for factor in problem.factors])
