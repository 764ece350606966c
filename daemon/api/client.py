"""One connection to a broker: the one module of the daemon that knows aiomqtt.

MQTT 5 is spoken first, for response topics, correlation data and expiry; a broker that refuses it
is spoken to in MQTT 3.1.1. Sessions begin clean. Each QoS 1 answer would take 44 ms with Nagle's
algorithm, so TCP_NODELAY is set. Whatever a broker or the network does ends as BrokerLost.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from daemon.api.broker import Broker, BrokerLost, Received, Will
from daemon.api.haste import acknowledge_at_once, write_at_once
from daemon.timebase import outside_work
from drivers.ending import end_if_told

if TYPE_CHECKING:
    from aiomqtt import Client, Message
    from paho.mqtt.properties import Properties

CONNECT_S = 5.0
ACKNOWLEDGE_S = 10.0
KEEPALIVE_S = 15
FAREWELL_S = 2.0
MAX_INCOMING = 1000  # waiting to be looked at; beyond it the client drops
MAX_PACKET = 1 << 20  # over 64 KiB is refused with an answer; over this the broker drops it
QUIET = logging.getLogger("taylord.mqtt.client")  # paho's own words


Take = Callable[[Received], None]


class Connection:
    """A connected client."""

    def __init__(self, client: "Client", *, five: bool) -> None:
        self.five = five
        self._client, self._paho = client, _paho(client)
        self._loop = asyncio.get_running_loop()
        self._acknowledged: dict[int, asyncio.Future[str]] = {}
        self.largest: int | None = None  # packet that the broker takes, bytes, where it says so
        self._note_acknowledged()
        self._note_largest()
        acknowledge_at_once(self._paho)
        write_at_once(self._paho)

    def start(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        correlation: bytes | None = None,
    ) -> asyncio.Future[str]:
        """Publish; the future is done when the broker has acknowledged (QoS 0: when it is sent).

        Its result is why the broker does not take the message, where it says so, or empty.
        Raises BrokerLost. aiomqtt's own publish does the same with two tasks per message.
        """
        info = self._paho.publish(topic, payload, qos, retain, self._properties(correlation))
        if info.rc != 0:
            raise BrokerLost(f"a message cannot be published (paho says {info.rc})")
        done: asyncio.Future[str] = self._loop.create_future()
        self._acknowledged[info.mid] = done
        return done

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Publish, and wait until the broker has acknowledged; raise BrokerLost."""
        try:
            with outside_work():
                async with asyncio.timeout(ACKNOWLEDGE_S):
                    await self.start(topic, payload, qos=qos)
        except TimeoutError:
            raise BrokerLost(f"nothing acknowledged within {ACKNOWLEDGE_S:g} s") from None

    def _note_acknowledged(self) -> None:
        """Keep what the broker says to each message."""
        published = self._paho.on_publish

        def on_publish(client: Any, user: Any, mid: int, *more: Any) -> None:
            done = self._acknowledged.pop(mid, None)
            if done is not None and not done.done():
                done.set_result(_refusal(*more))
            published(client, user, mid, *more)

        self._paho.on_publish = on_publish

    def _note_largest(self) -> None:
        """Keep what the broker says of itself when it accepts the connection."""
        connected = self._paho.on_connect

        def on_connect(client: Any, user: Any, flags: Any, code: Any, properties: Any) -> None:
            self.largest = getattr(properties, "MaximumPacketSize", None)
            connected(client, user, flags, code, properties)

        self._paho.on_connect = on_connect

    async def subscribe(self, topic: str) -> str:
        """Subscribe with QoS 1; not to our own messages, where the broker knows MQTT 5.

        Return why the broker does not let us hear the topic, in its words; empty when it does.
        """
        with _named(), outside_work():
            if not self.five:
                granted = await self._client.subscribe(topic, 1)
            else:
                from paho.mqtt.subscribeoptions import SubscribeOptions

                # as published: else a command sent with retain looks like any other
                options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True)
                granted = await self._client.subscribe(topic, options=options)
        end_if_told()
        return _denied(granted)

    async def messages(self) -> AsyncIterator[Received]:
        """Yield what comes; raise BrokerLost when the connection ends.

        Nothing is yielded where ``connect`` was given somebody who takes it at once.
        """
        with _named():
            async for message in self._client.messages:
                yield _received(message)

    def _properties(self, correlation: bytes | None) -> "Properties | None":
        if not self.five or correlation is None:
            return None
        properties = _properties("PUBLISH")
        properties.CorrelationData = correlation
        return properties


def _refusal(code: Any = None, *_: Any) -> str:
    """Return the reason an acknowledgement gives, which may be a refusal; else an empty text."""
    return str(code) if code is not None and code.is_failure else ""


