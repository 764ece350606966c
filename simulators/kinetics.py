"""Kinetics: what a chemistry is, and mass-action networks with Arrhenius rate constants.

Concentrations have shape ``(n_species, n_parcels)`` in mol/L, temperatures ``(n_parcels,)`` in K.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GAS_CONSTANT = 8.31446261815324  # J/(mol K)


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

        ``kelvin`` has shape ``(n_parcels,)``. Must be a pure function of its arguments.
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
    def _factors(self) -> list[list[int]]:
        """Return the rows multiplied together for each reaction's rate."""
        return [
            [self._index[name] for name, order in reaction.reactants.items() for _ in range(order)]
            for reaction in self.reactions
        ]

    @cached_property
    def _arrhenius(self) -> tuple[Array, Array]:
        """Return ln A and Ea/R (K), each of shape ``(n_reactions, 1)``."""
        slope = np.array([r.ea_kj_mol * 1000.0 / GAS_CONSTANT for r in self.reactions])
        inverse = np.array([1.0 / (r.ref_degc + 273.15) for r in self.reactions])
        ln_k = np.log([r.k_ref for r in self.reactions])
        return (ln_k + slope * inverse)[:, None], slope[:, None]

    def constants(self, kelvin: Array) -> Array:
        """Return the rate constants, shape ``(n_reactions, n_parcels)``."""
        ln_a, slope = self._arrhenius
        return np.exp(ln_a - slope / kelvin)

    def rates(self, c: Array, kelvin: Array) -> Array:
        """Return dc/dt; see :class:`Chemistry`."""
        k = self.constants(kelvin)
        for row, factors in enumerate(self._factors):
            for index in factors:
                k[row] *= c[index]
        return self._stoichiometry @ k
