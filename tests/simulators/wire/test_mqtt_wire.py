"""The broker in memory, and simulated MQTT devices on it."""

import asyncio
import json

import pytest

from simulators.instruments.mqtt_analyser import SimMqttAnalyser
from simulators.wire.mqtt import MemoryBroker, Will, matches
from tests.simulators.parts import FakeCell, FakePressure, clock, ports

pytestmark = pytest.mark.virtual


@pytest.fixture
async def broker():
    return MemoryBroker()


class Listener:
    def __init__(self, broker, topic_filter="#"):
        self.heard = []
        self.link = broker.client()
        self.link.subscribe(topic_filter, lambda *message: self.heard.append(message))

    async def after(self, seconds=0.1):
        await asyncio.sleep(seconds)
        heard, self.heard = self.heard, []
        return heard


@pytest.mark.parametrize(
    ("topic_filter", "topic", "match"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("+/b", "a/b", True),
        ("a/#", "a/b/c", True),
        ("#", "a", True),
        ("b/#", "a", False),
    ],
)
def test_filters_match_topics(topic_filter, topic, match):
    assert matches(topic_filter, topic) is match


async def test_messages_reach_those_who_asked_in_order(broker):
    listener, other = Listener(broker, "a/+"), Listener(broker, "b")
    sender = broker.client()
    for n in range(3):
        await sender.publish("a/x", b"%d" % n, qos=1)
    assert await listener.after() == [("a/x", b"%d" % n, False) for n in range(3)]
    assert await other.after() == []


async def test_a_retained_message_is_marked_for_late_comers_and_can_be_cleared(broker):
    sender, early = broker.client(), Listener(broker)
    await sender.publish("a", b"1", retain=True)
    assert await early.after() == [("a", b"1", False)]
    assert await Listener(broker).after() == [("a", b"1", True)]
    await sender.publish("a", b"", retain=True)
    assert await Listener(broker).after() == []


async def test_a_lost_client_says_and_hears_nothing_and_its_will_comes_late(broker):
    listener = Listener(broker)
    device = broker.client(Will("dev/status", b"offline"))
    heard = []
    device.subscribe("#", lambda *message: heard.append(message))
    await broker.client().publish("x", b"on its way")
    device.lose()
    device.lose()
    device.post("dev/value", b"1")
    with pytest.raises(ConnectionError):
        await device.publish("dev/value", b"1")
    assert await listener.after(80) == [("x", b"on its way", False)]
    assert await listener.after(20) == [("dev/status", b"offline", False)]
    assert heard == []


async def test_a_client_without_a_will_just_goes(broker):
    listener = Listener(broker)
    broker.client().lose()
    assert await listener.after(200) == []


def analyser(options=(), **given):
    given = given or {"cell": FakeCell()}
    return SimMqttAnalyser("nir", {"topic": "lab/nir", **dict(options)}, ports(**given), clock)


async def test_a_scan_is_asked_for_and_repeats_the_id(broker):
    listener = Listener(broker)
    sim = analyser()
    sim.attach(broker.client(sim.will))
    assert await listener.after() == [("lab/nir/status", b'{"state":"ready","message":""}', False)]
    await listener.link.publish("lab/nir/cmd", b'{"id":"x7"}')
    topics = await listener.after(11)
    assert [topic for topic, _, _ in topics] == [
        "lab/nir/cmd",
        "lab/nir/status",
        "lab/nir/scan",
        "lab/nir/status",
    ]
    assert json.loads(topics[1][1])["state"] == "busy"
    scan = json.loads(topics[2][1])
    assert scan == {
        "id": "x7",
        "t": "2000-01-01T00:00:10.102Z",
        "seq": 1,
        "axis": {"unit": "ppm", "start": 0.0, "step": 0.5, "n": 3},
        "y": [0.0, 2.5, 0.125],
        "unit": "a.u.",
        "meta": {"scan_s": 10.0},
    }


@pytest.mark.parametrize("payload", [b"", b"{", b"7", b"[]", b'{"no":"id"}', b"\xff"])
async def test_a_command_that_is_none_is_ignored(broker, payload):
    listener = Listener(broker, "lab/nir/scan")
    sim = analyser()
    sim.attach(broker.client())
    await listener.link.publish("lab/nir/cmd", payload)
    assert await listener.after(20) == []


async def test_a_retained_command_is_ignored(broker):
    listener = Listener(broker, "lab/nir/scan")
    await listener.link.publish("lab/nir/cmd", b'{"id":"old"}', retain=True)
    sim = analyser()
    sim.attach(broker.client())
    assert await listener.after(20) == []


async def test_a_busy_analyser_makes_one_scan_at_a_time(broker):
    listener = Listener(broker, "lab/nir/scan")
    sim = analyser()
    sim.attach(broker.client())
    for n in range(2):
        await listener.link.publish("lab/nir/cmd", b'{"id":%d}' % n)
    assert [json.loads(p)["id"] for _, p, _ in await listener.after(30)] == ["0"]


async def test_a_free_running_analyser_scans_by_itself(broker):
    listener = Listener(broker, "lab/nir/scan")
    sim = analyser({"period_s": 60})
    sim.attach(broker.client())
    heard = [json.loads(p) for _, p, _ in await listener.after(200)]
    assert [scan["seq"] for scan in heard] == [1, 2, 3]


async def test_what_is_no_number_travels_as_null(broker):
    cell = FakeCell()
    cell.spectrum = lambda seconds: ([0.0], [float("nan")], "nm", "AU")
    listener = Listener(broker, "lab/nir/scan")
    sim = analyser(cell=cell)
    sim.attach(broker.client())
    await listener.link.publish("lab/nir/cmd", b'{"id":1}')
    assert json.loads((await listener.after(20))[0][1])["y"] == [None]


