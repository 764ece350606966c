"""Properties of chemical elements, ours and the user's, as a table of numbers."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from planners.factors import Array

WEIGHT = "atomic_weight"  # g/mol: divides amounts by weight, and describes nothing by itself


@dataclass(frozen=True, slots=True)
class Elements:
    """The components of one composition that have properties.

    ``columns`` are their positions among the components, ``(m,)``; ``weights`` their atomic
    weights, g/mol, ``(m,)``; ``values`` their properties without gaps, ``(m, len(names))``.
    """

    columns: NDArray[np.intp]
    weights: Array
    names: tuple[str, ...]
    values: Array


@cache
def table() -> Mapping[str, Mapping[str, float]]:
    """Return the table of elements: symbol -> property -> value, nan where it is not known."""
    text = files("planners.extrapolate").joinpath("elements.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    names = document["columns"]
    return {
        symbol: dict(zip(names, map(float, row), strict=True))
        for symbol, row in document["elements"].items()
    }


def described(
    components: Sequence[str], own: Mapping[str, Mapping[str, float]] | None = None
) -> Elements:
    """Return the components that have properties; ``own`` adds to the table and overrides it.

    A missing property becomes the mean of those of the other components, a missing atomic weight
    too.
    """
    rows = {name: {**table().get(name, {}), **(own or {}).get(name, {})} for name in components}
    known = [i for i, name in enumerate(components) if rows[name]]
    names = list(dict.fromkeys(key for i in known for key in rows[components[i]]))
    values = np.array([[rows[components[i]].get(key, np.nan) for key in names] for i in known])
    filled = _filled(values.reshape(len(known), len(names)))
    weights = np.ones(len(known))
    if WEIGHT in names:
        weights = filled[:, names.index(WEIGHT)]
    kept = [j for j, name in enumerate(names) if name != WEIGHT]
    columns = np.array(known, dtype=np.intp)
    return Elements(columns, weights, tuple(names[j] for j in kept), filled[:, kept])


def _filled(values: Array) -> Array:
    """Return the table with each gap filled by its column's mean."""
    missing = np.isnan(values)
    counts = np.maximum((~missing).sum(axis=0), 1)
    means = np.where(missing, 0.0, values).sum(axis=0) / counts
    return np.where(missing, means, values)
