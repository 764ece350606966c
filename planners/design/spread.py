"""Designs that fill the space: Latin hypercubes and Sobol's sequence."""

from typing import Any

import numpy as np

from planners.base import Problem
from planners.design.hypercube import design_rows, different
from planners.factors import Array
from planners.sampling import all_rows, feasible_rows, legal_rows

_BITS = 30
_MAX_POWER = 15  # of two: points of the sequence looked at before constraints count as narrow

Table = tuple[Array, str]


def latin_hypercube(problem: Problem, n_runs: int, rng: np.random.Generator) -> Table:
    """Return a Latin hypercube whose closest runs are far apart (maximin)."""
    return design_rows(problem, n_runs, rng), "Latin hypercube (maximin)"


def sobol(problem: Problem, n_runs: int, rng: np.random.Generator) -> Table:
    """Return the first feasible, different points of Sobol's sequence under a digital shift.

    Powers of two are the most even numbers of runs.
    """
    every = all_rows(problem)
    if every is not None and len(every) <= n_runs:
        return rng.permutation(every), "every point there is"
    shift = rng.integers(0, 1 << _BITS, size=problem.dimension)
    power = max(int(np.ceil(np.log2(n_runs))), 1)
    rows = np.empty((0, problem.dimension))
    while len(rows) < n_runs and power <= _MAX_POWER:
        rows = different(legal_rows(problem, _shifted(problem.dimension, power, shift)))
        power += 2
    if len(rows) < n_runs:
        pool = every if every is not None else feasible_rows(problem, 4 * n_runs, rng)
        rows = different(np.vstack([rows, pool]))
    return rows[:n_runs], "Sobol sequence"


def _shifted(width: int, power: int, shift: np.ndarray[Any, Any]) -> Array:
    """Return ``2**power`` points, each digit flipped where the shift's is set: still a net."""
    import scipy.stats

    engine: Any = scipy.stats.qmc.Sobol(width, scramble=False, bits=_BITS)
    whole = (engine.random_base2(power) * (1 << _BITS)).astype(np.int64)
    return ((whole ^ shift) + 0.5) / (1 << _BITS)
