"""Spectra of the flow cell: proton NMR lines whose integrals are the concentrations.

Lines are Gaussian (as after Lorentz-to-Gauss apodisation), narrow against their regions: without
noise, the trapezoid over a species' region is ``gain x nuclei x concentration`` to 1e-6, and no
line reaches into its neighbour's region. With noise come the spectrometer's own faults: every
integral is off by its relative standard deviation, every point carries white noise, and the shim
drifts, so that lines wander and broaden.
"""

from collections.abc import Mapping
from math import exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from simulators.kinetics import SpeciesData
from simulators.spec import AnalyserSpec

Array = NDArray[np.float64]
AXIS_PPM = (0.0, 12.0)
REACH = 6.0  # standard deviations of a line that are drawn
SHIM_HOURS = 6.0  # correlation time of the shim's drift


class Shim:
    """The magnet's slow drift: an Ornstein-Uhlenbeck process, exact for any step."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._t = rng, 0.0
        self._level = float(rng.standard_normal())

    def at(self, t: float) -> float:
        """Return the drift, about -2 to 2; times must not go backwards."""
        decay = exp(-max(t - self._t, 0.0) / (SHIM_HOURS * 3600.0))
        kick = sqrt(max(1.0 - decay * decay, 0.0))
        self._level = self._level * decay + kick * float(self._rng.standard_normal())
        self._t = t
        return self._level


class Nmr:
    """Draws the spectrum of what is in the cell."""

    def __init__(
        self,
        spec: AnalyserSpec,
        species: Mapping[str, SpeciesData],
        rng: np.random.Generator | None,
    ) -> None:
        self._spec, self._species, self._rng = spec, species, rng
        self._shim = Shim(rng) if rng is not None else None
        self.axis: Array = np.linspace(*AXIS_PPM, spec.points)

    def draw(self, t: float, content: Array, *, dead: bool = False) -> Array:
        """Return the signal, shape ``(points,)``.

        Args:
            t: when the measurement ended, s.
            content: mean over the measurement, mol/L by species and last the gas fraction.
            dead: no signal reaches the receiver; only noise is left.
        """
        signal = np.zeros_like(self.axis)
        drift = self._shim.at(t) if self._shim is not None else 0.0
        spread = 1.0 + 0.05 * abs(drift) + 2.0 * float(content[-1])  # bubbles spoil the field
        for row, data in enumerate(self._species.values()):
            area = self._spec.gain * data.nuclei * float(content[row])
            if self._rng is not None:
                area *= 1.0 + self._spec.integral_sd * float(self._rng.standard_normal())
            if area and not dead:
                self._line(signal, data, area, 0.002 * drift, spread)
        if self._rng is not None:
            signal += self._white() * self._rng.standard_normal(signal.size)
        return signal

    def _line(
        self, signal: Array, data: SpeciesData, area: float, shift: float, spread: float
    ) -> None:
        centre = 0.5 * (data.peak_low + data.peak_high) + shift
        width = min(self._spec.width_ppm, (data.peak_high - data.peak_low) / 12.0) * spread
        begin, end = np.searchsorted(
            self.axis, (centre - REACH * width, centre + REACH * width)
        ).tolist()
        x = (self.axis[begin:end] - centre) / width
        signal[begin:end] += area / (width * sqrt(2.0 * pi)) * np.exp(-0.5 * x * x)

    def _white(self) -> float:
        """Return the noise of one point that makes the integral over 0.2 ppm noisy by the floor."""
        step = self.axis[1] - self.axis[0]
        return float(self._spec.gain * self._spec.floor_mol_l / sqrt(0.2 * step))
