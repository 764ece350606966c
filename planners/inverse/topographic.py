"""Generative topographic map: a mixture whose means lie on a bent sheet through the data.

Spherical Gaussians of one width stand on a grid of latent points, mu_k = W phi(z_k), where phi are
radial basis functions and a constant; W and the width follow by expectation maximisation (Bishop,
Svensen and Williams, "GTM: the generative topographic mapping", 1998). As a mixture it predicts and
designs like any other (Kaneko, "Data visualization, regression, applicability domains and inverse
analysis based on generative topographic mapping", 2019, not re-read).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import logsumexp

from planners.factors import Array
from planners.inverse.mixture import Mixture

_LATENT = 2  # dimensions of the sheet
_PRIOR = 0.3  # precision of W's entries: keeps the sheet from crumpling
_ROUNDS = 200
_SETTLED = 1e-6  # of the log likelihood per row: a smaller gain ends the rounds
_NARROWEST = 1e-3  # variance, of autoscaled columns


@dataclass(frozen=True, slots=True)
class Sheet:
    """A fitted map: ``basis`` is phi at every node, ``(k, m)``, ``weights`` is W, ``(m, d)``."""

    basis: Array
    weights: Array
    variance: float
    log_likelihood: float  # per row

    def mixture(self) -> Mixture:
        """Return the map as a mixture of equally heavy spheres."""
        k, d = len(self.basis), self.weights.shape[1]
        spheres = np.tile(self.variance * np.eye(d), (k, 1, 1))
        return Mixture(np.full(k, 1.0 / k), self.basis @ self.weights, spheres)


def fit_sheet(rows: Array, side: int = 10, bumps: int = 4) -> Sheet:
    """Return the map of autoscaled rows ``(n, d)``: ``side`` nodes and ``bumps`` bases an edge."""
    latent = min(_LATENT, rows.shape[1])
    nodes = _grid(side, latent)
    basis = _phi(nodes, _grid(bumps, latent), 2.0 / max(bumps - 1, 1))
    weights, variance = _start(rows, nodes, basis)
    before = likelihood = -np.inf
    for _ in range(_ROUNDS):
        shares, likelihood = _responsibilities(rows, basis @ weights, variance)
        if likelihood - before < _SETTLED:
            break
        before = likelihood
        weights, variance = _improved(rows, basis, shares, variance)
    return Sheet(basis, weights, variance, likelihood)


def _grid(side: int, latent: int) -> Array:
    edge = np.linspace(-1.0, 1.0, side) if side > 1 else np.zeros(1)
    return np.array(list(product(*[edge] * latent)))


def _phi(nodes: Array, centres: Array, width: float) -> Array:
    squares = ((nodes[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return np.column_stack([np.exp(-0.5 * squares / width**2), np.ones(len(nodes))])


def _start(rows: Array, nodes: Array, basis: Array) -> tuple[Array, float]:
    """Return W of the plane through the first principal components, and the width beside it."""
    centre = rows.mean(axis=0)
    _, sizes, axes = np.linalg.svd(rows - centre, full_matrices=False)
    spreads = sizes / np.sqrt(max(len(rows) - 1, 1))
    used = min(nodes.shape[1], len(spreads))
    plane = nodes[:, :used] @ (spreads[:used, None] * axes[:used]) + centre
    weights = np.linalg.lstsq(basis, plane, rcond=None)[0]
    beside = float(spreads[used] ** 2) if len(spreads) > used else 0.0
    return weights, max(beside, _overlap(plane), _NARROWEST)


def _overlap(means: Array) -> float:
    """Return the variance at which neighbours on the sheet, half their distance off, still meet.

    Narrower spheres would say that nothing is possible between two nodes.
    """
    squares = ((means[1:] - means[:-1]) ** 2).sum(axis=1)  # along the sheet's second direction
    return float(np.median(squares)) / 4.0 if len(squares) else 0.0


def _responsibilities(rows: Array, means: Array, variance: float) -> tuple[Array, float]:
    """Return each node's share of each row, ``(n, k)``, and the log likelihood per row."""
    logs = -0.5 * _squares(rows, means) / variance
    totals = np.asarray(logsumexp(logs, axis=1))
    constant = np.log(len(means)) + 0.5 * rows.shape[1] * np.log(2.0 * np.pi * variance)
    return np.exp(logs - totals[:, None]), float(totals.mean() - constant)


def _improved(rows: Array, basis: Array, shares: Array, variance: float) -> tuple[Array, float]:
    heaviness = shares.sum(axis=0)
    normal = basis.T @ (heaviness[:, None] * basis) + _PRIOR * variance * np.eye(basis.shape[1])
    weights = np.linalg.solve(normal, basis.T @ (shares.T @ rows))
    means = basis @ weights
    left = float((shares * _squares(rows, means)).sum()) / rows.size
    return weights, max(left, _overlap(means), _NARROWEST)


def _squares(rows: Array, means: Array) -> Array:
    return ((rows[:, None, :] - means[None, :, :]) ** 2).sum(axis=2)
