"""The MQTT API: puts together what is said, what is heard, and the link it goes over.

Topics, retention and content are CONTRACT, MQTT. Every message has the boot id and a sequence
number, given when the message is made: a gap tells the listener that something was dropped.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daemon import __version__
from daemon.api.awake import Awake
from daemon.api.broker import Broker, Received, Will
from daemon.api.commands import Commands
from daemon.api.dispatch import Commit, Dispatcher, JsonObject
from daemon.api.link import Link
from daemon.api.outbox import Message, Outbox
from daemon.api.parse import Incoming
from daemon.api.scans import Scan, bare_value
from daemon.events import Event, EventBus
from daemon.settings.models import MqttSettings
from daemon.store.documents import clean, plain, to_json
from daemon.timebase import Timebase, is_virtual
from drivers.signal import Reading, SignalSpec

SCAN_S = 1.0  # readings of this long are one scan
STATE_S = 0.2  # changes of the state within this long are one message
REFRESH_S = 5.0  # the state is looked at this often without any event
PUBLISHED = frozenset(
    {"experiment", "campaign", "trip", "alarm", "connection", "suggestion", "space", "standing"}
)
NO_ID = "-"  # the reply topic of a message whose id cannot be read

State = Callable[[], Mapping[str, Any]]
Signals = Callable[[], Mapping[str, SignalSpec]]


class MqttApi:
    """One rig on one broker. ``run`` keeps it there; everything else it hears from the bus."""

    def __init__(
        self,
        settings: MqttSettings,
        rig: str,
        *,
        boot: str,
        timebase: Timebase,
        events: EventBus,
        commands: Commands,
        commit: Commit,
        state: State,
        signals: Signals,
        remembered: Sequence[Mapping[str, Any]] = (),
        on_deaf: Callable[[str], None] | None = None,
    ) -> None:
        """``on_deaf`` is told why the broker keeps commands from us; an empty text: no more."""
        self.topic = f"{settings.prefix}/{rig}"
        self.outbox = Outbox()
        self._boot, self._timebase, self._seq = boot, timebase, 0
        self._since = timebase.iso()
        self._state, self._signals, self._on_deaf = state, signals, on_deaf
        self._bare = settings.bare_signals
        self._said: JsonObject | None = None
        self._changed = asyncio.Event()
        self._scan = Scan()
        self._dispatcher = Dispatcher(commands, events, commit, remembered)
        self._loop = asyncio.get_running_loop()
        self._awake = Awake(self._loop.time())
        broker = Broker.of(settings, f"{settings.prefix}-{rig}")
        self._link = Link(broker, f"{self.topic}/cmd/#", self.outbox, self)
        events.on_event(self._on_event)
        events.on_readings(self._scan.add)

    @property
    def connected(self) -> bool:
        """Return whether the broker hears us now."""
        return self.outbox.connected

    @property
    def dropped(self) -> Mapping[str, int]:
        """Return how many messages were dropped since the start, by lane."""
        return self.outbox.dropped

    async def run(self) -> None:
        """Serve until cancelled; the broker may come and go."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._dispatcher.run(), name="commands")
            tasks.create_task(self._link.run(), name="mqtt link")
            tasks.create_task(self._publish_scans(), name="mqtt scans")
            tasks.create_task(self._publish_state(), name="mqtt state")

    def state_changed(self) -> None:
        """Publish the state soon; events do this by themselves."""
        self._changed.set()

    # -- what is said ------------------------------------------------------------------------

    def will(self) -> Will:
        """Return the status the broker gives when the daemon is gone."""
        return Will(f"{self.topic}/status", self._encode(self._status("offline")))

    def born(self) -> None:
        """Say hello, and say everything retained again."""
        self.outbox.birth()
        self._keep("status", self._status("online"))
        self._keep("state", self._state_now())
        self._keep("signals", {"signals": describe(self._signals())})

    def farewell(self) -> Message:
        """Return the status of a daemon that ends in good order."""
        payload = self._encode(self._status("offline"))
        return Message(f"{self.topic}/status", payload, "retained")

    def _status(self, state: str) -> JsonObject:
        return {"state": state, "version": __version__, "since": self._since}

    def _state_now(self) -> JsonObject:
        said: JsonObject = plain(self._state())
        self._said = said
        return {"t": self._timebase.iso(), **said}

    def _on_event(self, event: Event) -> None:
        self._changed.set()
        if event.kind in PUBLISHED:
            document = {**event.data, "kind": event.kind, "t": self._timebase.iso(event.t)}
            payload = self._encode(document)
            self.outbox.put(Message(f"{self.topic}/event/{event.kind}", payload, "event"))

    async def _publish_scans(self) -> None:
        due = self._loop.time()
        while True:
            due = max(due + SCAN_S, self._loop.time())
            await asyncio.sleep(due - self._loop.time())
            self._awake.beat(self._loop.time())
            readings = self._scan.take()
            if not readings:
                continue
            document = self._scan.document(readings, self._timebase)
            payload = self._encode(document) if self.connected else b""
            self.outbox.put(Message(f"{self.topic}/scan", payload, "scan", qos=0))
            if self._bare:
                self._publish_bare(readings)

    def _publish_bare(self, readings: Mapping[str, Reading]) -> None:
        for name, reading in self._scan.news(readings).items():
            topic = f"{self.topic}/signal/{name.replace('.', '/', 1)}"
            self.outbox.put(Message(topic, bare_value(reading), "retained", qos=0))

    async def _publish_state(self) -> None:
        while True:
            try:
                async with asyncio.timeout(REFRESH_S):
                    await self._changed.wait()
                await asyncio.sleep(STATE_S)
            except TimeoutError:
                pass
            self._changed.clear()
            if self.connected and plain(self._state()) != self._said:
                self._keep("state", self._state_now())

    def _keep(self, name: str, document: Mapping[str, Any]) -> None:
        payload = self._encode(document)
        self.outbox.put(Message(f"{self.topic}/{name}", payload, "retained"))

    def _encode(self, document: Mapping[str, Any]) -> bytes:
        """Return the document with boot and sequence number as JSON."""
        self._seq += 1
        return to_json({**document, "boot": self._boot, "seq": self._seq}).encode("ascii")

    def deaf(self, why: str) -> None:
        """Tell whoever wants to know that commands do not arrive, or do again."""
        if self._on_deaf is not None:
            self._on_deaf(why)

    # -- what is heard -----------------------------------------------------------------------

    def take(self, received: Received) -> None:
        """Take one message from ``cmd/``; it is answered, whatever it is."""
        if not received.payload and received.retained:
            return  # somebody cleared a retained command
        incoming = Incoming(
            verb=received.topic.removeprefix(f"{self.topic}/cmd/"),
            payload=received.payload,
            retained=received.retained,
            expires_s=received.expires_s,
            unheard_s=0.0 if is_virtual() else self._awake.unheard_s(self._loop.time()),
        )
        wanted = self._reply_topic(received.response_topic)

        def answer(reply: JsonObject) -> None:
            topic = wanted or f"{self.topic}/reply/{reply['id'] or NO_ID}"
            payload = self._encode(reply)
            correlation = received.correlation if wanted else None
            self.outbox.put(Message(topic, payload, "reply", correlation=correlation))

        self._dispatcher.take(incoming, answer)

    def _reply_topic(self, asked: str | None) -> str | None:
        """Return the response topic unless it is none, or one of our own."""
        if not asked or set(asked) & set("+#\0") or asked != clean(asked):
            return None
        own, replies = f"{self.topic}/", f"{self.topic}/reply/"
        if asked.startswith("$") or (asked.startswith(own) and not asked.startswith(replies)):
            return None
        return asked


def describe(signals: Mapping[str, SignalSpec]) -> JsonObject:
    """Return the content of ``signals``: unit, type, limits, writable and poll period of each."""
    return {
        name: {
            "unit": spec.unit,
            "type": spec.kind.__name__,
            "limits": None if spec.limits is None else [spec.limits.low, spec.limits.high],
            "writable": spec.writable,
            "poll_s": spec.poll_s,
            "doc": spec.doc,
            "choices": list(spec.choices),
        }
        for name, spec in signals.items()
    }
