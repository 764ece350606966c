import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.roles import Thermostat
from drivers.signal import Lane, Limits
from drivers.table import BadValue
from drivers.thermostats.huber import HuberOptions, HuberPilotOne
from simulators.instruments.huber import SimHuberPilotOne
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.rig import FakeHeater, Wire, simulated

pytestmark = pytest.mark.virtual


@pytest.fixture
def heater():
    return FakeHeater()


@pytest.fixture
async def sim(heater):
    return simulated(SimHuberPilotOne, "bath", heater)


@pytest.fixture
async def wire(sim):
    return Wire("socket://192.168.10.30:8101", sim)


@pytest.fixture
async def bath(wire):
    limits = {"setpoint": Limits(0, 140)}
    async with wire.driver("bath", "huber-pilot-one", limits=limits) as bath:
        yield bath


def bare(**options):
    bus = Bus("memory", HuberPilotOne.line, lambda _port, _line: Peer())
    return HuberPilotOne("bath", bus, HuberOptions(**options), {})


class Scripted:
    """A thermostat that answers what a table says, and keeps what it was asked."""

    def __init__(self, replies, **options):
        self.peer = Peer(lambda data: [(0.03, replies[data] + b"\r\n")] if data in replies else [])
        self.bus = bus_to(self.peer, codec=HuberPilotOne.line.codec, quiet_s=1.0, drain_s=2.0)
        self.bath = HuberPilotOne("bath", self.bus, HuberOptions(**options), {})

    async def __aenter__(self):
        await self.bus.open()
        return self.bath

    async def __aexit__(self, *_):
        await self.bus.close()


# --- frames printed in the manual


async def test_manual_frames_are_read():
    replies = {
        b"{M01****\r\n": b"{S011010",
        b"{M00****\r\n": b"{S00FFCC",
        b"{M07****\r\n": b"{S07087F",
        b"{M02****\r\n": b"{S0207E7",
    }
    async with Scripted(replies) as bath:
        readings = await bath.poll(["temperature", "setpoint", "process"])
        assert [r.value for r in readings] == [41.12, -0.52, 21.75]


async def test_manual_frames_are_written():
    replies = {b"{M0007D0\r\n": b"{S0007D0", b"{M00F6F5\r\n": b"{S00F6F5"}
    async with Scripted(replies) as bath:
        assert (await bath.setpoint.set(20.0)).value == 20.0
        assert (await bath.setpoint.set(-23.15)).value == -23.15


async def test_manual_frame_of_the_high_resolution():
    async with Scripted({b"{M00********\r\n": b"{S00FFFFFDF8"}, high_resolution=True) as bath:
        assert (await bath.setpoint.read()).value == -0.520


async def test_a_sensor_that_is_not_there_is_a_bad_reading():
    async with Scripted({b"{M07****\r\n": b"{S07C504"}) as bath:
        reading = await bath.process.read()
        assert (reading.value, reading.reason) == (None, "sentinel")
    async with Scripted({b"{M07********\r\n": b"{S07FFFBD1B0"}, high_resolution=True) as bath:
        assert (await bath.process.read()).reason == "sentinel"


@pytest.mark.parametrize(
    ("options", "query", "reply"),
    [({}, b"****", b"7FFF"), ({"high_resolution": True}, b"********", b"7FFFFFFF")],
)
async def test_an_unknown_address_is_a_refusal_and_in_a_poll_a_bad_reading(options, query, reply):
    async with Scripted({b"{M01" + query + b"\r\n": b"{S01" + reply}, **options) as bath:
        with pytest.raises(CommandRejected, match="address 01 is unknown or not unlocked"):
            await bath.temperature.read()
        assert (await bath.poll(["temperature"]))[0].reason == "fault"


async def test_four_digits_where_eight_were_asked_are_garbled():
    answers = {b"{M01********\r\n": b"{S011010", b"{M1B****\r\n": b"{S1B04D2"}
    async with Scripted(answers, high_resolution=True) as bath:
        with pytest.raises(GarbledReply, match="high_resolution"):
            await bath.temperature.read()


async def test_the_answer_from_another_address_is_not_taken():
    async with Scripted({b"{M01****\r\n": b"{S0007D0"}) as bath:
        with pytest.raises(NoReply):
            await bath.temperature.read()


async def test_a_limited_setpoint_is_a_mismatch():
    async with Scripted({b"{M001388\r\n": b"{S000FA0"}) as bath:
        with pytest.raises(ReadbackMismatch, match=r"set to 50.0 degC, reads back 40.0"):
            await bath.setpoint.set(50.0)


async def test_a_request_is_repeated_after_a_second_at_the_earliest():
    scripted = Scripted({})
    async with scripted as bath:
        with pytest.raises(NoReply):
            await bath.temperature.read()
        first, second = scripted.peer.times
        assert second - first == pytest.approx(2.0), "1 s of waiting, 1 s of quiet"


async def test_something_without_serial_number_is_no_huber():
    async with Scripted({b"{M1B****\r\n": b"{S1B7FFF"}) as bath:
        with pytest.raises(WrongInstrument, match="tells no serial number"):
            await bath.identify()


# --- numbers


