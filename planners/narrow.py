"""Points of problems whose constraints leave too little room for random draws.

A mixed-integer programme finds points that keep the constraints at all; with its whole numbers
fixed, vertices in random directions are mixed with random weights (the remaining set is convex).
Where formulas bound it too, rows walk from there to where they break them less.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from planners.errors import CannotSuggest
from planners.factors import (
    Array,
    Categorical,
    Composition,
    Continuous,
    Discrete,
    Factor,
    FactorValue,
)
from planners.factors.held import Held
from planners.problem import Problem
from planners.sampling import no_point

_CORNERS = 4  # vertices mixed into one point
_WALK, _CYCLE = 60, 30  # steps of a walk to where formulas hold, and those of one round of radii
_POOL, _NEAR = 256, 16  # rows looked at in each step, and kept


class _Programme:
    """The problem as variables: the terms' amounts first, then 0/1 switches."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.n_amounts = len(problem.terms)
        self.low: list[float] = []
        self.high: list[float] = []
        self.rows: list[tuple[dict[int, float], float, float]] = []
        for factor in problem.factors:
            self._amounts(factor)
        for factor in problem.factors:
            self._switches(factor)
        for constraint in problem.linear:
            terms = {problem.terms.index(n): c for n, c in constraint.terms.items()}
            self.rows.append((terms, constraint.low, constraint.high))

    def _amounts(self, factor: Factor) -> None:
        if isinstance(factor, Held):
            for amount in factor.amounts(factor.snap(np.zeros((1, factor.width))))[0]:
                self._variable(float(amount), float(amount))
        elif isinstance(factor, Continuous):
            self._variable(factor.low, factor.high)
        elif isinstance(factor, Discrete):
            self._variable(factor.values[0], factor.values[-1])
        elif isinstance(factor, Composition):
            for _ in factor.components:
                self._variable(0.0, factor.total)

    def _variable(self, low: float, high: float) -> int:
        self.low.append(low)
        self.high.append(high)
        return len(self.low) - 1

    def _switches(self, factor: Factor) -> None:
        if isinstance(factor, Held):
            return  # nothing is left to decide
        if isinstance(factor, Discrete):
            first = [self._variable(0.0, 1.0) for _ in factor.values]
            amount = {self.problem.terms.index(factor.name): -1.0}
            values = dict(zip(first, map(float, factor.values), strict=True))
            self.rows.append((dict.fromkeys(first, 1.0), 1.0, 1.0))
            self.rows.append((amount | values, 0.0, 0.0))
        elif isinstance(factor, Composition):
            amounts = [self.problem.terms.index(name) for name in factor.terms]
            present = [self._variable(0.0, 1.0) for _ in amounts]
            self.rows.append((dict.fromkeys(amounts, 1.0), factor.total, factor.total))
            self.rows.append((dict.fromkeys(present, 1.0), 1.0, factor.most))
            for amount, switch in zip(amounts, present, strict=True):
                self.rows.append(({amount: 1.0, switch: -factor.total}, -np.inf, 0.0))

    def solve(self, direction: Array, fixed: Array | None = None) -> Array | None:
        """Return the vertex furthest in a direction; ``fixed`` are the switches, if decided."""
        import scipy.optimize

        optimize: Any = scipy.optimize  # its types take no arrays of bounds

        low, high = np.array(self.low), np.array(self.high)
        whole = np.arange(len(low)) >= self.n_amounts
        if fixed is not None:
            low[self.n_amounts :] = high[self.n_amounts :] = fixed
        matrix = np.zeros((len(self.rows), len(low)))
        for i, (terms, _, _) in enumerate(self.rows):
            matrix[i, list(terms)] = list(terms.values())
        sides = [np.array([row[side] for row in self.rows]) for side in (1, 2)]
        found = optimize.milp(
            np.concatenate([direction, np.zeros(len(low) - self.n_amounts)]),
            integrality=whole.astype(int),
            bounds=optimize.Bounds(low, high),
            constraints=optimize.LinearConstraint(matrix, *sides) if self.rows else None,
        )
        return None if found.x is None else np.asarray(found.x, dtype=float)


