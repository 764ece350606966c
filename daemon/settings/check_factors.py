"""Cross-checks of a campaign's factors and fixed conditions: names, kinds, ranges, completeness."""

from collections.abc import Iterator, Mapping
from typing import Any

from daemon.experiment.binding import missing_conditions, supported
from daemon.experiment.mixture import mixtures_in
from daemon.settings.choices import (
    EQUIVALENTS,
    choices,
    combinations,
    counted,
    members,
    narrowed,
)
from daemon.settings.conditions import (
    ABSOLUTE_ZERO,
    POSITIVE,
    SLACK,
    compositions,
    condition_names,
    factor_bounds,
    factor_unit,
    is_number,
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
    yield from _shared_feeds(campaign)
    for name, value in campaign.fixed.items():
        at = f"campaign.fixed.{name}"
        if isinstance(value, dict):
            yield from _mixture_faults(subject, at, name, value)
            continue
        yield from _known_condition(subject, at, name)
        yield from _value_faults(at, name, value)
    yield from _missing_conditions(subject, names | set(campaign.fixed))
    yield from _temperature_faults(subject)


def _name_faults(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
    if factor.kind in HELD:
        yield from _own_name_faults(at, factor.name, factor.kind)
        yield from _ambiguous(subject, at, factor)
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
        yield from _uncounted(subject, at, name)


def _uncounted(subject: Subject, at: str, name: str) -> Iterator[str]:
    """Equivalents of a choice need one solute to count in each of its feeds."""
    own = name.removeprefix(EQUIVALENTS)
    factor = choices(subject.settings.campaign).get(own)
    for level in (factor.levels or ()) if factor is not None else ():
        if len(species := counted(subject.settings, level)) != 1:
            has = ", ".join(species) or "none"
            yield f"{at}: each feed of {own} must bring one solute to count; {level} has {has}"


def _own_name_faults(at: str, name: str, kind: str) -> Iterator[str]:
    """What is no number has a name of its own."""
    what, such = ("choice", "base") if kind == "categorical" else ("composition", "blend")
    if is_number(name):
        yield f"{at}: {name!r} is a number; give a {what} a name of its own, such as {such!r}"
    elif not name.replace("_", "").replace("-", "").isalnum():
        yield f"{at}: a {what}'s name has letters, digits, - and _, got {name!r}"


def _ambiguous(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
    """``equivalents.NAME`` and ``flow.NAME`` of a choice mean nothing else."""
    feeds = subject.settings.feeds
    taken = {feed.name for feed in feeds} | {s for feed in feeds for s in feed.solutes}
    if factor.kind == "categorical" and factor.name in taken:
        yield f"{at}: {factor.name!r} is a feed or a solute; give the choice a name of its own"


def _mixture_faults(
    subject: Subject, at: str, name: str, value: Mapping[str, float]
) -> Iterator[str]:
    """A fixed composition names feeds, and adds up to 1."""
    yield from _own_name_faults(at, name, "composition")
    yield from _feed_faults(subject, at, list(value))
    if any(amount < 0 for amount in value.values()):
        yield f"{at}: must have shares of 0 or more, got {value}"
    elif abs(sum(value.values()) - 1.0) > SLACK:
        yield f"{at}: must add up to 1, got {sum(value.values()):g}"


def _dropped_faults(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
    feeds = subject.names_in("feeds")
    for name in factor.dropped:
        if feeds and name not in feeds:
            yield f"{at}: no feed is called {name!r}{nearest(name, feeds)}"
        elif name in (factor.levels or ()):
            yield f"{at}: {name!r} is among the levels, too"


def _feed_faults(subject: Subject, at: str, names: list[str]) -> Iterator[str]:
    feeds = subject.names_in("feeds")
    for name in names:
        if feeds and name not in feeds:
            yield f"{at}: no feed is called {name!r}{nearest(name, feeds)}"
    if len(names) < 2:
        yield f"{at}: must name at least 2 feeds, got {len(names)}"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{at}: names feed {name!r} more than once"


def _shared_feeds(campaign: CampaignSettings) -> Iterator[str]:
    """A feed belongs to one composition or choice only."""
    owner: dict[str, str] = {}
    mixtures = [(f.name, f.components or []) for f in compositions(campaign).values()]
    mixtures += [(f.name, members(f)) for f in choices(campaign).values()]
    mixtures += [(n, list(v)) for n, v in campaign.fixed.items() if isinstance(v, dict)]
    for name, components in mixtures:
        for feed in components:
            if owner.setdefault(feed, name) != name:
                yield (
                    f"campaign.factors: feed {feed!r} belongs to both {owner[feed]!r} and {name!r}"
                )


def _range_faults(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
    yield from _foreign_keys(at, factor)
    yield from _held_faults(f"{at}.fixed", factor)
    if factor.kind == "discrete":
        yield from _discrete_faults(at, factor)
    elif factor.kind == "composition":
        yield from _composition_faults(subject, at, factor)
    elif factor.kind == "categorical":
        yield from _feed_faults(subject, f"{at}.levels", factor.levels or [])
        yield from _dropped_faults(subject, f"{at}.dropped", factor)
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


def _composition_faults(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
    """The components are feeds, and their limits leave a mixture."""
    components = factor.components or []
    yield from _feed_faults(subject, f"{at}.components", components)
    most = factor.max_components or len(components)
    if most > len(components) >= 2:
        yield f"{at}.max_components: must be 1 to {len(components)}, got {most}"
    for name, (low, high) in factor.limits.items():
        if name not in components:
            yield f"{at}.limits.{name}: is no component{nearest(name, components)}"
        elif not 0 <= low <= high <= factor.total:
            yield (
                f"{at}.limits.{name}: must be [low, high] with 0 <= low <= high <="
                f" {factor.total:g}, got [{low:g}, {high:g}]"
            )
    yield from _room_faults(f"{at}.limits", factor, most)


def _room_faults(at: str, factor: FactorSettings, most: int) -> Iterator[str]:
    """The components' least amounts fit into the total, and the greatest ones fill it."""
    limits = [factor.limits.get(name, (0.0, factor.total)) for name in factor.components or ()]
    least = sum(low for low, _ in limits)
    present = sum(low > 0 for low, _ in limits)
    total, slack = factor.total, SLACK * factor.total
    if least > total + slack:
        yield f"{at}: the least amounts add up to {least:g}, more than the total, {total:g}"
    elif present > most:
        yield f"{at}: {present} components can never be absent, max_components is {most}"
    else:
        needed = [high for low, high in limits if low > 0]
        free = sorted((high for low, high in limits if low <= 0), reverse=True)
        greatest = sum(needed) + sum(free[: most - present])
        if greatest < total - slack:
            what = f"{most} components" if most < len(limits) else "the components"
            yield f"{at}: {what} add up to {greatest:g} at most, less than the total, {total:g}"


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
    mixed = _mixtures(campaign)
    if choices(campaign):
        yield from _with_each_choice(subject, campaign, {**dict.fromkeys(given, 1.0), **mixed})
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


def _with_each_choice(
    subject: Subject, campaign: CampaignSettings, given: Mapping[str, Any]
) -> Iterator[str]:
    """Whatever is chosen, the conditions say all that is needed, and nothing else."""
    feeds = subject.names_in("feeds")
    if any(level not in feeds for own in choices(campaign).values() for level in own.levels or ()):
        return  # said once, by the level
    told: dict[str, str] = {}  # what is wrong, and the first choice with which it is
    for chosen in combinations(campaign):
        settings, plain = narrowed(subject.settings, {**given, **chosen})
        wrong = missing_conditions(settings, plain)
        known = (*supported(settings), *mixtures_in(plain))
        wrong += [f"{name}: belongs to no feed that flows" for name in plain if name not in known]
        for fault in wrong:
            told.setdefault(fault, ", ".join(f"{name} {feed}" for name, feed in chosen.items()))
    yield from (f"campaign.factors: with {chosen}: {fault}" for fault, chosen in told.items())


def _mixtures(campaign: CampaignSettings) -> dict[str, dict[str, float]]:
    """Return compositions that vary or are fixed, by name, with shares that stand for any."""
    varied = {f.name: f.components or [] for f in compositions(campaign).values()}
    fixed = {n: list(v) for n, v in campaign.fixed.items() if isinstance(v, dict)}
    return {n: dict.fromkeys(feeds, 1.0) for n, feeds in {**varied, **fixed}.items()}


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
