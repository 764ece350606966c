"""A smooth function in several views at once, each believed by how well it foretells runs left out.

With few runs no single view can be picked safely: the weights are those of leave-one-out errors as
if they were a likelihood, and the variance holds what the views disagree on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from planners.extrapolate.smooth import Smooth
from planners.extrapolate.views import View
from planners.factors import Array

_KEPT = 3  # views
_LEAST = 0.05  # weight of a view that is kept


@dataclass(frozen=True, slots=True)
class Blend:
    """Views, their functions and weights, and the leave-one-out error of the best."""

    views: tuple[View, ...]
    functions: tuple[Smooth, ...]
    weights: tuple[float, ...]
    error: float

    @classmethod
    def fit(cls, views: Sequence[View], parts: Array, values: Array, weights: Array) -> "Blend":
        """Return the blend for ``parts`` ``(n, f)`` and ``values`` ``(n,)``."""
        seen = [view(parts) for view in views]
        order = range(len(views))
        if len(views) > _KEPT:
            rough = [Smooth.fit(x, values, weights, rough=True)[1] for x in seen]
            order = np.argsort(rough, kind="stable")[:_KEPT]
        found = [(views[i], *Smooth.fit(seen[i], values, weights)) for i in order]
        errors = np.array([error for _, _, error in found])
        logs = -0.5 * len(values) * np.log(np.maximum(errors, 1e-300))
        shares = np.exp(logs - logs.max())
        shares = np.where(shares / shares.sum() >= _LEAST, shares, 0.0)
        kept = [i for i in range(len(found)) if shares[i] > 0]
        return cls(
            tuple(found[i][0] for i in kept),
            tuple(found[i][1] for i in kept),
            tuple(float(shares[i] / shares.sum()) for i in kept),
            float(errors.min()),
        )

    def believing(self, parts: Array) -> "Blend":
        """Return the blend as if further rows ``(k, f)`` had come out as expected."""
        more = tuple(
            function.believing(view(parts))
            for view, function in zip(self.views, self.functions, strict=True)
        )
        return replace(self, functions=more)

    def predict(self, parts: Array) -> tuple[Array, Array]:
        """Return mean and variance at rows ``(m, f)``, ``(m,)`` each."""
        told = [f.predict(view(parts)) for view, f in zip(self.views, self.functions, strict=True)]
        shares = np.array(self.weights)[:, None]
        means = np.array([mean for mean, _ in told])
        mean = (shares * means).sum(axis=0)
        within = (shares * np.array([variance for _, variance in told])).sum(axis=0)
        return mean, within + (shares * (means - mean) ** 2).sum(axis=0)
