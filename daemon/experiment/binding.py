"""From conditions to feed flows, rounded to what the pumps can deliver (DOMAIN 2).

The linear system is in ``daemon.experiment.flows``. A solution with a negative flow is never
clipped: the conditions are infeasible, and ``daemon.experiment.diagnosis`` says which bound would
fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from daemon.experiment.diagnosis import why_not
from daemon.experiment.faults import ConditionsRefused
from daemon.experiment.flows import equations, solve
from daemon.experiment.mixture import conditions_of, mixtures_in, solutes
from daemon.experiment.reach import Reach
from daemon.settings.choices import choices, level_faults, narrowed, with_choices
from daemon.settings.conditions import POSITIVE, SLACK, compositions
from daemon.settings.models import FeedSettings, Settings


@dataclass(frozen=True, slots=True)
class Bound:
    """Conditions as the rig will make them: flows (mL/min) by feed, and what they really are."""

    exact: Mapping[str, float]  # before rounding
    flows: Mapping[str, float]  # what each pump can deliver
    temperature_degc: float
    commanded: Mapping[str, Any]

    @property
    def total_ml_min(self) -> float:
        """Return the total flow through the reactor."""
        return sum(self.flows.values())


def supported(settings: Settings) -> list[str]:
    """Return the names of conditions this rig understands."""
    limiting = settings.chemistry.limiting if settings.chemistry is not None else None
    return [
        "residence_time",
        "temperature",
        "concentration",
        *(f"equivalents.{s}" for s in solutes(settings.feeds) if s != limiting),
        *(f"flow.{feed.name}" for feed in settings.feeds),
    ]


def name_faults(settings: Settings, conditions: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the conditions as such: names, types, signs, what is missing."""
    faults = level_faults(settings, conditions)
    if faults:
        return faults
    settings, conditions = narrowed(settings, conditions)
    for name, value in conditions.items():
        if isinstance(value, Mapping):
            faults += _mixture_faults(settings, name, value)
        else:
            faults += _number_faults(settings, name, value)
    return faults + missing_conditions(settings, conditions)


