"""The MQTT API on a real broker, to clients of MQTT 5 and 3.1.1 (CONTRACT, MQTT)."""

import asyncio
import json
import re

import pytest

from daemon import __version__
from daemon.api.send import NoAnswer, arguments_of, broker_at, send
from daemon.errors import ConfigError
from drivers.signal import Quality, Reading
from tests.services.broker import MOSQUITTO, BrokerProcess, broker, free_port
from tests.services.mqtt_rig import ROOT, listening, properties, running

__all__ = ["broker"]
pytestmark = pytest.mark.skipif(
    not MOSQUITTO, reason="mosquitto is not installed (apt install mosquitto)"
)

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(params=[True, False], ids=["mqtt5", "mqtt3"])
def five(request):
    return request.param


async def test_status_state_and_signals_are_retained_for_whoever_comes_later(broker, five):
    async with running(broker) as daemon:
        await daemon.until_connected()
        async with listening(broker, five=five) as client:
            status = await client.until("status")
            state = await client.until("state")
            signals = await client.until("signals")
    assert (status["state"], status["boot"], status["version"]) == ("online", "boot-1", __version__)
    assert ISO.fullmatch(status["since"])
    assert state["campaign"] == "idle"
    assert signals["signals"]["bath.setpoint"] == {
        "unit": "degC", "type": "float", "limits": [0, 140], "writable": True, "poll_s": 1.0,
        "doc": "", "choices": [],
    }  # fmt: skip
    assert all(isinstance(document["seq"], int) for document in (status, state, signals))


async def test_a_command_is_answered_on_the_reply_topic_of_its_id(broker, five):
    async with running(broker) as daemon, listening(broker, "reply/#", five=five) as client:
        await daemon.until_connected()
        reply = await client.ask("set", {"id": "c-1", "signal": "bath.setpoint", "value": 80.5})
        assert reply.pop("seq") > 0
        assert reply == {"id": "c-1", "ok": True, "result": {"value": 80.5}, "boot": "boot-1"}
        refused = await client.ask("set", {"id": "c-2", "signal": "pump.flow", "value": 9})
        assert refused["error"]["code"] == "out-of-range"


async def test_a_response_topic_gets_the_answer_with_the_correlation_data(broker):
    async with running(broker) as daemon, listening(broker, "reply/#") as client:
        await daemon.until_connected()
        await client.client.subscribe("my/answers")
        how = properties(ResponseTopic="my/answers", CorrelationData=b"\x00\xff7")
        await client.send("ping", {"id": "c-1"}, properties=how)
        async with asyncio.timeout(10):
            while not client.heard:
                await asyncio.sleep(0.01)
        (message,) = client.heard
        assert message.topic.value == "my/answers"
        assert message.properties.CorrelationData == b"\x00\xff7"
        assert json.loads(message.payload)["ok"] is True


@pytest.mark.parametrize("topic", [f"{ROOT}/cmd/trip", f"{ROOT}/status", "$SYS/x"])
async def test_an_answer_never_goes_where_commands_or_state_are(broker, topic):
    async with running(broker) as daemon, listening(broker, "reply/#") as client:
        await daemon.until_connected()
        await client.send("ping", {"id": "c-1"}, properties=properties(ResponseTopic=topic))
        assert (await client.until("reply/c-1"))["ok"]
        assert daemon.commands.done == [("ping", {})]


async def test_the_same_id_twice_is_done_once_and_answered_twice(broker, five):
    async with running(broker) as daemon, listening(broker, "reply/#", five=five) as client:
        await daemon.until_connected()
        command = {"id": "c-1", "signal": "bath.setpoint", "value": 70}
        first = await client.ask("set", command)
        second = await client.ask("set", command)
        assert first["result"] == second["result"]
        assert first["seq"] < second["seq"]
        assert daemon.commands.done == [("set", 70)]


async def test_a_retained_command_is_refused_when_it_is_found_and_when_it_is_sent(broker, five):
    async with listening(broker, "reply/#", five=five) as client:
        await client.send("campaign.start", {"id": "old"}, retain=True)
        async with running(broker) as daemon:
            await daemon.until_connected()
            assert (await client.until("reply/old"))["error"]["code"] == "refused"
            reply = await client.ask("campaign.start", {"id": "new"}, retain=True)
            assert reply["error"]["code"] == "refused"
            assert daemon.commands.done == []
            await client.client.publish(f"{ROOT}/cmd/campaign.start", b"", retain=True, qos=1)
            assert (await client.ask("ping", {"id": "after"}))["ok"]
            assert daemon.commands.done == [("ping", {})]


