"""Gaussian mixtures: densities, marginals, conditionals, and draws from them.

Given some columns ``a`` of a mixture, the others ``b`` are a mixture again (Ghahramani and Jordan,
"Supervised learning from incomplete data via an EM approach", 1994; Kaneko, "Extended Gaussian
mixture regression for forward and inverse analysis", 2021, not re-read):

    m_k = mu_b + S_ba S_aa^-1 (a - mu_a)
    S_k = S_bb - S_ba S_aa^-1 S_ab
    w_k ~ pi_k N(a | mu_a, S_aa)

With the conditions given it predicts, with the results given it designs: the algebra is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from planners.factors import Array

Columns = Sequence[int]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Mixture:
    """``k`` Gaussians in ``d`` columns."""

    weights: Array  # (k,), their sum is 1
    means: Array  # (k, d)
    covariances: Array  # (k, d, d)

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return self.means.shape[1]

    def mean(self) -> Array:
        """Return the mean, ``(d,)``."""
        return self.weights @ self.means

    def variance(self) -> Array:
        """Return the variance of every column, ``(d,)``: within the parts and between them."""
        within = np.diagonal(self.covariances, axis1=1, axis2=2)
        return self.weights @ (within + self.means**2) - self.mean() ** 2

    def mode(self) -> Array:
        """Return the mean of the heaviest part, ``(d,)``."""
        return self.means[int(np.argmax(self.weights))]

    def log_parts(self, rows: Array) -> Array:
        """Return ln of weight times density of every part at rows ``(n, d)``, ``(n, k)``."""
        parts = [
            np.log(max(float(w), 1e-300)) + _log_normal(rows - m, c)
            for w, m, c in zip(self.weights, self.means, self.covariances, strict=True)
        ]
        return np.column_stack(parts)

    def log_density(self, rows: Array) -> Array:
        """Return ln p of rows ``(n, d)``, ``(n,)``."""
        return np.asarray(logsumexp(self.log_parts(rows), axis=1))

    def marginal(self, columns: Columns) -> "Mixture":
        """Return the mixture of some of the columns alone."""
        at = np.asarray(columns, dtype=np.intp)
        return Mixture(
            self.weights, self.means[:, at], self.covariances[:, at[:, None], at[None, :]]
        )

    def given(self, columns: Columns, values: Array) -> "Mixture":
        """Return the mixture of the other columns, in their order, where ``columns`` are known."""
        known = np.asarray(columns, dtype=np.intp)
        rest = self._others(known)
        logs = self.marginal(columns).log_parts(values[None, :])[0]
        weights = np.exp(logs - float(np.asarray(logsumexp(logs))))
        gains = self._gains(known, rest)
        offsets = values - self.means[:, known]
        means = self.means[:, rest] + np.einsum("krc,kc->kr", gains, offsets)
        across = self.covariances[:, known[:, None], rest[None, :]]
        inside = self.covariances[:, rest[:, None], rest[None, :]]
        left = inside - gains @ across
        return Mixture(weights, means, 0.5 * (left + left.transpose(0, 2, 1)))

    def regress(self, columns: Columns, rows: Array) -> Array:
        """Return the means of the other columns given ``columns``, row by row, ``(n, d - c)``."""
        known = np.asarray(columns, dtype=np.intp)
        rest = self._others(known)
        logs = self.marginal(columns).log_parts(rows)
        totals = np.asarray(logsumexp(logs, axis=1))
        weights = np.exp(logs - totals[:, None])
        offsets = rows[:, None, :] - self.means[None, :, known]
        means = self.means[:, rest] + np.einsum("krc,nkc->nkr", self._gains(known, rest), offsets)
        return np.einsum("nk,nkr->nr", weights, means)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Return ``n`` rows drawn from the mixture, ``(n, d)``."""
        chosen = rng.choice(len(self.weights), size=n, p=self.weights / self.weights.sum())
        normal = rng.normal(size=(n, self.width))
        roots = np.array([_root(c) for c in self.covariances])
        return self.means[chosen] + np.einsum("nij,nj->ni", roots[chosen], normal)

    def _others(self, known: Indices) -> Indices:
        return np.array([i for i in range(self.width) if i not in known], dtype=np.intp)

    def _gains(self, known: Indices, rest: Indices) -> Array:
        """Return S_ba S_aa^-1 of every part, ``(k, len(rest), len(known))``."""
        inside = self.covariances[:, known[:, None], known[None, :]]
        across = self.covariances[:, known[:, None], rest[None, :]]
        return np.asarray(np.linalg.solve(inside, across).transpose(0, 2, 1), dtype=float)


def _log_normal(offsets: Array, covariance: Array) -> Array:
    """Return ln N(offset | 0, covariance) of every row."""
    lower = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(lower, offsets.T)
    log_root = float(np.log(np.diagonal(lower)).sum())
    width = offsets.shape[1]
    return -0.5 * (whitened**2).sum(axis=0) - log_root - 0.5 * width * np.log(2.0 * np.pi)


def _root(covariance: Array) -> Array:
    """Return a matrix whose square is the covariance; rounding below zero counts as zero."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