def _number_faults(settings: Settings, name: str, value: Any) -> list[str]:
    if name in compositions(settings.campaign):
        return [f"{name}: must be shares by feed, got {value!r}"]
    if name not in (*supported(settings), *_unity(settings)):
        own = [*compositions(settings.campaign), *choices(settings.campaign)]
        names = ", ".join([*supported(settings), *own])
        return [f"{name}: this rig has no such condition; it has {names}"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return [f"{name}: must be a finite number, got {value!r}"]
    if name != "temperature" and (value < 0 or (value == 0 and name in POSITIVE)):
        least = "greater than 0" if name in POSITIVE else "0 or more"
        return [f"{name}: must be {least}, got {value:g}"]
    if name in _unity(settings) and value != 1:
        what = "equivalents are counted on this species; must be 1"
        return [f"{name}: {what}, got {value:g}"]
    return []


def _mixture_faults(settings: Settings, name: str, amounts: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a composition: shares of feeds that add up to its total."""
    feeds = [feed.name for feed in settings.feeds]
    if name in supported(settings):
        return [f"{name}: must be a number, got shares of {', '.join(map(str, amounts))}"]
    unknown = [str(feed) for feed in amounts if feed not in feeds]
    if unknown:
        return [f"{name}: no feed is called {', '.join(unknown)}; feeds are {', '.join(feeds)}"]
    wrong = [feed for feed, share in amounts.items() if not _is_share(share)]
    if wrong:
        return [f"{name}: must have shares of 0 or more, got {amounts[wrong[0]]!r} of {wrong[0]}"]
    own = compositions(settings.campaign).get(name)
    total, found = own.total if own is not None else 1.0, sum(amounts.values())
    if abs(found - total) > SLACK * total:
        return [f"{name}: must add up to {total:g}, got {found:g}"]
    return []


def _is_share(value: Any) -> bool:
    number = not isinstance(value, bool) and isinstance(value, int | float)
    return number and isfinite(value) and value >= 0


def _unity(settings: Settings) -> list[str]:
    """Return the condition that is 1 by definition: equivalents of the limiting species."""
    return [f"equivalents.{settings.chemistry.limiting}"] if settings.chemistry is not None else []


def missing_conditions(settings: Settings, conditions: Mapping[str, Any]) -> list[str]:
    """Return what the conditions do not say, each line beginning with what would say it.

    Feeds of one composition count as one stock: their shares are said by it.
    """
    faults: list[str] = []
    if settings.reactor is None or not settings.feeds:
        return ["reactor, feeds: conditions need a reactor and the feeds into it"]
    if "temperature" not in conditions:
        faults.append("temperature: is missing")
    direct = {feed.name for feed in settings.feeds if f"flow.{feed.name}" in conditions}
    if direct == {feed.name for feed in settings.feeds}:
        return faults
    if "residence_time" not in conditions:
        faults.append("residence_time: is missing (or give flow.<feed> for every feed)")
    stocks = _stocks(settings, conditions)
    if len(stocks) == 1 and not direct:
        return faults  # the shares say it all
    limiting = settings.chemistry.limiting if settings.chemistry is not None else None
    free = [stock for stock in stocks if not direct & {feed.name for feed in stock}]
    solutes_of = [sorted({s for feed in stock for s in feed.solutes}) for stock in free]
    if "concentration" not in conditions and [] in solutes_of and not direct:
        faults.append(f"concentration: is missing (of {limiting}, mol/L at the inlet)")
    told = {limiting, *(name.removeprefix("equivalents.") for name in conditions)}
    chosen = list(choices(settings.campaign))
    spare = f"; what {' or '.join(chosen)} may choose no more goes to its dropped" if chosen else ""
    faults += [
        f"equivalents.{' or equivalents.'.join(own)}: is missing"
        f" (or give flow.{stock[0].name}): nothing says how much of feed {stock[0].name} to use"
        f"{spare}"
        for stock, own in zip(free, solutes_of, strict=True)
        if own and not told & set(own)
    ]
    return faults


def _stocks(settings: Settings, conditions: Mapping[str, Any]) -> list[list[FeedSettings]]:
    """Return the feeds, those of one composition together."""
    mixed = [set(amounts) for amounts in mixtures_in(conditions).values()]
    groups = [[f for f in settings.feeds if f.name in names] for names in mixed]
    alone = [[f] for f in settings.feeds if not any(f.name in names for names in mixed)]
    return [*filter(None, groups), *alone]


def bind(
    settings: Settings,
    conditions: Mapping[str, Any],
    reach: Reach | None = None,
    *,
    explain: bool = True,
) -> Bound:
    """Return the flows that make these conditions, rounded to what each pump can deliver.

    Raises :class:`ConditionsRefused` that names the bound and, when it is to ``explain`` (which
    takes a few linear programmes), what would fit.
    """
    faults = name_faults(settings, conditions)
    if faults:
        raise ConditionsRefused(faults)
    exact = _exact_flows(*narrowed(settings, conditions), explain=explain)
    exact = {feed.name: exact.get(feed.name, 0.0) for feed in settings.feeds}
    pumps = {feed.name: (reach or Reach()).pump(feed.pump) for feed in settings.feeds}
    flows = {name: pumps[name].deliverable(value) for name, value in exact.items()}
    temperature = float(conditions["temperature"])
    made = conditions_of(settings, flows, temperature, mixtures_in(conditions))
    return Bound(exact, flows, temperature, with_choices(settings, made, conditions))


def _exact_flows(
    settings: Settings, conditions: Mapping[str, Any], *, explain: bool
) -> dict[str, float]:
    q = solve(equations(settings, conditions), len(settings.feeds))
    if q is None:
        reason = why_not(settings, conditions) if explain else "no flows make these conditions"
        raise ConditionsRefused([reason])
    return {feed.name: float(value) for feed, value in zip(settings.feeds, q, strict=True)}
