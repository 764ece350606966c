"""Columns a model may see: declared transforms of the factors, then squares and cross terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Literal, get_args

import numpy as np

from planners.errors import BadOption
from planners.factors import Array
from planners.problem import nearest

Transform = Literal["none", "log", "reciprocal_kelvin", "reciprocal_kelvin_from_K"]
TRANSFORMS: tuple[str, ...] = get_args(Transform)
_ZERO_CELSIUS = 273.15  # K


def transformed(x: Array, names: Sequence[str], transforms: Mapping[str, str]) -> Columns:
    """Return columns with their declared transforms (``none`` for those not named).

    ``reciprocal_kelvin`` takes degC. Raises BadOption for an unknown column or transform, and where
    a value has none.
    """
    faults = [
        f"transform {name}: no such column; there are {', '.join(names)}{nearest(name, names)}"
        for name in transforms
        if name not in names
    ]
    values, titles = x.copy(), list(names)
    for column, name in enumerate(names):
        kind = transforms.get(name, "none")
        if fault := _fault(x[:, column], kind):
            faults.append(f"transform {name}: {fault}")
        elif kind != "none":
            values[:, column], titles[column] = _transform(x[:, column], name, kind)
    if faults:
        raise BadOption(faults)
    return Columns(tuple(titles), values)


def _fault(values: Array, kind: str) -> str | None:
    if kind not in TRANSFORMS:
        return f"must be one of {', '.join(TRANSFORMS)}, got {kind!r}{nearest(kind, TRANSFORMS)}"
    least = float(values.min())
    if kind == "log" and least <= 0:
        return f"needs numbers above 0, and the least is {least:g}"
    offset = _ZERO_CELSIUS if kind == "reciprocal_kelvin" else 0.0
    if kind.startswith("reciprocal") and least + offset <= 0:
        return f"needs temperatures above absolute zero, and the least is {least:g}"
    return None


def _transform(values: Array, name: str, kind: str) -> tuple[Array, str]:
    if kind == "log":
        return np.log(values), f"ln {name}"
    offset = _ZERO_CELSIUS if kind == "reciprocal_kelvin" else 0.0
    return 1.0 / (values + offset), f"1/{name}"


@dataclass(frozen=True)
class Columns:
    """Named columns, values ``(n, f)``."""

    names: tuple[str, ...]
    values: Array

    def with_products(self) -> Columns:
        """Return these with every square and every product of two."""
        pairs = list(combinations_with_replacement(range(len(self.names)), 2))
        products = [self.values[:, i] * self.values[:, j] for i, j in pairs]
        titles = [
            f"{self.names[i]}²" if i == j else f"{self.names[i]} × {self.names[j]}"  # noqa: RUF001
            for i, j in pairs
        ]
        return Columns((*self.names, *titles), np.column_stack([self.values, *products]))

    def only(self, kept: Sequence[int]) -> Columns:
        """Return these columns alone."""
        return Columns(tuple(self.names[i] for i in kept), self.values[:, list(kept)])

    @property
    def rank(self) -> int:
        """Return how many of the columns are independent, beside a constant."""
        centred = self.values - self.values.mean(axis=0)
        spread = centred.std(axis=0)
        scaled = centred[:, spread > 0] / spread[spread > 0]
        return int(np.linalg.matrix_rank(scaled, tol=1e-8 * len(scaled))) if scaled.size else 0
