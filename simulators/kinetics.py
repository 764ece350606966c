"""Kinetics: what a chemistry is, and mass-action networks with Arrhenius rate constants.

Concentrations have shape ``(n_species, n_parcels)`` in mol/L; temperatures, in K, ``(n_parcels,)``
or ``(1,)`` when all parcels share one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GAS_CONSTANT = 8.31446261815324  # J/(mol K)
SHORTEST_STEP = 1e-9  # of a stretch; kinetics that need less are broken


class KineticsError(ArithmeticError):
    """A chemistry's rates cannot be integrated."""


@dataclass(frozen=True, slots=True)
class SpeciesData:
    """What the balance and the analyser know of one species."""

    molar_mass: float  # g/mol
    peak_low: float  # ppm; the region that is integrated
    peak_high: float  # ppm
    nuclei: float  # nuclei in that region


class Chemistry(Protocol):
    """A reaction network; plug-ins (entry-point group ``taylord.chemistries``) return one."""

    @property
    def name(self) -> str:
        """Return the name it is configured by."""
        ...

    @property
    def species(self) -> Mapping[str, SpeciesData]:
        """Return the species; their order is the order of rows in ``rates``."""
        ...

    @property
    def limiting(self) -> str:
        """Return the species that concentration and conversion are counted on by default."""
        ...

    @property
    def product(self) -> str:
        """Return the species that yield is counted on by default."""
        ...

    def rates(self, c: Array, kelvin: Array) -> Array:
        """Return dc/dt, mol/(L s), shape of ``c``: ``(n_species, n_parcels)``.

        ``kelvin`` has shape ``(n_parcels,)`` or ``(1,)``. Must be a pure function of its arguments.
        """
        ...


@dataclass(frozen=True)
class Reaction:
    """One irreversible elementary step with an Arrhenius constant.

    ``k_ref`` at ``ref_degc``; its unit follows from the order (s-1, L/(mol s)); ``ea_kj_mol``.
    """

    reactants: Mapping[str, int]
    products: Mapping[str, int]
    k_ref: float
    ref_degc: float
    ea_kj_mol: float


@dataclass(frozen=True)
class MassAction:
    """A network of elementary steps; fills the ``Chemistry`` protocol."""

    name: str
    species: Mapping[str, SpeciesData]
    reactions: Sequence[Reaction]
    limiting: str
    product: str

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.species)}

    @cached_property
    def _stoichiometry(self) -> Array:
        """Return the net coefficients, shape ``(n_species, n_reactions)``."""
        table = np.zeros((len(self.species), len(self.reactions)))
        for column, reaction in enumerate(self.reactions):
            for name, order in reaction.reactants.items():
                table[self._index[name], column] -= order
            for name, order in reaction.products.items():
                table[self._index[name], column] += order
        return table

    @cached_property
    def _factors(self) -> list[NDArray[np.intp]]:
        """Return, factor by factor, the row that each reaction's rate is multiplied by.

        A reaction of lower order is filled up with a row of ones, numbered ``n_species``.
        """
        rows = [
            [self._index[name] for name, order in reaction.reactants.items() for _ in range(order)]
            for reaction in self.reactions
        ]
        most = max(len(row) for row in rows)
        ones = len(self.species)
        filled = [row + [ones] * (most - len(row)) for row in rows]
        return [np.array(column, dtype=np.intp) for column in zip(*filled, strict=True)]

    @cached_property
    def _mixed_orders(self) -> bool:
        return any(len(self.species) in column for column in self._factors)

    @cached_property
    def _arrhenius(self) -> tuple[Array, Array]:
        """Return ln A and Ea/R (K), each of shape ``(n_reactions, 1)``."""
        slope = np.array([r.ea_kj_mol * 1000.0 / GAS_CONSTANT for r in self.reactions])
        inverse = np.array([1.0 / (r.ref_degc + 273.15) for r in self.reactions])
        ln_k = np.log([r.k_ref for r in self.reactions])
        return (ln_k + slope * inverse)[:, None], slope[:, None]

    def constants(self, kelvin: Array) -> Array:
        """Return the rate constants, shape ``(n_reactions, n_parcels)`` or ``(n_reactions, 1)``."""
        ln_a, slope = self._arrhenius
        return np.exp(ln_a - slope / kelvin)

    def rates(self, c: Array, kelvin: Array) -> Array:
        """Return dc/dt; see :class:`Chemistry`."""
        table = np.concatenate((c, np.ones((1, c.shape[1])))) if self._mixed_orders else c
        speed = table.take(self._factors[0], axis=0)
        for column in self._factors[1:]:
            speed *= table.take(column, axis=0)
        if self._latest[0] is not kelvin:  # one stretch asks many times at one temperature
            self._latest[:] = kelvin, self.constants(kelvin)
        speed *= self._latest[1]
        return self._stoichiometry @ speed

    @cached_property
    def _latest(self) -> list[Array]:
        """Return the temperatures last asked for, and their rate constants."""
        nowhere = np.full(1, np.nan)
        return [nowhere, nowhere]


