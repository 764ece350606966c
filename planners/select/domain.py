"""Where a model may be believed: four indices of the applicability domain.

Every index is at least 0 inside; its threshold is a percentile of the training rows' own values, so
that a share of ``outliers`` of them counts as outside. Local outlier factor: Breunig, Kriegel, Ng
and Sander, SIGMOD 2000; spread of an ensemble: Kaneko and Funatsu, J. Chem. Inf. Model. 2014, 54,
2469.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planners.factors import Array
from planners.scaling import Scale
from planners.select import sk
from planners.select.distances import squared_distances
from planners.select.fast_svr import widest_gamma
from planners.select.folds import Rows, Setting
from planners.select.pool import Kind, predict

Index = Callable[[Array], Array]  # rows in their own units (m, f) -> index (m,)
_SEED = 40


@dataclass(frozen=True)
class Domain:
    """One index, with its threshold taken off."""

    name: str
    index: Index
    threshold: float

    def __call__(self, rows: Array) -> Array:
        """Return the index of rows ``(m, f)``, ``(m,)``; at least 0 inside."""
        return self.index(rows) - self.threshold


def _domain(name: str, index: Index, training: Array, outliers: float) -> Domain:
    return Domain(name, index, float(np.percentile(training, 100 * outliers)))


def nearest_neighbours(x: Array, outliers: float = 0.05, k: int = 5) -> Domain:
    """Return 1/(1 + mean distance to the ``k`` nearest training rows), autoscaled."""
    scale = Scale.of(x)
    known = scale.apply(x)
    k = min(k, len(x) - 1)

    def of(distances: Array) -> Array:
        return 1.0 / (1.0 + np.sort(distances, axis=1)[:, :k].mean(axis=1))

    own = np.sqrt(squared_distances(known, known))
    np.fill_diagonal(own, np.inf)
    return _domain(
        "kNN",
        lambda rows: of(np.sqrt(squared_distances(scale.apply(rows), known))),
        of(own),
        outliers,
    )


def local_outlier_factor(x: Array, outliers: float = 0.05, k: int = 5) -> Domain:
    """Return minus the local outlier factor: density here against density at the neighbours."""
    scale = Scale.of(x)
    known = scale.apply(x)
    k = min(k, len(x) - 1)
    own = np.sqrt(squared_distances(known, known))
    np.fill_diagonal(own, np.inf)
    reach = np.sort(own, axis=1)[:, k - 1]

    def density(distances: Array) -> tuple[Array, Rows]:
        near = np.argsort(distances, axis=1, kind="stable")[:, :k]
        reached = np.maximum(np.take_along_axis(distances, near, axis=1), reach[near])
        return 1.0 / (reached.mean(axis=1) + 1e-10), near

    densities, near_own = density(own)

    def index(rows: Array) -> Array:
        found, near = density(np.sqrt(squared_distances(scale.apply(rows), known)))
        return -densities[near].mean(axis=1) / found

    return _domain("LOF", index, -densities[near_own].mean(axis=1) / densities, outliers)


def one_class(x: Array, outliers: float = 0.05) -> Domain:
    """Return the decision function of a one-class SVM of most varied Gram matrix."""
    scale = Scale.of(x)
    known = scale.apply(x)
    decide = sk.one_class(known, widest_gamma(known), max(outliers, 1.0 / len(x)))
    return _domain("one-class SVM", lambda rows: decide(scale.apply(rows)), decide(known), outliers)


def ensemble(
    kind: Kind, x: Array, y: Array, setting: Setting, outliers: float = 0.05, models: int = 20
) -> Domain:
    """Return minus the standard deviation of models of resampled rows, in the response's unit."""
    rng = np.random.default_rng(_SEED)
    picked = [
        np.sort(rng.choice(len(y), max(3, int(0.8 * len(y))), replace=False)) for _ in range(models)
    ]

    def index(rows: Array) -> Array:
        with sk.quietly():
            told = [predict(kind, x[p], y[p], rows, setting) for p in picked]
        return -np.std(told, axis=0, ddof=1)

    return _domain("ensemble", index, index(x), outliers)


def domains(
    kind: Kind, x: Array, y: Array, setting: Setting, outliers: float = 0.05
) -> list[Domain]:
    """Return all four for a model's columns ``x`` ``(n, f)``."""
    return [
        nearest_neighbours(x, outliers),
        local_outlier_factor(x, outliers),
        one_class(x, outliers),
        ensemble(kind, x, y, setting, outliers),
    ]
