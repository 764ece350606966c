"""The selected model for planners: what it expects at a row, and how far to believe it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planners.errors import BadHistory
from planners.factors import Array
from planners.select.run import Options, Selection, select
from planners.select.table import LEAST, Table, checked
from planners.unordered import unordered

ENOUGH = LEAST  # different rows that :func:`learn` needs


@dataclass(frozen=True)
class Surrogate:
    """A model selected and trained; rows are in the columns it was learned from."""

    selection: Selection

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return mean and sd at rows ``(m, f)``, ``(m,)`` each.

        The variance is that of rows left out, and that among models of resampled runs at the row:
        it grows where the runs say little.
        """
        model = self.selection.model
        rmse = model.candidate.scores.rmse
        return model.predict(rows), np.hypot(rmse, model.scatter(rows))

    def knowing(self, rows: Array, values: Array) -> "Surrogate":
        """Return the same kind of model, same settings, of more runs ``(k, f)`` and ``(k,)``."""
        model = self.selection.model
        columns = np.vstack([model.x, model.candidate.form(rows)])
        more = replace(model, x=columns, y=np.concatenate([model.y, values]))
        return Surrogate(replace(self.selection, model=more))

    def inside(self, rows: Array) -> NDArray[np.bool_]:
        """Return where most indices put a row inside the applicability domain, ``(m,)``."""
        told = self.selection.model.outside(rows)
        return np.array([2 * len(outside) < len(self.selection.model.domains) for outside in told])


def learn(
    x: Array, y: Array, names: Sequence[str] = (), options: Options | None = None
) -> Surrogate:
    """Return the best model of rows ``x`` ``(n, f)`` and their responses ``y`` ``(n,)``.

    By default among the quick ones; the order of rows is of no account. Raises BadHistory and
    BadOption.
    """
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise BadHistory([f"the runs: x must be (n, f) and y (n,), got {x.shape} and {y.shape}"])
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadHistory(["the runs: every factor and response must be a finite number"])
    order = unordered(x, y[:, None])
    x, y = x[order], y[order]
    titles = tuple(names) or tuple(f"x{i + 1}" for i in range(x.shape[1]))
    table = Table(titles, x, "response", y, tuple(range(1, len(y) + 1)))
    checked(table, "the runs")
    return Surrogate(select(table, options or Options(quick=True, permutations=5)))
