"""The link to a real broker: subscriptions that survive it, and publishing while it is there."""

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import mqtt
from drivers.analysers.mqtt import MqttAnalyser
from drivers.mqtt import BrokerLink, MqttPort, matches
from simulators.wire.mqtt import MemoryBroker
from tests.services.broker import free_port


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    """Reconnect at once: these tests run in real time."""
    monkeypatch.setattr(mqtt, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(mqtt, "LONGEST_PAUSE_S", 0.2)


@pytest.fixture
async def link(broker):
    one = BrokerLink(broker.host, broker.port)
    await one.open()
    yield one
    await one.close()


class Heard(list):
    """What a subscription has heard."""

    def __call__(self, topic, payload, retained):
        self.append((topic, payload, retained))

    async def reaches(self, n):
        async with asyncio.timeout(10):
            while len(self) < n:
                await asyncio.sleep(0.005)


async def until(reached):
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.005)


async def test_messages_come_by_their_filters_and_retained_ones_are_marked(link):
    await link.publish("lab/a", b"old", qos=1, retain=True)
    one, rest = Heard(), Heard()
    link.subscribe("lab/+", one)
    link.subscribe("#", rest)
    await until(lambda: link._told == 2)
    await one.reaches(1)
    assert one[0] == ("lab/a", b"old", True)
    await link.publish("lab/b", b"new", qos=1)
    await link.publish("other/c/d", b"\x00\xff")
    await until(lambda: ("other/c/d", b"\x00\xff", False) in rest)
    assert ("lab/b", b"new", False) in one
    assert all(topic.startswith("lab/") for topic, _, _ in one)


async def test_subscriptions_survive_a_broker_that_is_killed(link, broker):
    heard, states = Heard(), []
    link.on_state(lambda connected, why: states.append(connected))
    link.subscribe("lab/#", heard)
    await until(lambda: link._told == 1)
    await link.publish("lab/a", b"1", qos=1)
    await heard.reaches(1)
    broker.kill()
    await until(lambda: not link.connected)
    with pytest.raises(ConnectionError, match="no MQTT broker at 127"):
        await link.publish("lab/a", b"lost")
    await asyncio.sleep(0.3)  # several attempts fail
    broker.start()
    await until(lambda: link.connected)
    await link.publish("lab/a", b"2", qos=1)
    await heard.reaches(2)
    assert heard[-1] == ("lab/a", b"2", False)
    assert states == [False, True]  # one outage is told once


async def test_what_a_broker_said_before_it_was_restarted_is_history(link, broker):
    """Without a record of its own, it has forgotten who is there."""
    port = MqttPort(link, "lab/nmr")
    nmr = MqttAnalyser("nmr", port, MqttAnalyser.Options(), {})
    await port.publish("lab/nmr/status", b'{"state": "ready"}', qos=1, retain=True)
    await until(lambda: nmr.present)
    before = port.session
    broker.kill()
    await until(lambda: not link.connected)
    broker.start()
    await until(lambda: link.connected)
    assert (port.session, nmr.present) == (before + 1, False)
    await port.publish("lab/nmr/status", b'{"state": "ready"}', qos=1, retain=True)
    await until(lambda: nmr.present)


async def test_a_filter_asked_for_while_the_broker_is_away_is_heard_later(link, broker):
    broker.kill()
    await until(lambda: not link.connected)
    heard = Heard()
    link.subscribe("late/#", heard)
    broker.start()
    await link.open()
    await link.publish("late/a", b"x", qos=1)
    await heard.reaches(1)


async def test_a_broker_that_hangs_is_told_by_its_silence(broker):
    link = BrokerLink(broker.host, broker.port, keep_alive_s=1)
    await link.open()
    broker.pause()
    try:
        await until(lambda: not link.connected)
    finally:
        broker.unpause()
    await until(lambda: link.connected)
    await link.close()


async def test_a_broker_that_is_not_there_is_an_os_error_and_is_tried_on(broker):
    broker.kill()
    link = BrokerLink(broker.host, broker.port)
    with pytest.raises(ConnectionError, match=f"no MQTT broker at 127.0.0.1:{broker.port}"):
        await link.open(timeout_s=0.3)
    broker.start()
    await link.open()
    assert link.connected
    await link.close()
    assert not link.connected