Rates = Callable[[Array, Array], Array]  # (c, kelvin) -> dc/dt, as Chemistry.rates
History = Callable[[float], Array]  # fraction of the stretch passed, 0 to 1 -> kelvin

# Dormand and Prince's pair of orders 5 and 4 (doi:10.1016/0771-050X(80)90013-3).
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = tuple(
    np.array(row)
    for row in (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    )
)
_ERROR = np.array((71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40))


def react(
    rates: Rates,
    c: Array,
    kelvin: History,
    seconds: Array,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> Array:
    """Return the parcels' concentrations after each has reacted for its own ``seconds``.

    Args:
        rates: as ``Chemistry.rates``.
        c: start, mol/L, shape ``(n_species, n_parcels)``; not changed.
        kelvin: temperature of each parcel at a fraction of its stretch.
        seconds: shape ``(n_parcels,)`` or ``(1,)``.
        rtol: relative tolerance of each step.
        atol: absolute tolerance of each step, mol/L.

    Raises:
        KineticsError: the rates are not finite, or run away.
    """
    if not c.any() or not seconds.any():
        return c.copy()
    with np.errstate(over="ignore", invalid="ignore"):  # a wild step is seen by its error
        return _integrated(rates, c, kelvin, seconds, (rtol, atol))


def _integrated(
    rates: Rates, c: Array, kelvin: History, seconds: Array, tolerances: tuple[float, float]
) -> Array:
    """Take as many steps as the tolerances (relative, absolute) ask for."""
    rtol, atol = tolerances
    slopes = np.empty((7, c.size))
    done, step = 0.0, 1.0
    slopes[0] = (rates(c, kelvin(0.0)) * seconds).ravel()
    while done < 1.0 - 1e-12:
        step = min(step, 1.0 - done)
        there = _attempt(rates, c, kelvin, seconds, slopes, (done, step))
        scale = atol + rtol * np.maximum(np.abs(c), np.abs(there)).ravel()
        error = step * float(np.abs((_ERROR @ slopes) / scale).max())
        if error <= 1.0:
            done, c = done + step, there
            slopes[0] = slopes[6]  # the last slope of one step is the first of the next
        elif not step > SHORTEST_STEP:
            raise KineticsError(
                f"the rates of {getattr(rates, '__qualname__', rates)} are not finite or run away,"
                f" at {float(kelvin(done)[0]):.1f} K and up to {float(np.max(c)):.3g} mol/L"
            )
        step *= min(5.0, max(0.2, 0.9 * (error + 1e-12) ** -0.2)) if error < np.inf else 0.2
    return c


def _attempt(
    rates: Rates,
    c: Array,
    kelvin: History,
    seconds: Array,
    slopes: Array,
    stretch: tuple[float, float],
) -> Array:
    """Return ``c`` one step on, of order 5; fill rows 1 to 6 of ``slopes``, ``(7, c.size)``."""
    done, step = stretch
    there = c
    for stage in range(1, 7):
        there = c + ((step * _STAGES[stage]) @ slopes[:stage]).reshape(c.shape)
        at = kelvin(done + _NODES[stage] * step)
        np.multiply(rates(there, at), seconds, out=slopes[stage].reshape(c.shape))
    return there
