"""The joint model of conditions and results, and how far it may be trusted.

Columns are autoscaled by the runs' own mean and standard deviation. How unusual a place is, is told
by minus its log density: conditions beyond a percentile of the runs' lie outside the applicability
domain, and results less likely than all those seen lie outside everything known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.factors import Array
from planners.inverse.choosing import choose
from planners.inverse.learners import fit_variational
from planners.inverse.mixture import Mixture
from planners.inverse.planner import Inverse
from planners.inverse.topographic import fit_sheet
from planners.rounding import beside

_FEWEST_A_PART = 3
_REACH = 1.0  # nats a target may be less likely than the least likely result seen
_HALVINGS = 30
_INSIDE = 0.02  # of a result's standard deviation: rounding is less
_TOLD = 0.1  # of it, to two digits


@dataclass(frozen=True, slots=True)
class Joint:
    """A mixture of autoscaled ``[x y]``, with the runs ``x`` ``(n, f)`` and ``y`` ``(n, r)``."""

    mixture: Mixture
    name: str
    x: Array
    y: Array
    outliers: float

    @property
    def inputs(self) -> list[int]:
        """Return the columns of the conditions."""
        return list(range(self.x.shape[1]))

    @property
    def outputs(self) -> list[int]:
        """Return the columns of the results."""
        return list(range(self.x.shape[1], self.mixture.width))

    def strangeness(self, x: Array) -> Array:
        """Return -ln p(x) above the domain's limit, ``(m,)``; not above 0 within the domain."""
        marginal = self.mixture.marginal(self.inputs)
        limit = np.quantile(-marginal.log_density(self.x), 1.0 - self.outliers)
        return -marginal.log_density(x) - float(limit)

    def predict(self, x: Array) -> Array:
        """Return the expected results at conditions ``(m, f)``, ``(m, r)``."""
        return self.mixture.regress(self.inputs, x)

    def backwards(self, y: Array) -> Mixture:
        """Return the mixture of conditions that give results ``(r,)``."""
        return self.mixture.given(self.outputs, y)

    def supported(self, y: Array) -> NDArray[np.bool_]:
        """Return which results ``(m, r)`` are not much less likely than all those seen."""
        marginal = self.mixture.marginal(self.outputs)
        least = float(marginal.log_density(self.y).min())
        return marginal.log_density(y) >= least - _REACH

    def nearest_supported(self, y: Array) -> Array:
        """Return the result nearest to ``y`` on the way there from the nearest one seen.

        So far within what is supported that it still is when it is rounded.
        """
        near = self.y[int(np.argmin(((self.y - y) ** 2).sum(axis=1)))]
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            part = 0.5 * (low + high)
            inside = bool(self.supported((near + part * (y - near))[None, :])[0])
            low, high = (part, high) if inside else (low, part)
        way = float(np.linalg.norm(y - near))
        return near + max(low - _INSIDE / max(way, _INSIDE), 0.0) * (y - near)

    def aim(self, low: Array, high: Array) -> Array | None:
        """Return the supported result nearest to the middle of a box, None when there is none."""
        middle = 0.5 * (low + high)
        inside = np.clip(self.y, low, high)
        order = np.argsort(((inside - middle) ** 2).sum(axis=1), kind="stable")
        choices = np.vstack([middle[None, :], inside[order]])
        fits = np.flatnonzero(self.supported(choices))
        return choices[fits[0]] if len(fits) else None


def fit_joint(options: Inverse, x: Array, y: Array) -> Joint:
    """Return the joint model of autoscaled conditions and results, of the kind asked for."""
    rows = np.hstack([x, y])
    mixture, name = _fitted(options, rows, x.shape[1])
    return Joint(mixture, name, x, y, options.outliers)


def _fitted(options: Inverse, rows: Array, n_inputs: int) -> tuple[Mixture, str]:
    shape = None if options.covariance == "auto" else options.covariance
    if options.model == "topographic":
        return fit_sheet(rows).mixture(), "generative topographic map"
    if options.model == "variational":
        most = max(1, min(options.components, len(rows) // _FEWEST_A_PART))
        used = "full" if shape is None else shape
        return fit_variational(rows, most, used), f"variational mixture, {used}"  # type: ignore[arg-type]
    return choose(rows, n_inputs, options.components, shape, options.choose)  # type: ignore[arg-type]


def listed(names: Sequence[str], values: Array, sds: Array) -> str:
    """Return ``a = 1, b = 2``, of results that scatter by ``sds``."""
    told = [beside(float(v), _TOLD * float(sd)) for v, sd in zip(values, sds, strict=True)]
    return ", ".join(f"{name} = {value}" for name, value in zip(names, told, strict=True))
