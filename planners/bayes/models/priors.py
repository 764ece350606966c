"""What is believed of hyper-parameters before any run, and how they are listed."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planners.bayes.models.kernel import OTHERS, Covariance
from planners.bayes.models.quadratic import Quadratic
from planners.factors import Array


def _no_columns() -> NDArray[np.intp]:
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class Layout:
    """The number of each feature column's length-scale, columns on a ridge, perhaps a polynomial.

    Hyper-parameters are listed as log length-scales, the ridge's weights, and the logs of narrow
    variance, variance and noise.
    """

    groups: NDArray[np.intp]
    ridge: NDArray[np.intp] = field(default_factory=_no_columns)
    quadratic: Quadratic | None = None

    @property
    def n_lengths(self) -> int:
        """Return the number of length-scales."""
        return int(self.groups.max()) + 1

    @property
    def size(self) -> int:
        """Return the number of hyper-parameters."""
        return self.n_lengths + len(self.ridge) + OTHERS

    @property
    def named(self) -> NDArray[np.bool_]:
        """Return which length-scales are those of a name: of a column for each of its levels."""
        return np.bincount(self.groups) > 1

    def kernel(self, logs: Array) -> Covariance:
        """Return the kernel of hyper-parameters."""
        return Covariance(self.groups, self.ridge, logs, self.quadratic)

    def stretched(self, logs: Array, factor: float, variance: float = 1.0) -> Array:
        """Return hyper-parameters with all distances divided by ``factor``.

        The broad part's variance is multiplied by ``variance``, but not beyond that of all outputs.
        """
        first, last = self.n_lengths, len(logs) - OTHERS
        stretched = logs.copy()
        stretched[:first] += np.log(factor)
        stretched[first:last] /= factor
        stretched[-2] = min(logs[-2] + np.log(variance), max(logs[-2], 0.0))
        return stretched


@dataclass(frozen=True, slots=True)
class Priors:
    """Normal priors on logarithms: (mean, sd); inputs span about 1, outputs have variance 1.

    The weights of a ridge are no logarithms: their prior is normal around 0.
    """

    length: tuple[float, float] = (-1.2, 0.6)  # mean for one factor; grows with their number
    named: float = 0.8  # more than that for a name: levels share most of what temperature does
    narrow: tuple[float, float] = (-6.0, 1.5)  # of the narrow part's variance
    variance: tuple[float, float] = (0.0, 1.0)
    noise: tuple[float, float] = (-6.0, 1.5)  # of the noise variance
    ridge: float = 4.0  # sd of the length of a ridge's weights, all together

    def moments(self, layout: Layout) -> tuple[Array, Array]:
        """Return means and sds of all hyper-parameters, as the layout lists them.

        Distances grow with the root of the dimension, and so must length-scales (Hvarfner,
        Hellsten and Nardi, "Vanilla Bayesian optimization performs great in high dimensions",
        2024).
        """
        middle = self.length[0] + 0.5 * np.log(layout.n_lengths)
        rows = [(middle + self.named * named, self.length[1]) for named in layout.named]
        rows += [(0.0, self.ridge / np.sqrt(max(1, len(layout.ridge))))] * len(layout.ridge)
        rows += [self.narrow, self.variance, self.noise]
        means, sds = np.array(rows).T
        return means, sds
