"""Why conditions cannot be made, and which bound would fit: linear programmes over mixtures.

The unknowns are the volume fractions x of the feeds (x >= 0, sum 1); every fixed equivalent is one
equation, and the largest or smallest reachable concentration is one linear programme.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.experiment.flows import equations, solve, stock_row
from daemon.experiment.mixture import diluents, mixtures_in
from daemon.experiment.vertices import cheapest
from daemon.settings.conditions import value_text
from daemon.settings.models import Settings

Array = NDArray[np.float64]


def extreme(
    settings: Settings, species: str, conditions: Mapping[str, Any], sign: int
) -> float | None:
    """Return the largest (``sign`` 1) or smallest (-1) concentration of a species, mol/L.

    Over all mixtures that keep ``conditions`` (``concentration`` and ``equivalents``); None when
    there is no such mixture.
    """
    kept = {
        n: v
        for n, v in conditions.items()
        if n.partition(".")[0] in ("concentration", "equivalents")
    }
    rows = equations(settings, kept)
    n_feeds = len(settings.feeds)
    a = np.array([*(row.coefficients for row in rows), np.ones(n_feeds)])
    b = np.array([*(row.value for row in rows), 1.0])
    cost = -sign * stock_row(settings, species)
    found = cheapest(cost, a, b)
    return float(-sign * (cost @ found)) if found is not None else None


def why_not(settings: Settings, conditions: Mapping[str, Any]) -> str:
    """Return one sentence: what cannot be made, the values, and what would fit."""
    if mixtures_in(conditions) or any(name.startswith("flow.") for name in conditions):
        return _contradiction(settings, conditions)
    limiting = settings.chemistry.limiting if settings.chemistry is not None else ""
    others = {n: v for n, v in conditions.items() if n.startswith("equivalents.")}
    high = extreme(settings, limiting, others, 1)
    if high is None or high <= 0:
        asked = ", ".join(f"{name} {value:g}" for name, value in others.items())
        return f"equivalents: no mixture of the feeds has {asked or 'what was asked'}"
    low = extreme(settings, limiting, others, -1) or 0.0
    c = conditions.get("concentration", high)
    if high - low <= 1e-9 * high:
        return (
            f"concentration: no diluent feed: these equivalents fix it at {high:.4g} mol/L;"
            f" got {c:g} mol/L (leave it out, ask for {high:.4g}, or add a feed without solutes)"
        )
    if c < low:
        return f"concentration: {c:g} mol/L is too dilute for these feeds; {low:.4g} or more fits"
    return _too_strong(settings, conditions, others, high)


def _too_strong(
    settings: Settings, conditions: Mapping[str, Any], others: Mapping[str, Any], high: float
) -> str:
    c = conditions["concentration"]
    with_what = " and ".join(f"{name} {value:g}" for name, value in others.items())
    fits = [
        f"concentration at most {_down(high)} mol/L" + (f" with {with_what}" if with_what else "")
    ]
    for name in others:
        rest = {n: v for n, v in conditions.items() if n != name}
        most = extreme(settings, name.removeprefix("equivalents."), rest, 1)
        if most is not None and most / c < others[name]:
            fits.append(f"{name} at most {_down(most / c)} at {c:g} mol/L")
    names = ", ".join(feed.name for feed in diluents(settings.feeds)) or "the other feeds"
    return (
        f"concentration: {c:g} mol/L{' with ' + with_what if with_what else ''} leaves less than"
        f" nothing for {names}: the stocks alone are more than the total flow;"
        f" fits: {', or '.join(fits)}"
    )


def _down(value: float) -> str:
    """Return three digits, rounded down, so that the bound printed does fit."""
    digits = 10.0 ** (2 - np.floor(np.log10(value))) if value > 0 else 1.0
    return f"{np.floor(value * digits * (1 + 1e-12)) / digits:.4g}"


def _contradiction(settings: Settings, conditions: Mapping[str, Any]) -> str:
    """Name the first condition that the ones before it leave no room for."""
    mixed = mixtures_in(conditions)
    rows = sorted(
        equations(settings, conditions),
        key=lambda row: (row.condition not in mixed, not row.condition.startswith("flow.")),
    )
    for n in range(1, len(rows) + 1):
        if solve(rows[:n], len(settings.feeds)) is None:
            name = rows[n - 1].condition
            others = dict.fromkeys(row.condition for row in rows[: n - 1] if row.condition != name)
            before = ", ".join(f"{other} {value_text(conditions[other])}" for other in others)
            what = f"{name}: {value_text(conditions[name])}"
            return f"{what} contradicts {before}; leave one of them out"
    return "conditions: no non-negative flows make them"
