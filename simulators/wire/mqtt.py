"""MQTT for simulated instruments: a broker in memory for virtual time, and the real network.

The memory broker keeps the rules that decide correctness: order per topic, retained messages given
to a new subscriber and marked so, the will published when a client is lost without a farewell
(after one and a half keep-alive times), nothing stored for those who are away.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

Handler = Callable[[str, bytes, bool], None]  # topic, payload, retained

LATENCY_S = 0.002
KEEP_ALIVE_S = 60.0
_RETRY_S = 1.0


@dataclass(frozen=True)
class Will:
    """What the broker says, retained, when the client is lost."""

    topic: str
    payload: bytes


class MqttClient(Protocol):
    """What an instrument uses of its connection."""

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Call the handler for every message whose topic matches."""
        ...

    def post(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 0, without waiting."""
        ...


class MqttInstrument(Protocol):
    """An instrument as its broker sees it."""

    name: str
    topic: str
    will: Will
    muted: bool  # its radio is off

    def attach(self, client: MqttClient) -> None:
        """Subscribe, say that it is there, and publish from now on; may be called again."""
        ...

    def detach(self) -> None:
        """Publish nothing more."""
        ...


def matches(topic_filter: str, topic: str) -> bool:
    """Return whether a topic matches a filter with ``+`` and ``#`` (MQTT 5, chapter 4.7)."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    for k, level in enumerate(wanted):
        if level == "#":
            return True
        if k >= len(given) or level not in ("+", given[k]):
            return False
    return len(wanted) == len(given)


class MemoryBroker:
    """A broker for clients in one process, on the loop's clock."""

    def __init__(self) -> None:
        self._retained: dict[str, bytes] = {}
        self._clients: list[MemoryLink] = []

    def client(self, will: Will | None = None) -> "MemoryLink":
        """Return a connected client."""
        link = MemoryLink(self, will)
        self._clients.append(link)
        return link

    def route(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Keep a retained message, and hand it to everyone who asked."""
        if retain:
            self._retained.pop(topic, None)
            if payload:
                self._retained[topic] = payload
        for client in self._clients:
            client.offer(topic, payload, retained=False)

    def retained(self, topic_filter: str) -> list[tuple[str, bytes]]:
        """Return the retained messages a new subscription gets."""
        return [(t, p) for t, p in self._retained.items() if matches(topic_filter, t)]

    def forget(self, link: "MemoryLink") -> None:
        """Drop a client."""
        if link in self._clients:
            self._clients.remove(link)


class MemoryLink:
    """One client; fits what drivers and instruments need of a connection."""

    def __init__(self, broker: MemoryBroker, will: Will | None) -> None:
        self._broker, self._will = broker, will
        self._handlers: list[tuple[str, Handler]] = []
        self.connected, self.session = True, 1

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Call the handler for matching messages; the retained ones come first, marked."""
        self._handlers.append((topic_filter, handler))
        for topic, payload in self._broker.retained(topic_filter):
            self._deliver(handler, topic, payload, retained=True)

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Publish; every quality of service is perfect here. Raises ConnectionError when lost."""
        del qos
        if not self.connected:
            raise ConnectionResetError("the simulated MQTT connection is lost")
        self.post(topic, payload, retain=retain)

    def post(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish without waiting; a lost client says nothing."""
        if self.connected:
            self._broker.route(topic, payload, retain=retain)

    def offer(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take a message from the broker."""
        for topic_filter, handler in self._handlers:
            if matches(topic_filter, topic):
                self._deliver(handler, topic, payload, retained=retained)

    def lose(self) -> None:
        """Lose the network: silence, and the will after one and a half keep-alive times."""
        if not self.connected:
            return
        self.connected = False
        self._broker.forget(self)
        if self._will is not None:
            asyncio.get_running_loop().call_later(1.5 * KEEP_ALIVE_S, self._bequeath, self._will)

    def _bequeath(self, will: Will) -> None:
        if not self.connected:
            self._broker.route(will.topic, will.payload, retain=True)

    def _deliver(self, handler: Handler, topic: str, payload: bytes, *, retained: bool) -> None:
        def arrive() -> None:
            if self.connected:
                handler(topic, payload, retained)

        asyncio.get_running_loop().call_later(LATENCY_S, arrive)


class _RealClient:
    """Bridges an instrument to the real network."""

    def __init__(self) -> None:
        self.handlers: list[tuple[str, Handler]] = []
        self.outgoing: asyncio.Queue[tuple[str, bytes, bool]] = asyncio.Queue(maxsize=1000)

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        self.handlers.append((topic_filter, handler))

    def post(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if self.outgoing.full():
            self.outgoing.get_nowait()  # QoS 0: the oldest is lost
        self.outgoing.put_nowait((topic, payload, retain))


async def publish_on_network(
    instrument: MqttInstrument, host: str, port: int, options: dict[str, Any]
) -> None:
    """Be one MQTT client on a real broker until cancelled; comes back when the broker does."""
    import aiomqtt

    will = aiomqtt.Will(instrument.will.topic, instrument.will.payload, retain=True)
    while not _told_to_end():
        with suppress(aiomqtt.MqttError):  # the broker is away
            client = aiomqtt.Client(
                host, port, will=will, identifier=f"sim-{instrument.name}", **options
            )
            try:
                async with client:
                    await _serve(instrument, client)
            finally:
                _hear_the_end(client)
        instrument.detach()
        if not _told_to_end():
            await asyncio.sleep(_RETRY_S)


def _told_to_end() -> bool:
    """Return whether this task was cancelled, also when the library has lost that.

    ``asyncio.wait_for`` of Python 3.11 returns what comes at the same moment, and the end of a
    connection to a broker that ends hides it behind an error of its own.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _hear_the_end(client: Any) -> None:
    """Look at why a connection ended: asyncio complains of what nobody has looked at."""
    ended = client._disconnected  # noqa: SLF001 (no other way to it)
    if ended.done() and not ended.cancelled():
        ended.exception()


async def _serve(instrument: MqttInstrument, client: Any) -> None:
    """Say and hear until the connection ends; MqttError only from what is asked here itself.

    None of the two tasks ends the group: one that a fault ends forgets a cancellation which comes
    at the same moment (a computer that is shut down ends the broker, too).
    """
    bridge = _RealClient()
    instrument.attach(bridge)
    try:
        for topic_filter, _ in bridge.handlers:
            await client.subscribe(topic_filter)
        async with asyncio.TaskGroup() as tasks:
            work = {"send": _send(bridge, client), "hear": _receive(bridge.handlers, client)}
            ends = [
                tasks.create_task(_until_lost(own), name=f"{what} {instrument.name}")
                for what, own in work.items()
            ]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
    finally:
        instrument.detach()


async def _until_lost(work: Coroutine[Any, Any, None]) -> None:
    """Do what only the loss of the broker ends."""
    import aiomqtt

    with suppress(aiomqtt.MqttError):
        await work


async def _send(bridge: _RealClient, client: Any) -> None:
    while not _told_to_end():
        topic, payload, retain = await bridge.outgoing.get()
        await client.publish(topic, payload, qos=0, retain=retain)


async def _receive(handlers: Sequence[tuple[str, Handler]], client: Any) -> None:
    async for message in client.messages:
        for topic_filter, handler in handlers:
            if matches(topic_filter, message.topic.value):
                handler(message.topic.value, bytes(message.payload), message.retain)