async def test_an_expired_command_is_not_done(broker):
    async with running(broker) as daemon, listening(broker, "reply/#") as client:
        await daemon.until_connected()
        daemon.commands.gate = asyncio.Event()
        await client.send("reconnect", {"id": "slow"})
        await client.send(
            "campaign.start", {"id": "late"}, properties=properties(MessageExpiryInterval=1)
        )
        await asyncio.sleep(1.2)
        daemon.commands.gate.set()
        assert (await client.until("reply/late"))["error"]["code"] == "refused"
        assert [name for name, _ in daemon.commands.done] == ["reconnect"]


async def test_what_is_too_big_is_refused_by_code(broker, five):
    async with running(broker) as daemon, listening(broker, "reply/#", five=five) as client:
        await daemon.until_connected()
        reply = await client.ask("trip", {"id": "big", "reason": "x" * 70_000})
        assert reply["error"]["code"] == "bad-request"
        huge = {"id": "huge", "reason": "x" * 1_500_000}
        await client.send("trip", huge)  # the broker does not even hand it over
        assert (await client.ask("ping", {"id": "after"}))["ok"]
        assert daemon.commands.done == [("ping", {})]


async def test_a_message_without_a_readable_id_is_answered_all_the_same(broker, five):
    async with running(broker) as daemon, listening(broker, "reply/#", five=five) as client:
        await daemon.until_connected()
        await client.send("trip", b"\xff\x00 garbage")
        reply = await client.until("reply/-")
        assert (reply["id"], reply["ok"], reply["error"]["code"]) == (None, False, "bad-request")


async def test_a_flood_of_garbage_neither_stops_nor_moves_anything(broker):
    async with running(broker) as daemon, listening(broker, "reply/good") as client:
        await daemon.until_connected()
        verbs = ["trip", "set", "nonsense", "deep/er/verb", "ping"]
        for i in range(600):
            payload = [b"", b"{", b"\xff" * 50, b'{"id": "x", "a": 1}', b"[" * 5000, b"null"][i % 6]
            await client.client.publish(f"{ROOT}/cmd/{verbs[i % 5]}", payload, qos=0)
        reply = await client.ask("ping", {"id": "good"})
        assert reply["ok"]
        assert daemon.commands.done == [("ping", {})]


async def test_run_documents_are_published_by_kind(broker, five):
    async with running(broker) as daemon, listening(broker, "event/#", five=five) as client:
        await daemon.until_connected()
        daemon.bus.emit("experiment", id="e-1", state="running", requested={"temperature": 80.0})
        daemon.bus.emit("decision", what="nobody's business")
        daemon.bus.emit("trip", name="line", state="tripped", value=float("nan"))
        trip = await client.until("event/trip")
        experiment = await client.until("event/experiment")
        assert (experiment["id"], experiment["requested"]) == ("e-1", {"temperature": 80.0})
        assert ISO.fullmatch(experiment["t"])
        assert experiment["boot"] == "boot-1"
        assert trip["value"] is None
        assert not any(m.retain for m in client.heard)
        assert client.topics() == ["event/experiment", "event/trip"]


async def test_a_scan_has_the_values_and_what_is_bad(broker, five):
    async with (
        running(broker) as daemon,
        listening(broker, "scan", "signal/#", five=five) as client,
    ):
        await daemon.until_connected()
        now = asyncio.get_running_loop().time()
        daemon.bus.readings([Reading("bath.setpoint", 80.0, "degC", now)])
        daemon.bus.readings(
            [
                Reading("bath.setpoint", 80.02, "degC", now + 0.1),
                Reading("pump-a.pressure", None, "bar", now, Quality.BAD, "stale"),
            ]
        )
        scan = await client.until("scan")
        assert (scan["values"], scan["bad"]) == (
            {"bath.setpoint": 80.02},
            {"pump-a.pressure": "stale"},
        )
        assert ISO.fullmatch(scan["t"])
        assert client.topics() == ["scan"]  # bare values are off by default


async def test_bare_values_are_retained_and_cleared_when_they_are_bad(broker):
    async with running(broker, bare_signals=True) as daemon, listening(broker, "scan") as client:
        await daemon.until_connected()
        now = asyncio.get_running_loop().time()
        readings = [
            Reading("bath.setpoint", 80.5, "degC", now),
            Reading("bath.running", True, "", now),
            Reading("valve.position", "A", "", now),
        ]
        daemon.bus.readings(readings)
        await client.until("scan")
        async with listening(broker, "signal/#") as later:
            async with asyncio.timeout(5):
                while len(later.heard) < 3:
                    await asyncio.sleep(0.01)
            got = {m.topic.value.removeprefix(f"{ROOT}/signal/"): m.payload for m in later.heard}
            assert got == {
                "bath/setpoint": b"80.5",
                "bath/running": b"true",
                "valve/position": b"A",
            }
            assert all(m.retain for m in later.heard)
            bad = Reading("bath.setpoint", None, "degC", now, Quality.BAD, "stale")
            daemon.bus.readings([bad, *readings[1:]])
            async with asyncio.timeout(5):
                while len(later.heard) < 4:
                    await asyncio.sleep(0.01)
            assert later.heard[3].topic.value == f"{ROOT}/signal/bath/setpoint"
            assert not later.heard[3].payload
            assert len(later.heard) == 4


