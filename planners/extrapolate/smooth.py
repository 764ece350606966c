"""What trees cannot know: where values lead between and beyond runs, and how far away a point is.

A tree answers with the values of known runs, however far the question lies from them: its mean
never exceeds the best run, and its variance says least where nothing is known. A smooth function
of the descriptors (kriging with one length for all of them; length and noise by the least
leave-one-out error; Dubrule, Math. Geol. 15 (1983) 687) does know both.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from planners.factors import Array

_LENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the usual distance between known rows
_NOISES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # variances, of that of the smooth function
_ROUGH_LENGTHS, _ROUGH_NOISES = (0.5, 1.0, 2.0), (1e-3, 1e-1)  # to compare views by
_CHUNK = 2048  # rows predicted at a time: bounds the memory


@dataclass(frozen=True, slots=True)
class Frame:
    """Centre and spread of the descriptors over what may be chosen, so that all weigh alike."""

    centre: Array
    spread: Array

    @classmethod
    def of(cls, features: Array) -> "Frame":
        """Return the frame of features ``(m, f)``."""
        spread = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(spread > 1e-12, spread, np.inf))

    def __call__(self, features: Array) -> Array:
        """Return features in units of their spread, constant ones zero, shape as given."""
        return (features - self.centre) / self.spread


@dataclass(frozen=True, slots=True)
class Smooth:
    """Kriging of values ``(n,)`` at framed features ``(n, f)``.

    ``mean`` is what is expected far from all runs, ``width`` twice the square of the length,
    ``scale`` the variance far from all runs; ``noises`` ``(n,)`` are in units of it.
    """

    known: Array
    flat: Array  # values less the mean
    noises: Array
    mean: float
    width: float
    scale: float
    inverse: NDArray[np.floating[Any]]

    @classmethod
    def fit(
        cls, features: Array, values: Array, weights: Array, *, rough: bool = False
    ) -> tuple["Smooth", float]:
        """Return the function of the least leave-one-out error, and that error.

        ``weights`` divide the noise. ``rough`` looks at few lengths and noises only.
        """
        mean = float(np.average(values, weights=weights))
        squares = cdist(features, features, "sqeuclidean")
        apart = squares[squares > 1e-12]
        unit = float(np.median(apart)) if len(apart) else 1.0
        found: list[tuple[float, Smooth]] = []
        lengths, noises = (_ROUGH_LENGTHS, _ROUGH_NOISES) if rough else (_LENGTHS, _NOISES)
        for length, noise in product(lengths, noises):
            width = 2.0 * length**2 * unit
            inverse = np.linalg.inv(np.exp(-squares / width) + np.diag(noise / weights))
            missed = inverse @ (values - mean) / np.diag(inverse)  # by what each run is missed
            error = float(np.average(missed**2, weights=weights))
            scale = float(np.average(missed**2 * np.diag(inverse), weights=weights))
            parts = features, values - mean, noise / weights, mean, width, scale, inverse
            found.append((error, cls(*parts)))
        error, best = min(found, key=lambda pair: pair[0])
        return best, error

    def believing(self, features: Array) -> "Smooth":
        """Return the function as if further rows ``(k, f)`` had come out as expected."""
        known = np.vstack([self.known, features])
        flat = np.concatenate([self.flat, self.predict(features)[0] - self.mean])
        noises = np.concatenate([self.noises, np.full(len(features), self.noises.min())])
        kernel = np.exp(-cdist(known, known, "sqeuclidean") / self.width)
        inverse = np.linalg.inv(kernel + np.diag(noises))
        return replace(self, known=known, flat=flat, noises=noises, inverse=inverse)

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return mean and variance at framed features ``(m, f)``, ``(m,)`` each."""
        mean, variance = np.empty(len(features)), np.empty(len(features))
        slopes = self.inverse @ self.flat
        for i in range(0, len(features), _CHUNK):
            some = slice(i, i + _CHUNK)
            near = np.exp(-cdist(features[some], self.known, "sqeuclidean") / self.width)
            mean[some] = self.mean + near @ slopes
            known = ((near @ self.inverse) * near).sum(axis=1)
            variance[some] = self.scale * np.maximum(1.0 - known, 0.0)
        return mean, variance
