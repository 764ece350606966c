"""The coil with axial dispersion, cell by cell in the frame of the moving fluid.

    dc/dt = d/dw (K dc/dw) + r(c, T),    K = A^2 (D_m + u^2 d^2/(192 D_m))

where w is cumulative volume and A the cross-section, with no dispersive flux through either end
(Danckwerts). A cell is ``V/n`` of fluid; each time one has entered, all move on by one: convection
adds no false dispersion, and dispersion is exact by the cells' own cosines. Reaction and dispersion
are split symmetrically (Strang), so that the error falls with about 1/n^2. For other than first
order, the outcome differs from residence-time kernels over batch outcomes (segregated flow).
"""

from math import exp, pi

import numpy as np
from numpy.typing import NDArray

from simulators.kinetics import History, react
from simulators.plumbing import VolumeLog
from simulators.reactor import SAME_K, Conditions
from simulators.spec import CoilSpec

Array = NDArray[np.float64]
N_CELLS = 60
STEADY_MOL_L = 1e-9  # a step that changes less than this, under unchanged conditions, is steady
NEARLY_K = 0.3


def bodenstein(coil: CoilSpec, flow_ml_s: float) -> float:
    """Return u L/D_ax for Taylor and Aris's axial dispersion; about 192 D_m tau/d^2."""
    return coil.volume_ml * flow_ml_s / spreading_ml2_s(coil, flow_ml_s)


def spreading_ml2_s(coil: CoilSpec, flow_ml_s: float) -> float:
    """Return K, the axial dispersion coefficient in volume squared per time."""
    area_cm2 = pi / 4.0 * (coil.inner_diameter_mm * 0.1) ** 2
    molecular = coil.diffusivity_m2_s * 1e4
    speed, diameter = flow_ml_s / area_cm2, coil.inner_diameter_mm * 0.1
    return area_cm2**2 * (molecular + (speed * diameter) ** 2 / (192.0 * molecular))


class _Spreader:
    """One cell's advance of all cells: half a dispersion, shift by one, half a dispersion."""

    def __init__(self, n: int) -> None:
        k = np.arange(n)
        modes = np.cos(pi * np.outer(k + 0.5, k) / n) * np.sqrt(2.0 / n)
        modes[:, 0] = np.sqrt(1.0 / n)
        self._modes, self._decay = modes, -4.0 * np.sin(pi * k / (2 * n)) ** 2
        self._cache: dict[str, tuple[Array, Array, Array]] = {}

    def matrices(self, spread: float) -> tuple[Array, Array, Array]:
        """Return the step's matrix, its column for the new cell, and the leaving cell's row.

        ``spread`` is the integral of K dt over the step, in cells squared.
        """
        key = f"{spread:.8e}"
        if key not in self._cache:
            if len(self._cache) > 64:
                self._cache.clear()
            half = (self._modes * np.exp(0.5 * float(key) * self._decay)) @ self._modes.T
            shifted = np.zeros_like(half)
            shifted[1:] = half[:-1]
            self._cache[key] = (half @ shifted).T.copy(), half[:, 0].copy(), half[-1].copy()
        return self._cache[key]


