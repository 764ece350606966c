"""The plant's engine: pumps, lines, pressure, coil and thermostats, advanced from event to event.

Between events everything is a closed form of time: reading at any moment changes nothing, and the
same commands give the same plant however often it was looked at. Events are commands, faults, a
bottle or syringe running out, a front reaching the mixer, a pump reaching its strength, and a
steady tick that takes up the coil's temperature (viscosity, expansion). mL, mL/s, degC, bar, s.

Two simplifications: what compliance stores (microlitres) is not taken from the coil's throughput,
and liquid driven out of the coil while it warms up is neglected.
"""

from copy import copy
from math import floor, inf, isclose

import numpy as np
from numpy.typing import NDArray

from simulators.dispersion import DispersedCoil
from simulators.faults import Change, Timetable
from simulators.hydraulics import Line, resistance_bar_s_ml, tube_length_m, viscosity_pa_s
from simulators.plumbing import FeedLine, Head, Stream, VolumeLog, mixed
from simulators.reactor import Conditions, PlugCoil
from simulators.spec import VALVES_BEGIN, FeedSpec, PlantSpec, PumpSpec
from simulators.thermal import Zone, wall_lag_s

Array = NDArray[np.float64]
TICK_S = 5.0
SAME_FLOW_K = 0.01  # a change of the coil's temperature too small for pressure and expansion
BLINK_S = 1e-9  # no two events of rounding closer than this
WINDOW_S = 1800.0  # how far back a measurement may reach
TIDY_TICKS = 720  # the past that no one can ask for is dropped this often


