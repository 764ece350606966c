"""What a run costs: time to get there from the last one, and time to be there."""

from collections.abc import Mapping

import numpy as np

from planners.factors import Array, Categorical
from planners.problem import Problem


class Price:
    """Prices rows in units of what a run costs anyway."""

    def __init__(
        self,
        problem: Problem,
        move_cost: Mapping[str, float],
        run_cost: Mapping[str, float],
        last: Array | None,
    ) -> None:
        """Take weights by factor, and the row ``(dimension,)`` where the rig stands, if any."""
        self._last = last
        self._parts = [
            (factor, columns, move_cost.get(factor.name, 0.0), run_cost.get(factor.name, 0.0))
            for factor, columns in zip(problem.factors, problem.slices, strict=True)
            if factor.name in move_cost or factor.name in run_cost
        ]

    def logs(self, rows: Array) -> Array:
        """Return ln of the price of rows ``(m, dimension)``; 0 where nothing is priced."""
        total = np.ones(len(rows))
        for factor, columns, move, run in self._parts:
            own = rows[:, columns]
            if self._last is not None:
                gap = np.abs(own - self._last[columns]).max(axis=1)
                named = isinstance(factor, Categorical)  # any other level is as far
                total += move * (np.where(gap > 1e-9, 1.0, 0.0) if named else gap)
            if factor.width == 1 and not isinstance(factor, Categorical):
                total += run * own[:, 0]
        return np.log(total)

    def moved_from(self, row: Array) -> None:
        """Take ``row`` as where the rig will stand."""
        self._last = row
