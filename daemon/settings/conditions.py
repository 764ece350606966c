"""Conditions as configuration and commands name them: their units, and values made plain.

A condition's value is a number in the unit of problems, of a composition the shares of feeds,
``{feed: amount}``: parts of the volume flow that these feeds have together, of a choice the feed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from daemon.settings.choices import EQUIVALENTS, FLOW, choice_conditions
from daemon.settings.models import CampaignSettings, FactorSettings, Settings
from daemon.units import to_unit

FACTOR_UNITS = {"residence_time": "min", "temperature": "degC", "concentration": "mol/L"}
POSITIVE = ("residence_time", "concentration")
ABSOLUTE_ZERO = -273.15  # degC
SLACK = 1e-6  # of a composition's total: rounding in files is not a fault

Value = float | str | dict[str, float]


def condition_names(settings: Settings) -> list[str]:
    """Return the names of conditions this rig can be asked for by a number or a feed."""
    limiting = settings.chemistry.limiting if settings.chemistry is not None else ""
    others = {s: None for feed in settings.feeds for s in feed.solutes if s != limiting}
    flows = [FLOW + feed.name for feed in settings.feeds]
    equivalents = [EQUIVALENTS + species for species in others]
    return [*FACTOR_UNITS, *equivalents, *flows, *choice_conditions(settings)]


def compositions(campaign: CampaignSettings | None) -> dict[str, FactorSettings]:
    """Return the compositions among a campaign's factors, by name."""
    factors = campaign.factors if campaign is not None else ()
    return {factor.name: factor for factor in factors if factor.kind == "composition"}


def factor_unit(name: str) -> str:
    """Return the unit of a condition by its name."""
    if name.startswith("flow."):
        return "mL/min"
    return FACTOR_UNITS.get(name, "dimensionless")


def factor_bounds(factor: FactorSettings) -> tuple[float, float]:
    """Return low and high of a continuous factor in the unit of problems; raise ValueError."""
    unit = factor_unit(factor.name)
    if factor.low is None or factor.high is None:
        raise ValueError("a continuous factor needs low and high")
    return to_unit(factor.low, unit), to_unit(factor.high, unit)


def plain_value(name: str, value: object) -> Value:
    """Return a condition's value in the unit of problems; raise ValueError that says what is wrong.

    A composition may be text too: ``water=0.3,ethanol=0.7``. A word under a name that stands for
    no number is a choice; whether there is such a one, the rig says.
    """
    if isinstance(value, str) and "=" in value:
        value = _amounts(value)
    if isinstance(value, Mapping):
        return {str(feed): _share(str(feed), amount) for feed, amount in value.items()}
    if isinstance(value, str) and not is_number(name):
        return value
    return to_unit(value, factor_unit(name))


def is_number(name: str) -> bool:
    """Return whether a condition of this name has a number, by its name alone."""
    return name in FACTOR_UNITS or name.startswith((FLOW, EQUIVALENTS))


def _share(feed: str, amount: object) -> float:
    try:
        return to_unit(amount, "dimensionless")
    except ValueError as error:
        raise ValueError(f"{feed} {error}") from None


def _amounts(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    names = [name.strip() for name, _, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names {', '.join(twice)} more than once, got {text!r:.80}")
    return dict(zip(names, (amount.strip() for _, _, amount in pairs), strict=True))


def fixed_conditions(campaign: CampaignSettings | None) -> dict[str, Value]:
    """Return what a campaign fixes, as plain numbers; factors that are held are not among them."""
    fixed = campaign.fixed if campaign is not None else {}
    return {name: plain_value(name, value) for name, value in fixed.items()}


def whole_conditions(campaign: CampaignSettings | None, point: Mapping[str, Any]) -> dict[str, Any]:
    """Return a point with what the campaign fixes; compositions name every one of their feeds."""
    known = compositions(campaign)
    whole = {**fixed_conditions(campaign), **point}
    return {name: _completed(value, known.get(name)) for name, value in whole.items()}


def _completed(value: Any, factor: FactorSettings | None) -> Any:
    if factor is None or not isinstance(value, Mapping):
        return value
    return {**dict.fromkeys(factor.components or (), 0.0), **value}


def value_text(value: object) -> str:
    """Return a value of a condition for a sentence."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {amount:.4g}" for name, amount in value.items())
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def flat(conditions: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Give conditions one by one, of a composition each feed's: as in the columns of an export."""
    for name, value in conditions.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{part}", amount) for part, amount in value.items())
        else:
            yield name, value