async def test_a_muted_device_neither_hears_nor_speaks(broker):
    listener = Listener(broker, "lab/nir/scan")
    sim = analyser()
    sim.attach(broker.client())
    sim.muted = True
    await listener.link.publish("lab/nir/cmd", b'{"id":1}')
    assert await listener.after(20) == []


async def test_a_detached_device_scans_no_more(broker):
    listener = Listener(broker, "lab/nir/scan")
    sim = analyser({"period_s": 15})
    sim.attach(broker.client())
    await asyncio.sleep(16)
    sim.detach()
    assert await listener.after(60) == []


async def test_a_tasmota_sensor_says_hello_and_tells_every_period(broker):
    listener = Listener(broker)
    line = FakePressure(bar=2.367, degc=21.4)
    sim = analyser({"style": "tasmota", "topic": "ph1"}, pressure=line)
    sim.attach(broker.client(sim.will))
    assert sim.will == Will("tele/ph1/LWT", b"Offline")
    assert await listener.after() == [("tele/ph1/LWT", b"Online", False)]
    state, sensor = await listener.after(10)
    assert (state[0], sensor[0]) == ("tele/ph1/STATE", "tele/ph1/SENSOR")
    assert json.loads(state[1])["POWER"] == "OFF"
    assert json.loads(sensor[1]) == {
        "Time": "2000-01-01T00:00:10",
        "LINE": {"Temperature": 21.4, "Pressure": 2.37},
        "TempUnit": "C",
        "PressureUnit": "bar",
    }
    line.degc = float("nan")
    _, sensor = await listener.after(10)
    assert b'"Temperature":null' in sensor[1]


async def test_tasmota_commands_are_answered(broker):
    listener = Listener(broker, "stat/#")
    sim = analyser({"style": "tasmota", "topic": "ph1"}, pressure=FakePressure())
    sim.attach(broker.client())
    for command, argument, answers in (
        ("Power", b"ON", [("stat/ph1/POWER", b"ON"), ("stat/ph1/RESULT", b'{"POWER":"ON"}')]),
        ("Power", b"", [("stat/ph1/POWER", b"ON"), ("stat/ph1/RESULT", b'{"POWER":"ON"}')]),
        ("Power", b"0", [("stat/ph1/POWER", b"OFF"), ("stat/ph1/RESULT", b'{"POWER":"OFF"}')]),
        ("TelePeriod", b"60", [("stat/ph1/RESULT", b'{"TelePeriod":60}')]),
        ("TelePeriod", b"5", [("stat/ph1/RESULT", b'{"TelePeriod":60}')]),
        ("Dance", b"", [("stat/ph1/RESULT", b'{"Command":"Unknown"}')]),
    ):
        await listener.link.publish(f"cmnd/ph1/{command}", argument)
        assert [(t, p) for t, p, _ in await listener.after()] == answers


async def test_an_esphome_sensor_publishes_bare_numbers(broker):
    listener = Listener(broker)
    line = FakePressure(bar=2.37, degc=21.0)
    sim = analyser({"style": "esphome", "topic": "flow1"}, pressure=line)
    sim.attach(broker.client(sim.will))
    assert sim.will == Will("flow1/status", b"offline")
    line.degc = float("nan")
    assert await listener.after(10.1) == [
        ("flow1/status", b"online", False),
        ("flow1/sensor/line_pressure/state", b"2.37", False),
        ("flow1/sensor/line_temperature/state", b"nan", False),
    ]


async def test_an_esphome_switch_echoes_its_state(broker):
    listener = Listener(broker, "flow1/switch/+/state")
    sim = analyser({"style": "esphome", "topic": "flow1"}, pressure=FakePressure())
    sim.attach(broker.client())
    await listener.link.publish("flow1/switch/lamp/command", b"ON")
    await listener.link.publish("flow1/switch/lamp/command", b"DIM")
    assert await listener.after() == [("flow1/switch/lamp/state", b"ON", False)]


async def test_a_device_attached_again_goes_on(broker):
    listener = Listener(broker, "lab/nir/scan")
    sim = analyser({"period_s": 15})
    sim.attach(broker.client())
    sim.attach(broker.client())
    assert len(await listener.after(31)) == 1


def test_the_role_goes_with_the_style():
    assert SimMqttAnalyser.role_for({}) == "cell"
    assert SimMqttAnalyser.role_for({"style": "esphome"}) == "pressure"
    with pytest.raises(ValueError, match="pressure port"):
        SimMqttAnalyser("x", {"style": "tasmota"}, ports(), lambda: 0.0)


async def test_a_sensor_publishes_what_the_configuration_lists(broker):
    listener = Listener(broker, "tele/ph1/SENSOR")
    signals = {
        "line": {"path": "BMP.P.Line", "unit": "bar", "scale": 0.001},
        "room": {"path": "DS18B20.Temperature", "unit": "degC"},
    }
    sim = analyser(
        {"style": "tasmota", "topic": "ph1", "signals": signals},
        pressure=FakePressure(bar=2.0, degc=21.0),
    )
    sim.attach(broker.client())
    ((_, payload, _),) = await listener.after(10.1)
    document = json.loads(payload)
    assert document["BMP"] == {"P": {"Line": 2000.0}}
    assert document["DS18B20"] == {"Temperature": 21.0}


async def test_an_analyser_that_is_not_triggered_scans_by_itself(broker):
    listener = Listener(broker, "lab/nir/scan")
    sim = analyser({"triggered": False, "scan_s": 5})
    sim.attach(broker.client())
    assert len(await listener.after(31)) == 2
