"""Heat: a circulator or block under control, and the liquid that follows the wall it holds.

The wall's temperature is a chain of pieces ``p + q s + A exp(-s/a)`` (s since the piece began): a
ramp at the heater's rate, then an exponential approach without a kink, or a drift to ambient. The
liquid is the wall behind a first-order lag. Both are closed forms, so that any step is exact and
any past moment can be asked. degC and s throughout.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from simulators.spec import HeaterSpec

Array = NDArray[np.float64]

# Lag of the liquid behind the wall, PFA tube (DOMAIN, 6): inner diameter mm -> s.
_LAG = ((0.5, 0.4), (0.8, 0.9), (1.0, 1.2), (1.6, 3.5))


def wall_lag_s(inner_diameter_mm: float) -> float:
    """Return the liquid's lag behind the wall, interpolated on logarithmic scales."""
    x = np.log([d for d, _ in _LAG])
    y = np.log([lag for _, lag in _LAG])
    slope, offset = np.polyfit(x, y, 1)
    if inner_diameter_mm < _LAG[0][0] or inner_diameter_mm > _LAG[-1][0]:
        return exp(offset + slope * log(inner_diameter_mm))
    return exp(float(np.interp(log(inner_diameter_mm), x, y)))


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the wall's temperature, and the transient of the liquid behind it."""

    start: float
    level: float
    rate: float  # K/s
    amplitude: float
    tau: float
    transient: float  # of the liquid

    def wall(self, t: float) -> float:
        """Return the wall's temperature at ``t``."""
        s = t - self.start
        return self.level + self.rate * s + self.amplitude * exp(-s / self.tau)

    def slope(self, t: float) -> float:
        """Return the wall's rate of change at ``t``, K/s."""
        return self.rate - self.amplitude / self.tau * exp(-(t - self.start) / self.tau)


class Zone:
    """A heated zone: what a thermostat holds, and the liquid inside it."""

    def __init__(self, spec: HeaterSpec, t: float, ambient: float, lag_s: float) -> None:
        self._spec, self._ambient, self._lag = spec, ambient, lag_s
        self._goal: float | None = None
        self._stuck: float | None = None
        self._pieces = [Piece(t, ambient, 0.0, 0.0, 1.0, 0.0)]
        self._starts = [t]
        self._table: Array | None = None

    @property
    def goal(self) -> float | None:
        """Return what is controlled to; None when control is off."""
        return self._goal

    def set_goal(self, t: float, goal: float | None) -> None:
        """Control to ``goal`` from ``t`` on; None lets the zone drift to ambient."""
        if goal == self._goal:
            return
        self._goal = goal
        self._plan(t)

    def stick(self, t: float, power: float | None) -> None:
        """Hold the heater at this fraction of full power whatever is asked; None ends that."""
        self._stuck = power
        self._plan(t)

    def wall(self, t: float) -> float:
        """Return the temperature of bath or block."""
        return self._at(t).wall(t)

    def liquid(self, t: float) -> float:
        """Return the temperature of the liquid in the zone."""
        piece = self._at(t)
        return self._settled(piece, t) + piece.transient * exp(-(t - piece.start) / self._lag)

    def liquids(self, t: Array) -> Array:
        """Return the liquid's temperature at many times, same shape as ``t``."""
        if self._table is None:
            self._table = np.array(
                [(p.level, p.rate, p.amplitude, p.tau, p.transient) for p in self._pieces]
            ).T
        row = np.maximum(np.searchsorted(self._starts, t, side="right") - 1, 0)
        level, rate, amplitude, tau, transient = self._table[:, row]
        s = np.maximum(t - np.asarray(self._starts)[row], 0.0)
        settled = level + rate * (s - self._lag)
        settled += amplitude * tau / (tau - self._lag) * np.exp(-s / tau)
        return settled + transient * np.exp(-s / self._lag)

    def power(self, t: float) -> float:
        """Return the heater's output, -1 (full cooling) to 1 (full heating)."""
        if self._stuck is not None:
            return self._stuck
        if self._goal is None:
            return 0.0
        loss = (self.wall(t) - self._ambient) / self._spec.loss_s
        need = 60.0 * (self._at(t).slope(t) + loss)
        full = self._spec.heat_k_min if need > 0 else self._spec.cool_k_min
        return max(-1.0, min(1.0, need / full))

    def forget(self, before: float) -> None:
        """Drop what no one will ask: the pieces that ended before this time."""
        old = max(bisect_right(self._starts, before) - 1, 0)
        del self._pieces[:old], self._starts[:old]
        self._table = None

    def _at(self, t: float) -> Piece:
        return self._pieces[max(bisect_right(self._starts, t) - 1, 0)]

    def _settled(self, piece: Piece, t: float) -> float:
        """Return the liquid's temperature once its own transient has died away."""
        s = t - piece.start
        followed = piece.amplitude * piece.tau / (piece.tau - self._lag) * exp(-s / piece.tau)
        return piece.level + piece.rate * (s - self._lag) + followed

    def _plan(self, t: float) -> None:
        """Replace everything from ``t`` on by what goal and faults now ask for."""
        wall, spec = self.wall(t), self._spec
        if self._stuck is not None:
            balance = self._ambient + self._stuck * spec.heat_k_min / 60.0 * spec.loss_s
            self._add(t, balance, 0.0, wall - balance, spec.loss_s)
        elif self._goal is None:
            self._add(t, self._ambient, 0.0, wall - self._ambient, spec.loss_s)
        else:
            self._plan_to(t, wall, self._goal)

    def _plan_to(self, t: float, wall: float, goal: float) -> None:
        spec = self._spec
        rate = (spec.heat_k_min if goal > wall else -spec.cool_k_min) / 60.0
        last = rate * spec.approach_s  # the kelvins left when the ramp becomes an approach
        if abs(goal - wall) > abs(last):
            self._add(t, wall, rate, 0.0, spec.approach_s)
            t += (goal - wall - last) / rate
            wall = goal - last
        self._add(t, goal, 0.0, wall - goal, spec.approach_s)

    def _add(self, t: float, level: float, rate: float, amplitude: float, tau: float) -> None:
        if abs(tau - self._lag) < 1e-6 * tau:
            tau *= 1.0 + 1e-6  # the closed form of the lag has no value for equal time constants
        liquid = self.liquid(t)
        keep = bisect_right(self._starts, t)
        while keep and self._starts[keep - 1] >= t:
            keep -= 1
        del self._pieces[keep:], self._starts[keep:]
        bare = Piece(t, level, rate, amplitude, tau, 0.0)
        settled = self._settled(bare, t)
        self._pieces.append(Piece(t, level, rate, amplitude, tau, liquid - settled))
        self._starts.append(t)
        self._table = None
