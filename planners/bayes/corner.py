"""The corner from which the volume that a front dominates is counted.

What lies beyond an end of the known front must count, or nobody would look there; what beats that
end by less than noise must not, or the front would have no end. So the best of each goal is sought
among the known runs and what the models hold possible, and what the other goals are worth there is
the worst that counts: the payoff table's estimate of the nadir (Isermann and Steuer, "Computational
experience concerning payoff tables and minimum criterion values over the efficient set", 1988,
10.1016/0377-2217(88)90180-2). That is exact for two goals only; of more, the worst on the front of
what is known and expected counts.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from planners.base import Problem
from planners.bayes import acquisition
from planners.factors import Array
from planners.sampling import feasible_rows

Predict = Callable[[Array], tuple[Array, Array]]  # rows (m, d) -> means and sds, (m, goals) each
Possible = Callable[[Array], NDArray[np.bool_]]  # rows (m, d) -> which count, (m,)

_EVEN = 256  # rows that tell what experiments give
_MANY = 2048  # among which as many are sought where not all of them count
_GOOD = 0.75  # quantile of them that a front counts from, if it is not worse itself
_MARGIN = 0.1  # of the front's range, from its worst to the corner
_ENDS = 8  # runs of the front whose factors are varied one by one
_LEVELS = 9  # of each
_CLEAR = 2.0  # sds of noise that an end must be better by
_FEWEST = 0.02  # of the known range: the least that counts as better


def corner(
    problem: Problem, rows: Array, known: Array, predict: Predict, noise: Array, possible: Possible
) -> Array:
    """Return the corner ``(goals,)``; all goals are maximised, in the models' units.

    ``rows`` ``(k, d)`` are the known runs that count, at least one, ``known`` ``(k, goals)`` what
    is expected of them, and ``noise`` ``(goals,)`` the sds of one run. Rows where it is not
    ``possible`` that the targets are met do not count.
    """
    even = _even(problem, possible)
    varied = _varied(problem, rows[acquisition.unbeaten(known[None])[0]][:_ENDS])
    means, sds = predict(np.vstack([even, varied[possible(varied)]]))
    clear = np.maximum(_CLEAR * noise, _FEWEST * np.ptp(known, axis=0))
    both, hopes = np.vstack([known, means]), np.vstack([known, means + sds])
    worst = _of_ends(both, hopes, clear) if len(noise) == 2 else _of_front(both, 0.5 * clear)
    best = both.max(axis=0)
    found = worst - _MARGIN * np.maximum(best - worst, 1e-3)
    if not len(even):
        return found
    return np.minimum(found, np.quantile(means[: len(even)], _GOOD, axis=0))


def _even(problem: Problem, possible: Possible) -> Array:
    """Return even rows that count, ``(m, d)``: few or none where targets are hard to meet."""
    even = feasible_rows(problem, _EVEN, np.random.default_rng(0))
    if possible(even).all():
        return even
    even = feasible_rows(problem, _MANY, np.random.default_rng(0))
    return even[possible(even)][:_EVEN]


def _of_ends(means: Array, hopes: Array, clear: Array) -> Array:
    """Return the worst of each of two goals at the ends of the front, ``(2,)``."""
    atop = hopes >= hopes.max(axis=0) - clear
    return np.array([means[of_goal].max(axis=0) for of_goal in atop.T]).min(axis=0)


def _of_front(values: Array, clear: Array) -> Array:
    """Return the worst of each goal on the front, whose ends more than two goals do not tell.

    Of rows that differ by noise in what one of them is better at, the one that is better at
    something else stands for both.
    """
    front = values[acquisition.unbeaten(values[None])[0]]
    gaps = front[:, None] - front
    better = np.all(gaps >= -clear, axis=2) & np.any(gaps > clear, axis=2)
    left = front[~better.any(axis=0)]
    return (left if len(left) else front).min(axis=0)


def _varied(problem: Problem, rows: Array) -> Array:
    """Return the legal rows that differ from one of ``rows`` in one column, ``(m, d)``."""
    width = rows.shape[1]
    varied = np.repeat(rows, width * _LEVELS, axis=0)
    columns = np.tile(np.repeat(np.arange(width), _LEVELS), len(rows))
    levels = np.tile(np.linspace(0.0, 1.0, _LEVELS), width * len(rows))
    varied[np.arange(len(varied)), columns] = levels
    legal = problem.snap(varied)
    return legal[problem.keeps_constraints(legal)]
