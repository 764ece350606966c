"""Plumbing: cumulative volumes, pump heads and what they draw, and the lines to the mixer.

Everything moves along cumulative volume: fluid that leaves a plug-flow segment of volume V at t
entered when the cumulative volume was V less, whatever the flow did in between. mL, mL/s, s.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import NDArray

from simulators.spec import FeedSpec, PumpSpec

Array = NDArray[np.float64]
GAS = -1  # in the place of a feed's number
CRUMB_ML = 1e-9  # less than this is rounding, not fluid


@dataclass(frozen=True, slots=True)
class Stream:
    """What flows into the coil between two changes.

    ``cold`` and ``hot`` are the flow at ambient and at the coil's temperature, mL/s. ``content`` is
    mol per L of stream by species, and last the gas fraction; shape ``(n_species + 1,)``.
    """

    cold: float
    hot: float
    content: Array


class VolumeLog:
    """The coil's inlet over time: piecewise constant streams, and their cumulative volumes."""

    def __init__(self, t: float, stream: Stream) -> None:
        self._t, self._cold, self._hot = [t], [0.0], [0.0]
        self._streams = [stream]

    def append(self, t: float, stream: Stream) -> None:
        """Let ``stream`` flow from ``t`` on."""
        cold, hot = self.cold(t), self.hot(t)
        if t == self._t[-1]:
            self._streams[-1] = stream
            return
        self._t.append(t)
        self._cold.append(cold)
        self._hot.append(hot)
        self._streams.append(stream)

    def __len__(self) -> int:
        return len(self._t)

    @property
    def start(self) -> float:
        """Return the earliest time still known."""
        return self._t[0]

    @property
    def last(self) -> Stream:
        """Return what flows now."""
        return self._streams[-1]

    def cold(self, t: float) -> float:
        """Return the cumulative volume at ambient temperature."""
        i = max(bisect_right(self._t, t) - 1, 0)
        return self._cold[i] + self._streams[i].cold * max(t - self._t[i], 0.0)

    def hot(self, t: float) -> float:
        """Return the cumulative volume at the coil's temperature."""
        i = max(bisect_right(self._t, t) - 1, 0)
        return self._hot[i] + self._streams[i].hot * max(t - self._t[i], 0.0)

    def when_cold(self, volume: float) -> float:
        """Return when the cold volume was first reached; minus infinity before the beginning."""
        if volume <= self._cold[0]:
            return -inf
        i = bisect_left(self._cold, volume) - 1
        flow = self._streams[i].cold
        return self._t[i] + (volume - self._cold[i]) / flow if flow else inf

    def when_hot(self, volume: float) -> float:
        """Return when the hot volume was first reached; minus infinity before the beginning."""
        if volume <= self._hot[0]:
            return -inf
        i = bisect_left(self._hot, volume) - 1
        flow = self._streams[i].hot
        return self._t[i] + (volume - self._hot[i]) / flow if flow else inf

    def entered(self, volume: float) -> Array | None:
        """Return the content of the fluid at this hot volume; None before the beginning."""
        if volume <= self._hot[0]:
            return None
        return self._streams[bisect_left(self._hot, volume) - 1].content

    def between(self, low: float, high: float) -> list[tuple[float, float, Stream]]:
        """Return the streams that made the hot volumes between: (volume, seconds, stream).

        Pauses in between come with volume 0.
        """
        parts: list[tuple[float, float, Stream]] = []
        i = max(bisect_right(self._hot, low) - 1, 0)
        while i < len(self._t) and self._hot[i] < high:
            stream = self._streams[i]
            end = self._hot[i + 1] if i + 1 < len(self._t) else inf
            volume = min(end, high) - max(self._hot[i], low)
            if stream.hot:
                parts.append((volume, volume / stream.hot, stream))
            else:
                parts.append((0.0, self._t[i + 1] - self._t[i], stream))
            i += 1
        return parts

    def forget(self, before: float) -> None:
        """Drop what ended before this time."""
        old = max(bisect_right(self._t, before) - 1, 0)
        del self._t[:old], self._cold[:old], self._hot[:old], self._streams[:old]


