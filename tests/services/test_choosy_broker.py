"""Brokers that do not take everything: what they refuse is told, and commands are heard all night."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from daemon.api.outbox import Message
from daemon.api.sizes import Sizes, packet_bytes
from tests.services.broker import MOSQUITTO, BrokerProcess
from tests.services.mqtt_rig import ROOT, listening, quick_reconnects, running

mosquitto = pytest.mark.skipif(
    not MOSQUITTO, reason="mosquitto is not installed (apt install mosquitto)"
)


class Choosy(BrokerProcess):
    """A broker with rules of its own."""

    rules = ""

    def _command(self):
        command = super()._command()
        config = self._folder / "mosquitto.conf"
        kept = config.read_text().replace("max_packet_size 4000000\n", "")
        config.write_text(kept + self.rules)
        return command


@pytest.fixture
def choosy(tmp_path, monkeypatch):
    """Return how to start a broker with these rules; it is ended with the test."""
    quick_reconnects(monkeypatch)
    broker = Choosy(tmp_path, "mosquitto")

    def start(rules):
        broker.rules = rules
        broker.start()
        return broker

    yield start
    broker.kill()


@mosquitto
@pytest.mark.parametrize("rules", ["max_packet_size 600\n", "message_size_limit 500\n"])
async def test_commands_are_heard_on_a_broker_that_takes_small_messages_only(rules, choosy):
    broker = choosy(rules)
    with capture_logs() as logs:
        async with running(broker) as daemon:
            daemon.state = {"campaign": "idle", "alarms": ["a long one"] * 60}
            async with listening(broker) as client, asyncio.timeout(20):
                await until_stable(client)
                assert (await client.ask("trip", {"id": "stop"}))["ok"]
                assert daemon.commands.done[-1][0] == "trip"
            assert daemon.api.dropped["retained"] >= 1
    told = [line for line in logs if line["event"] == "broker.refuses"]
    assert f"{ROOT}/state" in [line["topic"] for line in told]
    assert all("too large for it, with" in line["why"] for line in told)
    assert len(told) == len({line["topic"] for line in told})  # once each


async def until_stable(client):
    """Wait until the daemon answers."""
    for n in range(100):
        await client.send("ping", {"id": f"p{n}"})
        await asyncio.sleep(0.2)
        if any(json.loads(m.payload).get("ok") for m in client.heard if "/reply/" in str(m.topic)):
            return


@mosquitto
async def test_a_topic_that_an_access_list_forbids_is_named_once(choosy, tmp_path):
    rules = "topic readwrite taylord/flow-1/cmd/#\ntopic readwrite taylord/flow-1/reply/#\n"
    (tmp_path / "acl").write_text(rules + "topic read #\n")
    broker = choosy(f"user root\nacl_file {tmp_path}/acl\n")
    with capture_logs() as logs:
        async with running(broker) as daemon:
            await daemon.until_connected()
            for n in range(3):
                daemon.bus.emit("campaign", state="running", reason=str(n))
            async with listening(broker) as client:
                assert (await client.ask("ping", {"id": "a"}))["ok"]
    told = {line["topic"]: line["why"] for line in logs if line["event"] == "broker.refuses"}
    assert told[f"{ROOT}/state"] == "it says Not authorized"
    topics = [line.get("topic") for line in logs]
    assert topics.count(f"{ROOT}/event/campaign") == 1


def sent(topic, n_bytes):
    return Message(topic, b"x" * n_bytes, "retained")


def test_a_message_that_ended_two_connections_is_left_out_and_so_are_larger_ones():
    sizes, state = Sizes(), sent("state", 1000)
    sizes.ended([sent("status", 100), state], soon=True)
    assert sizes.takes(state)  # once is no pattern
    sizes.ended([state, sent("status", 100)], soon=True)
    assert not sizes.takes(state)
    assert not sizes.takes(sent("signals", 2000))
    assert sizes.takes(sent("status", 100))


def test_a_connection_that_lasted_long_ended_for_another_reason():
    sizes, state = Sizes(), sent("state", 1000)
    for soon in (True, False, True):
        sizes.ended([state], soon=soon)
    assert sizes.takes(state)


def test_what_a_broker_has_shown_is_forgotten_when_a_connection_ends_with_nothing_on_its_way():
    sizes, state = Sizes(), sent("state", 1000)
    sizes.ended([state], soon=True)
    sizes.ended([state], soon=True)
    sizes.ended([], soon=False)
    assert sizes.takes(state)


def test_what_a_broker_announces_holds_for_the_whole_packet():
    sizes, message = Sizes(), sent("state", 1000)
    sizes.announced = packet_bytes(message)
    assert sizes.takes(message)
    assert not sizes.takes(sent("state", 1001))
