"""Optimal subsets of candidate runs by exchange (Fedorov, 1972; Cook and Nachtsheim, 1980).

Each run of the design in turn is exchanged for the candidate that improves the criterion most,
until nothing improves; the best of several random starts is kept. D-optimal designs maximise
``det(F'F)``, I-optimal ones minimise the mean variance of prediction ``trace(inv(F'F) W)``, with
``W`` the mean of ``f f'`` over the region. A candidate may be taken several times: where a run
tells most when it is repeated, anything else would be a copy of it that is a little off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.factors import Array

_WORK = 4e8  # multiplications spent on starts, whatever the size
_MAX_STARTS = 40
_MAX_SWEEPS = 30
GAIN = 1e-7  # relative; less is rounding
_TIE = 1e-6  # relative; by less a replicate is no better than a run of its own
_SINGULAR = 1e-12  # least to greatest eigenvalue of a design that tells all terms apart
_RIDGE = 1e-7  # of a run's squares


class Information:
    """A design's inverse information matrix A, kept up by updates of rank one.

    With B = A W A, a run f has ``d = f'Af`` and ``own = f'Bf``, the share of the mean variance that
    it takes away; ``spread`` is that variance, the criterion of I-optimal designs.
    """

    def __init__(self, picked: Array, weights: Array | None, ridge: float) -> None:
        self.weights = weights
        information = picked.T @ picked + ridge * np.eye(picked.shape[1])
        self.a: Array = np.asarray(np.linalg.inv(information), dtype=float)
        if weights is not None:
            self.b: Array = self.a @ weights @ self.a
            self.spread = float(np.sum(self.a * weights))

    def update(self, row: Array, sign: float) -> "_Change":
        """Take a run in (``sign`` 1) or out (-1)."""
        u = self.a @ row
        factor = sign / (1.0 + sign * float(row @ u))
        w, size = u, 0.0
        if self.weights is not None:
            w = self.weights @ u
            size, w = float(u @ w), self.a @ w
            cross = np.outer(u, w)
            self.b += factor**2 * size * np.outer(u, u) - factor * (cross + cross.T)
            self.spread -= factor * size
        self.a -= factor * np.outer(u, u)
        return _Change(factor, u, w, size)

    def gains(self, new: "Shares", old: "Shares", cross: Array, mixed: Array) -> Array:
        """Return by how much new runs better the criterion in place of the old one, relatively.

        ``cross`` and ``mixed`` are ``f'Ag`` and ``f'Bg`` of both.
        """
        ratio = (1.0 + new.d) * (1.0 - old.d) + cross**2  # of the determinants
        if self.weights is None:
            return ratio - 1.0
        drop = (1.0 - old.d) * new.own + 2.0 * cross * mixed - (1.0 + new.d) * old.own
        return np.where(ratio > 1e-6, drop / np.maximum(ratio, 1e-9) / self.spread, -1.0)


@dataclass(frozen=True, slots=True)
class _Change:
    """One update of rank one: its factor, A f, A W A f, and f'A W A f."""

    factor: float
    u: Array
    w: Array
    size: float


@dataclass(frozen=True, slots=True)
class Shares:
    """``d`` and ``own`` of runs, one each; ``own`` is of no use without weights."""

    d: Array
    own: Array


class _State:
    """What an exchange does to the criterion, for every candidate."""

    def __init__(self, table: Array, weights: Array | None, chosen: NDArray[np.intp]) -> None:
        self.table, self.chosen = table, chosen.copy()
        self.known = Information(table[chosen], weights, ridge(table))
        self.d = np.sum((table @ self.known.a) * table, axis=1)
        self.own = self.d
        if weights is not None:
            self.own = np.sum((table @ self.known.b) * table, axis=1)

    def exchange(self, place: int, new: int) -> None:
        """Put candidate ``new`` at a place of the design."""
        self._update(new, 1.0)
        self._update(int(self.chosen[place]), -1.0)
        self.chosen[place] = new

    def _update(self, index: int, sign: float) -> None:
        change = self.known.update(self.table[index], sign)
        share = self.table @ change.u
        if self.known.weights is not None:
            own = change.factor * change.size * share - 2.0 * (self.table @ change.w)
            self.own = self.own + change.factor * share * own
        self.d = self.d - change.factor * share**2

    def gains(self, place: int) -> Array:
        """Return how much each candidate would improve the criterion at a place, relatively."""
        i = int(self.chosen[place])
        row = self.table[i]
        cross = mixed = self.table @ (self.known.a @ row)
        if self.known.weights is not None:
            mixed = self.table @ (self.known.b @ row)
        old = Shares(self.d[i : i + 1], self.own[i : i + 1])
        return self.known.gains(Shares(self.d, self.own), old, cross, mixed)


def ridge(table: Array) -> float:
    """Return what keeps a design workable that cannot estimate every term."""
    return _RIDGE * float(np.mean(np.sum(table**2, axis=1)))


def d_score(table: Array) -> float:
    """Return ``ln det(F'F)`` of a design's model columns, minus infinity when it is singular."""
    sign, value = np.linalg.slogdet(table.T @ table)
    return float(value) if sign > 0 else -np.inf


def i_score(table: Array, weights: Array) -> float:
    """Return minus the mean variance of prediction over the region ``weights`` stand for."""
    information = table.T @ table
    sizes = np.linalg.eigvalsh(information)
    if sizes[0] <= _SINGULAR * sizes[-1]:
        return -np.inf
    return -float(np.trace(np.linalg.solve(information, weights)))


def best_subset(
    table: Array, n: int, rng: np.random.Generator, weights: Array | None = None
) -> NDArray[np.intp]:
    """Return the numbers of ``n`` candidates that make an optimal design, some perhaps repeated.

    ``table`` holds the model's columns of every candidate; ``weights`` (``W``) ask for an
    I-optimal design.
    """
    cost = float(n * table.size)
    starts = int(np.clip(_WORK / (8.0 * cost), 1, _MAX_STARTS))
    found = [
        climbed(table, np.resize(rng.permutation(len(table)), n).astype(np.intp), weights)
        for _ in range(starts)
    ]
    return max(found, key=lambda chosen: _score(table[chosen], weights))


def _score(table: Array, weights: Array | None) -> float:
    return d_score(table) if weights is None else i_score(table, weights)


def climbed(table: Array, chosen: NDArray[np.intp], weights: Array | None) -> NDArray[np.intp]:
    """Return the best design on the way of single exchanges from the chosen candidates.

    The last one may be worse: a term that hardly varies over the region does not show in the mean
    variance, and may be given up.
    """
    found = [chosen]
    for aim in [None] if weights is None else [None, weights]:
        for _ in range(_MAX_SWEEPS):
            state = _State(table, aim, found[-1])  # anew: many updates gather rounding
            improved = _swept(state)
            found.append(state.chosen)
            if not improved:
                break
    return max(found, key=lambda design: _score(table[design], weights))


def _swept(state: _State) -> bool:
    improved = False
    for place in range(len(state.chosen)):
        gains = state.gains(place)
        gains[state.chosen] -= _TIE
        new = int(np.argmax(gains))
        if gains[new] > GAIN:
            state.exchange(place, new)
            improved = True
    return improved
