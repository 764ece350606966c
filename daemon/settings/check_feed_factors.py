"""Cross-checks of factors whose values are feeds: compositions and choices."""

from collections.abc import Iterator, Mapping
from typing import Any

from daemon.experiment.binding import missing_conditions, supported
from daemon.experiment.mixture import mixtures_in
from daemon.settings.choices import EQUIVALENTS, choices, combinations, counted, members, narrowed
from daemon.settings.conditions import SLACK, compositions, is_number
from daemon.settings.models import CampaignSettings, FactorSettings
from daemon.settings.subject import Subject
from daemon.settings.wording import nearest


def own_name_faults(at: str, name: str, kind: str) -> Iterator[str]:
    """What is no number has a name of its own."""
    what, such = ("choice", "base") if kind == "categorical" else ("composition", "blend")
    if is_number(name):
        yield f"{at}: {name!r} is a number; give a {what} a name of its own, such as {such!r}"
    elif not name.replace("_", "").replace("-", "").isalnum():
        yield f"{at}: a {what}'s name has letters, digits, - and _, got {name!r}"


def ambiguous_faults(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
    """``equivalents.NAME`` and ``flow.NAME`` of a choice mean nothing else."""
    feeds = subject.settings.feeds
    taken = {feed.name for feed in feeds} | {s for feed in feeds for s in feed.solutes}
    if factor.kind == "categorical" and factor.name in taken:
        yield f"{at}: {factor.name!r} is a feed or a solute; give the choice a name of its own"


def uncounted_faults(subject: Subject, at: str, name: str) -> Iterator[str]:
    """Equivalents of a choice need one solute to count in each of its feeds."""
    own = name.removeprefix(EQUIVALENTS)
    factor = choices(subject.settings.campaign).get(own)
    for level in (factor.levels or ()) if factor is not None else ():
        if len(species := counted(subject.settings, level)) != 1:
            has = ", ".join(species) or "none"
            yield f"{at}: each feed of {own} must bring one solute to count; {level} has {has}"


def _feed_faults(subject: Subject, at: str, names: list[str]) -> Iterator[str]:
    feeds = subject.names_in("feeds")
    for name in names:
        if feeds and name not in feeds:
            yield f"{at}: no feed is called {name!r}{nearest(name, feeds)}"
    if len(names) < 2:
        hold = "; to hold it at one, fix it there" if names and at.endswith(".levels") else ""
        yield f"{at}: must name at least 2 feeds, got {len(names)}{hold}"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{at}: names feed {name!r} more than once"


def shared_feed_faults(campaign: CampaignSettings) -> Iterator[str]:
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


def mixture_faults(
    subject: Subject, at: str, name: str, value: Mapping[str, float]
) -> Iterator[str]:
    """A fixed composition names feeds, and adds up to 1."""
    yield from own_name_faults(at, name, "composition")
    yield from _feed_faults(subject, at, list(value))
    if any(amount < 0 for amount in value.values()):
        yield f"{at}: must have shares of 0 or more, got {value}"
    elif abs(sum(value.values()) - 1.0) > SLACK:
        yield f"{at}: must add up to 1, got {sum(value.values()):g}"


def composition_faults(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
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


def choice_faults(subject: Subject, at: str, factor: FactorSettings) -> Iterator[str]:
    """The levels are feeds, and so are those that were dropped."""
    yield from _feed_faults(subject, f"{at}.levels", factor.levels or [])
    feeds = subject.names_in("feeds")
    for name in factor.dropped:
        if feeds and name not in feeds:
            yield f"{at}.dropped: no feed is called {name!r}{nearest(name, feeds)}"
        elif name in (factor.levels or ()):
            yield f"{at}.dropped: {name!r} is among the levels, too"


def completeness_faults(
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


def mixtures(campaign: CampaignSettings) -> dict[str, dict[str, float]]:
    """Return compositions that vary or are fixed, by name, with shares that stand for any."""
    varied = {f.name: f.components or [] for f in compositions(campaign).values()}
    fixed = {n: list(v) for n, v in campaign.fixed.items() if isinstance(v, dict)}
    return {n: dict.fromkeys(feeds, 1.0) for n, feeds in {**varied, **fixed}.items()}
