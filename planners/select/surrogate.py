"""The selected model for planners: what it expects at a row, and how far to believe it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.factors import Array
from planners.select.run import Options, Selection, select
from planners.select.table import LEAST, Table, checked

ENOUGH = LEAST  # different rows that :func:`learn` needs


@dataclass(frozen=True)
class Surrogate:
    """A model selected and trained; rows are in the columns it was learned from."""

    selection: Selection

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return mean and sd ``(m,)`` at rows ``(m, f)``; the sd is the RMSE of rows left out."""
        mean = self.selection.model.predict(rows)
        return mean, np.full(len(rows), self.selection.model.candidate.scores.rmse)

    def inside(self, rows: Array) -> NDArray[np.bool_]:
        """Return where most indices put a row inside the applicability domain, ``(m,)``."""
        told = self.selection.model.outside(rows)
        return np.array([2 * len(outside) < len(self.selection.model.domains) for outside in told])


def learn(
    x: Array, y: Array, names: Sequence[str] = (), options: Options | None = None
) -> Surrogate:
    """Return the best model of rows ``x`` ``(n, f)`` and their responses ``y`` ``(n,)``.

    By default among the quick ones. Raises BadHistory and BadOption.
    """
    titles = tuple(names) or tuple(f"x{i + 1}" for i in range(x.shape[1]))
    table = Table(titles, x, "response", y, tuple(range(1, len(y) + 1)))
    checked(table, "the runs")
    return Surrogate(select(table, options or Options(quick=True, permutations=5)))
