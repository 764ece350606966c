"""Gaussian processes with eleven kernels, by maximum likelihood, on autoscaled values.

A kernel is a variance times one of five shapes (Gaussian, Matern of three smoothnesses, Gaussian
with a length for each column), a variance times a linear one, or their sum; white noise comes on
top. The likelihood and its slopes are written out (Rasmussen and Williams, "Gaussian Processes for
Machine Learning", 2006, 5.4.1): a selection fits thousands of processes of a few dozen rows, and a
library's general kernels spend most of that time on looking after themselves.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from planners.factors import Array

SHAPES = ("RBF", "Matern 1/2", "Matern 3/2", "Matern 5/2", "RBF, a length each")
KERNELS = ("linear", *(name for shape in SHAPES for name in (shape, f"{shape} + linear")))

_WIDE = (np.log(1e-5), np.log(1e5))  # of variances and lengths
_NOISE = (np.log(1e-8), np.log(10.0))
_START, _START_NOISE = 0.0, np.log(0.01)
_KNOWN_NOISE = (1e-8, 1e-5, 1e-2)  # variances, tried one after the other
_DECIDING = 240  # rows that decide on a kernel at most: cost grows as n cubed
_VERY_BAD = 1e25  # instead of infinity, which a search for the minimum cannot digest
_SQRT3, _SQRT5 = np.sqrt(3.0), np.sqrt(5.0)


@dataclass(frozen=True)
class Kernel:
    """Log parameters: variance and lengths of the shape, variance and offset of the linear part.

    Then the noise variance. Absent parts have none.
    """

    shape: str | None
    linear: bool
    width: int

    @classmethod
    def of(cls, name: str, width: int) -> "Kernel":
        """Return the kernel of a name in ``KERNELS`` for ``width`` columns."""
        shape = name.removesuffix(" + linear")
        return cls(None if shape == "linear" else shape, name.endswith("linear"), width)

    @property
    def n_lengths(self) -> int:
        """Return the number of lengths."""
        if self.shape is None:
            return 0
        return self.width if self.shape.endswith("each") else 1

    @property
    def n_shape(self) -> int:
        """Return the number of the shape's parameters."""
        return self.n_lengths + 1 if self.shape else 0

    @property
    def start(self) -> Array:
        """Return the log parameters that a search begins with."""
        return np.array([_START] * (self.n_shape + 2 * self.linear) + [_START_NOISE])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Return bounds on the log parameters."""
        return [_WIDE] * (self.n_shape + 2 * self.linear) + [_NOISE]

    def matrix(self, a: Array, b: Array, logs: Array) -> Array:
        """Return the covariances of rows ``(n, f)`` and ``(m, f)``, ``(n, m)``, without noise."""
        found = np.zeros((len(a), len(b)))
        if self.shape is not None:
            lengths = np.exp(logs[1 : self.n_shape])
            distances = _squares(a / lengths, b / lengths)
            found += np.exp(logs[0]) * _shaped(self.shape, distances)[0]
        if self.linear:
            variance, offset = np.exp(logs[self.n_shape : self.n_shape + 2])
            found += variance * (offset**2 + a @ b.T)
        return found

    def own(self, rows: Array, logs: Array) -> Array:
        """Return the variances of rows ``(m, f)``, ``(m,)``, without noise."""
        found = np.full(len(rows), np.exp(logs[0]) if self.shape is not None else 0.0)
        if self.linear:
            variance, offset = np.exp(logs[self.n_shape : self.n_shape + 2])
            found += variance * (offset**2 + np.square(rows).sum(axis=1))
        return found

    def slopes(self, x: Array, logs: Array, weights: Array) -> Array:
        """Return the sums of ``weights`` ``(n, n)`` times the slopes of the noisy matrix."""
        found: list[float] = []
        if self.shape is not None:
            lengths, variance = np.exp(logs[1 : self.n_shape]), np.exp(logs[0])
            value, slope = _shaped(self.shape, _squares(x / lengths, x / lengths))
            found.append(float(variance * (weights * value).sum()))
            found += list(variance * self._along(x / lengths, weights * slope))
        if self.linear:
            variance, offset = np.exp(logs[self.n_shape : self.n_shape + 2])
            of_ones = float(weights.sum())
            found.append(float(variance * (offset**2 * of_ones + ((weights @ x) * x).sum())))
            found.append(float(2.0 * variance * offset**2 * of_ones))
        return np.array([*found, float(np.exp(logs[-1]) * np.trace(weights))])

    def _along(self, scaled: Array, weighted: Array) -> Array:
        """Return -2 times the weighted sums of squared distances, by length, ``(n_lengths,)``."""
        heavy = weighted.sum(axis=1)
        sums = 2.0 * (heavy @ np.square(scaled) - ((weighted @ scaled) * scaled).sum(axis=0))
        return -2.0 * (sums if self.n_lengths > 1 else sums.sum(keepdims=True))


def _squares(a: Array, b: Array) -> Array:
    found = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2.0 * a @ b.T
    return np.maximum(found, 0.0)


def _shaped(shape: str, squares: Array) -> tuple[Array, Array]:
    """Return a shape at squared scaled distances, and its slope there."""
    if shape.startswith("RBF"):
        value = np.exp(-0.5 * squares)
        return value, -0.5 * value
    far = np.sqrt(squares)
    if shape == "Matern 1/2":
        value = np.exp(-far)
        return value, np.where(far > 1e-7, -0.5 * value / np.maximum(far, 1e-7), 0.0)
    if shape == "Matern 3/2":
        decay = np.exp(-_SQRT3 * far)
        return (1.0 + _SQRT3 * far) * decay, -1.5 * decay
    decay = np.exp(-_SQRT5 * far)
    return (1.0 + _SQRT5 * far + 5.0 / 3.0 * squares) * decay, -5.0 / 6.0 * (
        1.0 + _SQRT5 * far
    ) * decay


@dataclass(frozen=True)
class Process:
    """A process that knows rows ``x`` ``(n, f)``; ``weights`` are K^-1 y, ``root`` K's Cholesky."""

    kernel: Kernel
    logs: Array
    x: Array
    root: Array
    weights: Array

    def predict(self, rows: Array) -> Array:
        """Return what is expected at rows ``(m, f)``, ``(m,)``."""
        return self.kernel.matrix(rows, self.x, self.logs) @ self.weights

    def sd(self, rows: Array) -> Array:
        """Return the standard deviation of a further reading at rows ``(m, f)``, ``(m,)``."""
        near = solve_triangular(
            self.root, self.kernel.matrix(self.x, rows, self.logs), lower=True, check_finite=False
        )
        own = self.kernel.own(rows, self.logs) + np.exp(self.logs[-1])
        return np.sqrt(np.maximum(own - np.square(near).sum(axis=0), 0.0))

    def left_out(self) -> Array:
        """Return the residuals of leaving out each row at the same parameters, ``(n,)``.

        In closed form (Rasmussen and Williams, 5.4.2).
        """
        inverse = cho_solve((self.root, True), np.eye(len(self.x)), check_finite=False)
        return self.weights / np.diag(inverse)


