"""Closure: components that add up to a constant, so that none can vary alone.

Coefficients of such columns mean nothing one by one (Aitchison, J. R. Stat. Soc. B 1982, 44, 139).
The mends: leave one component out, or take logarithms of the others' ratios to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from planners.factors import Array
from planners.select.columns import Columns

Mend = Literal["none", "drop", "ratios"]
_MOST_COLUMNS = 14  # searched for sums: the number of subsets doubles with each
_TIGHT = 0.02  # sd of the sum, of the least sd of a component: rounding in the file, no more


@dataclass(frozen=True)
class Closure:
    """Columns (by position) that add up to ``total``."""

    names: tuple[str, ...]
    positions: tuple[int, ...]
    total: float

    def warning(self) -> str:
        """Return what a chemist should know and may do."""
        listed = f"{', '.join(self.names[:-1])} and {self.names[-1]}"
        return (
            f"{listed} add up to {self.total:.4g} in every row: none of them can vary alone, and"
            f" their coefficients mean nothing one by one. Leave one out (--mend drop leaves out"
            f" {self.names[-1]}) or take log-ratios (--mend ratios)."
        )


def closures(columns: Columns) -> list[Closure]:
    """Return the least sets of non-negative, varying columns that add up to a constant.

    Of more than 14 such columns, the first 14 are searched.
    """
    sds = columns.values.std(axis=0)
    usable = [
        i for i in range(len(columns.names)) if sds[i] > 0 and columns.values[:, i].min() >= 0
    ][:_MOST_COLUMNS]
    found: list[Closure] = []
    for size in range(2, len(usable) + 1):
        for chosen in combinations(usable, size):
            if any(set(c.positions) <= set(chosen) for c in found):
                continue
            sums = columns.values[:, chosen].sum(axis=1)
            if sums.std() <= _TIGHT * sds[list(chosen)].min():
                names = tuple(columns.names[i] for i in chosen)
                found.append(Closure(names, chosen, float(sums.mean())))
    return found


def floors(columns: Columns) -> Array:
    """Return half the least amount above zero of each column, ``(f,)``: zeros have no logarithm."""
    above = np.where(columns.values > 0, columns.values, np.inf).min(axis=0)
    return np.where(np.isfinite(above), 0.5 * above, 1.0)


def mended(columns: Columns, found: Sequence[Closure], mend: Mend, least: Array) -> Columns:
    """Return columns without closure; ``none`` leaves them as they are.

    ``least`` takes the place of amounts of zero in log-ratios (see :func:`floors`).
    """
    if mend == "none":
        return columns
    names, values, gone = list(columns.names), columns.values.copy(), set[int]()
    logs = np.log(np.maximum(columns.values, least)) if mend == "ratios" else values
    for closure in found:
        *others, last = closure.positions
        gone.add(last)
        for i in others if mend == "ratios" else ():
            values[:, i] = logs[:, i] - logs[:, last]
            names[i] = f"ln({columns.names[i]}/{columns.names[last]})"
    kept = [i for i in range(len(names)) if i not in gone]
    return Columns(tuple(names), values).only(kept)
