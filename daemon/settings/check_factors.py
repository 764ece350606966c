"""Cross-checks of a campaign's factors and fixed conditions: names, kinds, ranges, completeness."""

from collections.abc import Iterator, Mapping
from typing import Any

from daemon.experiment.binding import missing_conditions
from daemon.settings.check_feed_factors import (
    ambiguous_faults,
    choice_faults,
    completeness_faults,
    composition_faults,
    mixture_faults,
    mixtures,
    own_name_faults,
    shared_feed_faults,
    uncounted_faults,
)
from daemon.settings.choices import choices
from daemon.settings.conditions import (
    ABSOLUTE_ZERO,
    POSITIVE,
    condition_names,
    factor_bounds,
    factor_unit,
    plain_value,
)
from daemon.settings.models import CampaignSettings, FactorSettings
from daemon.settings.subject import Subject
from daemon.settings.wording import nearest
from daemon.units import to_unit

# which keys belong to which kind; all other ones are faults there
OWN_KEYS: Mapping[str, tuple[str, ...]] = {
    "continuous": ("low", "high", "transform"),
    "discrete": ("values",),
    "categorical": ("levels", "dropped", "descriptors"),
    "composition": ("components", "limits", "total", "max_components"),
}
MANY = ("values", "levels", "dropped", "descriptors", "components", "limits")
# what the value of a factor is held at
HELD: Mapping[str, tuple[type, str]] = {
    "categorical": (str, "the name of a feed"),
    "composition": (dict, "shares of feeds"),
}


def factor_faults(subject: Subject) -> Iterator[str]:
    """Factors and fixed conditions can be commanded, and together they say all that is needed."""
    campaign = subject.settings.campaign
    if campaign is None:
        return
    names: set[str] = set()
    for i, factor in enumerate(campaign.factors):
        at = f"campaign.factors.{i}"
        if factor.name in names:
            yield f"{at}.name: {factor.name!r} is used twice"
        if factor.name in campaign.fixed:
            yield f"campaign.fixed.{factor.name}: is also a factor; a condition varies or is fixed"
        names.add(factor.name)
        yield from _name_faults(subject, f"{at}.name", factor)
        yield from _range_faults(subject, at, factor)
    yield from shared_feed_faults(campaign)
    for name, value in campaign.fixed.items():
        at = f"campaign.fixed.{name}"
        if isinstance(value, dict):
            yield from mixture_faults(subject, at, name, value)
            continue
        yield from _known_condition(subject, at, name)
        yield from _value_faults(at, name, value)
    yield from _missing_conditions(subject, names | set(campaign.fixed))
    yield from _temperature_faults(subject)


