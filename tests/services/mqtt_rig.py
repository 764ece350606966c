"""A daemon's MQTT side on a real broker, with a rig that is only made up; and plain clients."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from daemon.api import link
from daemon.api.server import MqttApi
from daemon.events import EventBus
from daemon.settings.models import MqttSettings
from daemon.timebase import Timebase
from drivers.signal import Limits, SignalSpec
from tests.daemon.api.helpers import Recording

ROOT = "taylord/flow-1"
SPECS = {
    "bath.setpoint": SignalSpec("setpoint", float, "degC", writable=True, limits=Limits(0, 140)),
    "pump-a.flow": SignalSpec("flow", float, "mL/min"),
}


class Daemon:
    """The API of a running daemon; ``state`` is what it says of itself."""

    def __init__(self, broker, *, boot="boot-1", remembered=(), **settings):
        self.bus, self.commands = EventBus(), Recording()
        self.state = {"campaign": "idle"}
        self.api = MqttApi(
            MqttSettings(host=broker.host, port=broker.port, **settings),
            "flow-1",
            boot=boot,
            timebase=Timebase.real(),
            events=self.bus,
            commands=self.commands,
            commit=self.commit,
            state=lambda: self.state,
            signals=lambda: SPECS,
            remembered=remembered,
        )

    async def commit(self, event):
        """A disk that is always quick."""

    async def until_connected(self, wanted=True):
        async with asyncio.timeout(20):
            while self.api.connected is not wanted:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(broker, **how):
    daemon = Daemon(broker, **how)
    task = asyncio.create_task(daemon.api.run())
    try:
        yield daemon
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def quick_reconnects(monkeypatch):
    monkeypatch.setattr(link, "BACK_OFF_S", (0.05, 0.2))


class Listener:
    """A client that keeps what it hears, and can ask."""

    def __init__(self, client, five):
        self.client, self.five = client, five
        self.heard = []
        self._new = asyncio.Event()

    async def listen(self):
        async for message in self.client.messages:
            self.heard.append(message)
            self._new.set()

    async def until(self, topic, where=lambda document: True, after=0, timeout=10):
        """Wait for a JSON message below the rig's topic that is as wanted; return it."""
        async with asyncio.timeout(timeout):
            while True:
                for message in self.heard[after:]:
                    if message.topic.value == f"{ROOT}/{topic}" and message.payload:
                        document = json.loads(message.payload)
                        if where(document):
                            return document
                self._new.clear()
                await self._new.wait()

    def topics(self):
        return [message.topic.value.removeprefix(f"{ROOT}/") for message in self.heard]

    async def ask(self, verb, fields, **how):
        """Send a command, and wait for the answer on reply/<id>."""
        after = len(self.heard)
        await self.send(verb, fields, **how)
        return await self.until(f"reply/{fields['id']}", after=after)

    async def send(self, verb, fields, *, retain=False, properties=None):
        payload = fields if isinstance(fields, bytes) else json.dumps(fields)
        await self.client.publish(
            f"{ROOT}/cmd/{verb}", payload, qos=1, retain=retain, properties=properties
        )


@asynccontextmanager
async def listening(broker, *topics, five=True):
    version = aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311
    async with aiomqtt.Client(
        broker.host, broker.port, protocol=version, logger=logging.getLogger("test")
    ) as client:
        listener = Listener(client, five)
        for topic in topics or ("#",):
            await client.subscribe(f"{ROOT}/{topic}", qos=1)
        task = asyncio.create_task(listener.listen())
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.wait([task])


def properties(**values):
    made = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(made, name, value)
    return made
