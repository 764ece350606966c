"""The coil as ideal plug flow: what leaves it, given what entered and the temperatures since.

A parcel is integrated along its own history, only when something asks for it. The coil with axial
dispersion is in ``simulators.dispersion``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.kinetics import Chemistry, History, Rates, react
from simulators.plumbing import VolumeLog
from simulators.spec import CoilSpec
from simulators.thermal import Zone

Array = NDArray[np.float64]
SAME_K = 1e-5  # temperatures closer than this are one


@dataclass(frozen=True)
class Conditions:
    """What both coils need to know: geometry, chemistry, temperature."""

    coil: CoilSpec
    chemistry: Chemistry
    zone: Zone
    lag_s: float
    ambient: float
    expansion_per_k: float

    def expansion(self, degc: float) -> float:
        """Return hot over cold volume."""
        return 1.0 + self.expansion_per_k * (degc - self.ambient)

    def rates(self, gas: Array | None) -> Rates:
        """Return the rates of contents (mol per L of cold stream) that expand, and may hold gas."""
        plain = self.chemistry.rates
        if gas is None and self.expansion_per_k == 0.0:
            return plain
        liquid = 1.0 if gas is None else np.maximum(1.0 - gas, 1e-6)

        def corrected(c: Array, kelvin: Array) -> Array:
            swollen = liquid * (1.0 + self.expansion_per_k * (kelvin - 273.15 - self.ambient))
            return plain(c / swollen, kelvin) * swollen

        return corrected


@dataclass(frozen=True)
class _Parcel:
    """Fluid on its way out of a plug-flow coil; ``degc`` None: its temperature changed."""

    content: Array
    entered: float
    left: float
    degc: float | None

    @property
    def kind(self) -> tuple[bytes, float | None]:
        """Return what parcels must share to be integrated together."""
        return self.content.tobytes(), self.degc

    @property
    def key(self) -> tuple[bytes, float | None, float]:
        """Return what decides the outcome of a parcel of constant temperature."""
        return *self.kind, round(self.left - self.entered, 9)


class PlugCoil:
    """Ideal plug flow: no dispersion; parcels are followed lazily."""

    def __init__(self, conditions: Conditions, log: VolumeLog) -> None:
        self._given, self._log = conditions, log
        self._rows = len(conditions.chemistry.species) + 1
        self._cache: dict[tuple[bytes, float | None, float], Array] = {}

    def advance(self, t: float) -> None:
        """Do nothing: parcels are followed when they are asked for."""

    def forget(self, before: float) -> float:
        """Return the earliest time of the log that outlets from ``before`` on depend on."""
        return self._log.when_hot(self._log.hot(before) - self._given.coil.volume_ml)

    def outlet(self, times: Array) -> Array:
        """Return what left the coil at these times, shape ``(n_species + 1, n_times)``."""
        parcels = [self._parcel(float(t)) for t in times]
        self._follow([parcel for parcel in parcels if parcel.degc is not None])
        changing = self._followed([parcel for parcel in parcels if parcel.degc is None])
        outcomes = [changing[p.left] if p.degc is None else self._cache[p.key] for p in parcels]
        return np.stack(outcomes, axis=1)

    def _parcel(self, t: float) -> _Parcel:
        volume = self._log.hot(t) - self._given.coil.volume_ml
        content = self._log.entered(volume)
        if content is None:
            return _Parcel(np.zeros(self._rows), t, t, self._given.ambient)
        entered = self._log.when_hot(volume)
        probe = self._temperatures(np.linspace(entered, t, 9), np.full(9, entered))
        degc = round(float(probe[0]), 5) if float(np.ptp(probe)) < SAME_K else None
        return _Parcel(content, entered, t, degc)

    def _followed(self, parcels: list[_Parcel]) -> dict[float, Array]:
        """Return the outcome of parcels whose temperature changed, by when they left."""
        if not parcels:
            return {}
        entered = np.array([parcel.entered for parcel in parcels])
        seconds = np.array([parcel.left for parcel in parcels]) - entered

        def kelvin(done: float) -> Array:
            return self._temperatures(entered + done * seconds, entered) + 273.15

        start = np.stack([parcel.content for parcel in parcels], axis=1)
        ends = self._reacted(start, kelvin, seconds)
        return {parcel.left: ends[:, i] for i, parcel in enumerate(parcels)}

    def _follow(self, parcels: list[_Parcel]) -> None:
        """Integrate the parcels of constant temperature that are not known yet, kind by kind."""
        if len(self._cache) > 4096:
            self._cache.clear()
        unknown = {p.key: p for p in parcels if p.key not in self._cache}
        for kind in dict.fromkeys(parcel.kind for parcel in unknown.values()):
            alike = [parcel for parcel in unknown.values() if parcel.kind == kind]
            kelvin = np.array([(alike[0].degc or 0.0) + 273.15])
            seconds = np.array([parcel.left - parcel.entered for parcel in alike])
            start = np.repeat(alike[0].content[:, None], len(alike), axis=1)
            ends = self._reacted(start, lambda _, fixed=kelvin: fixed, seconds)
            self._cache.update({p.key: ends[:, i] for i, p in enumerate(alike)})

    def _reacted(self, start: Array, kelvin: History, seconds: Array) -> Array:
        gas = start[-1] if start[-1].any() else None
        c = react(self._given.rates(gas), start[:-1], kelvin, seconds)
        return np.concatenate((c, start[-1:]))

    def _temperatures(self, times: Array, entered: Array) -> Array:
        """Return the temperature of parcels by time and entry, of one shape, degC."""
        liquid = self._given.zone.liquids(times)
        if self._given.coil.preheated:
            return liquid
        cold = self._given.ambient - self._given.zone.liquids(entered)
        return liquid + cold * np.exp(-(times - entered) / self._given.lag_s)
