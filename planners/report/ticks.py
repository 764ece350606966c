"""What is written along the axes of a picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from planners.base import Continuous, Discrete, Response

_LETTERS = 16  # of all names together that fit below a panel, side by side
_TICKS = 8  # listed numbers that do
_UPRIGHT = 10  # names: more of them would lie upon each other where they lean
_SMALL = 150.0  # points of text for all upright names together, in a panel
_DECADES = 5  # numbers on a logarithmic axis that do


def name_decades(panel: Any, low: float, high: float) -> None:
    """Name round numbers along a panel's logarithmic axis, as a person writes them."""
    ticks = log_ticks(low, high)
    panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.xaxis.set_minor_formatter("")


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two ends: decades, of few of them halves and fifths, too."""
    steps = (1.0,) if high > 100 * low else (1.0, 2.0, 5.0)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [float(f"{step}e{k}") for k in decades for step in steps]
    inside = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
    return inside[:: -(-len(inside) // _DECADES)] if len(inside) > 1 else [low, high]


def name_listed(panel: Any, values: Sequence[float] | Sequence[str]) -> None:
    """Name the values there are and nothing between them; names that do not fit lean."""
    if not isinstance(values[0], str) and len(values) <= _TICKS:
        panel.set_xticks(list(values), [f"{value:g}" for value in values])
    if leaning(values) and len(values) > _UPRIGHT:
        size = min(9.0, _SMALL / len(values))
        panel.margins(x=0.03)
        panel.tick_params(axis="x", rotation=90, labelsize=size)
    elif leaning(values):
        panel.tick_params(axis="x", rotation=40)
        for label in panel.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")


def leaning(values: Sequence[float] | Sequence[str]) -> int:
    """Return how many letters the longest name has, 0 where all fit side by side."""
    lengths = [len(value) for value in values if isinstance(value, str)]
    return max(lengths) if sum(lengths) > _LETTERS else 0


def labelled(named: Response | Continuous | Discrete) -> str:
    """Return its name and unit, as axes show them."""
    return f"{named.name} / {named.unit}" if named.unit else named.name
