"""How punctual the polls of an instrument are: what came late, what had to be left out.

A signal is wanted once in each of its periods. A poll that ends more than a period after it was due
is late; periods that went by without any are missed. Polls that failed say nothing about that.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

KEPT_S = 60.0


@dataclass(frozen=True, slots=True)
class Due:
    """Signals of one period that were taken to be polled; loop times and periods in s."""

    signals: tuple[str, ...]
    at: float
    period: float

    @property
    def deadline(self) -> float:
        """Return until when they are wanted."""
        return self.at + self.period


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late one signal has been lately."""

    late: int = 0  # polls
    missed: int = 0
    worst_s: float = 0.0

    @property
    def polls(self) -> int:
        """Return how many of its periods went without a reading in time."""
        return self.late + self.missed


class Punctuality:
    """Counts for one instrument."""

    def __init__(self) -> None:
        self.late = self.missed = 0  # since the start, polls of single signals
        self._lately: dict[str, deque[tuple[float, int, float]]] = {}  # when, missed, lateness s

    def done(self, taken: Iterable[Due], now: float) -> None:
        """Note the end of a good poll."""
        for due in taken:
            over = now - due.deadline
            if over <= 0.0:
                continue
            missed = floor(over / due.period)
            self.late += len(due.signals)
            self.missed += missed * len(due.signals)
            for signal in due.signals:
                self._lately.setdefault(signal, deque()).append((now, missed, over))

    def lately(self, now: float) -> dict[str, Lateness]:
        """Return who was late in the last minute, by short name."""
        found: dict[str, Lateness] = {}
        for signal, kept in self._lately.items():
            while kept and kept[0][0] < now - KEPT_S:
                kept.popleft()
            if kept:
                missed, worst = sum(m for _, m, _ in kept), max(s for _, _, s in kept)
                found[signal] = Lateness(len(kept), missed, worst)
        return found