def fit(x: Array, y: Array, name: str) -> Process:
    """Return the process of a kernel in ``KERNELS``, for autoscaled ``x`` ``(n, f)`` and ``y``.

    Of many rows, evenly chosen ones decide on the parameters, and all on the predictions. Where
    rows are so alike that the matrix cannot be inverted, with more noise to begin with.
    """
    kernel = Kernel.of(name, x.shape[1])
    some = slice(None, None, -(-len(y) // _DECIDING))
    for known in _KNOWN_NOISE:
        try:
            logs = _searched(kernel, x[some], y[some], known)
            return _conditioned(kernel, logs, x, y, known)
        except np.linalg.LinAlgError:
            continue
    return _conditioned(kernel, kernel.start, x, y, 1.0)


def _conditioned(kernel: Kernel, logs: Array, x: Array, y: Array, known: float) -> Process:
    covariance = kernel.matrix(x, x, logs)
    covariance[np.diag_indices_from(covariance)] += np.exp(logs[-1]) + known
    root = np.asarray(np.linalg.cholesky(covariance), dtype=float)
    return Process(kernel, logs, x, root, cho_solve((root, True), y, check_finite=False))


def _searched(kernel: Kernel, x: Array, y: Array, known: float) -> Array:
    def value(logs: Array) -> tuple[float, Array]:
        try:
            found = _conditioned(kernel, logs, x, y, known)
        except np.linalg.LinAlgError:
            return _VERY_BAD, np.zeros_like(logs)
        inverse = cho_solve((found.root, True), np.eye(len(x)), check_finite=False)
        surprise = 0.5 * float(y @ found.weights) + float(np.log(np.diag(found.root)).sum())
        weights = inverse - np.outer(found.weights, found.weights)
        return surprise, 0.5 * kernel.slopes(x, logs, weights)

    found = minimize(value, kernel.start, jac=True, method="L-BFGS-B", bounds=kernel.bounds)
    if found.fun >= _VERY_BAD:
        raise np.linalg.LinAlgError
    return np.asarray(found.x)
