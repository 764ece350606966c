"""Sensirion drivers against the sheet's frames and the simulated instruments."""

import asyncio
from math import nan

import pytest

from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    OutOfRange,
    WrongInstrument,
)
from drivers.sensors.sensirion_slf3s import Slf3s, Slf3sOptions
from drivers.signal import Lane, Quality
from simulators.instruments.sensirion_sfx import SimSensirionSfx
from simulators.instruments.sensirion_slf3s import SimSlf3s
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.flows import Spot, sensing
from tests.drivers.instruments.rig import Wire

pytestmark = pytest.mark.virtual

# request -> reply, address 0, as the sheet prints them
SHEET = {
    "7E 00 D0 01 01 2D 7E": "7E 00 D0 00 09 53 43 43 31 2D 55 53 42 00 05 7E",
    "7E 00 D1 00 2E 7E": "7E 00 D1 00 07 01 08 00 01 00 01 00 1C 7E",
    "7E 00 33 04 00 64 36 08 26 7E": "7E 00 33 00 00 CC 7E",
    "7E 00 35 01 22 A7 7E": "7E 00 35 00 06 04 D2 7D 31 F8 00 00 E5 7E",
    "7E 00 53 02 36 08 6C 7E": "7E 00 53 00 05 00 0A 08 44 00 51 7E",
    "7E 00 34 00 CB 7E": "7E 00 34 00 00 CB 7E",
    "7E 00 EE 00 7D 31 7E": "7E 00 EE 02 00 0F 7E",
}
SENSOR_TYPE = {"7E 00 24 00 DB 7E": "7E 00 24 00 01 03 D7 7E"}
NO_ERRORS = {"7E 00 D2 01 01 2B 7E": "7E 00 D2 00 05 00 00 00 00 00 28 7E"}


def table(*parts):
    return {bytes.fromhex(k): bytes.fromhex(v) for part in parts for k, v in part.items()}


class Scripted:
    """A driver whose far end answers what a table says."""

    def __init__(self, driver, options, replies):
        self.replies = replies
        self.peer = Peer(lambda data: [(0.003, replies[data])] if data in replies else [])
        self.bus = bus_to(self.peer, codec=driver.line.codec, quiet_s=0.05)
        self.instrument = driver("i", self.bus, options, {})

    async def __aenter__(self):
        await self.bus.open()
        return self.instrument

    async def __aexit__(self, *_):
        await self.bus.close()


@pytest.fixture
def spot():
    return Spot()


@pytest.fixture
async def sim(spot):
    return sensing(SimSlf3s, "meter", spot)


@pytest.fixture
async def meter(sim):
    async with Wire("/dev/ttyUSB0", sim, framing="serial").driver("meter", "sensirion-slf3s") as m:
        yield m


async def values(instrument, *names):
    return [reading.value for reading in await instrument.poll(names)]


# --- the sheet's frames


async def test_the_sheets_frames_start_a_sensor_and_read_it():
    replies = table(SHEET, SENSOR_TYPE, NO_ERRORS)
    async with Scripted(Slf3s, Slf3sOptions(), replies) as meter:
        await meter.prepare()
        flow, temperature, gas, high = await meter.poll(("flow", "temperature", "gas", "high_flow"))
    assert flow.value == pytest.approx(0.1234)  # 123.4 uL/min
    assert (temperature.value, gas.value, high.value) == (23.0, False, False)


async def test_the_sheets_unknown_command_is_a_refusal_by_name():
    async with Scripted(Slf3s, Slf3sOptions(), table(SHEET)) as meter:
        with pytest.raises(CommandRejected, match=r"EE is refused, state 02h \(unknown command\)"):
            await meter.query(0xEE, lane=Lane.COMMAND)


async def test_a_scale_with_more_after_the_unit_is_read_as_well():
    longer = {"7E 00 53 02 36 08 6C 7E": "7E 00 53 00 06 00 0A 08 44 00 00 50 7E"}
    replies = table(SHEET, SENSOR_TYPE, NO_ERRORS, longer)
    async with Scripted(Slf3s, Slf3sOptions(), replies) as meter:
        await meter.prepare()
        assert await values(meter, "flow") == [pytest.approx(0.1234)]


