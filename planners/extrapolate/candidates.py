"""Rows to choose from: mixtures enumerated over subsets and a grid of weights, or drawn from it.

``C(elements, k)`` subsets times the weights of their members soon are more than can be looked at;
then as many as allowed are drawn, and the most promising are varied: one element for another,
another weight, one more, one less.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import comb

import numpy as np

from planners.base import Composition, Problem
from planners.factors import Array
from planners.sampling import all_rows, even_rows, feasible_rows

_MAX_SHARES = 1 << 14  # combinations of weights enumerated for one size of subset
_EVEN = 512  # rows drawn without the grid, too
_CLOUD = 24  # neighbours drawn around each row
_STEP = 0.08  # of the cube, for numbers


@dataclass(frozen=True)
class Candidates:
    """Feasible rows of a problem; mixtures have the proportions of ``weights``."""

    problem: Problem
    weights: Sequence[float]
    limit: int

    def pool(self, rng: np.random.Generator) -> Array:
        """Return every row of a finite problem, else up to about ``limit`` different rows."""
        every = all_rows(self.problem)
        if every is not None:
            return every
        even = feasible_rows(self.problem, min(_EVEN, self.limit), rng)
        rows = self.problem.spread(even_rows(self.limit, self.problem.dimension, rng))
        for factor, columns in zip(self.problem.factors, self.problem.slices, strict=True):
            if isinstance(factor, Composition):
                found = mixtures(factor, self.weights, self.limit, rng)
                order = rng.permutation(len(found))
                rows[:, columns] = found[np.resize(order, len(rows))]
        return np.unique(np.vstack([self._legal(rows), even]), axis=0)

    def near(self, rows: Array, rng: np.random.Generator) -> Array:
        """Return feasible neighbours of rows, in some factors only."""
        many = np.repeat(rows, _CLOUD, axis=0)
        n_factors = len(self.problem.factors)
        for factor, columns in zip(self.problem.factors, self.problem.slices, strict=True):
            moved = rng.random((len(many), 1)) < max(0.5, 1.0 / n_factors)
            part = many[:, columns]
            if isinstance(factor, Composition):
                other = self._remixed(part, rng)
            elif np.isfinite(factor.n_levels):
                other = rng.random(part.shape)
            else:
                other = part + _STEP * rng.normal(size=part.shape)
            many[:, columns] = np.where(moved, other, part)
        return self._legal(many)

    def _legal(self, rows: Array) -> Array:
        legal = self.problem.snap(rows)
        return legal[self.problem.keeps_constraints(legal)]

    def _remixed(self, parts: Array, rng: np.random.Generator) -> Array:
        """Return mixtures with one member swapped, reweighted, added or taken away."""
        found, index = parts.copy(), np.arange(len(parts))
        present = np.argmax(np.where(parts > 1e-9, rng.random(parts.shape), -1.0), axis=1)
        absent = np.argmax(np.where(parts > 1e-9, -1.0, rng.random(parts.shape)), axis=1)
        kind = rng.integers(4, size=len(parts))
        own, usual = parts[index, present], 1.0 / np.maximum((parts > 1e-9).sum(axis=1), 1)
        scale = rng.choice(np.asarray(self.weights, dtype=float), size=len(parts))
        found[index, present] = np.where(kind == 1, scale * usual, np.where(kind == 3, own, 0.0))
        added = np.where(kind == 0, own, np.where(kind == 3, scale * usual, parts[index, absent]))
        found[index, absent] = np.where((kind == 0) | (kind == 3), added, found[index, absent])
        return found


def mixtures(
    factor: Composition, weights: Sequence[float], limit: int, rng: np.random.Generator
) -> Array:
    """Return fractions of a composition, ``(m, width)``: all of the grid, or ``limit`` drawn."""
    if _count(factor, weights) <= limit:
        return np.array(list(_enumerated(factor, weights)))
    sizes = rng.integers(1, factor.most + 1, size=limit)
    rank = np.argsort(np.argsort(rng.random((limit, factor.width)), axis=1), axis=1)
    drawn = rng.choice(np.asarray(weights, dtype=float), size=rank.shape)
    parts = np.where(rank < sizes[:, None], drawn, 0.0)
    return np.unique(parts / parts.sum(axis=1, keepdims=True), axis=0)


def _count(factor: Composition, weights: Sequence[float]) -> float:
    """Return how many mixtures the grid has, infinity when they cannot be enumerated."""
    if len(weights) ** factor.most > _MAX_SHARES:
        return float("inf")
    return sum(
        comb(factor.width, size) * len(_shares(weights, size)) for size in range(1, factor.most + 1)
    )


def _shares(weights: Sequence[float], size: int) -> Array:
    """Return the different proportions of ``size`` members, ``(m, size)``."""
    grid = np.array(list(product(weights, repeat=size)), dtype=float)
    shares = np.round(grid / grid.sum(axis=1, keepdims=True), 12)
    return np.unique(shares, axis=0)


def _enumerated(factor: Composition, weights: Sequence[float]) -> Iterator[Array]:
    for size in range(1, factor.most + 1):
        shares = _shares(weights, size)
        for members in combinations(range(factor.width), size):
            for share in shares:
                row = np.zeros(factor.width)
                row[list(members)] = share
                yield row