@dataclass
class Head:
    """One pump head: what it is told, and what it has to pump."""

    spec: PumpSpec
    bottle: float = inf  # liquid left in the bottle it draws from, mL
    source: int = 0  # the number of that bottle, and what is left in
    shelf: tuple[float, ...] = ()  # all of them, when it draws from several
    flow: float = 0.0  # commanded, mL/s; negative fills the syringe
    stalled: bool = False
    held: bool = False  # a stall fault is on
    displaced: float = 0.0  # strokes, mL
    delivered: float = 0.0  # liquid sent towards the mixer, mL
    bubble: float = 0.0  # gas drawn by an air fault, still to go
    barrel_liquid: float = field(init=False)
    barrel_gas: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.barrel_liquid = self.spec.syringe_ml or 0.0

    @property
    def running(self) -> float:
        """Return the flow that the head really makes, mL/s."""
        return 0.0 if self.stalled or self.held else self.flow

    @property
    def gas(self) -> bool:
        """Return whether the head delivers gas (or would, if it ran)."""
        if self.bubble > 0:
            return True
        return (self.barrel_liquid if self.spec.syringe_ml else self.bottle) <= 0

    def draw_from(self, source: int) -> None:
        """Draw from another bottle from now on."""
        if source != self.source:
            left = self.bottle
            self.bottle = self.shelf[source]
            self.shelf = (*self.shelf[: self.source], left, *self.shelf[self.source + 1 :])
            self.source = source

    def left_in(self, source: int) -> float:
        """Return what is left in one of its bottles, mL."""
        return self.bottle if source == self.source else self.shelf[source]

    def replace(self, source: int, bottle: float) -> None:
        """Put a bottle with this volume, mL, in the place of another."""
        if source == self.source:
            self.bottle = bottle
        else:
            self.shelf = (*self.shelf[:source], bottle, *self.shelf[source + 1 :])

    def command(self, flow: float) -> None:
        """Run at this flow, mL/s; a stall is forgiven until its cause shows again."""
        self.flow, self.stalled = flow, False
        self.check_stroke()

    def check_stroke(self) -> None:
        """Stall at either end of the syringe."""
        if self.spec.syringe_ml is None:
            return
        held = self.barrel_liquid + self.barrel_gas + self.bubble
        if (self.flow > 0 and held <= 0) or (self.flow < 0 and held >= self.spec.syringe_ml):
            self.stalled = True

    def until_change(self) -> float:
        """Return for how long the head goes on as now, s."""
        flow = self.running
        if flow == 0:
            return inf
        if self.spec.syringe_ml is None:
            left = self.bubble if self.bubble > 0 else self.bottle
            return left / flow if flow > 0 and left > 0 else inf
        held = self.barrel_liquid + self.barrel_gas + self.bubble
        if flow < 0:
            room = self.spec.syringe_ml - held
            return min(room, self.bottle if self.bottle > 0 else inf) / -flow
        return next(v for v in (self.bubble, self.barrel_liquid, self.barrel_gas) if v > 0) / flow

    def advance(self, seconds: float) -> None:
        """Go on for this long, no longer than ``until_change``."""
        moved = self.running * seconds
        self.displaced += moved
        if moved > 0:
            self._push(moved)
        elif moved < 0 and self.spec.syringe_ml is not None:
            self._fill(-moved)
        self.check_stroke()

    def draw_air(self, volume: float) -> None:
        """Take gas instead of liquid for this volume (mL), from now on."""
        if self.spec.syringe_ml is not None:
            volume = min(volume, self.barrel_liquid)
            self.barrel_liquid -= volume
        self.bubble += volume

    def run_dry(self) -> None:
        """Lose the rest of the stock, in the bottle and in the syringe."""
        self.bottle = 0.0
        self.barrel_gas, self.barrel_liquid = self.barrel_gas + self.barrel_liquid, 0.0

    def _push(self, moved: float) -> None:
        if self.bubble > 0:
            self.bubble = _less(self.bubble, moved)
        elif self.gas:
            self.barrel_gas = _less(self.barrel_gas, moved)
        else:
            self.delivered += moved
            if self.spec.syringe_ml is None:
                self.bottle = _less(self.bottle, moved)
            else:
                self.barrel_liquid = _less(self.barrel_liquid, moved)

    def _fill(self, moved: float) -> None:
        capacity = self.spec.syringe_ml or 0.0
        if self.bottle > 0:
            self.bottle = _less(self.bottle, moved)
            self.barrel_liquid += moved
        else:
            self.barrel_gas += moved
        spill = self.barrel_liquid + self.barrel_gas + self.bubble - capacity
        if spill > -CRUMB_ML:  # full, but for rounding
            self.barrel_liquid = max(self.barrel_liquid - spill, 0.0)


