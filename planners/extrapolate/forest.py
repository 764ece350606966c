"""Trees and clusters: the one module of this package that imports scikit-learn.

Extremely randomised trees with the variance of the law of total variance (as scikit-optimize's
forests; Hutter et al., Artif. Intell. 206 (2014) 79): that within leaves and that between trees.
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.ensemble import ExtraTreesRegressor

from planners.factors import Array

N_TREES = 100
_CHUNK = 4096  # rows predicted at a time: bounds the memory


class Forest:
    """A fitted ensemble; the same data give the same trees."""

    def __init__(self, features: Array, values: Array, weights: Array, seed: int) -> None:
        self._trees = ExtraTreesRegressor(N_TREES, random_state=seed % (1 << 32))
        self._trees.fit(features, values, sample_weight=weights)
        found = [tree.tree_ for tree in self._trees.estimators_]
        self._means = [np.asarray(tree.value[:, 0, 0], dtype=float) for tree in found]
        self._spreads = [np.asarray(tree.impurity, dtype=float) for tree in found]

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return mean and variance at each row, ``(m,)`` each."""
        chunks = [
            self._chunk(features[i : i + _CHUNK]) for i in range(0, max(1, len(features)), _CHUNK)
        ]
        return np.concatenate([c[0] for c in chunks]), np.concatenate([c[1] for c in chunks])

    def _chunk(self, features: Array) -> tuple[Array, Array]:
        if not len(features):
            return np.empty(0), np.empty(0)
        leaves = self._trees.apply(features)
        mean, square, within = (np.zeros(len(features)) for _ in range(3))
        for t in range(N_TREES):
            own = self._means[t][leaves[:, t]]
            mean += own
            square += own**2
            within += self._spreads[t][leaves[:, t]]
        mean /= N_TREES
        return mean, np.maximum(square / N_TREES - mean**2, 0.0) + within / N_TREES


def clusters(rows: Array, n: int, seed: int) -> Array:
    """Return the number of the k-means cluster of each row, ``(m,)``; at most ``n`` clusters."""
    count = min(n, len(np.unique(rows, axis=0)))
    found = KMeans(count, random_state=seed % (1 << 32))  # k-means++, one start
    return np.asarray(found.fit_predict(rows))