@given(st.integers(-15100 + 1, 50424).filter(lambda n: n != 0x7FFF))
def test_every_temperature_of_the_16_bit_scale_comes_back(hundredths):
    bath = bare()
    assert bath.to_degc(bath.to_count(hundredths / 100)) == pytest.approx(hundredths / 100)


@given(st.integers(-273_999, 1_000_000))
def test_every_temperature_of_the_fine_scale_comes_back(thousandths):
    bath = bare(high_resolution=True)
    assert bath.to_degc(bath.to_count(thousandths / 1000)) == pytest.approx(thousandths / 1000)


@given(st.integers(0, 0xFFFF))
def test_no_count_becomes_a_temperature_that_cannot_be(count):
    try:
        assert -151.0 < bare().to_degc(count) <= 504.24
    except BadValue as bad:
        assert 0xC4F8 < count <= 0xC504, bad  # noqa: PT017 - which counts are refused is the point


# --- against the simulated unit


async def test_it_is_a_thermostat(bath):
    assert isinstance(bath, Thermostat)
    assert bath.temperature.full_name == "bath.temperature"


async def test_connecting_arms_the_watchdog_and_heats_nothing(bath, heater, sim):
    assert heater.goal is None
    assert (await bath.read(0x40)) == 30


async def test_a_temperature_is_set_and_control_switched_on(bath, heater):
    assert await bath.set_temperature(60.0) == 60.0
    assert heater.goal == 60.0
    temperature, setpoint, running, power = await bath.poll(
        ["temperature", "setpoint", "running", "power"]
    )
    assert (temperature.value, setpoint.value, running.value) == (21.75, 60.0, True)
    assert power.unit == "W"
    await bath.heat_off()
    assert heater.goal is None
    assert (await bath.running.read()).value is False


async def test_a_setpoint_beyond_the_limits_never_reaches_the_wire(bath, wire):
    for value in (140.01, -0.01, float("nan"), True, "60"):
        with pytest.raises(OutOfRange):
            await bath.set_temperature(value)
    assert wire.sent == []


async def test_silence_of_the_host_switches_the_unit_off_and_is_a_fault(bath, heater):
    await bath.set_temperature(60.0)
    await asyncio.sleep(31)
    assert heater.goal is None
    with pytest.raises(DeviceFault, match="error"):
        await bath.check()
    with pytest.raises(DeviceFault, match="error"):
        await bath.set_temperature(60.0)
    await bath.heat_off()  # a command of somebody who has seen it
    await bath.check()
    assert await bath.set_temperature(60.0) == 60.0


async def test_a_trip_does_not_clear_the_error(bath):
    await bath.set_temperature(60.0)
    await asyncio.sleep(31)
    with pytest.raises(DeviceFault):
        await bath.check()
    await bath.make_safe()
    with pytest.raises(DeviceFault):
        await bath.check()


async def test_a_power_cut_is_a_fault_until_heat_is_switched_off(bath, sim, heater):
    await bath.set_temperature(60.0)
    sim.circulator.restart()
    with pytest.raises(DeviceFault, match="restarted"):
        await bath.check()
    with pytest.raises(DeviceFault, match="switch heat off first"):
        await bath.set_temperature(60.0)
    await bath.heat_off()
    await bath.check()
    assert (await bath.read(0x40)) == 30, "the watchdog is armed again"


async def test_process_control_reads_the_process_sensor(wire, sim):
    async with wire.driver("b", "huber-pilot-one", {"control": "process"}) as bath:
        assert (await bath.read(0x13)) == 1
        wire.sent.clear()
        await bath.temperature.read()
        assert wire.sent == [b"{M07****\r\n"]


async def test_without_a_watchdog_the_driver_says_what_to_do():
    def reply(data):
        value = b"7FFF" if data.startswith(b"{M40") else data[4:8].replace(b"*", b"0")
        return [(0.03, b"{S" + data[2:4] + value + b"\r\n")]

    scripted = Scripted({})
    scripted.peer.script = reply
    async with scripted as bath:
        with pytest.raises(CommandRejected, match="set watchdog_s = 0 to run without"):
            await bath.prepare()
    scripted = Scripted({}, watchdog_s=0)
    scripted.peer.script = reply
    async with scripted as bath:
        await bath.prepare()
        await bath.check()  # status 0000: this unit does not tell restarts


async def test_heat_that_does_not_go_off_is_a_mismatch():
    async with Scripted({b"{M140000\r\n": b"{S140001"}) as bath:
        with pytest.raises(
            ReadbackMismatch, match="temperature control was set to 0, reads back 1"
        ):
            await bath.make_safe()


async def test_heat_that_does_not_go_on_is_a_mismatch():
    replies = {
        b"{M001770\r\n": b"{S001770",
        b"{M140001\r\n": b"{S140000",
        b"{M0A****\r\n": b"{S0A0000",
    }
    async with Scripted(replies) as bath:
        with pytest.raises(ReadbackMismatch):
            await bath.set_temperature(60.0)


async def test_switching_off_is_repeated_until_answered(bath, wire, heater):
    await bath.set_temperature(60.0)
    wire.line.disturb("bath", "silent")
    off = asyncio.create_task(bath.heat_off(Lane.TRIP))
    await asyncio.sleep(1.5)
    wire.line.disturb("bath", "ok")
    await off
    assert heater.goal is None
    wire.line.disturb("bath", "silent")
    with pytest.raises(NoReply):
        await bath.heat_off()