class DispersedCoil:
    """Axial dispersion with reaction, cell by cell in the frame of the fluid."""

    def __init__(self, conditions: Conditions, log: VolumeLog, n: int = N_CELLS) -> None:
        self._given, self._log, self._n = conditions, log, n
        self._cell = conditions.coil.volume_ml / n
        self._spreader = _Spreader(n)
        rows = len(conditions.chemistry.species) + 1
        self._state = np.zeros((rows, n))  # as at ``_middle``, in the middle of the last step
        self._cold = np.zeros(n)  # how much colder than the liquid each cell still is, K
        self._entered = 0  # whole cells
        self._crossed = self._middle = log.start
        self._exits: list[Array] = [np.zeros(rows)]  # cell by cell, the last left at ``_entered``
        self._step: tuple[float, float, float] | None = None  # of the last step: for steadiness
        self._feed = self._last = np.zeros(rows)
        self._before = self._state
        self._steady = False

    def advance(self, t: float) -> None:
        """Take every step that was completed by ``t``.

        What left since is not known yet: until it is, the last cell that left stands for it.
        """
        volume = self._log.hot(t)
        while (self._entered + 1) * self._cell <= volume:
            self._advance_cell()

    def forget(self, before: float) -> float:
        """Drop what left before this time; return since when the log is still needed."""
        left = int(self._log.hot(before) / self._cell)
        del self._exits[: max(left - 2 - (self._entered - len(self._exits)), 0)]
        return min(before, self._middle)

    def outlet(self, times: Array) -> Array:
        """Return what left the coil at these times, shape ``(n_species + 1, n_times)``."""
        passed = np.array([self._log.hot(float(t)) for t in times]) / self._cell
        first = self._entered - len(self._exits)
        # exit i is the mean over one cell's passage, and stands at its middle
        place = np.clip(passed - first - 0.5, 0.0, len(self._exits) - 1.0)
        low = np.minimum(place.astype(int), len(self._exits) - 1)
        high = np.minimum(low + 1, len(self._exits) - 1)
        begin, end = int(low[0]), int(high[-1]) + 1
        table = np.array(self._exits[begin:end])
        part = (place - low)[:, None]
        return (table[low - begin] * (1.0 - part) + table[high - begin] * part).T

    def _advance_cell(self) -> None:
        high = (self._entered + 1) * self._cell
        crossed = self._log.when_hot(high)
        feed, spread = self._entering(self._entered * self._cell, high)
        middle = 0.5 * (self._crossed + crossed)
        step = (middle - self._middle, spread, self._given.zone.liquid(middle))
        if not (self._steady and self._unchanged(step, feed)):
            self._take(step, feed, middle)
        self._exits.append(self._last)
        self._entered += 1
        self._crossed, self._middle = crossed, middle

    def _entering(self, low: float, high: float) -> tuple[Array, float]:
        """Return the mean content of the entering cell, and the spread while it enters."""
        parts = self._log.between(low, high)
        if len(parts) == 1:
            feed = parts[0][2].content
        else:
            feed = sum(volume * s.content for volume, _, s in parts) / self._cell
        spread = sum(
            seconds * spreading_ml2_s(self._given.coil, stream.hot) for _, seconds, stream in parts
        )
        return np.asarray(feed), spread / self._cell**2

    def _take(self, step: tuple[float, float, float], feed: Array, middle: float) -> None:
        matrix, column, row = self._spreader.matrices(step[1])
        self._react(middle)
        self._last = self._state @ row
        before = self._state
        self._state = before @ matrix + np.outer(feed, column)
        if not self._given.coil.preheated:
            self._cold = np.append(self._given.ambient - step[2], self._cold[:-1])
        alike = self._unchanged(step, feed)
        settled = alike and float(np.max(np.abs(self._state - self._before))) < STEADY_MOL_L
        self._before = self._state
        self._steady, self._step, self._feed = settled, step, feed

    def _unchanged(self, step: tuple[float, float, float], feed: Array) -> bool:
        """Return whether this step is like the last: times, spread, temperature and feed."""
        last = self._step
        if last is None or not np.array_equal(feed, self._feed):
            return False
        same_step = (
            abs(step[0] - last[0]) < 1e-8 * last[0] and abs(step[1] - last[1]) < 1e-8 * last[1]
        )
        return same_step and abs(step[2] - last[2]) < SAME_K

    def _react(self, until: float) -> None:
        """Let all cells react from the middle of the last step to the middle of this one."""
        given, since = self._given, self._middle
        seconds = until - since
        gas = self._state[-1] if self._state[-1].any() else None
        kelvin = self._history(since, seconds)
        c = react(
            given.rates(gas), self._state[:-1], kelvin, np.array([seconds]), rtol=1e-3, atol=1e-5
        )
        self._state = np.concatenate((c, self._state[-1:]))
        if not given.coil.preheated:
            self._cold = self._cold * exp(-seconds / given.lag_s)

    def _history(self, since: float, seconds: float) -> History:
        """Return the cells' temperatures over a step; that of its middle when they hardly change.

        Rates bend so little within ``NEARLY_K`` that the middle stands for the whole to 1e-5.
        """
        given = self._given
        begin, middle, end = (given.zone.liquid(since + part * seconds) for part in (0.0, 0.5, 1.0))
        calm = max(begin, middle, end) - min(begin, middle, end) < NEARLY_K
        if given.coil.preheated and calm:
            fixed = np.array([middle + 273.15])
            return lambda _: fixed
        cold = np.zeros(1) if given.coil.preheated else self._cold

        def of_cells(done: float) -> Array:
            liquid = given.zone.liquid(since + done * seconds)
            return liquid + cold * exp(-done * seconds / given.lag_s) + 273.15

        return of_cells
