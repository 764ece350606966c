"""The covariance of a response at two points, for scikit-learn's Gaussian processes.

A Matern 5/2 kernel with one length-scale per group of feature columns (automatic relevance
determination), times a variance, plus a second, narrow one of its own small variance, plus noise
(Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapters 4 and 5). The
narrow one is for a peak that stands on a broad hill: without it, one surprising run among many
smooth ones counts as noise, or makes all of the landscape rough. Columns may also have weights in
one common direction, whose difference adds to the distance (factor analysis distance of rank one,
ibid., section 5.1): a hotter reactor and a longer residence time do the same, so that responses lie
on ridges across both, which length-scales along the axes cannot tell from roughness. Added are
terms without hyper-parameters: a main effect of every name, as a good ligand is good with most
bases and at most temperatures, and perhaps a polynomial of second order. As one kernel it knows its
parameters by one array, and shares length-scales within groups; a sum of scikit-learn's own kernels
does neither, and spends most of its time on looking up parameters.

The one module here that imports scikit-learn, which takes a second: never in the daemon's process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

from planners.bayes.models.quadratic import Quadratic
from planners.factors import Array

# scikit-learn has no types, and those guessed from defaults are too narrow
Regressor: Any = GaussianProcessRegressor
Classifier: Any = GaussianProcessClassifier
_Kernel: Any = Kernel

_MAIN = 0.4  # sd of a name's main effect, in sds of all outputs
_NARROW = 0.2  # length-scale of the narrow part with three factors; grows with their number
OTHERS = 3  # hyper-parameters that are no length-scales


class Covariance(_Kernel):
    """Hyper-parameters ``logs``: length-scales, weights, narrow variance, variance, noise.

    All but the weights are logarithms.
    """

    def __init__(
        self,
        groups: NDArray[np.intp],
        ridge: NDArray[np.intp],
        logs: Array,
        quadratic: Quadratic | None = None,
    ) -> None:
        """Take each feature column's length-scale, the columns with weights, and the parameters."""
        self.groups, self.ridge, self.logs, self.quadratic = groups, ridge, logs, quadratic
        self._n_lengths = len(logs) - len(ridge) - OTHERS
        self._names = np.flatnonzero(np.bincount(groups)[groups] > 1)
        self._seen: Any = (None,)  # rows, and their ``_parts``

    @property
    def theta(self) -> Array:
        """Return the log hyper-parameters, as scikit-learn's search knows them."""
        return self.logs

    @theta.setter
    def theta(self, logs: Array) -> None:
        self.logs = logs

    @property
    def bounds(self) -> Array:
        """Return bounds on the hyper-parameters that priors never reach, ``(p, 2)``."""
        return np.tile([-30.0, 30.0], (len(self.logs), 1))

    @property
    def n_dims(self) -> int:
        """Return the number of hyper-parameters."""
        return len(self.logs)

    def is_stationary(self) -> bool:
        """Return whether only differences of points count."""
        return self.quadratic is None

    def clone_with_theta(self, theta: Array) -> "Covariance":
        """Return the kernel with other hyper-parameters."""
        return Covariance(self.groups, self.ridge, np.asarray(theta), self.quadratic)

    def diag(self, X: Array) -> Array:  # noqa: N803  # scikit-learn's name
        """Return all variances and noise at each row of ``X`` ``(n, f)``."""
        return self.variances(X) + np.exp(self.logs[-1])

    def variances(self, rows: Array) -> Array:
        """Return all variances but noise at each row ``(n, f)``, ``(n,)``."""
        terms = self._terms(rows)
        return np.exp(self.logs[-OTHERS:-1]).sum() + np.einsum("np,np->n", terms, terms)

    def __call__(self, X: Array, Y: Array | None = None, eval_gradient: bool = False) -> Any:  # noqa: N803  # scikit-learn's names
        """Return ``(n, m)`` without noise, or ``(n, n)`` with it and perhaps its gradient."""
        if Y is not None:
            return self.between(X, Y)
        if not eval_gradient:
            return self.between(X, X) + np.eye(len(X)) * np.exp(self.logs[-1])
        return self._sloped(X).whole()

    def differentiable(self, rows: Array) -> tuple[Array, Callable[[Array], Array]]:
        """Return the covariance of rows with noise, ``(n, n)``, and how it pulls.

        The latter makes a symmetric ``(n, n)`` of weights into the gradient, by hyper-parameters,
        of the weighted sum of all covariances.
        """
        sloped = self._sloped(rows)
        return sloped.covariance, sloped.pulled

    def _sloped(self, rows: Array) -> "_Sloped":
        little, variance, noise = np.exp(self.logs[-OTHERS:])
        squares, gaps, narrow, added = self._parts(rows)
        shrinking = np.exp(-2.0 * self.logs[: self._n_lengths])
        along = self._weights @ gaps
        broad, slope = _sloped_matern(shrinking @ squares + along**2)
        parts = (little * narrow, variance * broad, noise)
        return _Sloped(len(rows), squares, gaps, shrinking, variance * slope, along, parts, added)

    @property
    def _weights(self) -> Array:
        return self.logs[self._n_lengths : -OTHERS]

    def between(self, one: Array, other: Array) -> Array:
        """Return the covariance of rows ``(n, f)`` and ``(m, f)`` without noise, ``(n, m)``."""
        lengths = np.exp(self.logs[: self._n_lengths])[self.groups]
        squares: Any = cdist(one / lengths, other / lengths, "sqeuclidean")
        if len(self.ridge):
            ends = [rows[:, self.ridge] @ self._weights for rows in (one, other)]
            squares += np.subtract.outer(*ends) ** 2
        little, variance, _ = np.exp(self.logs[-OTHERS:])
        broad, narrow = variance * _matern(squares), little * self._narrow(one, other)
        return broad + narrow + self._terms(one) @ self._terms(other).T

    def _terms(self, rows: Array) -> Array:
        """Return what has no hyper-parameters, times its prior's sds, ``(n, p)``; perhaps none."""
        main = (_MAIN * np.sqrt(2.0)) * rows[:, self._names]  # columns of names are 0 or sqrt(1/2)
        return main if self.quadratic is None else np.hstack([main, self.quadratic.scaled(rows)])

    def _narrow(self, one: Array, other: Array) -> Array:
        """Return the narrow part's correlation of rows, ``(n, m)``."""
        square = _NARROW**2 * self._n_lengths / 3.0
        squares: Any = cdist(one, other, "sqeuclidean") / square
        return _matern(squares)

    def _parts(self, rows: Array) -> tuple[Array, Array, Array, Array]:
        """Return squared distances by group, differences by weight, narrow correlation, terms.

        Shapes ``(groups, n * n)``, ``(weights, n * n)``, ``(n * n,)`` and ``(n, n)``. Kept while
        rows are the same: none depends on hyper-parameters.
        """
        if self._seen[0] is not rows:
            columns = [self.groups == group for group in range(self._n_lengths)]
            pairs = len(rows) ** 2
            squares = [cdist(rows[:, c], rows[:, c], "sqeuclidean").ravel() for c in columns]
            weighed = rows[:, self.ridge].T
            gaps = (weighed[:, :, None] - weighed[:, None, :]).reshape(-1, pairs)
            narrow, terms = self._narrow(rows, rows).ravel(), self._terms(rows)
            self._seen = rows, np.array(squares), gaps, narrow, terms @ terms.T
        return self._seen[1:]


