"""The link to an MQTT broker: subscriptions that survive it, publishing while it is there.

Drivers see :class:`MqttLink`; in a simulation it is a broker in memory. The real one is aiomqtt,
which no other driver module imports: it reconnects for ever with growing pauses, subscribes again
to everything, and sets TCP_NODELAY (else each QoS 1 answer waits 40 ms for a delayed
acknowledgement). Messages that a broker sends only because they were retained are marked so.
"""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from drivers.ending import told_to_end

if TYPE_CHECKING:
    import aiomqtt

log = structlog.get_logger(__name__)

Handler = Callable[[str, bytes, bool], None]  # topic, payload, retained
StateHandler = Callable[[bool, str], None]  # connected, why not

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
CONNECT_S = 10.0  # how long open() waits; the link goes on trying
REFUSED = 128  # and above: the broker's answer to a subscription (MQTT 3.1.1, 3.9.3)
MAX_WAITING = 1000  # messages not yet handled; more are dropped


class MqttLink(Protocol):
    """What drivers need of a connection to a broker."""

    @property
    def connected(self) -> bool:
        """Return whether the broker is there now."""
        ...

    @property
    def session(self) -> int:
        """Return how often it was connected: what was heard in an earlier session is history."""
        ...

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Call the handler for every message that matches, from now on and after reconnects."""
        ...

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Publish; raise ConnectionError when the broker is not there."""
        ...


