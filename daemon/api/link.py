"""The daemon's link to its broker, kept up through restarts of the broker.

The client id is the rig's: a new start takes the session of a dead one over, so that an old will
cannot come after a new birth. After every connect the will is armed anew, and birth and everything
retained are published again. What QoS 1 messages were not acknowledged goes out again, in order.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import partial
from typing import Any, Protocol

import structlog

from daemon.api import client
from daemon.api.broker import Broker, BrokerLost, Received, Will
from daemon.api.client import CONNECT_S, Connection, connect
from daemon.api.outbox import Message, Outbox
from daemon.api.sizes import Sizes, packet_bytes
from daemon.timebase import outside_work
from drivers.ending import end_if_told

log = structlog.get_logger(__name__)

BACK_OFF_S = (0.5, 30.0)  # first and longest pause between attempts
FIRST_CONNECT_S = 2.5  # some brokers of MQTT 3.1.1 only are silent when spoken to in MQTT 5
STABLE_S = 30.0  # a session this long makes the next pause short again
BRIEF_ONES = 2  # connections in a row that were lost sooner
NAMESAKE = (
    "again and again: if the broker runs, another daemon of this rig is on it, and the two take the"
    " connection from each other, so that neither hears all commands"
)
GOODBYE_S = 2.0
ASK_AGAIN_S = 30.0  # for a subscription that was refused: somebody may have mended the access list
DEAF = (
    "it says {0}, and so no command arrives, not even a trip: let {1} subscribe to {2} in the"
    " broker's access list; it is asked again every {3:g} s"
)
IN_FLIGHT = 20  # messages on their way at once


class Correspondent(Protocol):
    """Whose messages these are."""

    def will(self) -> Will:
        """Return what the broker shall say when we are gone; asked before every connect."""
        ...

    def born(self) -> None:
        """Put birth and all retained state into the outbox; called after every connect."""
        ...

    def farewell(self) -> Message:
        """Return the last message of a daemon that ends in good order."""
        ...

    def take(self, received: Received) -> None:
        """Take a message that came; must not block nor raise."""
        ...

    def deaf(self, why: str) -> None:
        """Note that the broker keeps all messages from us, and why; empty: it does not."""
        ...


class Link:
    """Keeps one connection up: subscribes, publishes the outbox, hands in what comes."""

    def __init__(
        self, broker: Broker, topic: str, outbox: Outbox, correspondent: Correspondent
    ) -> None:
        self._broker, self._topic, self._outbox, self._who = broker, topic, outbox, correspondent
        self._five, self._settled = True, False  # MQTT 5 until a broker refuses it
        self._flying: dict[int, tuple[float, Message]] = {}  # since when, in order
        self._flights = 0
        self._connection: Connection | None = None
        self._holding = ExitStack()  # a virtual clock, while anything flies
        self._told = False  # one log line per outage
        self._since: float | None = None  # loop time of the connection
        self._brief = 0  # connections in a row that were lost soon
        self._sizes = Sizes()
        self._deaf = False  # the broker refuses our subscription
        self._unwanted: set[str] = set()  # topics that the broker does not take; told once

    async def run(self) -> None:
        """Connect and stay connected until cancelled; then say goodbye."""
        loop = asyncio.get_running_loop()
        pause = BACK_OFF_S[0]
        while True:
            began = loop.time()
            try:
                await self._session()
            except BrokerLost as lost:
                self._note(lost)
            end_if_told()
            if loop.time() - began > STABLE_S:
                pause = BACK_OFF_S[0]
            await asyncio.sleep(pause)
            pause = min(2 * pause, BACK_OFF_S[1])

    def _note(self, lost: BrokerLost) -> None:
        if not self._told:
            why = str(lost) + self._namesake()
            log.warning("broker.lost", broker=str(self._broker), error=why)
            self._told = True
        if not self._settled:
            self._five = not self._five  # another version may do better

    def _namesake(self) -> str:
        """Return what to look for when connections are taken away again and again."""
        self._brief = self._brief + 1 if self._is_young() else 0
        self._since = None
        return f"; {NAMESAKE}" if self._brief >= BRIEF_ONES else ""

    def _is_young(self) -> bool:
        """Return whether there is, or was, a connection that was made a short while ago."""
        since = self._since
        return since is not None and asyncio.get_running_loop().time() - since < STABLE_S

    async def _session(self) -> None:
        """Be connected once, from birth to the loss of the connection (BrokerLost)."""
        try:
            async with self._connect() as connection:
                refusal = await connection.subscribe(self._topic)
                self._settled = True
                self._outbox.connected, self._told = True, False
                self._since = asyncio.get_running_loop().time()
                self._who.born()
                log.info("broker.connected", broker=str(self._broker), mqtt=5 if self._five else 3)
                self._note_heard(refusal)
                await self._serve(connection)
        finally:
            self._connection = None
            self._outbox.connected = False
            self._sizes.ended([m for _, m in self._flying.values()], soon=self._is_young())
            self._land_all()

    def _note_heard(self, refusal: str) -> None:
        """Tell once that the broker lets no command through, or that it does again."""
        was, self._deaf = self._deaf, bool(refusal)
        if self._deaf and not was:
            user = self._broker.username
            who = f"user {user!r}" if user else "a client without a name (or give mqtt.username)"
            why = DEAF.format(refusal, who, self._topic, ASK_AGAIN_S)
            log.error("broker.refuses", broker=str(self._broker), topic=self._topic, why=why)
            self._who.deaf(why)
        elif was and not self._deaf:
            log.info("broker.hears", broker=str(self._broker), topic=self._topic)
            self._who.deaf("")

    async def _ask_again(self, connection: Connection) -> None:
        """Subscribe anew, while the broker refuses that."""
        while True:
            await asyncio.sleep(ASK_AGAIN_S)
            if self._deaf:
                self._note_heard(await connection.subscribe(self._topic))

    def _connect(self) -> AbstractAsyncContextManager[Connection]:
        wait_s = CONNECT_S if self._settled else FIRST_CONNECT_S
        return connect(
            self._broker,
            five=self._five,
            will=self._who.will(),
            take=self._who.take,
            timeout_s=wait_s,
        )

    async def _serve(self, connection: Connection) -> None:
        self._connection, self._outbox.on_more = connection, self._pump
        self._sizes.announced = connection.largest
        self._pump()
        try:
            # none of them ends the group: a group that a fault ends forgets a cancellation
            # which comes at the same moment (a computer that is shut down ends the broker, too)
            async with asyncio.TaskGroup() as tasks:
                ends = {
                    tasks.create_task(_end_of(self._receive(connection)), name="mqtt receive"),
                    tasks.create_task(_end_of(self._watch()), name="mqtt acknowledgements"),
                    tasks.create_task(_end_of(self._ask_again(connection)), name="mqtt asks again"),
                }
                ended, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in ends:
                    end.cancel()
        except asyncio.CancelledError:
            await self._say_goodbye(connection)
            raise
        raise ended.pop().result()

    async def _receive(self, connection: Connection) -> None:
        async for received in connection.messages():
            self._who.take(received)  # none comes here: ``connect`` hands them straight to ``take``

    def _pump(self) -> None:
        """Send what waits, as far as there is room in flight."""
        while self._connection is not None and len(self._outbox) and len(self._flying) < IN_FLIGHT:
            message = self._outbox.take()
            if not self._sizes.takes(message):
                self._leave_out(message, f"too large for it, with {packet_bytes(message)} bytes")
                continue
            self._flights += 1
            if not self._flying:
                self._holding.enter_context(outside_work())
            self._flying[self._flights] = (asyncio.get_running_loop().time(), message)
            try:
                done = _start(self._connection, message)
            except BrokerLost:  # ``_receive`` is told as well, and ends the session
                self._connection = None
                return
            done.add_done_callback(partial(self._landed, self._flights))

    def _leave_out(self, message: Message, why: str) -> None:
        """Note a message that nobody will hear; the first one of a topic is told."""
        self._outbox.dropped[message.lane] += 1
        if message.topic not in self._unwanted:
            self._unwanted.add(message.topic)
            log.error("broker.refuses", broker=str(self._broker), topic=message.topic, why=why)

    def _landed(self, flight: int, done: asyncio.Future[str]) -> None:
        _, message = self._flying.pop(flight, (0.0, None))
        if message is not None and not done.cancelled() and (refusal := done.result()):
            self._leave_out(message, f"it says {refusal}")
        if not self._flying:
            self._holding.close()
        self._pump()

    def _land_all(self) -> None:
        """Put back what was not acknowledged."""
        flying, self._flying = self._flying, {}
        self._holding.close()
        self._outbox.give_back(message for _, message in flying.values())

    async def _watch(self) -> None:
        """End the session when the broker stops to acknowledge."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(client.ACKNOWLEDGE_S / 4)
            oldest = next(iter(self._flying.values()), None)
            if oldest is not None and loop.time() - oldest[0] > client.ACKNOWLEDGE_S:
                raise BrokerLost(f"nothing acknowledged within {client.ACKNOWLEDGE_S:g} s")

    async def _say_goodbye(self, connection: Connection) -> None:
        """Send what waits, then the farewell; not for longer than a moment."""
        self._connection = None
        self._land_all()
        try:
            with outside_work():
                async with asyncio.timeout(GOODBYE_S):
                    while len(self._outbox):
                        await _start(connection, self._outbox.take())
                    await _start(connection, self._who.farewell())
        except (BrokerLost, TimeoutError) as error:
            log.warning("broker.no_goodbye", error=str(error))


def _start(connection: Connection, message: Message) -> asyncio.Future[str]:
    return connection.start(
        message.topic,
        message.payload,
        qos=message.qos,
        retain=message.retain,
        correlation=message.correlation,
    )


async def _end_of(work: Coroutine[Any, Any, None]) -> BrokerLost:
    """Do what only the loss of the broker ends; return that loss."""
    try:
        await work
    except BrokerLost as lost:
        return lost
    return BrokerLost("the connection ended")
