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
from daemon.experiment.mixture import conditions_of, diluents, solutes
from daemon.experiment.reach import Reach
from daemon.settings.models import Settings


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
    known = [*supported(settings), *_unity(settings)]
    faults = [
        f"{name}: this rig has no such condition; it has {', '.join(supported(settings))}"
        for name in conditions
        if name not in known
    ]
    for name, value in conditions.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            faults.append(f"{name}: must be a finite number, got {value!r}")
        elif name != "temperature" and (value < 0 or (value == 0 and name in _POSITIVE)):
            least = "greater than 0" if name in _POSITIVE else "0 or more"
            faults.append(f"{name}: must be {least}, got {value:g}")
        elif name in _unity(settings) and value != 1:
            faults.append(
                f"{name}: equivalents are counted on this species; must be 1, got {value:g}"
            )
    return faults + _missing(settings, conditions)


_POSITIVE = ("residence_time", "concentration")


def _unity(settings: Settings) -> list[str]:
    """Return the condition that is 1 by definition: equivalents of the limiting species."""
    return [f"equivalents.{settings.chemistry.limiting}"] if settings.chemistry is not None else []


def _missing(settings: Settings, conditions: Mapping[str, Any]) -> list[str]:
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
    limiting = settings.chemistry.limiting if settings.chemistry is not None else None
    free = [feed for feed in settings.feeds if feed.name not in direct]
    if "concentration" not in conditions and diluents(free) and not direct:
        faults.append(f"concentration: is missing (of {limiting}, mol/L at the inlet)")
    told = {limiting, *(name.removeprefix("equivalents.") for name in conditions)}
    faults += [
        f"equivalents.{' or equivalents.'.join(feed.solutes)}: is missing"
        f" (or give flow.{feed.name}): nothing says how much of feed {feed.name} to use"
        for feed in free
        if feed.solutes and not told & set(feed.solutes)
    ]
    return faults


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
    q = solve(equations(settings, conditions), len(settings.feeds))
    if q is None:
        reason = why_not(settings, conditions) if explain else "no flows make these conditions"
        raise ConditionsRefused([reason])
    exact = {feed.name: float(value) for feed, value in zip(settings.feeds, q, strict=True)}
    pumps = {feed.name: (reach or Reach()).pump(feed.pump) for feed in settings.feeds}
    flows = {name: pumps[name].deliverable(value) for name, value in exact.items()}
    temperature = float(conditions["temperature"])
    return Bound(exact, flows, temperature, conditions_of(settings, flows, temperature))
