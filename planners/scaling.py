"""Autoscaling: means and standard deviations of a training set, for every set."""

from dataclasses import dataclass

import numpy as np

from planners.factors import Array

_ROUNDING = 1e-9  # of the largest value: what varies less than that does not vary


@dataclass(frozen=True, slots=True)
class Scale:
    """What was subtracted and divided by; columns that do not vary are only centred."""

    mean: Array
    sd: Array

    @classmethod
    def of(cls, values: Array) -> "Scale":
        """Return the scale of a training set, ``(n, f)`` or ``(n,)``; sd with ``n - 1``."""
        mean = values.mean(axis=0)
        sd = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
        least = _ROUNDING * np.maximum(np.abs(values).max(axis=0), 1e-30)
        return cls(mean, np.where(sd > least, sd, 1.0))

    def apply(self, values: Array) -> Array:
        """Return values in standard deviations from the training mean."""
        return (values - self.mean) / self.sd

    def undo(self, values: Array) -> Array:
        """Return scaled values in their own unit."""
        return values * self.sd + self.mean
