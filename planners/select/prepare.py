"""Which columns are of use: those that vary, not mostly in one value, and not twice.

No response is looked at, so that this may come before any validation.
"""

from dataclasses import dataclass

import numpy as np

from planners.factors import Array
from planners.select.columns import Columns

MOSTLY = 0.8  # of the rows with one and the same value: little to learn from
SAME = 0.99  # correlation of columns that say the same


@dataclass(frozen=True)
class Dropped:
    """A column left out, and why, in words."""

    name: str
    why: str


@dataclass(frozen=True)
class Prepared:
    """The columns kept (their positions too), and those dropped."""

    columns: Columns
    kept: tuple[int, ...]
    dropped: tuple[Dropped, ...]


def prepare(columns: Columns, mostly: float = MOSTLY, same: float = SAME) -> Prepared:
    """Return the columns worth keeping."""
    kept: list[int] = []
    dropped: list[Dropped] = []
    for i, name in enumerate(columns.names):
        if why := _idle(columns.values[:, i], mostly):
            dropped.append(Dropped(name, why))
        else:
            kept.append(i)
    left, twins = _redundant(columns, kept, same)
    return Prepared(columns.only(left), tuple(left), tuple(dropped + twins))


def _idle(values: Array, mostly: float) -> str | None:
    found, counts = np.unique(values, return_counts=True)
    if len(found) == 1 or np.ptp(values) <= 1e-12 * max(np.abs(values).max(), 1e-300):
        return f"never varies, it is always {found[0]:g}"
    share = counts.max() / len(values)
    if share >= mostly:
        return f"is {found[counts.argmax()]:g} in {100 * share:.0f} % of the rows"
    return None


def _redundant(columns: Columns, kept: list[int], same: float) -> tuple[list[int], list[Dropped]]:
    """Drop one of each pair of high correlation: the one more correlated with all the others."""
    left, dropped = list(kept), list[Dropped]()
    if len(left) < 2:
        return left, dropped
    links = np.abs(np.corrcoef(columns.values[:, left].T))
    np.fill_diagonal(links, 0.0)
    alive = np.ones(len(left), dtype=bool)
    while True:
        pairs = np.where(np.outer(alive, alive), links, 0.0)
        first, second = np.unravel_index(int(np.argmax(pairs)), pairs.shape)
        if pairs[first, second] < same:
            break
        sums = pairs.sum(axis=1)
        gone, stays = (first, second) if sums[first] > sums[second] else (second, first)
        alive[gone] = False
        strength = links[gone, stays]
        dropped.append(
            Dropped(
                columns.names[left[gone]],
                f"says the same as {columns.names[left[stays]]} (|r| = {strength:.3f})",
            )
        )
    return [i for i, lives in zip(left, alive, strict=True) if lives], dropped
