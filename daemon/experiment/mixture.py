"""From flows to conditions: what a set of feed flows really makes at the mixer (DOMAIN 2).

The same functions serve commanded conditions (rounded flows) and achieved ones (measured flows).
"""

from collections.abc import Mapping, Sequence
from math import pi
from types import MappingProxyType
from typing import Any

from daemon.settings.models import FeedSettings, ReactorSettings, Settings

PUMP_DEGC = 20.0  # the pumps stand in the room; expansion is counted from here


def solutes(feeds: Sequence[FeedSettings]) -> list[str]:
    """Return every solute of the feeds, in order of appearance."""
    return list(dict.fromkeys(species for feed in feeds for species in feed.solutes))


def diluents(feeds: Sequence[FeedSettings]) -> list[FeedSettings]:
    """Return the feeds without solutes."""
    return [feed for feed in feeds if not feed.solutes]


def inlet(feeds: Sequence[FeedSettings], flows: Mapping[str, float]) -> dict[str, float]:
    """Return the concentrations (mol/L) where the feeds meet; flows by feed (mL/min or mL)."""
    total = sum(flows[feed.name] for feed in feeds)
    if total <= 0:
        return {}
    return {
        species: sum(flows[f.name] * f.solutes.get(species, 0.0) for f in feeds) / total
        for species in solutes(feeds)
    }


def hot_residence_time_min(
    reactor: ReactorSettings, residence_time_min: float, temperature_degc: float
) -> float:
    """Return the residence time of the fluid expanded by heat: hot Q = Q rho(T_pump)/rho(T)."""
    expansion = 1.0 + reactor.expansion_per_k * (temperature_degc - PUMP_DEGC)
    return residence_time_min / expansion


def mixtures_in(conditions: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """Return the compositions among conditions: shares by feed, by name."""
    return {name: value for name, value in conditions.items() if isinstance(value, Mapping)}


def conditions_of(
    settings: Settings,
    flows: Mapping[str, float],
    temperature_degc: float | None,
    mixtures: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the conditions these flows make, by factor name, and ``flow.<feed>`` in mL/min.

    ``mixtures`` are the compositions asked for, of which the same feeds are told.
    """
    made: dict[str, Any] = {}
    total = sum(flows.values())
    reactor, chemistry = settings.reactor, settings.chemistry
    if reactor is not None and total > 0:
        made["residence_time"] = reactor.volume_ml / total
    if temperature_degc is not None:
        made["temperature"] = temperature_degc
    at_inlet = inlet(settings.feeds, flows)
    limiting = at_inlet.get(chemistry.limiting, 0.0) if chemistry is not None else 0.0
    if chemistry is not None and limiting > 0:
        made["concentration"] = limiting
        for species, c in at_inlet.items():
            if species != chemistry.limiting:
                made[f"equivalents.{species}"] = c / limiting
    for name, asked in mixtures.items():
        joint = sum(flows.get(feed, 0.0) for feed in asked)
        if joint > 0:
            part = sum(asked.values()) / joint
            made[name] = {feed: part * flows.get(feed, 0.0) for feed in asked}
    made.update({f"flow.{feed}": flow for feed, flow in flows.items()})
    if reactor is not None and "residence_time" in made and temperature_degc is not None:
        made["residence_time_hot"] = hot_residence_time_min(
            reactor, made["residence_time"], temperature_degc
        )
    return made


VISCOSITY_PA_S = 1.0e-3  # water at 20 degC: an upper bound for hot dilute organics


def pressure_bar(reactor: ReactorSettings, total_ml_min: float) -> float:
    """Return the predicted pressure at the mixer: Hagen-Poiseuille plus the regulator's setting.

    The tube's length follows from its volume and diameter; the viscosity is
    :data:`VISCOSITY_PA_S` throughout.
    """
    diameter_m = reactor.inner_diameter_mm * 1e-3
    length_m = (reactor.volume_ml + reactor.outlet_volume_ml) * 4e-6 / (pi * diameter_m**2)
    flow_m3_s = total_ml_min * 1e-6 / 60.0
    drop_pa = 128.0 * VISCOSITY_PA_S * length_m * flow_m3_s / (pi * diameter_m**4)
    return reactor.back_pressure + drop_pa * 1e-5