async def test_a_link_that_was_never_opened_publishes_nothing_and_closes():
    link = BrokerLink("127.0.0.1", free_port())
    assert not link.connected
    with pytest.raises(ConnectionError, match="not opened"):
        await link.publish("a", b"")
    await link.close()


@pytest.mark.parametrize(("host", "port"), [("", 1883), ("localhost", 0), ("localhost", 70000)])
def test_a_broker_that_cannot_be_is_refused(host, port):
    with pytest.raises(ValueError, match="no MQTT broker can be at"):
        BrokerLink(host, port)


async def test_a_publication_that_is_not_answered_is_an_os_error(link, broker, monkeypatch):
    monkeypatch.setattr(link._client, "timeout", 0.2)
    broker.pause()
    try:
        with pytest.raises(ConnectionError, match="timed out"):
            await link.publish("a", b"x", qos=1)
    finally:
        broker.unpause()


async def test_a_fault_of_a_handler_is_raised_to_who_closes(broker):
    link = BrokerLink(broker.host, broker.port)
    await link.open()

    def broken(*_message):
        raise RuntimeError("a bug of ours")

    link.subscribe("a", broken)
    await until(lambda: link._told == 1)
    await link.publish("a", b"x")  # QoS 1 would race: the fault comes before or after the PUBACK
    await until(lambda: link._task.done())
    with pytest.raises(RuntimeError, match="a bug of ours"):
        await link.open()
    await link.close()


async def test_a_subscription_that_fails_drops_the_connection_and_is_tried_again(link, monkeypatch):
    import aiomqtt

    heard, states = Heard(), []
    link.on_state(lambda connected, why: states.append(connected))
    original = aiomqtt.Client.subscribe

    async def fails_once(self, *args, **more):
        monkeypatch.setattr(aiomqtt.Client, "subscribe", original)
        raise aiomqtt.MqttError("no")

    monkeypatch.setattr(aiomqtt.Client, "subscribe", fails_once)
    link.subscribe("lab/#", heard)
    await until(lambda: states == [False, True])
    await link.publish("lab/a", b"1", qos=1)
    await heard.reaches(1)


async def test_small_packets_are_not_held_back(link):
    sock = link._client._client.socket()
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_ports_share_a_link_that_closes_with_the_last_one(broker):
    link = BrokerLink(broker.host, broker.port)
    one, two = MqttPort(link, "lab/a"), MqttPort(link, "lab/b")
    heard = Heard()
    one.subscribe("lab/a", heard)
    await one.open()
    await two.open()
    await two.publish("lab/a", b"x", qos=1)
    await heard.reaches(1)
    await one.close()
    assert two.connected
    await two.close()
    assert not one.connected
    await one.close()


async def test_a_port_on_a_link_in_memory_needs_no_opening():
    broker = MemoryBroker()
    port = MqttPort(broker.client(), "lab/a")
    await port.open()
    assert port.connected
    await port.close()
    assert port.connected


async def test_tls_is_used_when_an_authority_is_named(tmp_path):
    link = BrokerLink("127.0.0.1", free_port(), tls_ca_file=tmp_path / "missing.pem")
    with pytest.raises(ConnectionError):
        await link.open(timeout_s=0.3)
    assert link._why_down
    await link.close()


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("+", "a", True),
        ("a/b", "a", False),
        ("a", "a/b", False),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("+/+", "/a", True),
    ],
)
def test_filters_match_as_the_standard_says(topic_filter, topic, expected):
    assert matches(topic_filter, topic) is expected


LEVELS = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=4)


@given(LEVELS, st.data())
def test_a_filter_made_from_a_topic_matches_it(levels, data):
    wanted = [data.draw(st.sampled_from([level, "+"])) for level in levels]
    cut = data.draw(st.integers(0, len(levels)))
    topic = "/".join(levels)
    assert matches("/".join(wanted), topic)
    assert matches("/".join([*wanted[:cut], "#"]), topic)
    assert not matches("/".join([*wanted, "x"]), topic)
