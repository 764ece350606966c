"""Polls one instrument: which signals are due when, and what a failure looks like as readings.

One timer per instrument: signals with equal periods fall due together, and periods that divide each
other meet, so that a driver can read them in as few exchanges as possible. Instruments fall due one
after the other (their ``phase``), so that the loop has its hands free when one of them answers.
"""

from collections.abc import Mapping, Sequence
from math import floor

from daemon.rig.punctuality import Due
from drivers.errors import (
    DeviceFault,
    GarbledReply,
    InstrumentError,
    LinkLost,
    NoReply,
    NotConnected,
)
from drivers.signal import Quality, Reading, SignalSpec

TOGETHER_S = 0.005  # what falls due this much later is read along

_REASONS: tuple[tuple[type[InstrumentError], str], ...] = (
    (NoReply, "timeout"),
    (LinkLost, "link"),
    (NotConnected, "link"),
    (GarbledReply, "garbled"),
    (DeviceFault, "fault"),
)
SILENT = frozenset({"timeout", "link", "garbled"})  # what is no answer at all


class PollPlan:
    """When each signal of an instrument is due; times are loop times, s."""

    def __init__(self, periods: Mapping[str, float], start: float, phase: float = 0.0) -> None:
        """``phase``, 0 to 1, is the instrument's place in the shortest of its periods."""
        groups: dict[float, list[str]] = {}
        for signal, period in periods.items():
            groups.setdefault(period, []).append(signal)
        self._groups = sorted(groups.items())
        self._order = {signal: i for i, signal in enumerate(periods)}
        self._offset = phase * min(groups, default=0.0)
        self.taken: list[Due] = []  # what the last take_due took
        self.restart(start)

    def restart(self, now: float) -> None:
        """Make everything due now."""
        self._due = [now for _ in self._groups]

    @property
    def next_due(self) -> float | None:
        """Return when something is due next; None when nothing is ever polled."""
        return min(self._due, default=None)

    def take_due(self, now: float) -> list[str]:
        """Return what is due, in the order of ``periods``; what was missed is not made up for."""
        names: list[str] = []
        self.taken = []
        for i, (period, signals) in enumerate(self._groups):
            if self._due[i] > now + TOGETHER_S:
                continue
            names += signals
            self.taken.append(Due(tuple(signals), self._due[i], period))
            self._due[i] = self._next(self._due[i], period)
            if self._due[i] <= now:
                self._due[i] = self._next(now, period)
        names.sort(key=self._order.__getitem__)
        return names

    def _next(self, t: float, period: float) -> float:
        """Return when a poll follows one at ``t``: half a period to one and a half later."""
        return (floor((t - self._offset) / period + 0.5) + 1) * period + self._offset


def urgency(spec: SignalSpec) -> int:
    """Return the place of a signal in a poll: what trips comes last.

    A group of readings is handed on when it is complete; nothing shall come between the last byte
    of a pressure and its judgement.
    """
    return {"bar": 2, "degC": 1}.get(spec.unit, 0)


def reason_for(error: InstrumentError) -> str:
    """Return the reason of a bad reading for a fault of the whole exchange."""
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "fault")


def bad_readings(
    instrument: str, names: Sequence[str], specs: Mapping[str, SignalSpec], now: float, reason: str
) -> list[Reading]:
    """Return a bad reading for each of these signals (short names)."""
    readings: list[Reading] = []
    for name in names:
        full = f"{instrument}.{name}"
        readings.append(Reading(full, None, specs[full].unit, now, Quality.BAD, reason))
    return readings


def silent(readings: Sequence[Reading]) -> bool:
    """Return whether nothing at all was heard from the instrument."""
    return bool(readings) and all(r.quality is Quality.BAD and r.reason in SILENT for r in readings)
