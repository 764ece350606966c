"""Designs of mixtures: simplex lattice, simplex centroid, extreme vertices.

Lattice and centroid (Scheffe, 1958 and 1963) are laid into the part of the simplex above the
components' lower bounds (pseudo-components). Extreme vertices (McLean and Anderson, 1966) are the
corners of what all bounds and constraints on the mixture leave, with the middles of its edges.
"""

from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from planners.base import Problem
from planners.design.coded import Piece, crossed, others
from planners.errors import CannotSuggest
from planners.factors import Array, Composition
from planners.factors.held import Held

_MAX_SYSTEMS = 200_000  # of equations solved for one mixture's corners
_MAX_BLENDS = 4096

Table = tuple[Array, str]


def mixture(problem: Problem, kind: str, degree: int, levels: int) -> Table:
    """Return the blends of every composition, crossed with each other and the other factors."""
    mixed = [i for i, f in enumerate(problem.factors) if isinstance(f, Composition)]
    if not mixed:
        raise CannotSuggest(f"{kind} needs a composition factor, and this problem has none")
    used = [i for i in mixed if not isinstance(problem.factors[i], Held)]
    pieces = [Piece((i,), _blends(problem, i, kind, degree)) for i in used]
    count = " x ".join(str(len(piece.rows)) for piece in pieces) or "1"
    return crossed(problem, [*pieces, *others(problem, used, levels)]), f"{kind}, {count} blends"


def _blends(problem: Problem, index: int, kind: str, degree: int) -> Array:
    factor = problem.factors[index]
    if not isinstance(factor, Composition):
        raise TypeError(factor)
    if kind == "simplex-lattice":
        return lattice(problem, factor, degree)
    if kind == "simplex-centroid":
        return _centroid(problem, factor)
    return extreme_vertices(problem, factor, degree)


def lattice(problem: Problem, factor: Composition, degree: int) -> Array:
    """Return all blends of multiples of ``1 / degree``, at most ``max_components`` at once."""
    count = comb(factor.width + degree - 1, degree)
    if count > _MAX_BLENDS:
        raise CannotSuggest(
            f"{factor.name}: a lattice of degree {degree} of {factor.width} components has"
            f" {count} blends: lower the degree"
        )
    rows: list[list[int]] = []
    for bars in combinations(range(factor.width + degree - 1), factor.width - 1):
        edges = [-1, *bars, factor.width + degree - 1]
        rows.append([b - a - 1 for a, b in pairwise(edges)])
    table = np.array(sorted(rows, key=lambda r: (-max(r), [-x for x in r])), dtype=float) / degree
    return _above_bounds(problem, factor, table[(table > 0).sum(axis=1) <= factor.most])


def _centroid(problem: Problem, factor: Composition) -> Array:
    sizes = range(1, factor.most + 1)
    if sum(comb(factor.width, size) for size in sizes) > _MAX_BLENDS:
        raise CannotSuggest(f"{factor.name}: too many components for simplex-centroid")
    rows = [
        np.isin(np.arange(factor.width), chosen) / size
        for size in sizes
        for chosen in combinations(range(factor.width), size)
    ]
    return _above_bounds(problem, factor, np.array(rows))


def _above_bounds(problem: Problem, factor: Composition, table: Array) -> Array:
    """Return the blends as pseudo-components above the lower bounds of single components."""
    low = np.zeros(factor.width)
    for terms, least, most in _own_limits(problem, factor):
        used = np.flatnonzero(terms)
        if len(used) == 1:
            (k,) = used
            bound = least / terms[k] if terms[k] > 0 else most / terms[k]
            low[k] = max(low[k], bound) if np.isfinite(bound) else low[k]
    if factor.most < factor.width or low.sum() >= 1.0:
        return table
    return low + (1.0 - low.sum()) * table


def _own_limits(problem: Problem, factor: Composition) -> list[tuple[Array, float, float]]:
    """Return the constraints on this mixture alone, in fractions: coefficients and both bounds."""
    limits: list[tuple[Array, float, float]] = []
    for constraint in problem.linear:
        if all(name in factor.terms for name in constraint.terms):
            terms = np.array([constraint.terms.get(name, 0.0) for name in factor.terms])
            limits.append((terms * factor.total, constraint.low, constraint.high))
    return limits


def extreme_vertices(problem: Problem, factor: Composition, degree: int) -> Array:
    """Return the corners of what the mixture's constraints leave, and the centroid last.

    With ``degree`` 2 or more also the middles of its edges. Raises CannotSuggest when nothing is
    left.
    """
    matrix, bounds = _half_spaces(problem, factor)
    found: list[Array] = []
    for kept in combinations(range(factor.width), factor.most):
        corners, active = _corners(matrix[:, kept], bounds)
        if len(corners):
            middles = _edges(corners, active, matrix[:, kept]) if degree >= 2 else corners[:0]
            own = np.vstack([corners, middles, corners.mean(axis=0, keepdims=True)])
            table = np.zeros((len(own), factor.width))
            table[:, kept] = own
            found.append(table)
    if not found:
        raise CannotSuggest(f"{factor.name}: no blend keeps its constraints")
    rows = np.vstack(found)
    _, first = np.unique(np.round(rows, 9), axis=0, return_index=True)
    return rows[np.sort(first)]


def _half_spaces(problem: Problem, factor: Composition) -> tuple[Array, Array]:
    """Return ``matrix @ fractions <= bounds``, the fractions' own ``>= 0`` included."""
    matrix, bounds = [-np.eye(factor.width)], [np.zeros(factor.width)]
    for terms, least, most in _own_limits(problem, factor):
        for side, bound in ((1.0, most), (-1.0, -least)):
            if np.isfinite(bound):
                size = max(float(np.abs(terms).max()), 1e-300)
                matrix.append(side * terms[None, :] / size)
                bounds.append(np.array([bound / size]))
    return np.vstack(matrix), np.concatenate(bounds)


def _corners(matrix: Array, bounds: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the vertices of ``matrix @ x <= bounds, sum(x) = 1`` and which bounds they touch."""
    width = matrix.shape[1]
    if comb(len(matrix), width - 1) > _MAX_SYSTEMS:
        raise CannotSuggest("the mixture has too many bounds for extreme-vertices: use d-optimal")
    active = np.array(list(combinations(range(len(matrix)), width - 1)), dtype=int)
    systems = np.concatenate(
        [matrix[active], np.ones((len(active), 1, width))], axis=1
    )  # as many equations as unknowns
    sides = np.concatenate([bounds[active], np.ones((len(active), 1))], axis=1)
    solvable = np.abs(np.linalg.det(systems)) > 1e-10
    points = np.linalg.solve(systems[solvable], sides[solvable][:, :, None])[:, :, 0]
    points = points[np.all(points @ matrix.T <= bounds + 1e-9, axis=1)]
    _, first = np.unique(np.round(points, 8), axis=0, return_index=True)
    points = np.maximum(points[np.sort(first)], 0.0)
    return np.asarray(points, dtype=float), np.abs(points @ matrix.T - bounds) < 1e-8


def _edges(corners: Array, active: NDArray[np.bool_], matrix: Array) -> Array:
    """Return the middles between neighbours: corners whose common bounds leave them one line."""
    width = corners.shape[1]
    ones = np.ones((1, width))
    middles = [
        (corners[i] + corners[j]) / 2.0
        for i, j in combinations(range(len(corners)), 2)
        if np.linalg.matrix_rank(np.vstack([matrix[active[i] & active[j]], ones])) == width - 1
    ]
    return np.array(middles).reshape(len(middles), width)
