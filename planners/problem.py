"""A problem: factors to vary, responses to improve, constraints to keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planners.errors import BadProblem
from planners.factors import Array, Factor, FactorValue
from planners.factors.common import nearest
from planners.goals import Constraint, FormulaConstraint, Response

Point = Mapping[str, FactorValue]

_ROWS = 256  # that tell how large a formula gets
_TOLERANCE = 1e-9  # of the size of a constraint's terms: rounding, not violation


@dataclass(frozen=True)
class Problem:
    """Checked at birth; all faults at once as BadProblem.

    Rows of the unit cube (``(dimension,)`` each) and points translate into each other: ``scale``
    and ``encode``. The methods on many rows at once, shape ``(n, dimension)``, serve designs and
    searches.
    """

    factors: tuple[Factor, ...]
    responses: tuple[Response, ...] = ()
    constraints: tuple[Constraint | FormulaConstraint, ...] = ()

    def __post_init__(self) -> None:
        for key in ("factors", "responses", "constraints"):
            object.__setattr__(self, key, tuple(getattr(self, key)))
        faults = [] if self.factors else ["factors: at least one is needed"]
        faults += _repeated("factors", [f.name for f in self.factors])
        faults += _repeated("responses", [r.name for r in self.responses])
        faults += self._shared_names() + self._shared_columns()
        for i, constraint in enumerate(self.constraints):
            faults += [f"constraints.{i}.{fault}" for fault in self._constraint_faults(constraint)]
        if faults:
            raise BadProblem(faults)

    def _shared_names(self) -> list[str]:
        own = {f.name for f in self.factors} | set(self.terms)
        return [
            f"responses.{i}.name: {r.name!r} is the name of a factor too"
            for i, r in enumerate(self.responses)
            if r.name in own
        ]

    def _shared_columns(self) -> list[str]:
        owners: dict[str, Factor] = {}
        return [
            f"factors.{i}.name: its column {c!r} is one of factors.{self.factors.index(owner)} too"
            for i, factor in enumerate(self.factors)
            for c in factor.terms or (factor.name,)
            if (owner := owners.setdefault(c, factor)).name != factor.name
        ]

    def _constraint_faults(self, constraint: Constraint | FormulaConstraint) -> list[str]:
        key = "terms." if isinstance(constraint, Constraint) else "expression: "
        unknown = [name for name in constraint.names if name not in self.terms]
        if unknown:
            allowed = ", ".join(self.terms) or "none"
            return [
                f"{key}{name}: is no numeric factor or component; allowed are {allowed}"
                + nearest(name, self.terms)
                for name in unknown
            ]
        if isinstance(constraint, FormulaConstraint):
            return []
        low, high = self._reach(constraint)
        slack = _TOLERANCE * max(abs(low), abs(high), 1.0)
        if low > constraint.high + slack:
            return [f"at_most: can never hold, the terms add up to at least {low:g}: {constraint}"]
        if high < constraint.low - slack:
            return [f"at_least: can never hold, the terms add up to at most {high:g}: {constraint}"]
        return []

    def _reach(self, constraint: Constraint) -> tuple[float, float]:
        """Return the least and the greatest sum of the terms over the box."""
        low = high = 0.0
        for name, coefficient in constraint.terms.items():
            ends = [coefficient * end for end in self._term_ends[name]]
            low, high = low + min(ends), high + max(ends)
        return low, high

    @cached_property
    def _term_ends(self) -> dict[str, tuple[float, float]]:
        """Return the least and the greatest value of every term."""
        ends: dict[str, tuple[float, float]] = {}
        for factor in self.factors:
            corners = factor.amounts(factor.snap(_corners(factor.width)))
            for column, name in enumerate(factor.terms):
                ends[name] = float(corners[:, column].min()), float(corners[:, column].max())
        return ends

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """Return the names linear constraints may use, in the order of ``amounts``' columns."""
        return tuple(name for factor in self.factors for name in factor.terms)

    @cached_property
    def dimension(self) -> int:
        """Return the number of unit-cube columns."""
        return sum(factor.width for factor in self.factors)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Return the unit-cube columns of each factor."""
        ends = list(accumulate(factor.width for factor in self.factors))
        return tuple(slice(e - f.width, e) for e, f in zip(ends, self.factors, strict=True))

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """Return the length-scale number of every feature column."""
        numbers: list[int] = []
        for factor in self.factors:
            first = max(numbers, default=-1) + 1
            numbers += [first + group for group in factor.groups]
        return np.array(numbers, dtype=np.intp)

    @property
    def n_points(self) -> float:
        """Return how many different points the factors allow (infinity with continuous ones)."""
        product = 1.0
        for factor in self.factors:
            product *= factor.n_levels
        return product

    @classmethod
    def from_json(cls, document: object) -> "Problem":
        """Return the problem of a parsed JSON document; raise BadProblem with every fault."""
        from planners.schema import read_problem

        return read_problem(document)

    def to_json(self) -> dict[str, Any]:
        """Return the problem as CONTRACT's JSON document."""
        return {
            "factors": [f.to_json() for f in self.factors],
            "responses": [r.to_json() for r in self.responses],
            "constraints": [c.to_json() for c in self.constraints],
        }

    def _by_factor(self, rows: Array, method: str) -> Array:
        pieces = [
            getattr(factor, method)(rows[:, columns])
            for factor, columns in zip(self.factors, self.slices, strict=True)
        ]
        return np.concatenate(pieces, axis=1)

    def spread(self, rows: Array) -> Array:
        """Return uniform rows of the cube as rows spread evenly over the legal values."""
        return self._by_factor(rows, "spread")

    def snap(self, rows: Array) -> Array:
        """Return the nearest rows that stand for legal values (constraints aside)."""
        return self._by_factor(rows, "snap")

    def features(self, rows: Array) -> Array:
        """Return what a model sees of snapped rows, shape ``(n, len(groups))``."""
        return self._by_factor(rows, "features")

    def amounts(self, rows: Array) -> Array:
        """Return the plain numbers of snapped rows, shape ``(n, len(terms))``."""
        return self._by_factor(rows, "amounts")

    @property
    def linear(self) -> tuple[Constraint, ...]:
        """Return the linear constraints."""
        return tuple(c for c in self.constraints if isinstance(c, Constraint))

    @property
    def formulas(self) -> tuple[FormulaConstraint, ...]:
        """Return the constraints that are formulas."""
        return tuple(c for c in self.constraints if isinstance(c, FormulaConstraint))

    @cached_property
    def _limits(self) -> tuple[Array, Array, Array]:
        """Return coefficients ``(m, len(terms))``, 0 for formulas, and bounds with rounding."""
        matrix = np.zeros((len(self.constraints), len(self.terms)))
        for i, constraint in enumerate(self.constraints):
            if isinstance(constraint, Constraint):
                for name, coefficient in constraint.terms.items():
                    matrix[i, self.terms.index(name)] = coefficient
        slack = _TOLERANCE * self.sizes
        low = np.array([c.low for c in self.constraints]) - slack
        high = np.array([c.high for c in self.constraints]) + slack
        return matrix, low, high

    @cached_property
    def sizes(self) -> Array:
        """Return how large what each constraint bounds can get, ``(len(constraints),)``."""
        rows = np.random.default_rng(0).random((_ROWS, self.dimension))
        amounts = self.amounts(self.snap(self.spread(rows)))
        columns = dict(zip(self.terms, amounts.T, strict=True))
        found: list[float] = []
        for constraint in self.constraints:
            if isinstance(constraint, FormulaConstraint):
                values = np.abs(constraint.formula(columns))
                found.append(float(np.nanmax(values, initial=0.0)))
            else:
                ends = {name: max(map(abs, self._term_ends[name])) for name in constraint.terms}
                found.append(sum(abs(c) * ends[name] for name, c in constraint.terms.items()))
        return np.maximum(found, 1e-12)

    def sums(self, rows: Array) -> Array:
        """Return what each constraint bounds, for snapped rows, ``(n, len(constraints))``.

        Not a number where a formula has no value.
        """
        amounts, found = self.amounts(rows), []
        columns = dict(zip(self.terms, amounts.T, strict=True))
        for i, constraint in enumerate(self.constraints):
            if isinstance(constraint, FormulaConstraint):
                found.append(constraint.formula(columns))
            else:
                found.append(amounts @ self._limits[0][i])
        return np.column_stack(found) if found else np.empty((len(rows), 0))

    def keeps_constraints(self, rows: Array) -> NDArray[np.bool_]:
        """Return which snapped rows keep every constraint, shape ``(n,)``."""
        if not self.constraints:
            return np.ones(len(rows), dtype=bool)
        _, low, high = self._limits
        sums = self.sums(rows)
        return np.all((sums >= low) & (sums <= high), axis=1)  # not where there is no number

    def breaches(self, rows: Array) -> Array:
        """Return how far snapped rows break constraints, each in its own size, ``(n,)``; 0: none.

        For searches of feasible rows where formulas leave little room.
        """
        _, low, high = self._limits
        sums = self.sums(rows)
        gaps = np.maximum(np.maximum(low - sums, sums - high), 0.0)
        gaps = np.where(np.isnan(gaps), np.inf, gaps)
        return np.asarray(np.minimum(gaps / self.sizes, 1e6).sum(axis=1))

    def scale(self, row: Array) -> dict[str, FactorValue]:
        """Return the point that a row of the unit cube stands for."""
        legal = self.snap(np.asarray(row, dtype=float)[None, :])[0]
        return {
            factor.name: factor.value(legal[columns])
            for factor, columns in zip(self.factors, self.slices, strict=True)
        }

    def encode(self, point: Point) -> Array:
        """Return the unit-cube row of a point, shape ``(dimension,)``."""
        return np.concatenate([factor.row(point[factor.name]) for factor in self.factors])

    def faults(self, point: object) -> list[str]:
        """Return everything that is wrong with a point, as ``factor: what`` lines."""
        if not isinstance(point, Mapping):
            return [f"must be an object with a value for each factor, got {point!r:.80}"]
        names = [factor.name for factor in self.factors]
        faults = [
            f"{name}: is no factor of this problem{nearest(str(name), names)}"
            for name in point
            if name not in names
        ]
        for factor in self.factors:
            if factor.name not in point:
                faults.append(f"{factor.name}: is missing")
            elif fault := factor.fault(point[factor.name]):
                faults.append(f"{factor.name}: {fault}")
        return faults or self._constraint_breaches(point)

    def _constraint_breaches(self, point: Point) -> list[str]:
        if not self.constraints:
            return []
        _, low, high = self._limits
        sums = self.sums(self.snap(self.encode(point)[None, :]))[0]
        return [
            f"breaks the constraint {constraint}: got {total:g}"
            for constraint, total, least, most in zip(
                self.constraints, sums, low, high, strict=True
            )
            if not least <= total <= most
        ]

    def feasible(self, point: object) -> bool:
        """Return whether a point is complete, in range and keeps every constraint."""
        return not self.faults(point)


def _corners(width: int) -> Array:
    """Return rows that reach every factor's extremes, shape ``(width + 2, width)``."""
    return np.vstack([np.zeros((1, width)), np.ones((1, width)), np.eye(width)])


def _repeated(key: str, names: Sequence[str]) -> list[str]:
    return [
        f"{key}.{i}.name: {name!r} is used twice"
        for i, name in enumerate(names)
        if name in names[:i]
    ]
