"""What the executor knows of the rig: volumes, temperatures and faults, from the event stream."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Any

from daemon.events import Event, EventBus
from daemon.experiment.drawing import Drawing
from daemon.experiment.volumes import History, VolumeClocks
from daemon.rig.ways import Gate, gates
from daemon.settings.models import Settings
from drivers.signal import Quality, Reading

KEEP_S = 7200.0  # of history: longer than any parcel stays in the rig
KEEP_EVERY_S = 0.9
PRUNE_EVERY = 512  # rows
CONFIRMED_S = 5.0  # a flow read this recently need not be commanded again
SIGNAL_STALE_S = 120.0  # a followed signal's reading counts for no longer than this
DEGC = "degc"  # the column of the thermostat's temperature
DOWN = frozenset({"reconnecting", "failed"})


class Watch:
    """Listens to readings and events for as long as the event bus lives."""

    def __init__(self, settings: Settings, temperature_signal: str, events: EventBus) -> None:
        self.clocks = VolumeClocks([feed.name for feed in settings.feeds])
        self.temperatures = History()
        self.faults: list[tuple[float, str]] = []
        self.on_trip: Callable[[str, bool], None] | None = None  # what, and whether blameless
        self.on_row: Callable[[float], object] | None = None  # told about once a second
        self._routes: dict[str, Callable[[float, float], None]] = {}
        self._drawing: dict[str, Drawing] = {}  # by feed, of feeds that share a pump
        for feed in settings.feeds:
            meter = self.clocks.meters[feed.name]
            self._routes[f"{feed.pump}.flow"] = meter.on_flow
            self._routes[f"{feed.pump}.dispensed"] = meter.on_counter
        for pump, gate in gates(settings).items():
            if len(gate.feeds) > 1:
                self._share(pump, gate)
        self._followed: dict[str, History] = {}
        self._temperature_signal = temperature_signal
        self._instruments = {feed.pump for feed in settings.feeds}
        self._instruments.add(temperature_signal.partition(".")[0])
        self._rows = 0
        self._kept = -inf
        events.on_readings(self._on_readings)
        events.on_event(self._on_event)

    def _share(self, pump: str, gate: Gate) -> None:
        """Count the pump's readings for the feed that its valve is seen to let it draw."""
        drawing = Drawing({at: self.clocks.meters[feed] for at, feed in gate.feeds.items()})
        self._routes[f"{pump}.flow"] = drawing.on_flow
        self._routes[f"{pump}.dispensed"] = drawing.on_counter
        self._routes[gate.signal] = drawing.on_position
        self._drawing |= dict.fromkeys(gate.feeds.values(), drawing)

    def in_line_ml(self, feed: str) -> float:
        """Return what was pumped of a feed, mL; of a shared pump's since it had another feed."""
        drawing, meter = self._drawing.get(feed), self.clocks.meters[feed]
        return meter.total_ml if drawing is None else drawing.since_ml(meter)

    def stands(self, feed: str) -> bool:
        """Return whether a feed stands because its pump is seen to have another one."""
        drawing, meter = self._drawing.get(feed), self.clocks.meters[feed]
        return drawing is not None and drawing.has_other_than(meter) and meter.flow_ml_min == 0

    def follow(self, signals: Iterable[str]) -> None:
        """Keep the history of these signals from now on, for responses that need it."""
        for signal in signals:
            self._followed.setdefault(signal, History())

    def read_at(self, signal: str, t: float) -> float | None:
        """Return the last good reading of a followed signal up to ``t``, None when it is too old.

        ``t`` is loop time, s.
        """
        history = self._followed.get(signal)
        recent = [] if history is None else history.between(t - SIGNAL_STALE_S, t, signal)
        return recent[-1] if recent else None

    def confirmed(self, feed: str) -> bool:
        """Return whether the pump's present flow was read, and not long ago."""
        seen = self.clocks.meters[feed].seen
        return seen is not None and asyncio.get_running_loop().time() - seen <= CONFIRMED_S

    def step(self, feed: str, ml_min: float) -> None:
        """Take note of a flow that was just set and confirmed."""
        now = asyncio.get_running_loop().time()
        self.clocks.meters[feed].on_step(now, ml_min)
        self.clocks.keep(now)

    def faults_between(self, start: float, end: float) -> list[str]:
        """Return what went wrong with the rig between two times, each once."""
        return list(dict.fromkeys(what for t, what in self.faults if start <= t <= end))

    def _on_readings(self, readings: Sequence[Reading]) -> None:
        last: float | None = None
        for reading in readings:
            value = reading.value
            if reading.quality is Quality.BAD or not isinstance(value, int | float):
                continue  # nothing is counted for a reading that failed
            if (followed := self._followed.get(reading.signal)) is not None:
                _add(followed, reading.signal, reading.t, float(value))
            route = self._routes.get(reading.signal)
            if route is not None:
                route(reading.t, value)
                last = reading.t if last is None else max(last, reading.t)
            elif reading.signal == self._temperature_signal:
                self.temperatures.add(reading.t, {DEGC: float(value)})
        if last is not None:
            self._keep(last)

    def _keep(self, now: float) -> None:
        """Write a row of history about once a second: between rows, totals grow evenly."""
        if now - self._kept < KEEP_EVERY_S:
            return
        self._kept = now
        self.clocks.keep(now)
        if self.on_row is not None:
            self.on_row(now)
        self._rows += 1
        if self._rows % PRUNE_EVERY == 0:
            self.clocks.history.forget(now - KEEP_S)
            for history in (self.temperatures, *self._followed.values()):
                history.forget(now - KEEP_S)
            self.faults = [fault for fault in self.faults if fault[0] >= now - KEEP_S]

    def _on_event(self, event: Event) -> None:
        data = event.data
        if event.kind == "trip" and data.get("state", "tripped") == "tripped":
            what = f"tripped: {data.get('name', 'interlock')}"
            self.faults.append((event.t, what))
            if self.on_trip is not None:  # without a value nothing was read, or a person did it
                self.on_trip(what, data.get("value") is None)
        elif event.kind == "alarm" and data.get("state") == "active" and _of_the_rig(data):
            self.faults.append((event.t, f"alarm: {data.get('message') or data.get('name')}"))
        elif event.kind == "connection" and data.get("state") in DOWN:
            self._on_lost(event.t, str(data.get("instrument")))

    def _on_lost(self, t: float, instrument: str) -> None:
        if instrument in self._instruments:
            self.faults.append((t, f"{instrument} lost its connection"))


def _of_the_rig(alarm: Mapping[str, Any]) -> bool:
    """Return whether an alarm says anything against the sample in the rig."""
    return alarm.get("concerns", "rig") == "rig"


def _add(history: History, signal: str, t: float, value: float) -> None:
    """Keep a reading, at most about one a second."""
    if not history.t or t - history.t[-1] >= KEEP_EVERY_S:
        history.add(t, {signal: value})
