"""Factors held at one value: planners see a factor of a single value, history keeps its places.

A held factor keeps the scale of the one it was made from, so that runs at other values stand where
they stood and teach what they taught; only what can be suggested has shrunk to one value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isclose
from typing import Any, Protocol

import numpy as np

from planners.factors.categorical import Categorical
from planners.factors.common import SLACK, Array, FactorValue, exact, number
from planners.factors.composition import Composition
from planners.factors.numeric import Continuous, Discrete


class _Whole(Protocol):
    """What the shared half below needs of the other."""

    @property
    def held(self) -> FactorValue: ...

    @property
    def slack(self) -> float: ...

    def row(self, value: FactorValue) -> Array: ...

    def is_held(self, value: object) -> bool: ...


class Held:
    """The half that all held factors share; the other half is the factor's own kind."""

    __slots__ = ()

    @property
    def n_levels(self) -> float:
        """Return how many different values there are."""
        return 1

    def spread(self: _Whole, rows: Array) -> Array:
        """Return the held value's row for each row."""
        return np.tile(self.row(self.held), (len(rows), 1))

    def snap(self: _Whole, rows: Array) -> Array:
        """Return the held value's row for each row."""
        return np.tile(self.row(self.held), (len(rows), 1))

    def value(self: _Whole, row: Array) -> FactorValue:  # noqa: ARG002  # there is but one
        """Return the held value."""
        return self.held

    def tidy(self: _Whole, value: FactorValue) -> FactorValue:  # noqa: ARG002  # there is but one
        """Return the held value."""
        return self.held

    def fault(self: _Whole, value: object) -> str | None:
        """Return what is wrong with a value, or None."""
        return None if self.is_held(value) else f"is held at {shown(self.held)}, got {value!r}"

    def is_held(self: _Whole, value: object) -> bool:
        """Return whether a value is the held one, but for rounding."""
        if isinstance(self.held, Mapping):
            if not isinstance(value, Mapping) or set(value) - set(self.held):
                return False
            pairs = [(value.get(name, 0.0), own) for name, own in self.held.items()]
            return all(_same(one, own, self.slack) for one, own in pairs)
        return _same(value, self.held, self.slack)


def _plain(plain: dict[str, Any], value: FactorValue) -> dict[str, Any]:
    """Return a factor's JSON document with the value it is held at."""
    return plain | {"held": dict(value) if isinstance(value, Mapping) else value}


def _same(value: object, own: object, slack: float) -> bool:
    one, other = number(value), number(own)
    if one is None or other is None:
        return value == own
    return isclose(one, other, rel_tol=SLACK, abs_tol=slack)


def shown(value: object) -> str:
    """Return a factor's value for a sentence."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {exact(amount)}" for name, amount in value.items())
    return exact(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class HeldContinuous(Held, Continuous):
    """A number held at one value."""

    held: FactorValue = field(kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """Return the factor as CONTRACT's JSON, with the value it is held at."""
        return _plain(Continuous.to_json(self), self.held)


@dataclass(frozen=True, slots=True)
class HeldDiscrete(Held, Discrete):
    """One of a few numbers, held."""

    held: FactorValue = field(kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """Return the factor as CONTRACT's JSON, with the value it is held at."""
        return _plain(Discrete.to_json(self), self.held)


@dataclass(frozen=True, slots=True)
class HeldCategorical(Held, Categorical):
    """One of a few names, held."""

    held: FactorValue = field(kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """Return the factor as CONTRACT's JSON, with the value it is held at."""
        return _plain(Categorical.to_json(self), self.held)


@dataclass(frozen=True, slots=True)
class HeldComposition(Held, Composition):
    """A mixture, held."""

    held: FactorValue = field(kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """Return the factor as CONTRACT's JSON, with the value it is held at."""
        return _plain(Composition.to_json(self), self.held)


Plain = Continuous | Discrete | Categorical | Composition
AnyHeld = HeldContinuous | HeldDiscrete | HeldCategorical | HeldComposition
_HELD: dict[type[Plain], type[AnyHeld]] = {
    Continuous: HeldContinuous,
    Discrete: HeldDiscrete,
    Categorical: HeldCategorical,
    Composition: HeldComposition,
}


def held(factor: Plain, value: FactorValue) -> AnyHeld:
    """Return a factor of one value, which must be faultless."""
    kind = _kind(factor)
    return _HELD[kind](**_own(factor, kind), held=factor.tidy(value))


def free(factor: Plain) -> Plain:
    """Return a factor without what it is held at: runs at other values are legal, too."""
    kind = _kind(factor)
    return factor if type(factor) is kind else kind(**_own(factor, kind))


def _kind(factor: Plain) -> type[Plain]:
    return next(kind for kind in _HELD if isinstance(factor, kind))


def _own(factor: Plain, kind: type[Plain]) -> dict[str, Any]:
    """Return what a factor of this kind is made of."""
    return {part.name: getattr(factor, part.name) for part in fields(kind) if part.init}
