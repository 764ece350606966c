"""Pressure: Hagen and Poiseuille over the coil, the back-pressure regulator, and compliance.

The line stores C per bar: ``C dP/dt = Q - k P - max(P - P_bpr, 0)/R``, where R is the coil's (and a
clog's) resistance and k a leak's. For constant flows that is at most two exponentials, below and
above the regulator's setting, written down in closed form. mL, s, bar; R in bar s/mL.
"""

from dataclasses import dataclass
from math import exp, inf, log, pi

from simulators.kinetics import GAS_CONSTANT
from simulators.spec import FluidSpec


def viscosity_pa_s(fluid: FluidSpec, degc: float) -> float:
    """Return the viscosity: mu25 exp(E/R (1/T - 1/298.15 K))."""
    inverse = 1.0 / (degc + 273.15) - 1.0 / 298.15
    activation = 1000.0 * fluid.activation_kj_mol / GAS_CONSTANT
    return 1e-3 * fluid.viscosity_mpa_s * exp(activation * inverse)


def water_viscosity_pa_s(degc: float) -> float:
    """Return the viscosity of water, 2.414e-5 x 10^(247.8 K/(T - 140 K))."""
    return 2.414e-5 * 10.0 ** (247.8 / (degc + 273.15 - 140.0))


def tube_length_m(volume_ml: float, inner_diameter_mm: float) -> float:
    """Return the length of tube that holds this volume."""
    return volume_ml * 1e-6 / (pi / 4.0 * (inner_diameter_mm * 1e-3) ** 2)


def resistance_bar_s_ml(length_m: float, inner_diameter_mm: float, viscosity_pa_s: float) -> float:
    """Return dP/Q of a round tube in laminar flow: 128 mu L/(pi d^4)."""
    pa_s_m3 = 128.0 * viscosity_pa_s * length_m / (pi * (inner_diameter_mm * 1e-3) ** 4)
    return pa_s_m3 * 1e-6 * 1e-5


@dataclass(frozen=True, slots=True)
class _Stretch:
    """dP/dt = source - decay P, from ``pressure`` at ``start``."""

    start: float
    pressure: float
    source: float
    decay: float

    def at(self, t: float) -> float:
        s = t - self.start
        if self.decay == 0.0:
            return self.pressure + self.source * s
        end = self.source / self.decay
        return end + (self.pressure - end) * exp(-self.decay * s)

    def when(self, pressure: float) -> float:
        """Return when the pressure is first reached; infinity when never."""
        if pressure == self.pressure:
            return self.start
        if self.decay == 0.0:
            s = (pressure - self.pressure) / self.source if self.source else -1.0
            return self.start + s if s > 0 else inf
        end = self.source / self.decay
        if end == pressure:
            return inf
        ratio = (self.pressure - end) / (pressure - end)
        return self.start + log(ratio) / self.decay if ratio > 1 else inf


class Line:
    """The pressure at the coil's inlet, between changes of flow."""

    def __init__(self, t: float, back_pressure: float) -> None:
        self._regulator = back_pressure
        self._stretches = (_Stretch(t, 0.0, 0.0, 0.0),)

    def pressure(self, t: float) -> float:
        """Return the gauge pressure before the coil."""
        first, last = self._stretches[0], self._stretches[-1]
        return last.at(t) if t >= last.start else first.at(t)

    def outlet(self, t: float) -> float:
        """Return the gauge pressure just before the regulator."""
        return min(self.pressure(t), self._regulator)

    def when(self, pressure: float) -> float:
        """Return when the pressure next rises to this value under the present flow."""
        first, last = self._stretches[0], self._stretches[-1]
        reached = first.when(pressure)
        return reached if reached <= last.start else last.when(pressure)

    def through(self, flow: float, resistance: float, leak: float) -> float:
        """Return the flow that reaches the coil in the end: what is pumped less what leaks."""
        if leak == 0.0:
            return flow
        lost_below = leak * self._regulator
        if flow <= lost_below:
            return 0.0
        return (flow - lost_below) / (1.0 + leak * resistance)

    def change(self, t: float, flow: float, resistance: float, leak: float, c: float) -> None:
        """Go on from ``t`` with these: flow mL/s, leak mL/s per bar, compliance ``c`` mL/bar."""
        pressure, set_point = self.pressure(t), self._regulator
        below = (flow / c, leak / c)
        above = ((flow + set_point / resistance) / c, (leak + 1.0 / resistance) / c)
        up = flow > leak * set_point
        opened = pressure > set_point or (pressure == set_point and up)
        first = _Stretch(t, pressure, *(above if opened else below))
        crossing = first.when(set_point) if opened != up and pressure != set_point else inf
        if opened == up or crossing == inf:
            self._stretches = (first,)
            return
        second = _Stretch(crossing, set_point, *(below if opened else above))
        self._stretches = (first, second)