async def test_the_state_follows_what_happens(broker):
    async with running(broker) as daemon, listening(broker, "state") as client:
        await daemon.until_connected()
        await client.until("state", lambda d: d["campaign"] == "idle")
        daemon.state = {"campaign": "running"}
        daemon.bus.emit("campaign", state="running", reason="")
        await client.until("state", lambda d: d["campaign"] == "running")
        daemon.state = {"campaign": "held"}
        daemon.api.state_changed()
        await client.until("state", lambda d: d["campaign"] == "held")


async def test_the_state_is_looked_at_without_any_event(broker, monkeypatch):
    monkeypatch.setattr("daemon.api.server.REFRESH_S", 0.05)
    async with running(broker) as daemon, listening(broker, "state") as client:
        await daemon.until_connected()
        daemon.state = {"campaign": "idle", "reagents": 4.5}
        await client.until("state", lambda d: d.get("reagents") == 4.5)
        count = len(client.heard)
        await asyncio.sleep(0.3)
        assert len(client.heard) == count  # the same again is not said again


async def test_every_message_has_its_own_number(broker):
    async with running(broker) as daemon, listening(broker) as client:
        await daemon.until_connected()
        for i in range(20):
            daemon.bus.emit("campaign", state="running", reason=str(i))
        await client.ask("ping", {"id": "a"})
        seqs = [json.loads(m.payload)["seq"] for m in client.heard if "/cmd/" not in m.topic.value]
        assert len(seqs) == len(set(seqs))


async def test_send_gives_the_reply(broker):
    async with running(broker) as daemon:
        await daemon.until_connected()
        reply = await send(broker_at(broker.address), "flow-1", "ping", {})
        assert (reply["ok"], reply["boot"]) == (True, "boot-1")
        again = await send(broker_at(broker.address), "flow-1", "nonsense", {"id": "mine"})
        assert (again["id"], again["error"]["code"]) == ("mine", "unknown-verb")


async def test_send_says_when_nobody_answers(broker):
    with pytest.raises(NoAnswer, match=r"no reply from rig 'nobody' at 127\.0\.0\.1"):
        await send(broker_at(broker.address), "nobody", "ping", {}, timeout_s=0.3)
    with pytest.raises(NoAnswer, match=r"the broker cannot be used.*check --broker"):
        await send(broker_at(f"127.0.0.1:{free_port()}"), "flow-1", "ping", {})


@pytest.mark.parametrize(
    "address", ["", ":", "host:", "host:port", "host:0", "host:70000", ":1883"]
)
def test_a_broker_that_is_no_address_is_a_usage_error(address):
    with pytest.raises(ConfigError, match="must be HOST:PORT"):
        broker_at(address)


def test_a_broker_is_a_host_with_or_without_port():
    assert [(b.host, b.port) for b in map(broker_at, ("a", "a:7", "[::1]:9", "[::1]"))] == [
        ("a", 1883), ("a", 7), ("::1", 9), ("::1", 1883),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000])
def test_arguments_that_are_no_object_are_a_usage_error(text):
    with pytest.raises(ConfigError, match="arguments"):
        arguments_of(text)


async def test_send_refuses_what_can_be_no_topic_before_it_connects():
    where = broker_at(f"127.0.0.1:{free_port()}")
    for rig, verb, fields in [
        ("a/b", "ping", {}),
        ("#", "ping", {}),
        ("flow-1", "", {}),
        ("flow-1", "ping", {"id": "a/b"}),
        ("flow-1", "ping", {"x": "y" * 70_000}),
    ]:
        with pytest.raises(ConfigError):
            await send(where, rig, verb, fields)


async def test_two_brokers_of_one_machine_do_not_hear_each_other(broker, tmp_path_factory):
    other = BrokerProcess(tmp_path_factory.mktemp("other"))
    other.start()
    try:
        async with running(broker) as daemon, listening(other, "reply/#") as client:
            await daemon.until_connected()
            await client.send("ping", {"id": "a"})
            await asyncio.sleep(0.2)
            assert client.heard == []
    finally:
        other.kill()
