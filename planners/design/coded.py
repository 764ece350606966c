"""Factors on the scale of designs, -1 to +1, and tables crossed factor by factor."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from planners.base import Problem
from planners.errors import CannotSuggest
from planners.factors import Array, Categorical, Composition, Continuous, Discrete, Factor
from planners.factors.held import Held

MAX_RUNS = 4096  # of one table; nobody runs more


@dataclass(frozen=True)
class Piece:
    """Rows for some of the factors; a table is the product of its pieces."""

    factors: tuple[int, ...]
    rows: Array  # (n, sum of the factors' widths)


def quantitative(problem: Problem) -> list[int]:
    """Return the factors that have a low, a middle and a high, and are not held at one value."""
    return [
        i
        for i, f in enumerate(problem.factors)
        if not isinstance(f, Held)
        and (isinstance(f, Continuous) or (isinstance(f, Discrete) and len(f.values) > 2))
    ]


def two_sided(problem: Problem) -> list[int]:
    """Return the factors that have a low and a high: numbers, and names of two levels."""
    return [
        i
        for i, f in enumerate(problem.factors)
        if not isinstance(f, Held)
        and (
            isinstance(f, Continuous | Discrete)
            or (isinstance(f, Categorical) and len(f.levels) == 2)
        )
    ]


def uncode(factor: Factor, coded: Array) -> Array:
    """Return the unit-cube column of coded values; of discrete numbers the nearest."""
    share = (np.asarray(coded, dtype=float) + 1.0) / 2.0
    if isinstance(factor, Discrete):
        low, high = factor.values[0], factor.values[-1]
        return np.array([factor.row(low + s * (high - low))[0] for s in share])
    if isinstance(factor, Categorical):
        return (np.where(share > 0.5, 1, 0) + 0.5) / len(factor.levels)
    return share


def coded_piece(problem: Problem, factors: Sequence[int], coded: Array) -> Piece:
    """Return the piece of a coded table, one column per factor."""
    columns = [uncode(problem.factors[f], coded[:, k]) for k, f in enumerate(factors)]
    return Piece(tuple(factors), np.array(columns).T.reshape(len(coded), len(factors)))


def level_piece(problem: Problem, index: int, levels: int) -> Piece:
    """Return all levels of a factor: ``levels`` of a continuous one, and blends of a mixture.

    The blends are the simplex lattice with as many levels per component.
    """
    factor = problem.factors[index]
    if isinstance(factor, Held):
        return Piece((index,), factor.snap(np.zeros((1, factor.width))))
    if isinstance(factor, Composition):
        from planners.design.mixture import lattice

        return Piece((index,), lattice(problem, factor, max(levels - 1, 1)))
    if isinstance(factor, Continuous):
        return Piece((index,), np.linspace(0.0, 1.0, levels)[:, None])
    count = int(factor.n_levels)
    return Piece((index,), ((np.arange(count) + 0.5) / count)[:, None])


def crossed(problem: Problem, pieces: Sequence[Piece]) -> Array:
    """Return every combination of the pieces' rows, ``(n, dimension)``; raise CannotSuggest."""
    size = int(np.prod([float(len(piece.rows)) for piece in pieces]))
    if size > MAX_RUNS:
        raise CannotSuggest(
            f"the design would take {size} runs, more than {MAX_RUNS}: use fewer levels,"
            " kind fractional, or d-optimal with n_runs"
        )
    table = np.empty((size, problem.dimension))
    for i, choice in enumerate(product(*(range(len(piece.rows)) for piece in pieces))):
        for piece, number in zip(pieces, choice, strict=True):
            table[i, _columns(problem, piece)] = piece.rows[number]
    return table


def _columns(problem: Problem, piece: Piece) -> list[int]:
    return [c for f in piece.factors for c in range(problem.dimension)[problem.slices[f]]]


def others(problem: Problem, factors: Sequence[int], levels: int = 2) -> list[Piece]:
    """Return all levels of the factors that are not among these."""
    rest = [i for i in range(len(problem.factors)) if i not in factors]
    return [level_piece(problem, i, levels) for i in rest]


def centre_rows(problem: Problem, count: int) -> Array:
    """Return points in the middle of all numbers; names take turns, and mixtures are even."""
    table = np.empty((count, problem.dimension))
    for i, (factor, columns) in enumerate(zip(problem.factors, problem.slices, strict=True)):
        for j in range(count):
            if isinstance(factor, Composition):
                table[j, columns] = 1.0
            elif i in quantitative(problem):
                table[j, columns] = uncode(factor, np.zeros(1))
            else:
                table[j, columns] = (j % factor.n_levels + 0.5) / factor.n_levels
    return problem.snap(table)


def names(problem: Problem, factors: Sequence[int]) -> str:
    """Return the factors' names as a list for sentences."""
    return ", ".join(problem.factors[i].name for i in factors) or "none"
