"""Signals that a device publishes by itself: the last value is kept until it is too old."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from drivers.analysers.mqtt_options import PushedSource
from drivers.analysers.mqtt_shapes import value_of
from drivers.errors import CommandRejected
from drivers.signal import Lane, Limits, SignalSpec, Value
from drivers.table import BadValue, BoundSignal, Kind

KINDS: Mapping[str, Kind] = {"float": float, "int": int, "bool": bool, "str": str}


class Publisher(Protocol):
    """Whose signals these are; a value older than ``stale_s`` counts no more."""

    name: str
    stale_s: float

    @property
    def present(self) -> bool:
        """Return whether the device is there."""
        ...


class Pushed(BoundSignal):
    """A signal whose last value is kept until it is too old."""

    def __init__(self, owner: Publisher, spec: SignalSpec, source: PushedSource) -> None:
        super().__init__(owner.name, spec)
        self._owner, self._source = owner, source
        self._value: Value | BadValue = BadValue("stale")
        self._since = float("-inf")

    async def fetch(self, lane: Lane) -> Value:  # noqa: ARG002 -- nothing is sent
        """Return the last value; raise BadValue when there is none to be trusted."""
        if not self._owner.present:
            raise BadValue("link")
        if asyncio.get_running_loop().time() - self._since > self._owner.stale_s:
            raise BadValue("stale")
        if isinstance(self._value, BadValue):
            raise self._value
        return self._value

    async def store(self, value: Value, lane: Lane) -> Value:  # noqa: ARG002 -- nothing is sent
        """Refuse: what a device publishes cannot be set."""
        raise CommandRejected(self.instrument, f"{self.spec.name} cannot be set to {value!r}")

    def take(self, raw: Callable[[], Any]) -> None:
        """Take what was published just now; ``raw`` may raise BadValue."""
        try:
            self._value = value_of(raw(), self.spec.kind, self._source.scale)
        except BadValue as bad:
            self._value = bad
        self._since = asyncio.get_running_loop().time()


def pushed_spec(name: str, source: PushedSource, limits: Limits | None) -> SignalSpec:
    """Return what a published signal is."""
    return SignalSpec(name, KINDS[source.kind], source.unit, limits=limits, doc=source.path)
