"""The broker helper itself."""

import asyncio
import logging

import aiomqtt
import pytest

from tests.services.broker import MOSQUITTO, BrokerProcess


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
async def test_a_killed_broker_comes_back_on_its_port(kind, tmp_path):
    if kind == "mosquitto" and not MOSQUITTO:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    if kind == "amqtt":
        pytest.importorskip("amqtt", reason="amqtt is not installed (pip install taylord[broker])")
    server = BrokerProcess(tmp_path, kind)
    for _ in range(2):
        server.start()
        try:
            async with (
                asyncio.timeout(10),
                aiomqtt.Client(
                    server.host, server.port, logger=logging.getLogger("test")
                ) as client,
            ):
                await client.subscribe("t/#")
                await client.publish("t/1", b"x", qos=1)
                message = await anext(aiter(client.messages))
                assert (message.topic.value, message.payload) == ("t/1", b"x")
        finally:
            server.kill()