def narrow_rows(problem: Problem, n: int, rng: np.random.Generator) -> Array:
    """Return feasible rows, up to ``n`` and at least one.

    Raises CannotSuggest when no point keeps the constraints.
    """
    programme = _Programme(problem)
    n_mixtures = max(1, min(8, n))
    rows: list[Array] = []
    for _ in range(n_mixtures):
        vertices = _vertices(programme, rng)
        weights = rng.dirichlet(np.ones(len(vertices)), size=-(-n // n_mixtures))
        mixed = [*(weights @ vertices), *vertices]
        rows += [problem.encode(_point(problem, amounts, rng)) for amounts in mixed]
    legal = problem.snap(np.array(rows))
    if problem.formulas:
        legal = _walked(problem, legal, n, rng)
    legal = legal[problem.keeps_constraints(legal)]
    if not len(legal):
        raise CannotSuggest(no_point(problem) + " (within rounding)")
    return legal[: max(n, 1)]


def _walked(problem: Problem, rows: Array, n: int, rng: np.random.Generator) -> Array:
    """Return rows near those that break constraints least, feasible ones if any are found."""
    more = problem.snap(problem.spread(rng.random((_POOL, problem.dimension))))
    rows = np.vstack([rows, more])
    found = rows[:0]
    for step in range(_WALK):
        breaches = problem.breaches(rows)
        found = np.vstack([found, rows[breaches <= 0]])
        if len(found) >= n:
            break
        near = rows[np.argsort(breaches, kind="stable")[:_NEAR]]
        if len(found):
            near = found[rng.integers(len(found), size=_NEAR)]
        many = np.repeat(near, _POOL // _NEAR, axis=0)
        moved = rng.random(many.shape) < max(0.5, 1.0 / problem.dimension)
        radius = 0.3 * 0.85 ** (step % _CYCLE)
        moved_rows = problem.snap(many + radius * moved * rng.normal(size=many.shape))
        rows = moved_rows if len(found) else np.vstack([near, moved_rows])
    return found


def vertex_rows(problem: Problem, n: int, rng: np.random.Generator) -> Array:
    """Return feasible rows at corners of what the constraints leave, ``n`` looked for.

    Raises CannotSuggest when no point keeps the constraints.
    """
    programme = _Programme(problem)
    corners = [programme.solve(_direction(programme, rng)) for _ in range(n)]
    found = [corner for corner in corners if corner is not None]
    if not found:
        raise CannotSuggest(no_point(problem))
    amounts = [corner[: programme.n_amounts] for corner in found]
    rows = problem.snap(np.array([problem.encode(_point(problem, a, rng)) for a in amounts]))
    return rows[problem.keeps_constraints(rows)]


def _vertices(programme: _Programme, rng: np.random.Generator) -> Array:
    first = programme.solve(_direction(programme, rng))
    if first is None:
        raise CannotSuggest(no_point(programme.problem))
    switches = np.round(first[programme.n_amounts :])
    found = [first]
    for _ in range(_CORNERS - 1):
        other = programme.solve(_direction(programme, rng), switches)
        found += [] if other is None else [other]
    return np.array(found)[:, : programme.n_amounts]


def _direction(programme: _Programme, rng: np.random.Generator) -> Array:
    spans = np.array(programme.high[: programme.n_amounts])
    spans = spans - np.array(programme.low[: programme.n_amounts])
    return rng.normal(size=programme.n_amounts) / np.where(spans > 0, spans, 1.0)


def _point(
    problem: Problem, amounts: Sequence[float] | Array, rng: np.random.Generator
) -> dict[str, FactorValue]:
    """Return the point with these amounts; names of levels are drawn."""
    by_name = dict(zip(problem.terms, map(float, amounts), strict=True))
    point: dict[str, FactorValue] = {}
    for factor in problem.factors:
        if isinstance(factor, Categorical):
            point[factor.name] = factor.levels[int(rng.integers(len(factor.levels)))]
        elif isinstance(factor, Composition):
            names = zip(factor.components, factor.terms, strict=True)
            point[factor.name] = {c: max(0.0, by_name[t]) for c, t in names}
        else:
            point[factor.name] = by_name[factor.name]
    return point
