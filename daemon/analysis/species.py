"""What is known of each species: molar mass, and where it shows in the spectrum.

The configuration comes first (``chemistry.molar_mass``, ``analysis.peaks``); what it leaves out is
taken from the chemistry plug-in the simulation names, whose data are as good for the real rig.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from daemon import plugins
from daemon.settings.models import Settings


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of the spectrum's axis that belongs to one species."""

    low: float
    high: float
    nuclei: float  # response per mol/L, relative to the gain


@dataclass(frozen=True, slots=True)
class SpeciesTable:
    """Molar masses (g/mol) and regions by species; either may lack some."""

    molar_mass: Mapping[str, float]
    regions: Mapping[str, Region]


def species_table(settings: Settings) -> SpeciesTable:
    """Return what is known of the species of this rig."""
    known = _chemistry_species(settings)
    masses = {name: float(data.molar_mass) for name, data in known.items()}
    regions = {
        name: Region(float(data.peak_low), float(data.peak_high), float(data.nuclei))
        for name, data in known.items()
    }
    if settings.chemistry is not None:
        masses.update(settings.chemistry.molar_mass)
    if settings.analysis is not None:
        peaks = settings.analysis.peaks
        regions.update({name: Region(p.low, p.high, p.nuclei) for name, p in peaks.items()})
    return SpeciesTable(masses, regions)


def _chemistry_species(settings: Settings) -> Mapping[str, Any]:
    if settings.simulation is None:
        return {}
    return plugins.load("taylord.chemistries", settings.simulation.chemistry)().species


def analysis_faults(settings: Settings) -> list[str]:
    """Return what the configuration lacks for its spectra to become concentrations."""
    if settings.analysis is None or settings.chemistry is None:
        return []
    regions = species_table(settings).regions
    faults = [
        f"analysis.peaks.{name}: low must be less than high, got [{region.low:g}, {region.high:g}]"
        for name, region in regions.items()
        if not region.low < region.high
    ]
    ordered = sorted(regions.items(), key=lambda item: item[1].low)
    faults += [
        f"analysis.peaks.{b}: overlaps {a}: [{ra.low:g}, {ra.high:g}], [{rb.low:g}, {rb.high:g}];"
        " give each species a stretch of its own"
        for (a, ra), (b, rb) in pairwise(ordered)
        if ra.high > rb.low and ra.low < ra.high
    ]
    if settings.chemistry.product not in regions:
        faults.append(
            f"analysis.peaks.{settings.chemistry.product}: is missing: where does the product show?"
        )
    return faults