def _name_faults(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
    if factor.kind in HELD:
        yield from own_name_faults(at, factor.name, factor.kind)
        yield from ambiguous_faults(subject, at, factor)
    else:
        yield from _known_condition(subject, at, factor.name)


def _known_condition(subject: Subject, at: str, name: str) -> Iterator[str]:
    if not subject.settings.feeds or subject.settings.chemistry is None:
        return  # said once, by the missing section
    known = condition_names(subject.settings)
    own = choices(subject.settings.campaign)
    if name in own:
        yield f"{at}: {name!r} is a factor; hold it in its own table, with fixed"
    elif name not in known:
        yield f"{at}: this rig has no condition {name!r}{nearest(name, known)}"
        yield from uncounted_faults(subject, at, name)


def _range_faults(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
    yield from _foreign_keys(at, factor)
    yield from _held_faults(f"{at}.fixed", factor)
    if factor.kind == "discrete":
        yield from _discrete_faults(at, factor)
    elif factor.kind == "composition":
        yield from composition_faults(subject, at, factor)
    elif factor.kind == "categorical":
        yield from choice_faults(subject, at, factor)
    else:
        yield from _continuous_faults(at, factor)


def _foreign_keys(at: str, factor: FactorSettings) -> Iterator[str]:
    own = OWN_KEYS[factor.kind]
    for kind, keys in OWN_KEYS.items():
        for key in keys:
            given = getattr(factor, key) != FactorSettings.model_fields[key].get_default(
                call_default_factory=True
            )
            if given and key not in own:
                belong = "belong" if key in MANY else "belongs"
                yield f"{at}.{key}: {belong} to kind {kind!r}, got kind {factor.kind!r}"


def _held_faults(at: str, factor: FactorSettings) -> Iterator[str]:
    """What a factor is held at is a value of it; whether it is in range, the problem says."""
    if factor.fixed is None:
        return
    try:
        value = plain_value(factor.name, factor.fixed)
    except ValueError as error:
        yield f"{at}: {error}"
        return
    wanted, what = HELD.get(factor.kind, (float, "a number"))
    if not isinstance(value, wanted):
        yield f"{at}: must be {what}, got {factor.fixed!r}"


def _continuous_faults(at: str, factor: FactorSettings) -> Iterator[str]:
    try:
        low, high = factor_bounds(factor)
    except ValueError as error:
        yield f"{at}: {error}"
        return
    if not low < high:
        yield f"{at}.low: must be less than high, got [{low:g}, {high:g}]"
    yield from _value_faults(f"{at}.low", factor.name, low)


def _discrete_faults(at: str, factor: FactorSettings) -> Iterator[str]:
    if not factor.values:
        yield f"{at}.values: is missing: a discrete factor lists its values"
    for i, value in enumerate(factor.values or ()):
        yield from _value_faults(f"{at}.values.{i}", factor.name, value)


def _value_faults(at: str, name: str, value: float | str) -> Iterator[str]:
    """A condition's value is a number of its unit, and one that matter can have."""
    unit = factor_unit(name)
    try:
        number = to_unit(value, unit)
    except ValueError as error:
        yield f"{at}: {error}"
        return
    if name in POSITIVE and number <= 0:
        yield f"{at}: must be greater than 0 {unit}, got {number:g}"
    elif number < (ABSOLUTE_ZERO if name == "temperature" else 0.0):
        least = f"{ABSOLUTE_ZERO:g} degC" if name == "temperature" else "0"
        yield f"{at}: must be at least {least}, got {number:g}"


def _missing_conditions(subject: Subject, given: set[str]) -> Iterator[str]:
    settings = subject.settings
    campaign = settings.campaign
    if not settings.feeds or settings.chemistry is None or campaign is None:
        return
    mixed = mixtures(campaign)
    if choices(campaign):
        yield from completeness_faults(subject, campaign, {**dict.fromkeys(given, 1.0), **mixed})
        return
    if mixed:
        missing = missing_conditions(settings, {**dict.fromkeys(given, 0.0), **mixed})
        missing = [line.partition(":")[0] for line in missing]
    else:
        needed = [n for n in condition_names(settings) if not n.startswith("flow.")]
        if any(name.startswith("flow.") for name in given):
            needed = ["temperature", *(f"flow.{feed.name}" for feed in settings.feeds)]
        elif all(feed.solutes for feed in settings.feeds):
            needed.remove("concentration")  # no diluent: the equivalents fix it
        missing = [name for name in needed if name not in given]
    if missing:
        yield (
            f"campaign.factors: nothing sets {', '.join(missing)}; make each a factor or give it"
            " under campaign.fixed"
        )


def _temperature_faults(subject: Subject) -> Iterator[str]:
    """The temperatures asked for lie inside the configured limits of the thermostat."""
    settings = subject.settings
    if settings.campaign is None or settings.reactor is None:
        return
    thermostat = settings.instruments.get(settings.reactor.thermostat)
    limits = thermostat.limits.get("setpoint") if thermostat is not None else None
    if limits is None:
        return
    try:
        low, high = (to_unit(bound, "degC") for bound in limits)
        asked = dict(_temperatures(settings.campaign))
    except ValueError:
        return  # said once, where the number stands
    for at, value in asked.items():
        if not low <= value <= high:
            yield (
                f"campaign.{at}: {value:g} degC is beyond the limits of"
                f" {settings.reactor.thermostat}.setpoint, [{low:g}, {high:g}] degC"
            )


def _temperatures(campaign: CampaignSettings) -> Iterator[tuple[str, Any]]:
    """Give every temperature a campaign may ask for, with its key; raise ValueError."""
    if "temperature" in campaign.fixed:
        yield "fixed.temperature", plain_value("temperature", campaign.fixed["temperature"])
    for i, factor in enumerate(campaign.factors):
        if factor.name != "temperature":
            continue
        if factor.kind == "discrete":
            yield from ((f"factors.{i}.values.{n}", v) for n, v in enumerate(factor.values or ()))
        elif factor.kind == "continuous":
            ends = zip(("low", "high"), factor_bounds(factor), strict=True)
            yield from ((f"factors.{i}.{key}", value) for key, value in ends)