class Plant:
    """Everything wet and warm, without instruments."""

    def __init__(self, spec: PlantSpec, t: float) -> None:
        self.spec, self.birth = spec, t
        self._t, self._tick, self._tidy = t, 0, TIDY_TICKS
        self.faults = Timetable(spec.faults, t)
        lag = wall_lag_s(spec.coil.inner_diameter_mm)
        self.zones = {h.name: Zone(h, t, spec.ambient_degc, lag) for h in spec.heaters}
        self.coil_zone = self.zones[spec.coil.thermostat]
        self.feeds = {p.name: [f for f in spec.feeds if f.pump == p.name] for p in spec.pumps}
        self.heads = {p.name: _head(p, self.feeds[p.name]) for p in spec.pumps}
        self.lines = [FeedLine(own, self.heads[name]) for name, own in self.feeds.items() if own]
        species = list(spec.chemistry.species)
        self._solutes = {
            f.name: np.array([f.solutes.get(s, 0.0) for s in species]) for f in spec.feeds
        }
        self._rows = len(species) + 1
        self.line = Line(t, spec.back_pressure_bar)
        self._length_m = tube_length_m(spec.coil.volume_ml, spec.coil.inner_diameter_mm)
        self.log = VolumeLog(t, Stream(0.0, 0.0, np.zeros(self._rows)))
        given = Conditions(
            spec.coil, spec.chemistry, self.coil_zone, lag, spec.ambient_degc,
            spec.fluid.expansion_per_k,
        )  # fmt: skip
        self.coil = DispersedCoil(given, self.log) if spec.dispersion else PlugCoil(given, self.log)
        self._given = given
        self._horizon = self._event = t
        self._soft, self._taken_up = False, spec.ambient_degc
        self._settle()

    def advance(self, t: float) -> None:
        """Bring the plant to ``t``; times before the last event are taken as that event's."""
        while self._horizon <= t:
            if self._idle(self._horizon):
                self._tick += 1
                self._horizon = min(self._event, self._tick_time())
                continue
            self._move(self._horizon)
            self._settle()

    def command(self, t: float, pump: str, flow: float) -> None:
        """Run a pump at this flow (mL/s) from now on."""
        self.advance(t)
        self._move(t)
        self.heads[pump].command(flow)
        self._settle()

    def block(self, t: float, pump: str) -> None:
        """Stall a pump that would deliver against a closed valve; its next command forgives it."""
        self.advance(t)
        self._move(t)
        head = self.heads[pump]
        head.stalled = head.stalled or head.flow > 0
        self._settle()

    def draw_from(self, t: float, pump: str, source: int) -> None:
        """Let a pump draw from another of its bottles from now on."""
        self.advance(t)
        self._move(t)
        self.heads[pump].draw_from(source)
        self._settle()

    def heat(self, t: float, heater: str, goal: float | None) -> None:
        """Give a thermostat its goal."""
        self.advance(t)
        self.zones[heater].set_goal(t, goal)

    def displaced(self, t: float, pump: str) -> float:
        """Return the strokes' volume up to now, mL."""
        head = self.heads[pump]
        return head.displaced + head.running * (t - self._t)

    def head(self, t: float, pump: str) -> Head:
        """Return a copy of a pump head as it is at ``t``."""
        head = copy(self.heads[pump])
        head.advance(t - self._t)
        return head

    def source_of(self, feed: FeedSpec) -> int:
        """Return the number of a feed's bottle among those of its pump."""
        return self.feeds[feed.pump].index(feed)

    def cell(self, times: Array) -> Array:
        """Return what was in the analyser's cell at these times, shape ``(n_rows, n_times)``.

        Times rise, up to the present.
        """
        self.coil.advance(float(times[-1]))
        cold = [self.log.cold(float(t)) - self.spec.outlet_volume_ml for t in times]
        left = np.array([self.log.when_cold(volume) for volume in cold])
        content = np.zeros((self._rows, times.size))
        real = left > -inf
        if real.any():
            content[:, real] = self.coil.outlet(left[real])
        return content

    def _move(self, t: float) -> None:
        """Let everything go on as it is until ``t``."""
        seconds = t - self._t
        if seconds > 0:
            for line in self.lines:
                line.advance(seconds)
            for head in self.heads.values():
                head.advance(seconds)
        self._t = t

    def _settle(self) -> None:
        """Take up what has happened at the present time, and find when something next will."""
        t = self._t
        for change in self.faults.due(t):
            self._switch(change)
        pressure = self.line.pressure(t)
        for head in self.heads.values():
            if head.flow > 0 and pressure >= head.spec.strength_bar - 1e-9:
                head.stalled = True
        for line in self.lines:
            line.settle(pressure)
        self._flow(t)
        self._tick = max(self._tick, floor((t - self.birth) / TICK_S + 1e-9) + 1)
        self._event = self._next(t)
        self._horizon = min(self._event, max(self._tick_time(), t + BLINK_S))
        if self._tick >= self._tidy:
            self._tidy = self._tick + TIDY_TICKS
            self._forget(t)

    def _idle(self, t: float) -> bool:
        """Return whether the tick at ``t`` has nothing to take up."""
        if self._event <= t or self._tick >= self._tidy or self._soft:
            return False
        return abs(self.coil_zone.liquid(t) - self._taken_up) < SAME_FLOW_K

    def _tick_time(self) -> float:
        return self.birth + self._tick * TICK_S

    def _flow(self, t: float) -> None:
        """Find flows and pressure from the heads' and the coil's state."""
        spec = self.spec
        self._taken_up = liquid = self.coil_zone.liquid(t)
        resistance = self.faults.clog_bar_s_ml(t) + resistance_bar_s_ml(
            self._length_m, spec.coil.inner_diameter_mm, viscosity_pa_s(spec.fluid, liquid)
        )
        total, content = mixed(self.lines, self._solutes, self._rows)
        leak = self.faults.leak_ml_s_bar()
        through = self.line.through(total, resistance, leak)
        self.line.change(t, total, resistance, leak, self._compliance(t))
        stream = Stream(through, through * self._given.expansion(liquid), content)
        last = self.log.last
        if not _alike(stream, last):
            self.log.append(t, stream)

    def _compliance(self, t: float) -> float:
        """Return mL/bar: the line's own, and that of the gas in the coil."""
        stiff = 1e-3 * self.spec.compliance_ul_bar
        volume = self.log.hot(t)
        entered = self.log.between(volume - self.spec.coil.volume_ml, volume)
        gas = sum(part * float(stream.content[-1]) for part, _, stream in entered)
        self._soft = gas > 0 or any(line.has_gas for line in self.lines)
        return stiff + gas / (1.0 + self.line.pressure(t)) if gas > 0 else stiff

    def _next(self, t: float) -> float:
        times = [self.faults.next_change(t)]
        times += [t + head.until_change() for head in self.heads.values()]
        times += [t + line.until_change() for line in self.lines]
        pushing = [h.spec.strength_bar for h in self.heads.values() if h.running > 0]
        if pushing:
            times.append(self.line.when(min(pushing)))
        return max(min(times), t + BLINK_S)

    def _switch(self, change: Change) -> None:
        fault, on = change.fault, change.on
        if fault.kind == "heater_stuck":
            heater = fault.instrument or self.spec.coil.thermostat
            self.zones[heater].stick(self._t, fault.size if on else None)
        elif fault.kind == "stall" and fault.instrument:
            head = self.heads[fault.instrument]
            head.held, head.stalled = on, True
        elif fault.kind == "air" and fault.instrument and on:
            self.heads[fault.instrument].draw_air(fault.size)
        elif fault.kind == "empty" and fault.instrument:
            self._empty(fault.instrument, on=on)

    def _empty(self, pump: str, *, on: bool) -> None:
        head = self.heads[pump]
        if on:
            head.run_dry()
        else:
            for source, feed in enumerate(self.feeds[pump]):
                if head.left_in(source) == 0:
                    head.replace(source, _endless(feed.stock_ml))

    def _forget(self, t: float) -> None:
        """Drop the part of the past that nothing can ask for any more."""
        self.coil.advance(t)
        reach = t - WINDOW_S
        in_cell = self.log.when_cold(self.log.cold(reach) - self.spec.outlet_volume_ml)
        if in_cell > -inf:
            needed = self.coil.forget(in_cell)
            if needed > -inf:
                self.log.forget(needed)
                for zone in self.zones.values():
                    zone.forget(needed)


def _head(spec: PumpSpec, feeds: list[FeedSpec]) -> Head:
    """Return a pump with its bottles; of several it draws from the one where valves begin."""
    bottles = tuple(_endless(feed.stock_ml) for feed in feeds) or (inf,)
    source = next((i for i, feed in enumerate(feeds) if feed.position == VALVES_BEGIN), 0)
    return Head(spec, bottles[source], source, bottles)


def _endless(stock_ml: float | None) -> float:
    return inf if stock_ml is None else stock_ml


def _alike(one: Stream, other: Stream) -> bool:
    """Return whether nothing flows differently; a hair of expansion is left out."""
    if one.cold != other.cold or not isclose(one.hot, other.hot, rel_tol=1e-7):
        return False
    return one.cold == 0.0 or np.array_equal(one.content, other.content)
