"""Clocks of volume: what each pump has really delivered, and when a parcel passed where.

A :class:`Meter` counts one pump from its readings: the integral of the ``flow`` read-backs, put
right by the ``dispensed`` counter where there is one. :class:`VolumeClocks` adds the meters up to
what has passed the mixer and keeps the history, so that times follow from volumes: fluid in the
analyser now left the coil when the total was less by the outlet's volume, and entered it when it
was less by the coil's as well. Stalls, ramps and pauses need no special case.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

GAP_S = 10.0  # between two good readings; over a longer silence nothing is counted as pumped
COUNTER_SLACK_ML = 0.02  # counters show two or three decimals, and are read a little later


@dataclass
class Meter:
    """The volume one pump has delivered, mL, from readings in the order they come."""

    total_ml: float = 0.0
    flow_ml_min: float = 0.0
    _t: float | None = None
    _counter: float = 0.0  # where counting by the counter began,
    _at_counter: float = 0.0  # and the total that belongs to it
    _last_counter: float | None = None

    @property
    def seen(self) -> float | None:
        """Return when the flow was last known, loop time."""
        return self._t

    def on_flow(self, t: float, ml_min: float) -> None:
        """Take one good flow reading: between readings the flow is taken to change evenly."""
        if not isfinite(ml_min) or (self._t is not None and t < self._t):
            return  # a poll overtaken by a command tells of the flow before it
        flow = max(ml_min, 0.0)  # a syringe that withdraws delivers nothing
        if self._t is not None and t - self._t <= GAP_S:
            self.total_ml += (t - self._t) / 60.0 * (flow + self.flow_ml_min) / 2
        self.flow_ml_min, self._t = flow, t

    def on_step(self, t: float, ml_min: float) -> None:
        """Take a commanded and confirmed change of flow: a step at ``t``, not a ramp."""
        self.on_flow(t, self.flow_ml_min)
        self.flow_ml_min = max(ml_min, 0.0)

    def on_counter(self, t: float, dispensed_ml: float) -> None:
        """Take one reading of the pump's own counter; beyond its slack it overrules the integral.

        A counter that went back was cleared (by a refill, say) and counts from there.
        """
        if not isfinite(dispensed_ml):
            return
        self.on_flow(t, self.flow_ml_min)
        before, self._last_counter = self._last_counter, dispensed_ml
        if before is None or dispensed_ml < before:
            self._counter, self._at_counter = dispensed_ml, self.total_ml
            return
        counted = self._at_counter + dispensed_ml - self._counter
        if abs(counted - self.total_ml) > COUNTER_SLACK_ML:
            self.total_ml = counted
            self._counter, self._at_counter = dispensed_ml, counted

    def forget_counter(self) -> None:
        """Let the next reading of the counter begin anew: others used it meanwhile."""
        self._last_counter = None


@dataclass
class History:
    """Samples of rising quantities over time; columns by name, pruned from the front."""

    t: list[float] = field(default_factory=list[float])
    columns: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def add(self, t: float, values: Mapping[str, float]) -> None:
        """Add one row; a row at the time of the last one replaces it."""
        if self.t and t <= self.t[-1]:
            for name, value in values.items():
                self.columns[name][-1] = value
            return
        self.t.append(t)
        for name, value in values.items():
            self.columns.setdefault(name, []).append(value)

    def at(self, t: float, name: str) -> float:
        """Return a column at a time, linear between rows; the ends hold beyond them."""
        return _interpolate(self.t, self.columns[name], t)

    def when(self, value: float, name: str) -> float | None:
        """Return when a rising column first reached a value; None outside the history."""
        column = self.columns.get(name, [])
        if not column or value < column[0] or value > column[-1]:
            return None
        i = bisect_left(column, value)
        if i == 0 or column[i] == value:
            return self.t[i]
        part = (value - column[i - 1]) / (column[i] - column[i - 1])
        return self.t[i - 1] + part * (self.t[i] - self.t[i - 1])

    def between(self, start: float, end: float, name: str) -> Sequence[float]:
        """Return a column's rows with start <= t <= end."""
        return self.columns.get(name, [])[bisect_left(self.t, start) : bisect_right(self.t, end)]

    def between_times(self, start: float, end: float) -> Sequence[float]:
        """Return the times of the rows with start <= t <= end."""
        return self.t[bisect_left(self.t, start) : bisect_right(self.t, end)]

    def forget(self, before: float) -> None:
        """Drop rows older than ``before``, but for the last of them."""
        n = max(0, bisect_left(self.t, before) - 1)
        if n:
            del self.t[:n]
            for column in self.columns.values():
                del column[:n]


def _interpolate(t: Sequence[float], y: Sequence[float], at: float) -> float:
    i = bisect_right(t, at)
    if i == 0:
        return y[0]
    if i == len(t):
        return y[-1]
    part = (at - t[i - 1]) / (t[i] - t[i - 1])
    return y[i - 1] + part * (y[i] - y[i - 1])


TOTAL = "total"  # the column of what has passed the mixer


class VolumeClocks:
    """What each feed has delivered since the beginning, mL, and through the mixer in all."""

    def __init__(self, feeds: Sequence[str]) -> None:
        self.meters = {feed: Meter() for feed in feeds}
        self.history = History()

    @property
    def total_ml(self) -> float:
        """Return the volume that has passed the mixer."""
        return sum(meter.total_ml for meter in self.meters.values())

    def feed_ml(self, feed: str) -> float:
        """Return the volume one feed has delivered."""
        return self.meters[feed].total_ml

    def delivered_so_far(self) -> dict[str, float]:
        """Return the volume of every feed since the beginning."""
        return {feed: meter.total_ml for feed, meter in self.meters.items()}

    def keep(self, t: float) -> None:
        """Write a row of history; call after a group of readings."""
        row = {feed: meter.total_ml for feed, meter in self.meters.items()}
        row[TOTAL] = sum(row.values())
        self._monotone(row)
        self.history.add(t, row)

    def _monotone(self, row: dict[str, float]) -> None:
        """Never let history fall: a counter that overruled the integral must not turn time back."""
        for name, column in self.history.columns.items():
            row[name] = max(row[name], column[-1])

    def delivered(self, start: float, end: float) -> dict[str, float]:
        """Return the volume each feed delivered between two times, mL."""
        at = self.history.at
        return {feed: at(end, feed) - at(start, feed) for feed in self.meters}

    def passage(
        self, sampled: float, coil_ml: float, outlet_ml: float
    ) -> tuple[float, float] | None:
        """Return when the fluid in the analyser at ``sampled`` entered and left the coil, s.

        None when that was before the history began.
        """
        if not self.history.t:
            return None
        total = self.history.at(sampled, TOTAL)
        left = self.history.when(total - outlet_ml, TOTAL)
        entered = self.history.when(total - outlet_ml - coil_ml, TOTAL)
        return None if left is None or entered is None else (entered, left)
