"""A simulated instrument on a real broker ends when it is told to, whatever the broker does."""

import asyncio

import pytest

from simulators.instruments.mqtt_analyser import SimMqttAnalyser
from simulators.wire.mqtt import publish_on_network
from tests.services.broker import MOSQUITTO, broker, ends_beside
from tests.simulators.parts import FakeCell, FakePressure, ports

__all__ = ["broker"]


@pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is not installed (apt install mosquitto)")
@pytest.mark.parametrize("turns", range(8))
async def test_it_ends_also_when_its_broker_ends_at_the_same_moment(turns, broker):
    clock = asyncio.get_running_loop().time
    device = SimMqttAnalyser(
        "uv", {"topic": "lab/uv"}, ports(cell=FakeCell(), pressure=FakePressure()), clock
    )
    task = asyncio.create_task(publish_on_network(device, broker.host, broker.port, {}))
    await asyncio.sleep(0.3)
    assert await ends_beside(broker, task, turns)