def _denied(granted: Sequence[Any]) -> str:
    """Return the reason a subscription is refused for; of MQTT 3.1.1 there is but one."""
    return next(filter(None, map(_refusal, granted)), "")


def _received(message: "Message") -> Received:
    properties = message.properties
    return Received(
        message.topic.value,
        bytes(message.payload or b""),
        bool(message.retain),
        getattr(properties, "ResponseTopic", None),
        getattr(properties, "CorrelationData", None),
        getattr(properties, "MessageExpiryInterval", None),
    )


@asynccontextmanager
async def connect(
    broker: Broker,
    *,
    five: bool = True,
    will: Will | None = None,
    take: Take | None = None,
    timeout_s: float = CONNECT_S,
) -> AsyncGenerator[Connection]:
    """Connect, and disconnect at the end; ``five``: speak MQTT 5, else 3.1.1.

    ``take`` is called with each message as it is read; it must not block nor raise. Without it
    messages wait for :meth:`Connection.messages`.

    Raises BrokerLost for whatever the broker does, ConfigError when password or certificates
    cannot be read.
    """
    client = _make(broker, five=five, will=will, take=take, timeout_s=timeout_s)
    connection = Connection(client, five=five)
    await _enter(client, broker)
    try:
        yield connection
    finally:
        with suppress(BrokerLost, TimeoutError):  # it may be gone already
            async with asyncio.timeout(FAREWELL_S):
                with _named(), outside_work():
                    await client.__aexit__(None, None, None)
        _hear_the_end(client)


class _named:  # noqa: N801 (reads as a statement)
    """Turn the library's errors into BrokerLost."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: Any
    ) -> None:
        from aiomqtt import MqttError

        if isinstance(error, MqttError | OSError):
            raise BrokerLost(_in_words(error)) from error


def _in_words(error: BaseException) -> str:
    """Return an error with what caused it: the broker's own word, where it has said one."""
    told = str(error) or type(error).__name__
    return f"{told}: {error.__cause__}" if error.__cause__ is not None else told


class _Straight(asyncio.Queue["Message"]):
    """What aiomqtt puts its messages into: hands them on at once, and stays empty.

    Its own queue costs a task, a wait and two turns of the loop per message.
    """

    def __init__(self, maxsize: int, take: Take) -> None:
        super().__init__(maxsize)
        self._take = take

    def put_nowait(self, item: "Message") -> None:
        self._take(_received(item))


def _make(
    broker: Broker, *, five: bool, will: Will | None, take: Take | None, timeout_s: float
) -> "Client":
    import aiomqtt

    version = aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311
    limits: dict[str, Any] = {}
    if five:
        limits["clean_start"] = True
        limits["properties"] = _properties("CONNECT")
        limits["properties"].MaximumPacketSize = MAX_PACKET
    else:
        limits["clean_session"] = True
    return aiomqtt.Client(
        broker.host,
        broker.port,
        identifier=broker.client_id,
        username=broker.username,
        password=broker.password(),
        tls_context=broker.tls(),
        protocol=version,
        will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True) if will else None,
        keepalive=KEEPALIVE_S,
        timeout=timeout_s,
        max_queued_incoming_messages=MAX_INCOMING,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        logger=QUIET,
        queue_type=None if take is None else cast("Any", partial(_Straight, take=take)),
        **limits,
    )


def _properties(packet: str) -> "Properties":
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    return Properties(getattr(PacketTypes, packet))


async def _enter(client: "Client", broker: Broker) -> None:
    with outside_work():
        # the connect runs in a thread: it must come to its end before anything of it is let go
        entering = asyncio.create_task(client.__aenter__(), name="mqtt connect")
        try:
            with _named():
                await asyncio.shield(entering)
        except BrokerLost as error:
            await _let_go(client)
            raise BrokerLost(f"{broker}: {error}") from error
        except asyncio.CancelledError:
            with suppress(BrokerLost), _named():
                await entering
            await _let_go(client)
            raise


async def _let_go(client: "Client") -> None:
    # aiomqtt leaves the socket, its reader and its keep-alive task behind when a broker accepts the
    # connection and then says nothing; paho closes them as soon as it has written DISCONNECT
    inner = _paho(client)
    inner.disconnect()
    for _ in range(50):
        if inner.socket() is None:
            return
        await asyncio.sleep(0.01)


def _hear_the_end(client: "Client") -> None:
    """Look at why the connection ended: asyncio complains of what nobody has looked at."""
    ended = client._disconnected  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (as below)
    if ended.done() and not ended.cancelled():
        ended.exception()


def _paho(client: "Client") -> Any:
    return client._client  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (no other way to its socket)
