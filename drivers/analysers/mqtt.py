"""Instruments that publish over MQTT: Tasmota and ESPHome sensors, and analysers with spectra.

There is no one standard; the option ``style`` picks a usual shape under the topic that the port
names (the option ``topic`` goes first). ``tasmota``: ``tele/<topic>/LWT`` and ``/SENSOR``, a signal
is a dotted path into the latter. ``esphome``: ``<topic>/status`` and
``<topic>/sensor/<name>/state``, a signal is such a name. ``spectra``: ``<topic>/status`` (JSON,
retained), one message a scan on ``<topic>/scan``, asked for by ``{"id": ...}`` on ``<topic>/cmd``;
the scan repeats the id.

Values are pushed: a poll tells the last one, as long as it is not older than three periods, the
device is not known to be offline, and the broker is there. A retained message is of unknown age
and never a reading. Order holds only inside a topic, messages may repeat or be missing: scans are
told by their ids and counted by sequence numbers. Unverified on hardware.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from json import dumps
from math import inf
from typing import Any, ClassVar, cast

from drivers.analysers.mqtt_options import STATE, USUAL_PERIOD_S, MqttOptions
from drivers.analysers.mqtt_pushed import Pushed, pushed_spec
from drivers.analysers.mqtt_scans import ANY, Scans
from drivers.analysers.mqtt_shapes import (
    Scan,
    at_path,
    parsed_json,
    presence,
)
from drivers.errors import CommandRejected, DeviceFault, GarbledReply, LinkLost, NoReply
from drivers.mqtt import MqttLink
from drivers.options import DriverOptions
from drivers.roles import Spectrum
from drivers.signal import Limits, Reading, SignalSpec
from drivers.table import BoundSignal
from drivers.transport.base import LineSpec

LOOK_S = 2.0  # how often a wait for messages looks whether the link still stands
STATES = frozenset({"ready", "busy", "error", "offline"})


class MqttAnalyser:
    """Sensors by their signals; fills the ``Analyser`` role in style ``spectra``."""

    Options: ClassVar[type[DriverOptions]] = MqttOptions
    line: ClassVar[LineSpec] = LineSpec(medium="mqtt")

    def __init__(
        self, name: str, link: MqttLink, options: MqttOptions, limits: Mapping[str, Limits]
    ) -> None:
        self.name, self._link, self._options = name, link, options
        topic = options.topic or str(getattr(link, "port", name))
        self.topic = topic.removeprefix("mqtt:").strip("/")
        if not self.topic or set(self.topic) & set("+#\0"):
            raise ValueError(f"{name}: {topic!r} is no topic to listen under")
        self.stale_s = 3.0 * (options.period_s or USUAL_PERIOD_S[options.style])
        sources = options.signals
        if options.style == "spectra":
            self.stale_s, sources = inf, STATE  # a state holds until the next is told
        self._online: bool | None = None  # None: nothing heard yet
        self._online_in = 0  # the session with the broker in which that was heard
        self.state, self.state_message = "", ""  # of an analyser
        self._news = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._scans = Scans(options.scan_s)
        self._asked = 0
        if options.style == "spectra" and options.signals:
            raise ValueError(f"{name}: style 'spectra' has no signals of its own")
        self._signals = {
            signal: Pushed(self, pushed_spec(signal, source, limits.get(signal)), source)
            for signal, source in sources.items()
        }
        if unknown := limits.keys() - self._signals.keys():
            raise ValueError(f"{name}: limits of unknown signal {min(unknown)!r}")
        self._subscribe()

    def _subscribe(self) -> None:
        topic, subscribe = self.topic, self._link.subscribe
        if self._options.style == "tasmota":
            subscribe(f"tele/{topic}/LWT", self._hear_presence)
            subscribe(f"tele/{topic}/SENSOR", self._hear_tasmota)
        elif self._options.style == "esphome":
            subscribe(f"{topic}/status", self._hear_presence)
            for name, source in self._options.signals.items():
                where = f"{topic}/sensor/{source.path}/state"
                subscribe(where, self._esphome_handler(self._signals[name]))
        else:
            subscribe(f"{topic}/status", self._hear_state)
            subscribe(f"{topic}/scan", self._hear_scan)

    @property
    def present(self) -> bool:
        """Return whether broker and device are there, as far as is known.

        A broker that is back may have lost what it knew, and the device may be gone by now: only
        what was heard since then counts.
        """
        known = self._online_in == self._link.session
        return self._link.connected and known and self._online is True

    @property
    def missed(self) -> int:
        """Return how many scans never came, by their sequence numbers."""
        return self._scans.missed

    @classmethod
    def signal_specs(cls, options: MqttOptions) -> Mapping[str, SignalSpec]:
        """Return the signals these options declare, before any instrument is made."""
        sources = {**STATE, **options.signals} if options.style == "spectra" else options.signals
        return {name: pushed_spec(name, source, None) for name, source in sources.items()}

    @property
    def signals(self) -> Mapping[str, BoundSignal]:
        """Return the signals by short name, in the order of the options."""
        return self._signals

    @property
    def acquisition_s(self) -> float:
        """Return how long one measurement takes, about, s."""
        return self._options.scan_s

    async def identify(self) -> str:
        """Wait for the device's presence; raise NoReply while it is offline or silent."""
        if not await self._until(lambda: self.present, self._options.timeout_s):
            what = f"presence of {self.topic} ({self._said()})"
            raise NoReply(self.name, what.encode(), self._options.timeout_s)
        return f"{self._options.style} device at {self.topic}"

    def _said(self) -> str:
        """Return what is known of a device that is not present."""
        if self._online is None:
            return "has said nothing"
        if self._online and self._link.connected:
            return "has said nothing since the broker is back"
        return "is cut off" if self._online else "is offline"

    async def prepare(self) -> None:
        """Nothing to set: it publishes by itself."""

    async def check(self) -> None:
        """Raise DeviceFault while an analyser reports an error, LinkLost while it is offline."""
        if not self.present:
            raise LinkLost(self.name, f"{self.topic} {self._said()}")
        if self.state == "error":
            raise DeviceFault(self.name, self.state_message or "reports an error")

    async def poll(self, names: Sequence[str]) -> Sequence[Reading]:
        """Return the last values; nothing is sent."""
        return [await self._signals[name].read() for name in names]

    async def make_safe(self) -> None:
        """Nothing to make safe: it only measures."""

    async def acquire(self, label: str) -> Spectrum:
        """Return one scan, asked for with an id of our own, or the next whole one that comes.

        Raises CommandRejected, DeviceFault, NoReply, LinkLost.
        """
        if self._options.style != "spectra":
            raise CommandRejected(self.name, f"a {self._options.style} device measures no spectra")
        async with self._one_at_a_time:
            await self.check()
            if not await self._until(lambda: self.state != "busy", 2.0 * self._options.scan_s):
                raise CommandRejected(self.name, "is busy with another scan")
            try:
                return await self._acquire(label)
            finally:
                self._scans.forget()

    async def _acquire(self, label: str) -> Spectrum:
        started = self._now()
        limit_s = 2.0 * self._options.scan_s + self._options.timeout_s
        if self._options.triggered:
            request = await self._ask_scan(label)
        else:  # a scan under way began before the sample was wanted
            self._scans.want(ANY, started + 0.99 * self._options.scan_s)
            limit_s += self._options.period_s or 0.0
            request = b"the next scan"
        await self._until(lambda: self._scans.found is not None, limit_s, trouble=True)
        scan, finished = self._taken(request, limit_s), self._now()
        if not self._options.triggered:
            started = finished - self._options.scan_s
        return Spectrum(
            axis=scan.axis,
            axis_unit=scan.axis_unit,
            y=scan.y,
            y_unit=scan.y_unit,
            started=started,
            finished=finished,
            meta={**scan.meta, "label": label, "id": scan.id, "seq": scan.seq},
        )

    def _taken(self, request: bytes, limit_s: float) -> Scan:
        """Return the scan that came."""
        found, instead = self._scans.found, self._scans.instead
        if isinstance(found, Scan):
            return found
        if found is not None:
            raise DeviceFault(self.name, f"its scan cannot be used: {found}")
        if instead:
            raise GarbledReply(
                self.name, request, self._scans.last, f"within {limit_s:g} s came only {instead}"
            )
        raise NoReply(self.name, request, limit_s)

    async def _ask_scan(self, label: str) -> bytes:
        """Publish the command; return it."""
        self._asked += 1
        identity = f"{self.name}-{self._now():.3f}-{self._asked}"
        self._scans.want(identity, self._now())
        request = dumps({"id": identity, "label": label}).encode()
        try:
            await self._link.publish(f"{self.topic}/cmd", request, qos=1)
        except ConnectionError as error:
            raise LinkLost(self.name, str(error)) from error
        return request

    async def _until(
        self, reached: Callable[[], bool], limit_s: float, *, trouble: bool = False
    ) -> bool:
        """Wait for messages; return whether it came so far in time.

        With ``trouble``, raise LinkLost and DeviceFault when the device goes away or complains.
        """
        deadline = self._now() + limit_s
        while not reached():
            if trouble:
                await self.check()
            rest = deadline - self._now()
            if rest <= 0:
                return False
            self._news.clear()
            timer = asyncio.get_running_loop().call_later(min(rest, LOOK_S), self._news.set)
            try:
                await self._news.wait()
            finally:
                timer.cancel()
        return True

    def _hear_presence(self, _topic: str, payload: bytes, _retained: bool) -> None:
        """Take presence; the retained one is the present state, that is what it is for."""
        if (word := presence(payload)) is not None:
            self._note_presence(word == "online")

    def _note_presence(self, online: bool) -> None:
        self._online, self._online_in = online, self._link.session
        self._news.set()

    def _hear_tasmota(self, _topic: str, payload: bytes, retained: bool) -> None:
        """Take one SENSOR message; it is a whole set of readings."""
        if retained:
            return
        try:
            document = parsed_json(payload)
        except ValueError:
            document = None
        for name, source in self._options.signals.items():
            self._signals[name].take(lambda path=source.path: at_path(document, path))

    def _esphome_handler(self, signal: Pushed) -> Callable[[str, bytes, bool], None]:
        def hear(_topic: str, payload: bytes, retained: bool) -> None:
            if not retained:
                signal.take(lambda: payload[:256].decode("utf-8", "replace"))

        return hear

    def _hear_state(self, _topic: str, payload: bytes, _retained: bool) -> None:
        """Take an analyser's status; the will says that its connection is lost."""
        try:
            document = parsed_json(payload)
        except ValueError:
            return
        if not isinstance(document, dict):
            return
        status = cast("dict[str, Any]", document)
        state, message = status.get("state"), status.get("message")
        if not isinstance(state, str) or state not in STATES:
            return
        self.state, self.state_message = state, str(message or "")
        self._signals["state"].take(lambda: state)
        self._note_presence(state != "offline")

    def _hear_scan(self, _topic: str, payload: bytes, retained: bool) -> None:
        """Take a scan; only the one that is waited for is kept."""
        if not retained and self._scans.take(payload, self._now()):
            self._news.set()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
