"""A broker that lets nobody subscribe: it is said plainly, and asked again."""

import asyncio

import pytest
from structlog.testing import capture_logs

from daemon.api import link
from daemon.api.broker import Broker
from daemon.api.client import Connection
from daemon.api.send import NoAnswer, send
from drivers import mqtt
from drivers.mqtt import BrokerLink
from tests.services.mqtt_rig import ROOT, Daemon
from tests.services.refusing import refusing


async def until(reached):
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.01)


async def test_a_daemon_whose_commands_the_broker_keeps_back_says_so_until_it_hears(monkeypatch):
    monkeypatch.setattr(link, "ASK_AGAIN_S", 0.05)
    deaf = []
    with capture_logs() as logs:
        async with refusing() as broker:
            daemon = Daemon(broker, username="rig")
            daemon.api._on_deaf = deaf.append
            task = asyncio.create_task(daemon.api.run())
            await daemon.until_connected()
            await until(lambda: broker.asked > 3)
            assert len(deaf) == 1
            broker.grants = True
            await until(lambda: len(deaf) == 2)
            task.cancel()
            await asyncio.wait([task])
    (told,) = [line for line in logs if line["event"] == "broker.refuses"]
    assert told["topic"] == f"{ROOT}/cmd/#"
    assert told["why"].startswith(
        "it says Not authorized, and so no command arrives, not even a trip: let user 'rig'"
        " subscribe to taylord/flow-1/cmd/# in the broker's access list"
    )
    assert deaf == [told["why"], ""]
    assert [line["event"] for line in logs].count("broker.hears") == 1


async def test_a_command_whose_reply_would_not_be_heard_is_not_sent():
    async with refusing() as broker:
        with pytest.raises(
            NoAnswer, match=r"does not let us subscribe to .*; nothing was sent: let"
        ):
            await send(Broker(broker.host, broker.port), "flow-1", "ping", {}, timeout_s=5)


async def test_an_instrument_that_the_broker_keeps_from_us_is_named(monkeypatch):
    monkeypatch.setattr(mqtt, "FIRST_PAUSE_S", 0.05)
    with capture_logs() as logs:
        async with refusing() as broker:
            instruments = BrokerLink(broker.host, broker.port)
            await instruments.open()
            instruments.subscribe("lab/nmr/#", lambda *_: None)
            await until(lambda: broker.asked)
            await until(lambda: any(line["event"] == "mqtt.refused" for line in logs))
            await instruments.close()
    (told,) = [line for line in logs if line["event"] == "mqtt.refused"]
    assert told["topic"] == "lab/nmr/#"
    assert "let a client without a name do so in its access list" in told["why"]


async def test_a_cancellation_in_the_moment_of_the_brokers_answer_is_not_lost():
    class Losing:
        """Answers at the moment of the cancellation, as asyncio.wait_for of Python 3.11 does."""

        async def subscribe(self, *_, **__):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                return (1,)

    connection = Connection.__new__(Connection)
    connection.five, connection._client = False, Losing()
    task = asyncio.create_task(connection.subscribe("a"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
