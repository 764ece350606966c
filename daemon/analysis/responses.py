"""Responses: what an experiment is judged by, computed from concentrations and flows (DOMAIN 2).

A response is a plug-in (entry-point group ``taylord.responses``): a class whose constructor takes
its options as keywords, with a ``unit`` and ``evaluate``. See :class:`ResponsePlugin`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from daemon.analysis.estimate import AnalysisFailed, Estimate


@dataclass(frozen=True, slots=True)
class FeedRate:
    """One feed as it was delivered: mass and solutes per minute."""

    g_min: float
    solutes_mol_min: Mapping[str, float]


# a signal's full name and seconds before the sample -> what was read then, None when nothing was
Earlier = Callable[[str, float], float | None]


def nothing_read(signal: str, before_s: float) -> float | None:  # noqa: ARG001  # an Earlier
    """Return None: no signal was followed."""
    return None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a response is computed from: a steady state, measured. All of it achieved values."""

    concentrations: Mapping[str, Estimate]  # at the analyser, mol/L by species
    inlet: Mapping[str, float]  # where the feeds meet, mol/L by species
    limiting: str
    product: str
    residence_time_min: float
    temperature_degc: float
    total_ml_min: float
    feeds: Mapping[str, FeedRate] = field(default_factory=dict[str, FeedRate])
    molar_mass: Mapping[str, float] = field(default_factory=dict[str, float])  # g/mol
    earlier: Earlier = nothing_read  # of the signals that responses follow

    def read(self, signal: str, before_s: float) -> float:
        """Return what a followed signal was ``before_s`` before the sample; or AnalysisFailed."""
        value = self.earlier(signal, before_s)
        if value is None:
            raise AnalysisFailed(f"{signal} has no reading {before_s:g} s before the sample")
        return value

    def found(self, species: str) -> Estimate:
        """Return a measured concentration, mol/L; raise AnalysisFailed when it was not measured."""
        if species not in self.concentrations:
            seen = ", ".join(self.concentrations) or "nothing"
            raise AnalysisFailed(f"{species} was not measured; the analysis sees {seen}")
        return self.concentrations[species]

    def fed(self, species: str) -> float:
        """Return an inlet concentration, mol/L; raise AnalysisFailed when none went in."""
        c = self.inlet.get(species, 0.0)
        if c <= 0:
            raise AnalysisFailed(f"no {species} went into the reactor")
        return c

    def mass_of(self, species: str) -> float:
        """Return a molar mass, g/mol; raise AnalysisFailed when it is not known."""
        if species not in self.molar_mass:
            raise AnalysisFailed(
                f"chemistry.molar_mass.{species}: is missing from the configuration"
            )
        return self.molar_mass[species]


class ResponsePlugin(Protocol):
    """A response; the constructor takes the options of its ``[[responses]]`` table as keywords.

    It may also have ``signals`` and ``offline``, and for a person a ``note`` on itself, and a
    ``doubt`` where its values are not worth believing.
    """

    @property
    def unit(self) -> str:
        """Return the unit of the value."""
        ...

    def evaluate(self, measured: Measured) -> Estimate:
        """Return value and standard deviation; raise AnalysisFailed when there is no value."""
        ...


@dataclass(frozen=True)
class Concentration:
    """Concentration of a species (default: the product) at the analyser."""

    species: str = ""
    unit: str = field(default="mol/L", init=False)

    def evaluate(self, measured: Measured) -> Estimate:
        """Return the measured concentration."""
        return measured.found(self.species or measured.product)


@dataclass(frozen=True)
class Yield:
    """Amount of a species (default: the product) per amount of limiting species fed."""

    species: str = ""
    unit: str = field(default="mol/mol", init=False)

    def evaluate(self, measured: Measured) -> Estimate:
        """Return the yield as a fraction."""
        found, fed = (
            measured.found(self.species or measured.product),
            measured.fed(measured.limiting),
        )
        return Estimate(found.value / fed, found.sd / fed)


@dataclass(frozen=True)
class Conversion:
    """Part of a species (default: the limiting one) that has reacted."""

    species: str = ""
    unit: str = field(default="mol/mol", init=False)

    def evaluate(self, measured: Measured) -> Estimate:
        """Return the conversion as a fraction."""
        species = self.species or measured.limiting
        found, fed = measured.found(species), measured.fed(species)
        return Estimate(1.0 - found.value / fed, found.sd / fed)


@dataclass(frozen=True)
class SpaceTimeYield:
    """Mass of product made per reactor volume and time: M c / tau."""

    species: str = ""
    unit: str = field(default="kg/(m3 h)", init=False)  # the same number in g/(L h)

    def evaluate(self, measured: Measured) -> Estimate:
        """Return the space-time yield, kg/(m3 h)."""
        species = self.species or measured.product
        found = measured.found(species)
        factor = measured.mass_of(species) / (measured.residence_time_min / 60.0)
        return Estimate(found.value * factor, found.sd * factor)


@dataclass(frozen=True)
class EFactor:
    """Mass of waste per mass of product: (mass in - product) / product.

    ``solvent`` False counts the solutes alone as mass in.
    """

    species: str = ""
    solvent: bool = True
    unit: str = field(default="g/g", init=False)

    def evaluate(self, measured: Measured) -> Estimate:
        """Return the E-factor; there is none while no product is found."""
        species = self.species or measured.product
        found = measured.found(species)
        litres_min = measured.total_ml_min / 1000.0
        product = found.value * litres_min * measured.mass_of(species)
        if product <= 0:
            raise AnalysisFailed(f"no {species} was made: the E-factor has no value")
        mass_in = self._mass_in(measured)
        return Estimate(mass_in / product - 1.0, mass_in / product * found.sd / found.value)

    def _mass_in(self, measured: Measured) -> float:
        """Return what is fed, g/min."""
        if self.solvent:
            return sum(feed.g_min for feed in measured.feeds.values())
        return sum(
            amount * measured.mass_of(species)
            for feed in measured.feeds.values()
            for species, amount in feed.solutes_mol_min.items()
        )


@dataclass(frozen=True)
class Offline:
    """A response that a person or another program measures later and hands in.

    It has no value until then; an experiment without it is not a failed one.
    """

    unit: str = ""
    offline: ClassVar = True

    def evaluate(self, measured: Measured) -> Estimate:  # noqa: ARG002  # nothing here tells it
        """Raise AnalysisFailed: the rig does not measure it."""
        raise AnalysisFailed("is measured elsewhere and handed in")
