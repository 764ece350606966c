"""Events: the documents a run emits; stores, MQTT and dashboards listen.

One :class:`EventBus` per daemon. ``emit`` is synchronous and never blocks: listeners take what
they want and do slow work elsewhere. Listeners are called in order of subscription.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from drivers.signal import Reading

Kind = Literal[
    "experiment",  # id, state, requested, commanded, achieved, responses, reason
    "campaign",  # state, reason
    "trip",  # name, signal, value, threshold, action, state: tripped | reset
    "alarm",  # id, name, state (ISA-18.2: active | acknowledged | cleared), priority, message
    "connection",  # instrument, state: connected | doubtful | reconnecting | failed, message
    "suggestion",  # id, state: proposed | approved | vetoed | withdrawn, point, predicted, reason
    "standing",  # best, regret, done, text
    "space",  # state: edited, by, reason, changes, space, configured, problem
    "command",  # id, origin, verb, arguments, outcome
    "decision",  # what the daemon decided by itself, and why
]


@dataclass(frozen=True, slots=True)
class Event:
    """One document; ``t`` is loop time (s), ``data`` is JSON-ready."""

    kind: Kind
    t: float
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


Listener = Callable[[Event], None]
ReadingListener = Callable[[Sequence[Reading]], None]


class EventBus:
    """Hands every event and every scan of readings to its listeners."""

    def __init__(self) -> None:
        self._events: list[Listener] = []
        self._readings: list[ReadingListener] = []
        self._undelivered: deque[Event] = deque()
        self._delivering = False

    def on_event(self, listener: Listener) -> None:
        """Call ``listener`` for every event from now on."""
        self._events.append(listener)

    def on_readings(self, listener: ReadingListener) -> None:
        """Call ``listener`` for every group of readings from now on."""
        self._readings.append(listener)

    def emit(self, kind: Kind, /, **data: Any) -> Event:
        """Emit one document stamped with the loop's time; return it.

        What a listener emits is delivered after the event it listens to: all hear the same order.
        """
        event = Event(kind, asyncio.get_running_loop().time(), data)
        self._undelivered.append(event)
        if not self._delivering:
            self._deliver()
        return event

    def _deliver(self) -> None:
        self._delivering = True
        try:
            while self._undelivered:
                event = self._undelivered.popleft()
                for listener in self._events:
                    listener(event)
        finally:
            self._delivering = False

    def readings(self, readings: Sequence[Reading]) -> None:
        """Hand a group of readings to the listeners."""
        for listener in self._readings:
            listener(readings)