@pytest.mark.parametrize(
    "reply",
    [
        "7E 00 53 00 04 00 0A 09 44 51 7E",  # grams
        "7E 00 53 00 04 00 00 08 44 5C 7E",  # factor 0
        "7E 00 53 00 04 00 0A 08 40 56 7E",  # no prefix that is known
        "7E 00 53 00 02 00 0A A0 7E",
    ],
)
async def test_a_scale_that_is_not_understood_gives_no_flow(reply):
    replies = table(SHEET, SENSOR_TYPE, NO_ERRORS, {"7E 00 53 02 36 08 6C 7E": reply})
    async with Scripted(Slf3s, Slf3sOptions(), replies) as meter:
        with pytest.raises(DeviceFault, match="scale"):
            await meter.prepare()
        assert [r.reason for r in await meter.poll(("flow", "gas"))] == ["fault", "fault"]


async def test_a_reply_of_another_length_is_not_taken_for_a_sample():
    short = {"7E 00 35 01 22 A7 7E": "7E 00 35 00 02 04 D2 F2 7E"}
    replies = table(SHEET, SENSOR_TYPE, NO_ERRORS, short)
    async with Scripted(Slf3s, Slf3sOptions(), replies) as meter:
        await meter.prepare()
        with pytest.raises(GarbledReply, match="not 0 or 6 bytes"):
            await meter.flow.read()
        assert await values(meter, "flow") == [None]


async def test_a_damaged_frame_is_no_reply_and_the_query_is_asked_again():
    replies = table(SHEET, SENSOR_TYPE, NO_ERRORS)
    async with Scripted(Slf3s, Slf3sOptions(), replies) as meter:
        await meter.prepare()
        last = bytes.fromhex("7E 00 35 01 22 A7 7E")
        good, damaged = replies[last], bytearray(replies[last])
        damaged[6] ^= 0x01
        answers = [bytes(damaged), good]
        meter.bus.counters.timeouts = 0
        script = dict(replies)

        def answer(data):
            reply = answers.pop(0) if data == last else script.get(data)
            return [(0.003, reply)] if reply else []

        meter.bus._transport.script = answer
        assert await values(meter, "flow") == [pytest.approx(0.1234)]
        assert meter.bus.counters.timeouts == 1


# --- the liquid flow sensor


async def test_the_meter_reads_flow_temperature_and_flags_from_one_sample(meter, sim):
    asked = meter.bus.counters.exchanges
    readings = await meter.poll(("flow", "temperature", "gas", "high_flow"))
    assert [r.value for r in readings] == [pytest.approx(1.25, abs=0.001), 23.0, False, False]
    assert meter.bus.counters.exchanges == asked + 1
    assert sim.interval_ms == 100


async def test_the_meter_names_its_cable(meter):
    assert await meter.identify() == "Sensirion SCC1-USB, firmware 1.8, serial 24070123"


async def test_the_configured_liquid_and_interval_are_what_the_sensor_is_started_with(sim):
    wire = Wire("/dev/ttyUSB0", sim)
    options = {"liquid": "isopropanol", "interval_ms": 20}
    async with wire.driver("meter", "sensirion-slf3s", options):
        assert (sim.liquid, sim.interval_ms) == (0x3615, 20)


async def test_a_flow_with_air_in_the_line_is_uncertain(meter, spot):
    spot.air, spot.flow = True, 0.0
    flow, gas = await meter.poll(("flow", "gas"))
    assert (flow.quality, flow.reason, gas.value) == (Quality.UNCERTAIN, "gas", True)
    assert (await meter.flow.read()).quality is Quality.UNCERTAIN
    assert (await meter.gas.read()).quality is Quality.GOOD


async def test_a_flow_beyond_the_range_is_not_a_number(meter, spot):
    spot.flow = 70.0
    flow, high = await meter.poll(("flow", "high_flow"))
    assert (flow.value, flow.reason, high.value) == (None, "range", True)
    assert (await meter.flow.read()).reason == "range"
    with pytest.raises(Exception, match="range"):
        await meter.flow.fetch(Lane.POLL)


