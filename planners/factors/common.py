"""Factors: what a planner may vary, each with its own piece of the unit cube.

Every factor owns ``width`` columns of the unit cube, in which designs are drawn and acquisition
functions are searched. ``snap`` moves any row of the cube to the nearest one that stands for a
legal value, ``value`` and ``row`` translate between rows and values, ``features`` gives the
columns a model sees, and ``amounts`` the plain numbers that linear constraints add up.
"""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from planners.errors import BadProblem
from planners.spelling import closest

Array = NDArray[np.float64]
FactorValue = float | int | str | Mapping[str, float]

RESERVED = ("predicted", "status")  # keys and columns with a meaning of their own
GREATEST = 1e100  # no quantity is larger, and squares of it are still numbers
ONE_VALUE = "; what has one value is no factor: leave it out"
SLACK = 1e-6  # of a factor's range: rounding in files is not a fault


def number(value: object) -> float | None:
    """Return ``value`` as a finite float, or None when it is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if isfinite(result) else None


def exact(value: float) -> str:
    """Return a number for a sentence, with all the digits that can make it a fault."""
    return f"{value:.10g}"


def nearest(name: str, known: Sequence[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known name in any case, or nothing."""
    close = closest(name, known)
    return "" if close is None else f" (did you mean {close!r}?)"


def check(faults: Sequence[str]) -> None:
    """Raise BadProblem when there are any."""
    if faults:
        raise BadProblem(faults)


def too_large(key: str, values: Sequence[float]) -> list[str]:
    """Return a fault when one of the values of a key is no number that can be worked with."""
    wrong = [f"{value!r:.40}" for value in values if not abs(value) <= GREATEST]
    return (
        [f"{key}: must be finite and within +/- {GREATEST:g}, got {', '.join(wrong)}"]
        if wrong
        else []
    )


def name_faults(name: str) -> list[str]:
    """Return what is wrong with a factor's name."""
    if not name or name != name.strip():
        return [f"name: must be a word without spaces around it, got {name!r}"]
    if name in RESERVED or name.endswith(".sd") or name.startswith("achieved."):
        return [f"name: {name!r} is reserved for history columns; choose another"]
    return []


def unique_faults(key: str, names: Sequence[object]) -> list[str]:
    """Return what is wrong with a list of at least two different things."""
    if len(names) < 2:
        one = ONE_VALUE if names else ""
        return [f"{key}: must name at least 2, got {len(names)}{one}"]
    if blank := [n for n in names if isinstance(n, str) and (not n or n != n.strip())]:
        return [f"{key}: must be words without spaces around them, got {blank[0]!r}"]
    twice = sorted({str(n) for n in names if list(names).count(n) > 1})
    return [f"{key}: must differ, got {', '.join(twice)} more than once"] if twice else []


def dropped_faults(kept: Sequence[object], dropped: Sequence[object]) -> list[str]:
    """Return what is wrong with values that were taken out of a factor and are still known."""
    names = [str(value) for value in dropped]
    twice = sorted({n for n in names if names.count(n) > 1} | ({*map(str, kept)} & {*names}))
    return [f"dropped: must differ from all others, got {', '.join(twice)}"] if twice else []


def known_index(rows: Array, kept: int, dropped: int) -> NDArray[np.intp]:
    """Return the number of the level of each entry; dropped levels follow beyond the cube."""
    return np.clip(np.floor(rows * kept), 0, kept + dropped - 1).astype(np.intp)


def level_index(rows: Array, count: int) -> NDArray[np.intp]:
    """Return the number of the level on which each entry falls, of ``count`` equal shares."""
    return np.clip(np.floor(rows * count), 0, count - 1).astype(np.intp)
