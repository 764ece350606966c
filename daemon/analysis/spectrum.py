"""From a spectrum to concentrations: baseline, integrals by region, calibration (DOMAIN 7).

The baseline is a straight line through the stretches that belong to no species; the noise is what
is left there. An integral's uncertainty is the noise summed over its region and the uncertainty of
the baseline beneath it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from daemon.analysis.estimate import AnalysisFailed, Estimate
from daemon.analysis.species import Region
from drivers.roles import Spectrum

Array = NDArray[np.float64]
LEAST_POINTS = 3  # in a region
LEAST_BASELINE = 20
CLIP = 3.0  # robust standard deviations; what is beyond is no baseline
CLIPPINGS = 10
BLOCKS = 25
ROUNDINGS = 2.0  # steps of the numbers; less noise may be rounded to the same twice
REPRODUCIBILITY = 0.01  # of an integral, beyond the noise of its points (DOMAIN 6: 1-3 %)


@dataclass(frozen=True, slots=True)
class Integrals:
    """Areas by species (unit of y times unit of the axis), and the signal-to-noise of each peak.

    ``noise`` is that of one point, in the unit of y.
    """

    area: Mapping[str, Estimate]
    signal_to_noise: Mapping[str, float]
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class _Baseline:
    """A straight line fitted to signal-free points: design covariance and residual noise."""

    offset: float
    slope: float
    centre: float
    covariance: Array  # shape (2, 2), of offset and slope
    noise: float

    def at(self, x: Array) -> Array:
        return self.offset + self.slope * (x - self.centre)


def integrate(spectrum: Spectrum, regions: Mapping[str, Region]) -> Integrals:
    """Return the baseline-corrected area of each region.

    Raises :class:`AnalysisFailed` when the spectrum is empty, not finite, or does not cover them.
    """
    x, y = _ascending(spectrum)
    baseline = _fit_baseline(x, y, _outside(x, regions))
    area: dict[str, Estimate] = {}
    ratio: dict[str, float] = {}
    for name, region in regions.items():
        inside = (x >= region.low) & (x <= region.high)
        if int(inside.sum()) < LEAST_POINTS or x[0] > region.low or x[-1] < region.high:
            raise AnalysisFailed(
                f"the spectrum covers {x[0]:g} to {x[-1]:g} {spectrum.axis_unit}, not all of"
                f" {name}'s region [{region.low:g}, {region.high:g}]"
            )
        peak = y[inside] - baseline.at(x[inside])
        area[name] = _area(x[inside], peak, baseline)
        ratio[name] = _ratio(float(peak.max()), baseline.noise)
    return Integrals(area, ratio, baseline.noise)


def _ratio(height: float, noise: float) -> float:
    """Return the signal-to-noise; where there is neither, nothing was seen."""
    if noise > 0:
        return height / noise
    return inf if height > 0 else 0.0


def _ascending(spectrum: Spectrum) -> tuple[Array, Array]:
    x, y = np.asarray(spectrum.axis, dtype=float), np.asarray(spectrum.y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or len(x) < LEAST_BASELINE:
        raise AnalysisFailed(f"the spectrum is malformed: axis {x.shape}, signal {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise AnalysisFailed("the spectrum has points that are not finite numbers")
    if x[0] > x[-1]:  # NMR and IR axes are often written downwards
        x, y = x[::-1], y[::-1]
    if np.any(np.diff(x) <= 0):
        raise AnalysisFailed("the spectrum's axis is not monotonic")
    return x, y


def _outside(x: Array, regions: Mapping[str, Region]) -> NDArray[np.bool_]:
    free = np.ones(len(x), dtype=bool)
    for region in regions.values():
        margin = (region.high - region.low) / 2  # keeps the peaks' feet out of the baseline
        free &= (x < region.low - margin) | (x > region.high + margin)
    return free


def _fit_baseline(x: Array, y: Array, free: NDArray[np.bool_]) -> _Baseline:
    """Fit a line to the free points, leaving out what stands out (solvent, spikes)."""
    if int(free.sum()) < LEAST_BASELINE:
        raise AnalysisFailed("the regions leave too little of the spectrum to find the baseline in")
    use = free.copy()
    centre = float(x.mean())
    design = np.column_stack([np.ones(len(x)), x - centre])
    offset_slope = _median_line(x[free] - centre, y[free])
    for _ in range(CLIPPINGS):
        residual = y - design @ offset_slope
        spread = 1.4826 * float(np.median(np.abs(residual[use] - np.median(residual[use]))))
        least = float(np.median(np.abs(residual[free])))  # never fewer than half of the points
        keep = free & (np.abs(residual) <= max(CLIP * spread, least))
        settled = bool(np.array_equal(keep, use))
        use = keep
        offset_slope = np.linalg.lstsq(design[use], y[use], rcond=None)[0]
        if settled:
            break
    residual = y[use] - design[use] @ offset_slope
    noise = sqrt(float(residual @ residual) / max(1, int(use.sum()) - 2))
    covariance = np.asarray(noise**2 * np.linalg.inv(design[use].T @ design[use]), dtype=float)
    return _Baseline(float(offset_slope[0]), float(offset_slope[1]), centre, covariance, noise)


def _median_line(x: Array, y: Array) -> Array:
    """Return offset and slope of a first line that solvent peaks do not pull (Theil and Sen).

    Taken over the medians of blocks, so that it costs little.
    """
    n = min(BLOCKS, len(x))
    xs = np.array([float(np.median(part)) for part in np.array_split(x, n)])
    ys = np.array([float(np.median(part)) for part in np.array_split(y, n)])
    i, j = np.triu_indices(n, 1)
    slope = float(np.median((ys[j] - ys[i]) / (xs[j] - xs[i])))
    return np.array([float(np.median(ys - slope * xs)), slope])


def _area(x: Array, peak: Array, baseline: _Baseline) -> Estimate:
    weights = np.gradient(x)
    weights[0], weights[-1] = (x[1] - x[0]) / 2, (x[-1] - x[-2]) / 2  # trapezoid
    lever = np.array([weights.sum(), float(weights @ (x - baseline.centre))])
    variance = baseline.noise**2 * float(weights @ weights)
    variance += float(lever @ baseline.covariance @ lever)
    return Estimate(float(weights @ peak), sqrt(variance))


def concentrations(
    integrals: Integrals, regions: Mapping[str, Region], gain: float
) -> dict[str, Estimate]:
    """Return concentrations, mol/L: area over ``gain`` (area per mol/L and nucleus) times nuclei.

    Their uncertainty is at least :data:`REPRODUCIBILITY`. Small negative ones are kept as
    measured: cutting them off would bias the mean of samples.
    """
    factors = {name: gain * regions[name].nuclei for name in integrals.area}
    return {
        name: Estimate(
            area.value / factors[name],
            hypot(area.sd, REPRODUCIBILITY * area.value) / factors[name],
        )
        for name, area in integrals.area.items()
    }


def repeats(spectrum: Spectrum, before: Spectrum | None, noise: float) -> bool:
    """Return whether a spectrum is the one before once more: the same in every point, noise too.

    Where the noise (of one point) is lost in the rounding of the numbers, two can be the same.
    """
    if before is None or not np.array_equal(spectrum.axis, before.axis):
        return False
    steps = np.diff(np.unique(spectrum.y))
    tells = len(steps) > 0 and noise > ROUNDINGS * float(steps.min())
    return tells and np.array_equal(spectrum.y, before.y)
