"""Optimal subsets of candidate runs by exchange (Fedorov, 1972; Cook and Nachtsheim, 1980).

Each run of the design in turn is exchanged for the candidate that improves the criterion most,
until nothing improves; the best of several random starts is kept. D-optimal designs maximise
``det(F'F)``, I-optimal ones minimise the mean variance of prediction ``trace(inv(F'F) W)``, with
``W`` the mean of ``f f'`` over the region. A candidate may be taken several times: where a run
tells most when it is repeated, anything else would be a copy of it that is a little off.
"""

import numpy as np
from numpy.typing import NDArray

from planners.factors import Array

_WORK = 4e8  # multiplications spent on starts, whatever the size
_MAX_STARTS = 40
_MAX_SWEEPS = 30
_GAIN = 1e-7  # relative; less is rounding
_TIE = 1e-6  # relative; by less a replicate is no better than a run of its own
_SINGULAR = 1e-12  # least to greatest eigenvalue of a design that tells all terms apart
_RIDGE = 1e-7  # keeps a start that cannot estimate every term workable


class _State:
    """What an exchange does to the criterion, for every candidate, by updates of rank one.

    With A the inverse of the information matrix and B = A W A, candidate f has ``d = f'Af`` and
    ``own = f'Bf``, the share of the mean variance that it takes away.
    """

    def __init__(self, table: Array, weights: Array | None, chosen: NDArray[np.intp]) -> None:
        self.table, self.chosen, self.weights = table, chosen.copy(), weights
        picked, width = table[chosen], table.shape[1]
        ridge = _RIDGE * float(np.mean(np.sum(table**2, axis=1)))
        information = picked.T @ picked + ridge * np.eye(width)
        self.a: Array = np.asarray(np.linalg.inv(information), dtype=float)
        self.d = np.sum((table @ self.a) * table, axis=1)
        if weights is not None:
            self.b: Array = self.a @ weights @ self.a
            self.own = np.sum((table @ self.b) * table, axis=1)
            self.spread = float(np.sum(self.a * weights))  # the criterion now

    def exchange(self, place: int, new: int) -> None:
        """Put candidate ``new`` at a place of the design."""
        self._update(new, 1.0)
        self._update(int(self.chosen[place]), -1.0)
        self.chosen[place] = new

    def _update(self, index: int, sign: float) -> None:
        u = self.a @ self.table[index]
        share = self.table @ u
        factor = sign / (1.0 + sign * share[index])
        if self.weights is not None:
            w = self.weights @ u
            size, w = float(u @ w), self.a @ w
            cross = np.outer(u, w)
            self.b += factor**2 * size * np.outer(u, u) - factor * (cross + cross.T)
            self.own += factor * share * (factor * size * share - 2.0 * (self.table @ w))
            self.spread -= factor * size
        self.a -= factor * np.outer(u, u)
        self.d -= factor * share**2

    def gains(self, place: int) -> Array:
        """Return how much each candidate would improve the criterion at a place, relatively."""
        i = int(self.chosen[place])
        cross = self.table @ (self.a @ self.table[i])
        ratio = (1.0 + self.d) * (1.0 - self.d[i]) + cross**2  # of the determinants
        if self.weights is None:
            return ratio - 1.0
        mixed = self.table @ (self.b @ self.table[i])
        drop = (
            (1.0 - self.d[i]) * self.own + 2.0 * cross * mixed - (1.0 + self.d) * self.own[i]
        ) / np.maximum(ratio, 1e-9)
        return np.where(ratio > 1e-6, drop / self.spread, -1.0)


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
        if gains[new] > _GAIN:
            state.exchange(place, new)
            improved = True
    return improved