def matches(topic_filter: str, topic: str) -> bool:
    """Return whether a topic matches a filter with ``+`` and ``#`` (MQTT 3.1.1, 4.7)."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in {"+", "#"}:
        return False
    for level, want in enumerate(wanted):
        if want == "#":
            return True
        if level >= len(given) or want not in {"+", given[level]}:
            return False
    return len(wanted) == len(given)


class MqttPort:
    """A link as one instrument sees it: with the port its configuration names, a topic."""

    def __init__(self, link: MqttLink, port: str) -> None:
        self._link = link
        self.port = port

    @property
    def connected(self) -> bool:
        """Return whether the broker is there now."""
        return self._link.connected

    @property
    def session(self) -> int:
        """Return how often the link was connected."""
        return self._link.session

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Call the handler for every message that matches."""
        self._link.subscribe(topic_filter, handler)

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Publish; raise ConnectionError when the broker is not there."""
        await self._link.publish(topic, payload, qos=qos, retain=retain)

    async def open(self) -> None:
        """Connect the link if it is one that connects; raise OSError."""
        if isinstance(self._link, BrokerLink):
            self._link.users.add(self.port)
            await self._link.open()

    async def close(self) -> None:
        """Disconnect the link when no other port uses it."""
        if isinstance(self._link, BrokerLink):
            self._link.users.discard(self.port)
            if not self._link.users:
                await self._link.close()


class BrokerLink:
    """A real broker, over TCP or TLS; one for all instruments."""

    def __init__(
        self,
        host: str,
        port: int = 1883,
        *,
        username: str | None = None,
        password: str | None = None,
        tls_ca_file: Path | None = None,
        keep_alive_s: int = 15,
    ) -> None:
        if not host or not 0 < port < 65536:
            raise ValueError(f"no MQTT broker can be at {host!r}, port {port}")
        self.host, self.port = host, port
        self.users: set[str] = set()  # ports that want it open
        self.session = 0  # how often it was connected
        self._username, self._password, self._tls = username, password, tls_ca_file
        self._keep_alive_s = keep_alive_s
        self._handlers: list[tuple[str, Handler]] = []
        self._watchers: list[StateHandler] = []
        self._client: aiomqtt.Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._new = asyncio.Event()  # there are filters the broker has not been told
        self._told = 0  # how many of the handlers' filters it has
        self._why_down = "not opened"
        self._announced: bool | None = None

    @property
    def connected(self) -> bool:
        """Return whether the broker is there now."""
        return self._client is not None

    def on_state(self, handler: StateHandler) -> None:
        """Call ``handler(connected, why)`` at every change from now on."""
        self._watchers.append(handler)

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Call the handler for every message that matches, from now on and after reconnects."""
        self._handlers.append((topic_filter, handler))
        self._new.set()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Publish; raise ConnectionError when the broker is not there or does not answer."""
        import aiomqtt

        if self._client is None:
            raise ConnectionError(f"no MQTT broker at {self.host}:{self.port}: {self._why_down}")
        try:
            await self._client.publish(topic, payload, qos=qos, retain=retain)
        except aiomqtt.MqttError as error:
            raise ConnectionError(f"MQTT broker {self.host}:{self.port}: {error}") from error

    async def open(self, timeout_s: float = CONNECT_S) -> None:
        """Go on connecting from now on; return when connected.

        Raises ConnectionError after ``timeout_s``, and goes on trying.
        """
        if self._task is not None and self._task.done():
            await self.close()  # raises what ended it
        if self._task is None:
            # the link owns this task: close() ends it, and raises what it met
            self._task = asyncio.create_task(self._stay_connected(), name=f"mqtt {self.host}")
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            raise ConnectionError(
                f"no MQTT broker at {self.host}:{self.port}: {self._why_down}"
            ) from None

    async def close(self) -> None:
        """Disconnect; raises what a handler raised, if any did."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        self._set_down("closed")
        if not task.cancelled():
            task.result()

    async def _stay_connected(self) -> None:
        import aiomqtt

        pause_s = FIRST_PAUSE_S
        while not told_to_end():
            try:
                async with self._new_client() as client:
                    pause_s = FIRST_PAUSE_S
                    await self._serve(client)
            except (aiomqtt.MqttError, OSError) as error:
                self._set_down(str(error) or type(error).__name__)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _new_client(self) -> "aiomqtt.Client":
        import aiomqtt

        return aiomqtt.Client(
            self.host,
            self.port,
            username=self._username,
            password=self._password,
            keepalive=self._keep_alive_s,
            timeout=CONNECT_S,
            max_queued_incoming_messages=MAX_WAITING,
            tls_params=aiomqtt.TLSParameters(ca_certs=str(self._tls)) if self._tls else None,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    async def _serve(self, client: "aiomqtt.Client") -> None:
        """Subscribe to what is wanted and hand out what comes, until the broker is gone."""
        self._told = 0
        self.session += 1  # before anything of it can be heard
        await self._tell_filters(client)
        self._client = client
        self._up.set()
        self._announce(connected=True, why="")
        tasks = {
            asyncio.create_task(self._hear(client), name=f"hear {self.host}"),
            asyncio.create_task(self._keep_telling(client), name=f"subscribe {self.host}"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            task.result()

    async def _hear(self, client: "aiomqtt.Client") -> None:
        async for message in client.messages:
            self._hand_out(message.topic.value, message.payload, retained=message.retain)

    async def _keep_telling(self, client: "aiomqtt.Client") -> None:
        while not told_to_end():
            await self._new.wait()
            await self._tell_filters(client)

    async def _tell_filters(self, client: "aiomqtt.Client") -> None:
        """Subscribe to filters the broker does not know yet."""
        self._new.clear()
        while self._told < len(self._handlers):
            topic_filter, _ = self._handlers[self._told]
            granted = await client.subscribe(topic_filter, qos=1)
            self._told += 1
            if any(getattr(code, "value", code) >= REFUSED for code in granted):
                self._tell_refused(topic_filter)

    def _tell_refused(self, topic_filter: str) -> None:
        """Log that nothing of an instrument will be heard, once a connection."""
        who = f"user {self._username!r}" if self._username else "a client without a name"
        log.error(
            "mqtt.refused",
            broker=f"{self.host}:{self.port}",
            topic=topic_filter,
            why="the broker does not let us subscribe, so that the instrument is not heard: let"
            f" {who} do so in its access list, then reconnect",
        )

    def _hand_out(self, topic: str, payload: object, *, retained: bool) -> None:
        data = payload if isinstance(payload, bytes) else str(payload or "").encode()
        for topic_filter, handler in self._handlers:
            if matches(topic_filter, topic):
                handler(topic, data, retained)

    def _set_down(self, why: str) -> None:
        self._client, self._why_down = None, why
        self._up.clear()
        self._announce(connected=False, why=why)

    def _announce(self, *, connected: bool, why: str) -> None:
        """Log and tell a change once, however many attempts fail in between."""
        if connected == self._announced:
            return
        self._announced = connected
        address = f"{self.host}:{self.port}"
        if connected:
            log.info("mqtt.connected", broker=address)
        else:
            log.warning("mqtt.disconnected", broker=address, why=why)
        for watcher in self._watchers:
            watcher(connected, why)
