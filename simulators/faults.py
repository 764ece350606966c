"""Faults of the plant on a timetable: which are on at a time, and when that next changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from simulators.spec import FaultSpec

CLOG_BAR_S_ML = 6000.0  # of a clog of size 1: 100 bar per mL/min
LEAK_ML_S_BAR = 0.05 / 60.0  # of a leak of size 1
GROWTH_STEPS = 60
GROWTH_FROM = 1e-4  # a growing clog starts at this fraction of its size


@dataclass(frozen=True, slots=True)
class Change:
    """A fault that begins (``on``) or ends."""

    at: float
    fault: FaultSpec
    on: bool


class Timetable:
    """All faults of a plant; times are the clock's."""

    def __init__(self, faults: Sequence[FaultSpec], birth: float) -> None:
        self._birth = birth
        changes = [Change(birth + fault.at_s, fault, on=True) for fault in faults]
        changes += [
            Change(birth + fault.at_s + fault.duration_s, fault, on=False)
            for fault in faults
            if fault.duration_s is not None
        ]
        self._ahead = sorted(changes, key=lambda change: change.at)
        self.active: list[FaultSpec] = []

    def next_change(self, t: float) -> float:
        """Return when something next begins, ends or grows; infinity when nothing will."""
        times = [self._ahead[0].at] if self._ahead else []
        times += [self._next_growth(fault, t) for fault in self.active if fault.kind == "clog"]
        return min(times, default=inf)

    def due(self, t: float) -> list[Change]:
        """Return, once, what begins and ends up to this time."""
        due: list[Change] = []
        while self._ahead and self._ahead[0].at <= t:
            change = self._ahead.pop(0)
            (self.active.append if change.on else self.active.remove)(change.fault)
            due.append(change)
        return due

    def dead(self, instrument: str) -> bool:
        """Return whether the instrument's sensor is dead now."""
        return any(f.kind == "dead_sensor" and f.instrument == instrument for f in self.active)

    def clog_bar_s_ml(self, t: float) -> float:
        """Return the resistance that clogs add to the coil, bar s/mL."""
        clogs = [fault for fault in self.active if fault.kind == "clog"]
        return sum(CLOG_BAR_S_ML * f.size * self._grown(f, t) for f in clogs)

    def leak_ml_s_bar(self) -> float:
        """Return what leaks before the coil, mL/s per bar."""
        return sum(LEAK_ML_S_BAR * f.size for f in self.active if f.kind == "leak")

    def _stage(self, fault: FaultSpec, t: float) -> int:
        """Return how many of its steps a clog has grown; a hair of rounding counts as reached."""
        passed = (t - self._birth - fault.at_s) / fault.growth_s * GROWTH_STEPS
        return min(int(passed + 1e-6), GROWTH_STEPS)

    def _grown(self, fault: FaultSpec, t: float) -> float:
        if fault.growth_s <= 0:
            return 1.0
        return GROWTH_FROM ** (1.0 - self._stage(fault, t) / GROWTH_STEPS)

    def _next_growth(self, fault: FaultSpec, t: float) -> float:
        if fault.growth_s <= 0 or self._stage(fault, t) >= GROWTH_STEPS:
            return inf
        stage = self._stage(fault, t) + 1
        return self._birth + fault.at_s + fault.growth_s * stage / GROWTH_STEPS
