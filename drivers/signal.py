"""Signals: the named quantities of an instrument, and the readings they give.

A driver is a table of these (see ``drivers.ascii`` and its neighbours); polling, limits, logging,
MQTT and the dashboard all come from the table.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from math import isfinite
from typing import Protocol

Value = float | int | bool | str


class Quality(StrEnum):
    """How far a reading can be trusted (after NAMUR NE 107)."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


class Lane(IntEnum):
    """Priority of an exchange on a shared line; the smaller goes first."""

    TRIP = 0
    COMMAND = 1
    POLL = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Closed interval a value must lie in; the unit is the signal's."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (isfinite(self.low) and isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"limits must be finite, low <= high, got [{self.low}, {self.high}]")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high  # NaN is never inside

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]"

    def narrowed(self, other: "Limits | None") -> "Limits":
        """Return the part of this interval inside ``other``; raise ValueError when none is."""
        if other is None:
            return self
        return Limits(max(self.low, other.low), min(self.high, other.high))


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """What a signal is; constant for the life of the instrument.

    ``name`` is the short name inside the instrument (``flow``); the full name, as in events, MQTT
    and interlocks, is ``<instrument>.<name>`` (``pump-a.flow``).
    """

    name: str
    kind: type[float] | type[int] | type[bool] | type[str]
    unit: str = ""
    writable: bool = False
    limits: Limits | None = None
    poll_s: float | None = 1.0  # None: never polled (read on demand, or pushed by the instrument)
    doc: str = ""
    choices: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one signal at one moment; ``t`` is event-loop time, s.

    A bad reading has ``value`` None and says why in ``reason`` (``stale``, ``timeout``, ``nan``,
    ``sentinel``, ``link``, ``fault``, ``range``): a failure never becomes a value.
    """

    signal: str  # full name
    value: Value | None
    unit: str
    t: float
    quality: Quality = Quality.GOOD
    reason: str = ""


class Signal(Protocol):
    """A signal bound to its instrument."""

    @property
    def spec(self) -> SignalSpec:
        """Return what this signal is."""
        ...

    @property
    def full_name(self) -> str:
        """Return ``<instrument>.<name>``."""
        ...

    async def read(self, lane: Lane = Lane.POLL) -> Reading:
        """Ask the instrument once (queries may be retried); raise InstrumentError on failure."""
        ...

    async def set(self, value: Value, lane: Lane = Lane.COMMAND) -> Reading:
        """Check the limits, write once (never retried), read back; return the read-back.

        Raises OutOfRange before anything is sent; ReadbackMismatch when the instrument holds
        another value afterwards.
        """
        ...