class FeedLine:
    """The line from a pump to the mixer: fronts between gas and one stock or another travel along.

    ``feeds`` are those of the pump, one for each of its bottles. A front is pushed sharp.
    """

    def __init__(self, feeds: Sequence[FeedSpec], head: Head) -> None:
        self.feeds, self.head = feeds, head
        self.outlet = head.source  # what comes out at the mixer: the number of a feed, or GAS
        self.inlet = self._drawn  # what goes in at the pump
        self._fronts: deque[tuple[float, int]] = deque()  # mL to go, what is behind it
        self.rate = 0.0  # along the line, mL/s
        if self.inlet == GAS:
            self._fronts.append((feeds[head.source].dead_volume_ml, GAS))

    @property
    def _drawn(self) -> int:
        return GAS if self.head.gas else self.head.source

    @property
    def has_gas(self) -> bool:
        """Return whether gas goes in or comes out."""
        return GAS in {self.inlet, self.outlet}

    def until_change(self) -> float:
        """Return how long until the next front reaches the mixer, s."""
        if not self._fronts or self.rate <= 0:
            return inf
        return self._fronts[0][0] / self.rate

    def advance(self, seconds: float) -> None:
        """Move the fronts on."""
        moved = self.rate * seconds
        if moved > 0 and self._fronts:
            self._fronts = deque(
                (max(_less(left, moved), 0.0), what) for left, what in self._fronts
            )

    def settle(self, pressure: float) -> None:
        """Take up the head's state: flow along the line, fronts in and out.

        Gas is drawn at ambient pressure and goes on compressed to the line's (gauge) pressure.
        """
        if self._drawn != self.inlet:
            self.inlet = self._drawn
            self._fronts.append((self.feeds[self.head.source].dead_volume_ml, self.inlet))
        while self._fronts and self._fronts[0][0] <= 0:
            self.outlet = self._fronts.popleft()[1]
        squeezed = 1.0 / (1.0 + max(pressure, 0.0)) if self.inlet == GAS else 1.0
        self.rate = max(self.head.running, 0.0) * squeezed


def _less(volume: float, moved: float) -> float:
    """Return what is left; a crumb left over by rounding is nothing."""
    left = volume - moved
    return 0.0 if left < CRUMB_ML else left


def mixed(
    lines: Sequence[FeedLine], solutes: Mapping[str, Array], n_rows: int
) -> tuple[float, Array]:
    """Return the total flow (mL/s) and the content of the mixed stream, shape ``(n_rows,)``.

    ``solutes`` by feed, mol/L.
    """
    total = sum(line.rate for line in lines)
    content = np.zeros(n_rows)
    if total > 0:
        for line in lines:
            share = line.rate / total
            if line.outlet == GAS:
                content[-1] += share
            else:
                content[:-1] += share * solutes[line.feeds[line.outlet].name]
    return total, content
