"""One response over a problem: trees and a smooth function, believed half each.

Mean and variance are those of the mixture of both (law of total variance): what each is unsure
of, and what they disagree on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planners.extrapolate.blend import Blend
from planners.extrapolate.forest import Forest
from planners.extrapolate.views import View
from planners.factors import Array

_SMOOTH = 0.5  # share of the smooth function
_LEAST = 1e-6  # of the spread of the known values: the least sd


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows as trees see them, ``(m, f)``, and as views are made of them, ``(m, g)``."""

    trees: Array
    parts: Array

    def __len__(self) -> int:
        return len(self.trees)

    def joined(self, more: "Seen") -> "Seen":
        """Return these rows and more."""
        return Seen(np.vstack([self.trees, more.trees]), np.vstack([self.parts, more.parts]))


@dataclass(frozen=True, slots=True)
class Data:
    """What is known of one response: rows, values and weights ``(n,)``."""

    seen: Seen
    values: Array
    weights: Array


class Model:
    """A fitted model; ``waiting`` are the rows of runs in flight, which count as expected."""

    def __init__(self, views: Sequence[View], data: Data, waiting: Seen, seed: int) -> None:
        spread = float(data.values.std())
        size = float(np.abs(data.values).max())
        self._unit = spread if spread > 1e-12 * size else size or 1.0
        self._centre = float(data.values.mean())
        values = (data.values - self._centre) / self._unit
        self._forest = Forest(data.seen.trees, values, data.weights, seed)
        self._smooth = Blend.fit(views, data.seen.parts, values, data.weights)
        if len(waiting):
            expected = self._forest.predict(waiting.trees)[0]
            both, values = data.seen.joined(waiting), np.concatenate([values, expected])
            weights = np.concatenate([data.weights, np.ones(len(waiting))])
            self._forest = Forest(both.trees, values, weights, seed)
            self._smooth = self._smooth.believing(waiting.parts)

    def predict(self, seen: Seen) -> tuple[Array, Array]:
        """Return mean and sd at rows, ``(m,)`` each."""
        trees, scatter = self._forest.predict(seen.trees)
        smooth, doubt = self._smooth.predict(seen.parts)
        doubt = np.minimum(doubt, 1.0)  # of the variance of the values: no more is ever promised
        mean = (1.0 - _SMOOTH) * trees + _SMOOTH * smooth
        variance = (1.0 - _SMOOTH) * (scatter + (trees - mean) ** 2)
        variance += _SMOOTH * (doubt + (smooth - mean) ** 2)
        sd = np.maximum(np.sqrt(np.maximum(variance, 0.0)), _LEAST)  # rounding may be below 0
        return self._centre + self._unit * mean, self._unit * sd