@dataclass(frozen=True, slots=True)
class _Sloped:
    """The covariances of rows with each other, and their slopes by hyper-parameters.

    Arrays are of all pairs, ``(n * n,)``, one below the other where there are several.
    """

    rows: int
    squares: Array
    gaps: Array
    shrinking: Array  # what each group's squares are multiplied by, ``(groups,)``
    slope: Array
    along: Array  # the weighted differences
    parts: tuple[Array, Array, float]  # narrow part, broad part, noise
    added: Array  # by terms without hyper-parameters, ``(n, n)``

    @property
    def covariance(self) -> Array:
        narrow, broad, noise = self.parts
        found = (narrow + broad).reshape(self.rows, self.rows) + self.added
        found[np.diag_indices(self.rows)] += noise
        return found

    def pulled(self, weights: Array) -> Array:
        narrow, broad, noise = self.parts
        flat = weights.ravel()
        shares = self.slope * flat
        lengths = self.shrinking * (self.squares @ shares)
        others = [narrow @ flat, broad @ flat, noise * weights.trace()]
        return np.concatenate([lengths, -self.gaps @ (self.along * shares), others])

    def whole(self) -> tuple[Array, Array]:
        """Return the covariance and its gradient ``(n, n, p)``, as scikit-learn takes it."""
        narrow, broad, noise = self.parts
        lengths = self.shrinking[:, None] * self.squares * self.slope
        ends = np.stack([narrow, broad, noise * np.eye(self.rows).ravel()])
        slopes = np.concatenate([lengths, -self.slope * self.along * self.gaps, ends])
        return self.covariance, slopes.T.reshape(self.rows, self.rows, -1)


def _matern(squares: Array) -> Array:
    """Return the correlation at squared distances."""
    roots = np.sqrt(5.0 * squares)
    return (1.0 + roots + (5.0 / 3.0) * squares) * np.exp(-roots)


def _sloped_matern(squares: Array) -> tuple[Array, Array]:
    """Return the correlation at squared distances, and its slope by minus half their logarithm.

    The slope is per unit of the squared distance's share that a length-scale rules.
    """
    roots = np.sqrt(5.0 * squares)
    falls, near = np.exp(-roots), 1.0 + roots
    return (near + (5.0 / 3.0) * squares) * falls, (5.0 / 3.0) * near * falls
