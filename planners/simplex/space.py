"""Where the simplex moves: the numeric columns of the unit cube, kept within the constraints."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from planners.base import Problem
from planners.errors import BadOption
from planners.factors import Array, Categorical, Composition, FactorValue
from planners.sampling import all_rows, feasible_rows

_STEPS = 40  # of the way back to a feasible point
_CANDIDATES = 256
_INDEPENDENT = 1e-3  # of the unit cube's edge: shorter is no direction of its own


class Space:
    """The numeric directions of a problem, its start, and the way back from where it forbids."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.names = [
            (columns.start, factor)
            for factor, columns in zip(problem.factors, problem.slices, strict=True)
            if isinstance(factor, Categorical)
        ]

    @property
    def stepped(self) -> NDArray[np.bool_]:
        """Return which columns move in steps."""
        columns = np.zeros(self.problem.dimension, dtype=bool)
        for factor, own in zip(self.problem.factors, self.problem.slices, strict=True):
            columns[own] = np.isfinite(factor.n_levels)
        return columns

    def start(self, given: Mapping[str, FactorValue] | None, rng: np.random.Generator) -> Array:
        """Return the row to start from: the given point, or the feasible one next to the middle.

        Raises BadOption for a point that is not feasible.
        """
        middle = self.problem.snap(np.full((1, self.problem.dimension), 0.5))
        for start, _ in self.names:
            middle[0, start] = 0.0  # the first level
        middle = self.problem.snap(middle)
        if given:
            point = dict(self.problem.scale(middle[0])) | dict(given)
            faults = self.problem.faults(point)
            if faults:
                raise BadOption([f"start: {fault}" for fault in faults])
            return self.problem.snap(self.problem.encode(point)[None, :])[0]
        if self.problem.keeps_constraints(middle)[0]:
            return middle[0]
        every = all_rows(self.problem)
        pool = every if every is not None else feasible_rows(self.problem, _CANDIDATES, rng)
        return pool[int(np.argmin(((pool - middle) ** 2).sum(axis=1)))]

    def steps(self, start: Array, size: float) -> list[Array]:
        """Return one step in every direction that is free, away from the nearer bound.

        Where an equation ties factors together, the steps lead to other points that keep it.
        """
        steps = [self._freer(start, step) for step in self._own_steps(start, size)]
        if all(self.legal(start + step, start) is not None for step in steps):
            return steps
        return self._tied_steps(start, size)

    def _freer(self, start: Array, step: Array) -> Array:
        """Return the step or its opposite, whichever leads further before something forbids it."""
        reach = [self._reach(start, way) for way in (step, -step)]
        return step if reach[0] >= 0.5 * reach[1] else -step

    def _reach(self, start: Array, step: Array) -> float:
        end = self.legal(start + step, start)
        return 0.0 if end is None else float(np.max(np.abs(end - start)))

    def _tied_steps(self, start: Array, size: float) -> list[Array]:
        pool = feasible_rows(self.problem, _CANDIDATES, np.random.default_rng(0))
        rest = pool - start
        rest[:, [column for column, _ in self.names]] = 0.0
        steps: list[Array] = []
        left = rest.copy()
        while len(steps) < self.problem.dimension:
            lengths = np.linalg.norm(left, axis=1)
            longest = int(np.argmax(lengths))
            if lengths[longest] < _INDEPENDENT:
                break
            step = rest[longest]
            steps.append(step * min(1.0, size / float(np.max(np.abs(step)))))
            axis = left[longest] / lengths[longest]
            left = left - np.outer(left @ axis, axis)
        return steps

    def _own_steps(self, start: Array, size: float) -> list[Array]:
        found: list[Array] = []
        for factor, columns in zip(self.problem.factors, self.problem.slices, strict=True):
            if isinstance(factor, Categorical):
                continue
            if isinstance(factor, Composition):
                found += self._mixture_steps(start, columns, size)
                continue
            step = np.zeros(len(start))
            reach = max(size, 1.0 / factor.n_levels)  # a discrete number's next value at least
            step[columns] = reach if start[columns][0] <= 0.5 else -reach
            found.append(step)
        return found

    def _mixture_steps(self, start: Array, columns: slice, size: float) -> list[Array]:
        own = start[columns]
        largest = int(np.argmax(own))
        found: list[Array] = []
        for k in range(len(own)):
            if k != largest:
                step = np.zeros(len(start))
                step[columns] = size * (np.eye(len(own))[k] - own)
                found.append(step)
        return found

    def legal(self, row: Array, inside: Array) -> Array | None:
        """Return the row to run for a place the simplex wants, None when there is none.

        Beyond a bound the nearest legal values are taken; where a constraint forbids that, the
        last feasible point on the way from ``inside``.
        """
        row = np.clip(row, 0.0, 1.0)
        shares = np.linspace(0.0, 1.0, _STEPS, endpoint=False)
        for some in (shares[:1], shares[1:]):  # nearly always the first will do
            found = self.problem.snap(row + some[:, None] * (inside - row))
            kept = self.problem.keeps_constraints(found)
            if kept.any():
                return found[int(np.argmax(kept))]
        return None

    def levels(self, row: Array, column: int, factor: Categorical) -> list[Array]:
        """Return the row with every level of a factor, its own first, where feasible."""
        count = int(factor.n_levels)  # one where a person has fixed it
        own = int(row[column] * count)
        found: list[Array] = []
        for k in range(count):
            other = row.copy()
            other[column] = ((own + k) % count + 0.5) / count
            legal = self.problem.snap(other[None, :])
            if self.problem.keeps_constraints(legal)[0]:
                other[column] = legal[0, column]
                found.append(other)
        return found

    @property
    def has_numbers(self) -> bool:
        """Return whether there is anything to move."""
        return len(self.names) < len(self.problem.factors)
