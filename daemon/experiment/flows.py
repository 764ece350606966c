"""The linear system between conditions and feed flows (DOMAIN 2), solved with q >= 0.

With stock concentrations S (species by feed) and flows q, every condition is one linear equation:
``concentration`` c is (S_lim - c) q = 0, ``equivalents.X`` e is (S_X - e S_lim) q = 0,
``residence_time`` tau is sum(q) = V/tau, ``flow.F`` is q_F = value, and a composition with the
share x of feed F is q_F - x sum(q of its feeds) = 0 for each of its feeds. A unique solution is
taken as it is; among several (more than one diluent, say) the earlier feeds are preferred.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.experiment.vertices import cheapest
from daemon.settings.models import Settings

Array = NDArray[np.float64]
NEGLIGIBLE = 1e-9  # of the total flow: rounding of the arithmetic, not a demand


@dataclass(frozen=True, slots=True)
class Row:
    """One linear equation ``coefficients . q = value``, and the condition it comes from."""

    condition: str
    coefficients: Array
    value: float


def equations(settings: Settings, conditions: Mapping[str, Any]) -> list[Row]:
    """Return the linear equations the flows must fulfil; names must have been checked."""
    feeds = settings.feeds
    rows: list[Row] = []
    if "residence_time" in conditions and settings.reactor is not None:
        total = settings.reactor.volume_ml / conditions["residence_time"]
        rows.append(Row("residence_time", np.ones(len(feeds)), total))
    limiting = settings.chemistry.limiting if settings.chemistry is not None else ""
    if "concentration" in conditions:
        stock = stock_row(settings, limiting) - conditions["concentration"]
        rows.append(Row("concentration", stock, 0.0))
    for name, value in conditions.items():
        kind, _, what = name.partition(".")
        if isinstance(value, Mapping):
            rows += _shares(settings, name, value)
        elif kind == "equivalents" and what != limiting:
            row = stock_row(settings, what) - value * stock_row(settings, limiting)
            rows.append(Row(name, row, 0.0))
        elif kind == "flow":
            unit = np.array([1.0 if feed.name == what else 0.0 for feed in feeds])
            rows.append(Row(name, unit, float(value)))
    return rows


def _shares(settings: Settings, name: str, amounts: Mapping[str, float]) -> list[Row]:
    """Return one equation for each feed of a composition; one of them follows from the others."""
    together = np.array([1.0 if feed.name in amounts else 0.0 for feed in settings.feeds])
    total = sum(amounts.values())
    rows: list[Row] = []
    for i, feed in enumerate(settings.feeds):
        if feed.name in amounts:
            own = np.eye(len(settings.feeds))[i]
            rows.append(Row(name, own - amounts[feed.name] / total * together, 0.0))
    return rows


def stock_row(settings: Settings, species: str) -> Array:
    """Return a species' stock concentrations, mol/L, shape ``(n_feeds,)``."""
    return np.array([feed.solutes.get(species, 0.0) for feed in settings.feeds])


def solve(rows: list[Row], n_feeds: int) -> Array | None:
    """Return flows q >= 0 that fulfil every row, shape ``(n_feeds,)``, or None when none do."""
    a = np.array([row.coefficients for row in rows]).reshape(-1, n_feeds)
    b = np.array([row.value for row in rows])
    scale = max(1e-12, float(np.abs(b).max(initial=0.0)))
    q, _, rank, _ = np.linalg.lstsq(a, b, rcond=None)
    if rank < n_feeds:
        return cheapest(np.arange(1.0, n_feeds + 1), a, b)  # earlier feeds first
    weight = scale * np.maximum(1.0, np.abs(a).max(axis=1))
    if np.any(np.abs(a @ q - b) > NEGLIGIBLE * weight) or np.any(q < -NEGLIGIBLE * scale):
        return None
    return np.where(q < NEGLIGIBLE * scale, 0.0, q)