async def test_a_dead_sensor_gives_no_values_and_recovers(meter, spot):
    spot.flow = nan
    assert await values(meter, "flow", "gas") == [None, None]
    spot.flow = 2.0
    assert await values(meter, "flow") == [pytest.approx(2.0)]


async def test_a_cable_that_lost_its_power_is_started_again_with_the_new_scale(meter, sim):
    sim.reset()
    sim.model = "0600F"
    (flow,) = await meter.poll(("flow",))
    assert (flow.value, flow.reason) == (None, "no sample")
    assert (await meter.flow.read()).value == pytest.approx(1.25)
    sim.reset()
    assert (await meter.flow.read()).reason == "no sample"


async def test_a_cable_set_up_for_another_sensor_is_set_to_this_one(sim):
    sim.sensor_type = 0
    async with Wire("/dev/ttyUSB0", sim).driver("meter", "sensirion-slf3s") as meter:
        assert sim.sensor_type == 3
        assert await values(meter, "flow") == [pytest.approx(1.25, abs=0.001)]


async def test_a_cable_that_wants_the_sensor_type_with_the_question_gets_it(sim):
    command = sim.commands[0x35]
    refused = []

    def only_the_type(data):
        if data != b"\x03":
            refused.append(data)
            return sim.commands[0x24](b"\x09")  # a parameter that is refused
        return command(data)

    sim.commands[0x35] = only_the_type
    async with Wire("/dev/ttyUSB0", sim).driver("meter", "sensirion-slf3s") as meter:
        assert await values(meter, "flow", "gas") == [pytest.approx(1.25, abs=0.001), False]
        assert await values(meter, "gas") == [False]
    assert refused == [b"\x22"]


async def test_errors_of_the_past_are_forgotten_and_new_ones_are_faults(sim):
    sim.errors = 0x0100
    async with Wire("/dev/ttyUSB0", sim).driver("meter", "sensirion-slf3s") as meter:
        await meter.check()
        sim.errors = 0x0002
        with pytest.raises(DeviceFault, match="device error state 02h"):
            await meter.check()
        assert await values(meter, "gas") == [False]


async def test_a_device_without_an_error_state_has_no_errors(meter, sim):
    del sim.commands[0xD2]
    await meter.check()
    sim.commands[0xD2] = sim.commands[0x53]  # refuses otherwise: wrong length
    with pytest.raises(CommandRejected, match="wrong length"):
        await meter.check()


async def test_a_sensor_takes_no_orders(meter):
    with pytest.raises(OutOfRange, match="flow cannot be set"):
        await meter.flow.set(1.0)
    with pytest.raises(OutOfRange, match="flow cannot be set"):
        await meter.flow.store(1.0, Lane.COMMAND)
    await meter.make_safe()


async def test_a_gas_flow_controller_is_not_taken_for_a_liquid_sensor(spot):
    sim = sensing(SimSensirionSfx, "gas", spot)
    async with Wire("/dev/ttyUSB0", sim).driver("m", "sensirion-slf3s", prepare=False) as meter:
        with pytest.raises(WrongInstrument, match="SFC5500"):
            await meter.identify()
        del sim.commands[0xD0]
        with pytest.raises(WrongInstrument, match="no SCC1 cable"):
            await meter.identify()


async def test_two_meters_share_a_line_by_address(spot):
    near = sensing(SimSlf3s, "near", spot, {"address": 1})
    far = sensing(SimSlf3s, "far", Spot(flow=0.5), {"address": 2})
    wire = Wire("/dev/ttyUSB0", near, far)
    one = wire.lines.instrument("near", "sensirion-slf3s", "/dev/ttyUSB0", {"address": 1}, {})
    async with wire.driver("far", "sensirion-slf3s", {"address": 2}) as two:
        await one.prepare()
        for _ in range(3):
            first, second = await asyncio.gather(values(one, "flow"), values(two, "flow"))
            assert first == [pytest.approx(1.25, abs=0.001)]
            assert second == [pytest.approx(0.5, abs=0.001)]
