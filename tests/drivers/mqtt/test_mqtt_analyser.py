"""Instruments on MQTT: readings are fresh or bad, scans are those that were asked for."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.analysers.mqtt import MqttAnalyser
from drivers.errors import CommandRejected, DeviceFault, LinkLost, NoReply
from drivers.mqtt import MqttPort
from drivers.roles import Analyser
from drivers.signal import Limits, Quality

pytestmark = pytest.mark.virtual

TASMOTA = {
    "style": "tasmota",
    "period_s": 10.0,
    "signals": {
        "pressure": {"path": "LINE.Pressure", "unit": "bar"},
        "temperature": {"path": "LINE.Temperature", "unit": "degC"},
    },
}
ESPHOME = {
    "style": "esphome",
    "period_s": 10.0,
    "signals": {"pressure": {"path": "line_pressure", "unit": "bar"}},
}


async def tasmota(make, **more):
    setup = make(port="ph1", **{**TASMOTA, **more}, sim_options={"period_s": 10.0})
    await setup.driver.identify()
    return setup


async def pressure(setup):
    (reading,) = await setup.driver.poll(["pressure"])
    return reading


async def test_a_tasmota_sensor_is_read_as_it_publishes(make):
    setup = await tasmota(make)
    assert (await pressure(setup)).reason == "stale"  # nothing has been published yet
    await asyncio.sleep(10.1)
    readings = await setup.driver.poll(["pressure", "temperature"])
    assert [(r.value, r.unit, r.quality) for r in readings] == [
        (2.37, "bar", Quality.GOOD),
        (21.4, "degC", Quality.GOOD),
    ]


async def test_an_esphome_sensor_is_read_as_it_publishes(make):
    setup = make(port="flow1", **ESPHOME)
    assert await setup.driver.identify() == "esphome device at flow1"
    await setup.hear("flow1/sensor/line_pressure/state", "2.37")
    assert (await pressure(setup)).value == 2.37
    await setup.hear("flow1/sensor/line_pressure/state", "nan")
    assert (await pressure(setup)).reason == "nan"


async def test_a_lost_sensor_is_bad_until_it_is_back(make):
    setup = await tasmota(make)
    for value, reason in (("null", "nan"), ('"nan"', "nan"), ("[1]", "fault")):
        await setup.hear("tele/ph1/SENSOR", '{"LINE":{"Pressure":' + value + "}}")
        reading = await pressure(setup)
        assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, reason)
    await setup.hear("tele/ph1/SENSOR", '{"LINE":{"Pressure":"2.5"}}')
    assert (await pressure(setup)).value == 2.5
    await setup.hear("tele/ph1/SENSOR", "{broken")
    assert (await pressure(setup)).reason == "fault"
    await setup.hear("tele/ph1/SENSOR", '{"LINE":7}')
    assert (await pressure(setup)).reason == "fault"


async def test_silence_makes_a_reading_stale(make):
    setup = await tasmota(make)
    await setup.hear("tele/ph1/SENSOR", '{"LINE":{"Pressure":2.5}}')
    setup.sim.detach()
    await asyncio.sleep(29.0)
    assert (await pressure(setup)).value == 2.5
    await asyncio.sleep(1.1)
    reading = await pressure(setup)
    assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, "stale")


async def test_the_will_makes_readings_bad_at_once(make):
    setup = await tasmota(make)
    await setup.hear("tele/ph1/SENSOR", '{"LINE":{"Pressure":2.5}}')
    await setup.hear("tele/ph1/LWT", "Offline", retain=True)
    assert (await pressure(setup)).reason == "link"
    with pytest.raises(LinkLost, match="ph1 is offline"):
        await setup.driver.check()
    await setup.hear("tele/ph1/LWT", "Online", retain=True)
    assert (await pressure(setup)).value == 2.5
    await setup.driver.check()


async def test_a_broker_that_is_gone_makes_readings_bad_at_once(make):
    setup = await tasmota(make)
    await setup.hear("tele/ph1/SENSOR", '{"LINE":{"Pressure":2.5}}')
    setup.host.connected = False
    assert (await pressure(setup)).reason == "link"
    setup.host.connected = True
    assert (await pressure(setup)).value == 2.5


@pytest.mark.parametrize("retained_first", [True, False])
async def test_a_retained_reading_is_never_fresh(make, retained_first):
    setup = make(port="ph1", **TASMOTA, attach=False)
    setup.broker.route("tele/ph1/LWT", b"Online", retain=True)
    old, new = '{"LINE":{"Pressure":9.9}}', '{"LINE":{"Pressure":2.5}}'
    if not retained_first:
        await setup.hear("tele/ph1/SENSOR", new)
    setup.driver._hear_tasmota("tele/ph1/SENSOR", old.encode(), True)
    reading = await pressure(setup)
    assert reading.value == (None if retained_first else 2.5)


async def test_a_retained_esphome_reading_is_never_fresh(make):
    setup = make(port="flow1", **ESPHOME)
    setup.broker.route("flow1/sensor/line_pressure/state", b"9.9", retain=True)
    late = type(setup.driver)("late", MqttPort(setup.host, "flow1"), setup.driver._options, {})
    await late.identify()
    (reading,) = await late.poll(["pressure"])
    assert (reading.value, reading.reason) == (None, "stale")


async def test_a_device_that_is_away_is_not_there(make):
    setup = make(port="ph1", **TASMOTA, attach=False, timeout_s=3.0)
    with pytest.raises(NoReply, match=r"presence of ph1 \(has said nothing\).* within 3 s"):
        await setup.driver.identify()
    await setup.hear("tele/ph1/LWT", "Offline", retain=True)
    with pytest.raises(NoReply, match="is offline"):
        await setup.driver.identify()
    await setup.hear("tele/ph1/LWT", "Rubbish", retain=True)
    with pytest.raises(NoReply, match="is offline"):
        await setup.driver.identify()


async def test_what_a_device_publishes_cannot_be_set(make):
    setup = await tasmota(make)
    with pytest.raises(Exception, match="pressure cannot be set"):
        await setup.driver.signals["pressure"].set(1.0)
    with pytest.raises(CommandRejected, match="pressure cannot be set"):
        await setup.driver.signals["pressure"].store(1.0, 1)


async def test_a_sensor_measures_no_spectra(make):
    setup = await tasmota(make)
    with pytest.raises(CommandRejected, match="measures no spectra"):
        await setup.driver.acquire("a")


async def test_limits_belong_to_signals(make):
    setup = await tasmota(make, limits={"pressure": Limits(0, 20)})
    assert setup.driver.signals["pressure"].spec.limits == Limits(0, 20)
    with pytest.raises(ValueError, match="unknown signal 'flow'"):
        await tasmota(make, limits={"flow": Limits(0, 20)})


async def test_an_analyser_has_no_signals_by_options(make):
    with pytest.raises(ValueError, match="has no signals of its own"):
        make(signals={"a": {"path": "b"}})


@pytest.mark.parametrize("topic", ["lab/#", "+/uv", "/", "mqtt:", "a\0"])
async def test_a_filter_is_no_topic(make, topic):
    with pytest.raises(ValueError, match="no topic to listen under"):
        make(topic=topic)


async def test_the_topic_may_be_an_option_or_the_port(make):
    assert make(port="mqtt:lab/uv1/").driver.topic == "lab/uv1"
    assert make(port="x", topic="lab/uv2").driver.topic == "lab/uv2"


@pytest.fixture
async def uv(make):
    setup = make(scan_s=10.0)
    await setup.driver.identify()
    await setup.driver.prepare()
    return setup


async def test_a_scan_that_is_asked_for_is_a_spectrum(uv):
    began = asyncio.get_running_loop().time()
    spectrum = await uv.driver.acquire("run 12")
    assert spectrum.axis.tolist() == list(uv.plant.axis)
    assert (spectrum.axis_unit, spectrum.y_unit) == ("nm", "AU")
    assert (spectrum.started, round(spectrum.finished - began, 1)) == (began, 10.0)
    assert spectrum.meta["label"] == "run 12"
    assert spectrum.meta["seq"] == 1
    assert isinstance(uv.driver, Analyser)
    assert uv.driver.acquisition_s == 10.0
    await uv.driver.make_safe()


async def test_the_state_of_an_analyser_is_a_signal(uv):
    (state,) = await uv.driver.poll(["state"])
    assert state.value == "ready"
    await uv.hear("lab/uv1/status", '{"state":"busy"}')
    (state,) = await uv.driver.poll(["state"])
    assert state.value == "busy"


async def test_scans_of_others_are_passed_over(uv):
    task = asyncio.create_task(uv.driver.acquire("a"))
    await asyncio.sleep(1.0)
    for identity in ("theirs", None, 7):
        await uv.hear("lab/uv1/scan", json.dumps({"id": identity, "seq": 0, "y": [1]}))
    await uv.hear("lab/uv1/scan", "{broken")
    assert not task.done()
    assert len((await task).axis) == 50


async def test_two_scans_take_their_turns(uv):
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(uv.driver.acquire(label)) for label in "ab"]
    assert both[0].result().meta["id"] != both[1].result().meta["id"]
    assert uv.driver.missed == 0


async def test_a_scan_that_holds_no_number_is_a_fault(uv):
    uv.plant.spectrum = lambda seconds: ([1.0, 2.0], [float("nan"), 1.0], "nm", "AU")
    with pytest.raises(DeviceFault, match="its scan cannot be used: it does not hold a list"):
        await uv.driver.acquire("a")


async def test_an_error_of_the_analyser_ends_the_wait(uv):
    task = asyncio.create_task(uv.driver.acquire("a"))
    await asyncio.sleep(3.0)
    await uv.hear("lab/uv1/status", '{"state":"error","message":"lamp off"}')
    with pytest.raises(DeviceFault, match="lamp off"):
        await task
    with pytest.raises(DeviceFault, match="lamp off"):
        await uv.driver.check()


async def test_an_error_without_words_is_an_error(uv):
    await uv.hear("lab/uv1/status", '{"state":"error"}')
    with pytest.raises(DeviceFault, match="reports an error"):
        await uv.driver.acquire("a")


@pytest.mark.parametrize("payload", ["", "[]", "{broken", '{"state":"dancing"}', '{"state":{}}'])
async def test_a_status_that_says_nothing_changes_nothing(uv, payload):
    await uv.hear("lab/uv1/status", payload)
    assert uv.driver.state == "ready"
    await uv.driver.check()


async def test_an_analyser_that_goes_away_ends_the_wait(uv):
    task = asyncio.create_task(uv.driver.acquire("a"))
    await asyncio.sleep(3.0)
    await uv.hear("lab/uv1/status", '{"state":"offline"}')
    with pytest.raises(LinkLost):
        await task


async def test_a_broker_that_goes_away_ends_the_wait(uv):
    task = asyncio.create_task(uv.driver.acquire("a"))
    await asyncio.sleep(3.0)
    uv.host.connected = False
    with pytest.raises(LinkLost):
        await task


async def test_a_command_that_cannot_be_sent_is_a_lost_link(uv):
    async def fails(*_args, **_more):
        raise ConnectionError("no MQTT broker at localhost:1883")

    uv.driver._link.publish = fails
    with pytest.raises(LinkLost, match="no MQTT broker"):
        await uv.driver.acquire("a")


async def test_an_analyser_that_never_answers_is_named(uv):
    uv.sim._command = None
    uv.device._handlers.clear()
    began = asyncio.get_running_loop().time()
    with pytest.raises(NoReply, match="within 30 s"):
        await uv.driver.acquire("a")
    assert asyncio.get_running_loop().time() - began == pytest.approx(30.0)


async def test_an_analyser_at_work_is_waited_for(uv):
    uv.sim._begin_scan("theirs")
    await asyncio.sleep(1.0)
    spectrum = await uv.driver.acquire("a")
    assert spectrum.meta["seq"] == 2


async def test_an_analyser_that_stays_busy_is_refused(uv):
    await uv.hear("lab/uv1/status", '{"state":"busy"}')
    with pytest.raises(CommandRejected, match="busy with another scan"):
        await uv.driver.acquire("a")


async def test_a_free_running_analyser_gives_its_next_whole_scan(make):
    setup = make(triggered=False, scan_s=5.0, period_s=30.0, sim_options={"period_s": 30.0})
    await setup.driver.identify()
    await asyncio.sleep(29.0)
    began = asyncio.get_running_loop().time()
    await setup.hear("lab/uv1/scan", '{"id":"begun before","y":[]}')
    spectrum = await setup.driver.acquire("a")
    assert spectrum.started >= began
    assert spectrum.meta["id"] == "free-1"
    await asyncio.sleep(28.0)  # the second has begun
    assert (await setup.driver.acquire("b")).meta["id"] == "free-3"


async def test_a_scan_that_began_before_it_was_wanted_is_passed_over(make):
    setup = make(triggered=False, scan_s=5.0, period_s=30.0)
    await setup.driver.identify()
    task = asyncio.create_task(setup.driver.acquire("a"))
    await asyncio.sleep(3.0)
    whole = {"axis": {"start": 1, "step": 1, "n": 1}, "y": [1]}
    await setup.hear("lab/uv1/scan", json.dumps({"id": "early", **whole}))
    await asyncio.sleep(3.0)
    await setup.hear("lab/uv1/scan", json.dumps({"id": "late", **whole}))
    assert (await task).meta["id"] == "late"


async def test_a_retained_scan_is_no_measurement(uv):
    task = asyncio.create_task(uv.driver.acquire("a"))
    await asyncio.sleep(0.1)
    scan = {"id": uv.driver._scans._wanted, "axis": {"start": 1, "step": 1, "n": 1}, "y": [1]}
    uv.driver._hear_scan("lab/uv1/scan", json.dumps(scan).encode(), True)
    assert len((await task).axis) == 50


async def test_gaps_in_the_sequence_are_counted_and_repeats_are_not(uv):
    for seq in (1, 2, 2, 5, 6, 1, 2):  # 3 and 4 are missing; the device starts anew after 6
        await uv.hear("lab/uv1/scan", json.dumps({"seq": seq}))
    assert uv.driver.missed == 2


async def test_signals_are_known_before_an_instrument_is_made(make):
    setup = make(port="ph1", **TASMOTA)
    declared = type(setup.driver).signal_specs(setup.driver._options)
    assert declared == {name: s.spec for name, s in setup.driver.signals.items()}
    uv = make()
    assert list(type(uv.driver).signal_specs(uv.driver._options)) == list(uv.driver.signals)


class Quiet:
    """A link on which nothing is ever said."""

    connected, session = True, 1
    port = "ph1"

    def subscribe(self, topic_filter, handler):
        """Nobody will call it."""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
MESSAGES = st.binary(max_size=40) | st.builds(
    lambda *members: json.dumps(
        dict(zip(("state", "message", "seq", "id", "y"), members, strict=True))
    ).encode(),
    *[JSON] * 5,
)


@settings(max_examples=60)
@given(MESSAGES, st.booleans())
def test_no_payload_whatever_breaks_a_handler(payload, retained):
    async def hear():
        sensors = MqttAnalyser("ph", Quiet(), MqttAnalyser.Options(**TASMOTA), {})
        sensors._hear_presence("t", payload, retained)
        sensors._hear_tasmota("t", payload, retained)
        esphome = MqttAnalyser("e", Quiet(), MqttAnalyser.Options(**ESPHOME), {})
        esphome._esphome_handler(esphome.signals["pressure"])("t", payload, retained)
        uv = MqttAnalyser("uv", Quiet(), MqttAnalyser.Options(), {})
        uv._scans.want("", 0.0)
        uv._hear_state("t", payload, retained)
        uv._hear_scan("t", payload, retained)

    asyncio.run(hear())
