"""Keller X-line transmitters: the sheet's frames, broken sensors, a simulated unit."""

from math import inf, nan

import pytest

from drivers.errors import DeviceFault, NoReply, WrongInstrument
from drivers.sensors.keller import KellerXLine
from drivers.signal import Quality
from simulators.instruments.eurotherm import SimEurotherm3216
from simulators.instruments.keller import SimKellerXLine
from tests.drivers.modbus.wire import ScriptedLine, crc, frame

pytestmark = pytest.mark.virtual

P1, TOB1 = "01 03 00 02 00 02 65 CB", "01 03 00 08 00 02 45 C9"
P1_TO_TOB1 = "01 03 00 02 00 08 E5 CC"


@pytest.fixture
async def keller(bus_on):
    async def make(replies, **options):
        script = ScriptedLine(replies)
        bus = await bus_on(script)
        return KellerXLine("p1", bus, KellerXLine.Options(**options), {}), script

    return make


async def test_pressure_and_temperature_are_those_of_the_sheet(keller):
    unit, _ = await keller({P1: "01 03 04 3F 9E 04 19 54 C3", TOB1: "01 03 04 41 BE 00 00 8E 2B"})
    pressure, temperature = await unit.pressure.read(), await unit.temperature.read()
    assert (round(pressure.value, 6), pressure.unit) == (1.2345, "bar")
    assert (temperature.value, temperature.unit) == (23.75, "degC")


async def test_both_come_in_one_frame_over_documented_registers(keller):
    whole = crc(frame("01 03 10 3F9E0419 7FC00000 41BE0000 41BE0000"))
    unit, script = await keller({P1_TO_TOB1: whole})
    values = [r.value for r in await unit.poll(["pressure", "temperature"])]
    assert values == [pytest.approx(1.2345), 23.75]
    assert script.sent == [frame(P1_TO_TOB1)]


async def test_a_broken_sensor_is_a_bad_reading_and_a_fault(keller):
    unit, _ = await keller({P1: "01 03 04 7F C0 00 00 E3 DB"})
    (reading,) = await unit.poll(["pressure"])
    assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, "nan")
    with pytest.raises(DeviceFault, match="failed or out of range"):
        await unit.check()


async def test_the_second_channel_lies_one_float_further(keller):
    ask = crc(frame("01 03 00 04 00 02"))
    unit, _ = await keller({ask.hex(): "01 03 04 3F 9E 04 19 54 C3"}, channel=2)
    assert (await unit.pressure.read()).value == pytest.approx(1.2345)


async def test_an_absolute_model_is_read_as_gauge(keller):
    reply = crc(frame("01 03 04 40 00 00 00"))  # 2 bar
    unit, _ = await keller({P1: deque_of(reply, "01 03 04 7F C0 00 00 E3 DB")}, absolute=True)
    assert (await unit.pressure.read()).value == pytest.approx(2.0 - 1.01325)
    assert (await unit.pressure.read()).reason == "nan"


def deque_of(*replies):
    from collections import deque

    return deque(replies)


async def test_something_else_on_the_line_is_not_taken_for_a_transmitter(keller):
    unit, _ = await keller({"01 08 00 00 03 04 E1 38": crc(frame("01 88 01"))})
    with pytest.raises(WrongInstrument, match="no Keller X-line"):
        await unit.identify()


async def test_a_simulated_transmitter_is_known_and_read(bench):
    rig = bench()
    unit, _ = rig.add(SimKellerXLine)
    await rig.bus.open()
    assert await unit.identify() == "Keller X-line, channel 1"
    await unit.prepare()
    await unit.check()
    await unit.make_safe()
    values = [r.value for r in await unit.poll(["pressure", "temperature"])]
    assert values == [pytest.approx(1.2345), 23.75]


@pytest.mark.parametrize(("bar", "reason"), [(nan, "nan"), (inf, "range"), (-50.0, "range")])
async def test_a_simulated_fault_never_becomes_a_pressure(bench, bar, reason):
    rig = bench()
    unit, _ = rig.add(SimKellerXLine)
    await rig.bus.open()
    rig.tap.bar = bar
    (reading,) = await unit.poll(["pressure"])
    assert (reading.value, reading.reason) == (None, reason)


async def test_two_units_share_a_line_by_their_addresses(bench):
    rig = bench()
    keller, _ = rig.add(SimKellerXLine, address=1)
    heater, _ = rig.add(SimEurotherm3216, address=2, decimals=1)
    await rig.bus.open()
    (pressure,) = await keller.poll(["pressure"])
    (temperature,) = await heater.poll(["temperature"])
    assert (pressure.value, temperature.value) == (pytest.approx(1.2345), 25.0)


async def test_one_dead_unit_does_not_stop_its_neighbour(bench):
    rig = bench()
    dead, sim = rig.add(SimKellerXLine, address=1)
    alive, _ = rig.add(SimKellerXLine, address=2)
    await rig.bus.open()
    rig.line.disturb(sim.name, "silent")
    with pytest.raises(NoReply):
        await dead.poll(["pressure"])
    (reading,) = await alive.poll(["pressure"])
    assert reading.quality is Quality.GOOD


async def test_an_echoing_line_is_read_with_the_echo_option(bench):
    rig = bench(echo=True)
    unit, _ = rig.add(SimKellerXLine, echo=True)
    await rig.bus.open()
    await unit.identify()
    (reading,) = await unit.poll(["pressure"])
    assert reading.value == pytest.approx(1.2345)
