"""Choices among feeds: a categorical factor of a rig, of whose feeds one flows at a time.

A choice is named by its factor, and its levels are feeds. What is asked of ``equivalents.NAME`` and
``flow.NAME`` is asked of the feed that was chosen. Everything else sees the rig without the feeds
that were not.
"""

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from daemon.settings.models import CampaignSettings, FactorSettings, FeedSettings, Settings

N_COMBINATIONS = 256  # of levels that a check looks at
FLOW, EQUIVALENTS = "flow.", "equivalents."


def choices(campaign: CampaignSettings | None) -> dict[str, FactorSettings]:
    """Return the choices among a campaign's factors, by name."""
    factors = campaign.factors if campaign is not None else ()
    return {factor.name: factor for factor in factors if factor.kind == "categorical"}


def members(factor: FactorSettings) -> list[str]:
    """Return every feed of a choice, those that may not be chosen any more among them."""
    return [*(factor.levels or ()), *factor.dropped]


def chosen_feeds(settings: Settings, conditions: Mapping[str, Any]) -> dict[str, str]:
    """Return the feed that each choice among the conditions names."""
    own = choices(settings.campaign)
    return {name: value for name, value in conditions.items() if name in own}


def level_faults(settings: Settings, conditions: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the choices among conditions: each names one of its levels."""
    own, named = choices(settings.campaign), chosen_feeds(settings, conditions)
    faults = [
        f"{name}: must be one of {', '.join(own[name].levels or ())}, got {value!r}"
        for name, value in named.items()
        if value not in (own[name].levels or ())
    ]
    return faults or [
        f"{name}: is {same} here, which is given, too; leave one of them out"
        for name, same in _words(settings, named)
        if name in conditions and same in conditions
    ]


def narrowed(settings: Settings, conditions: Mapping[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """Return the rig without the feeds that were not chosen, and the conditions in its words.

    The choices must name levels (:func:`level_faults`).
    """
    named = chosen_feeds(settings, conditions)
    if not named:
        return settings, dict(conditions)
    own = choices(settings.campaign)
    left_out = {feed for name in named for feed in members(own[name])} - {*named.values()}
    feeds = [feed for feed in settings.feeds if feed.name not in left_out]
    words = dict(_words(settings, named))
    plain = {words.get(n, n): value for n, value in conditions.items() if n not in named}
    return settings.model_copy(update={"feeds": feeds}), plain


def with_choices(
    settings: Settings, made: Mapping[str, Any], asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Return conditions that were made, with the choices that were asked for and their amounts."""
    named = chosen_feeds(settings, asked)
    amounts = {n: made[own] for n, own in _words(settings, named) if own in made}
    return {**made, **named, **amounts}


def _words(settings: Settings, named: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give names such as ``equivalents.base`` and what they are called with the chosen feed."""
    for name, level in named.items():
        yield FLOW + name, FLOW + level
        species = counted(settings, level)
        if len(species) == 1:
            yield EQUIVALENTS + name, EQUIVALENTS + species[0]


def counted(settings: Settings, level: str) -> list[str]:
    """Return the solutes of a feed whose equivalents are counted."""
    limiting = settings.chemistry.limiting if settings.chemistry is not None else ""
    feeds: list[FeedSettings] = [feed for feed in settings.feeds if feed.name == level]
    return [species for feed in feeds for species in feed.solutes if species != limiting]


def choice_conditions(settings: Settings) -> list[str]:
    """Return the conditions that choices bring: their names, and their amounts."""
    found: list[str] = []
    feeds = {feed.name for feed in settings.feeds}
    for name, factor in choices(settings.campaign).items():
        found += [name, FLOW + name]
        known = [level for level in factor.levels or () if level in feeds]
        if all(len(counted(settings, level)) == 1 for level in known):
            found.append(EQUIVALENTS + name)
    return found


def combinations(campaign: CampaignSettings) -> Iterator[dict[str, str]]:
    """Give every combination of levels, a few hundred at most; one without choices."""
    own = choices(campaign)
    levels = [factor.levels or [] for factor in own.values()]
    for row in islice(product(*levels), N_COMBINATIONS):
        yield dict(zip(own, row, strict=True))
