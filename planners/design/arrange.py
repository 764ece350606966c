"""From a set of runs to a plan of work: replicates, centre points, blocks, and the order.

Blocks are equally large. Runs are shared out so that in every block the mean of each main effect,
square and product is as near as possible to its mean over all: then differences between days or
feeds do not pass for effects. For two-level factorials this finds the classical confounding with
the highest interactions, and of composites blocks nearly orthogonal to the effects (Box and Hunter,
1957). Centre points are dealt out evenly before: they can be compared from block to block.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.base import Problem
from planners.design.model import terms
from planners.errors import BadOption
from planners.factors import Array
from planners.problem import nearest

_STARTS = 8  # random shares from which exchanges set out
_MAX_SWEEPS = 50
_MAX_WORK = 5e8  # multiplications in all, about a second: large designs are even by chance
_PRODUCTS = 0.25  # weight of squares and products against main effects
_SAME = 1e-6  # of a factor's range: one temperature


@dataclass(frozen=True)
class Run:
    """One run of the plan."""

    row: Array
    label: str
    block: int


def arranged(
    problem: Problem,
    rows: Array,
    labels: list[str],
    centres: int,
    blocks: int,
    order: str,
    rng: np.random.Generator,
) -> list[Run]:
    """Return the runs block by block in their order; the last ``centres`` rows are centre points.

    ``order`` is ``random``, ``standard`` (as the design lists them) or ``by:FACTOR``: ascending,
    and random among runs of the same value. Raises BadOption for a factor there is not.
    """
    keys = _keys(problem, rows, order, rng)
    shares = _shared_out(problem, rows, centres, min(blocks, len(rows)), rng)
    sequence = sorted(range(len(rows)), key=lambda i: (int(shares[i]), keys[i]))
    return [Run(rows[i], labels[i], int(shares[i]) + 1) for i in sequence]


def _keys(
    problem: Problem, rows: Array, order: str, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Return what each run is sorted by within its block."""
    drawn = [int(i) for i in rng.permutation(len(rows))]
    if order == "standard":
        return [(0, i) for i in range(len(rows))]
    if order == "random":
        return [(0, i) for i in drawn]
    values = rows[:, problem.slices[_factor(problem, order.removeprefix("by:"))]]
    steps = np.unique(np.round(values / _SAME).astype(np.int64), axis=0, return_inverse=True)[1]
    return [(int(step), i) for step, i in zip(steps.ravel(), drawn, strict=True)]


def _factor(problem: Problem, name: str) -> int:
    names = [factor.name for factor in problem.factors]
    if name not in names:
        listed = ", ".join(names)
        raise BadOption(
            [f"order: no factor {name!r}{nearest(name, names)}; the factors are {listed}"]
        )
    return names.index(name)


def _shared_out(
    problem: Problem, rows: Array, centres: int, blocks: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return each run's block, blocks and their shares of centre points equal up to one run."""
    slots = np.arange(len(rows)) % blocks
    if blocks == 1:
        return slots
    table = _balance_table(problem, rows)
    visits = int(_MAX_WORK / max(1, table.size))  # of one run that can be afforded
    starts = min(_STARTS, max(1, visits // len(table)))
    each = min(_MAX_SWEEPS * len(table), visits // starts)
    free = len(rows) - centres
    dealt = slots[free:][np.argsort(np.lexsort(rows[free:].T))]  # those of one name one by one
    drawn = [np.append(rng.permutation(slots[:free]), dealt) for _ in range(starts)]
    found = [_balanced(table, shares, free, blocks, each) for shares in drawn]
    return min(found, key=lambda shares: _imbalance(table, shares, blocks))


def _balance_table(problem: Problem, rows: Array) -> Array:
    """Return the columns whose means should be equal in all blocks, centred and weighted."""
    n_main = terms(problem, rows, "linear").shape[1]
    table = terms(problem, rows, "quadratic")
    weights = np.where(np.arange(table.shape[1]) < n_main, 1.0, _PRODUCTS)
    spread = table.std(axis=0)
    centred = table - table.mean(axis=0)
    return centred * weights / np.where(spread > 1e-12, spread, 1.0)


def _imbalance(table: Array, shares: NDArray[np.intp], blocks: int) -> float:
    sums = np.array([table[shares == b].sum(axis=0) for b in range(blocks)])
    return float(np.sum(sums**2))


def _balanced(
    table: Array,
    shares: NDArray[np.intp],
    free: int,
    blocks: int,
    visits: int,
) -> NDArray[np.intp]:
    """Return the shares after exchanging pairs of runs as long as that helps.

    Runs after the first ``free`` stay where they are.
    With runs t, shares b and sums S of the blocks, an exchange of i and j changes the sum of
    squares by 2 (t_j - t_i).(S_bi - S_bj + t_j - t_i). ``visits`` bounds how often a run is tried.
    """
    shares = shares.copy()
    sums = np.array([table[shares == b].sum(axis=0) for b in range(blocks)])
    squares, along = np.einsum("ij,ij->i", table[:free], table[:free]), table @ sums.T
    every, vain = np.arange(free), 0
    for visit in range(visits):
        i = visit % free
        own = shares[i]
        theirs = shares[:free]
        steps = along[:free, own] - along[every, theirs] - along[i, own] + along[i, theirs]
        gains = 2.0 * (steps + squares + squares[i] - 2.0 * (table[:free] @ table[i]))
        gains[theirs == own] = 0.0
        j = int(np.argmin(gains.round(9)))  # the first of equals, whatever the last digits
        vain += 1
        if gains[j] < -1e-9:
            step, other = table[j] - table[i], shares[j]
            sums[own] += step
            sums[other] -= step
            along[:, [own, other]] = table @ sums[[own, other]].T
            shares[i], shares[j], vain = other, own, 0
        if vain == free:
            break
    return shares
