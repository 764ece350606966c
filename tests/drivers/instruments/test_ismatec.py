"""Ismatec Reglo pumps: the sheet's frames, channels that share a line, replies without a name."""

import asyncio
import random
from contextlib import AsyncExitStack, suppress

import pytest
from pydantic import ValidationError

from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    InstrumentError,
    NoReply,
    NotConnected,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.pumps.ismatec import RegloPump
from drivers.pumps.ismatec_wire import RegloOptions, mantissa_exponent, number
from drivers.registry import Lines
from drivers.roles import Pump
from drivers.signal import Lane, Limits, Quality
from drivers.table import BadValue
from simulators.instruments.ismatec import SimRegloIcc
from simulators.wire.hostile import Stalling
from tests.drivers.instruments.rig import FakePump, Wire, simulated
from tests.drivers.modbus.wire import ScriptedLine

pytestmark = pytest.mark.virtual

STOPPED = {b"1E\r": b"-", b"1xM\r": b"M\r\n", b"1xD\r": b"J\r\n"}


@pytest.fixture
async def scripted():
    """A driver of channel 1 on a line that answers what the test says."""
    opened = []

    async def make(replies, **options):
        replies = {b"1~\r": b"1\r\n"} | replies
        script = ScriptedLine({k.hex(): v for k, v in replies.items()})
        bus = Bus("/dev/ttyS0", RegloPump.line, lambda _port, _line: script)
        await bus.open()
        opened.append(bus)
        return RegloPump("p", bus, RegloOptions(**{"channel": 1} | options), {}), script

    yield make
    for bus in opened:
        await bus.close()


class Housed:
    """A pump with some channels, each with its driver and its part of the plant."""

    def __init__(self, *channels, **options):
        self.parts = [FakePump() for _ in channels]
        self.sims = [
            simulated(SimRegloIcc, f"ch{n}", part, {"channel": n} | options)
            for n, part in zip(channels, self.parts, strict=True)
        ]
        self.wire = Wire("/dev/ttyS0", *self.sims, framing="serial", baud=9600)
        self._channels, self._options = channels, options
        self._stack = AsyncExitStack()

    async def __aenter__(self):
        self.drivers = [
            await self._stack.enter_async_context(
                self.wire.driver(
                    f"ch{n}", "ismatec-reglo-icc", {"channel": n} | self._options, LIMITS
                )
            )
            for n in self._channels
        ]
        self.wire.sent.clear()
        return self

    async def __aexit__(self, *fault):
        await self._stack.aclose()

    @property
    def housing(self):
        return self.sims[0].housing


LIMITS = {"flow": Limits(0, 5)}


# --- the sheet's frames


async def test_a_flow_is_set_and_started_as_in_the_sheet(scripted):
    script_of_the_sheet = {b"1f1500-1\r": b"1.5000E-1\r\n", b"1H\r": b"*"}
    pump, script = await scripted(STOPPED | script_of_the_sheet)
    assert await pump._write_flow(0.15, Lane.COMMAND) == 0.15
    assert script.sent[-2:] == [b"1f1500-1\r", b"1H\r"]


async def test_firmware_that_only_says_done_is_read_back(scripted):
    running = {b"1E\r": b"+", b"1f1500-1\r": b"*", b"1f\r": b"1.5000E-1\r\n"}
    pump, script = await scripted(STOPPED | running)
    pump._aligned = True
    assert await pump.set_flow(0.15) == 0.15
    assert script.sent[-1] == b"1f\r"


async def test_the_sheet_s_answers_are_understood(scripted):
    pump, _ = await scripted({b"1xD\r": b"J\r\n", b"1E\r": b"+", b"1M\r": b"*", b"1Z\r": b"#"})
    assert await pump.direction() == "J"
    assert await pump.running()
    assert await pump.tell("M") == "*"
    with pytest.raises(CommandRejected, match="not understood"):
        await pump.tell("Z")


async def test_a_refused_start_says_why_as_in_the_sheet(scripted):
    refusing = {b"1f1500-1\r": b"*", b"1H\r": b"-", b"1xe\r": b"R|12.5\r\n"}
    pump, _ = await scripted(STOPPED | refusing)
    with pytest.raises(CommandRejected, match=r"reason and limit: R\|12\.5"):
        await pump.set_flow(0.15)
    assert pump._commanded == 0.0


@pytest.mark.parametrize("why", [b"#", None])
async def test_a_refusal_without_a_reason_is_one_all_the_same(scripted, why):
    refusing = {b"1f1500-1\r": b"*", b"1H\r": b"-"} | ({b"1xe\r": why} if why else {})
    pump, _ = await scripted(STOPPED | refusing)
    with pytest.raises(CommandRejected, match="'H' is refused in its state"):
        await pump.set_flow(0.15)


async def test_a_firmware_that_takes_another_flow_is_found_out(scripted):
    pump, _ = await scripted(STOPPED | {b"1f1500-1\r": b"1.4000E-1\r\n"})
    with pytest.raises(ReadbackMismatch, match=r"set to 0\.15 mL/min, the pump answers 0\.14"):
        await pump.set_flow(0.15)


async def test_a_flow_rounded_to_the_speed_is_the_flow(scripted):
    rounded = {b"1E\r": b"+", b"1f1500-1\r": b"1.4996E-1\r\n", b"1f\r": b"1.4996E-1\r\n"}
    pump, _ = await scripted(STOPPED | rounded)
    pump._aligned = True
    assert await pump.set_flow(0.15) == 0.14996


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.2000E1", 12.0), ("1200E+1", 12.0), ("1.5000E-1", 0.15), ("0000E1", 0.0), ("12.5", 12.5)],
)
def test_numbers_of_the_wire(text, value):
    assert number(text) == value


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match="no number"):
        number("1.5E")


def test_flows_are_sent_as_a_mantissa_and_an_exponent():
    assert mantissa_exponent(12.0) == ("1200+1", 12.0)
    assert mantissa_exponent(0.15) == ("1500-1", 0.15)
    assert mantissa_exponent(9.9996) == ("1000+1", 10.0)
    assert mantissa_exponent(9.9996, down=True) == ("9999+0", 9.999)


# --- one channel


async def test_a_channel_is_a_pump():
    async with Housed(2) as pump:
        (driver,) = pump.drivers
        assert isinstance(driver, Pump)
        assert await driver.identify() == "Ismatec REGLO ICC 0208 306"
        assert await driver.set_flow(1.5) == 1.5
        assert pump.parts[0].flow == pytest.approx(1.5)
        assert (await driver.flow.read()).value == 1.5
        assert await driver.set_flow(0.0) == 0.0
        assert pump.parts[0].flow == 0.0


async def test_connecting_moves_nothing_and_asks_the_pump_before_the_channel():
    housed = Housed(3)
    sent = housed.wire.sent
    async with housed.wire.driver("ch3", "ismatec-reglo-icc", {"channel": 3}, prepare=False) as p:
        await p.identify()
        await p.prepare()
        assert sent[:3] == [b"1#\r", b"1~\r", b"1~1\r"]
        assert not {b"3H\r", b"1H\r"} & set(sent)
        assert housed.parts[0].flow == 0.0
        sent.clear()
        await p.prepare()
        assert {text for text in sent if text[1:-1] in {b"~1", b"xE0", b"M", b"J"}} == set()


async def test_event_messages_are_switched_off():
    housed = Housed(1)
    housed.housing.events = True
    async with housed:
        assert not housed.housing.events


async def test_an_event_is_no_reply():
    async with Housed(1) as pump:
        (driver,) = pump.drivers
        await driver.set_flow(1.0)
        pump.wire.line.hosts[0]._deliver(b"1 run finished\r\n")
        assert (await driver.flow.read()).value == 1.0


async def test_a_new_flow_needs_no_new_start():
    async with Housed(1) as pump:
        (driver,) = pump.drivers
        await driver.set_flow(1.0)
        pump.wire.sent.clear()
        assert await driver.set_flow(2.0) == 2.0
        assert not {b"1H\r", b"1I\r", b"1M\r", b"1J\r"} & set(pump.wire.sent)
        assert pump.parts[0].flow == pytest.approx(2.0)


async def test_the_other_way_is_an_option():
    async with Housed(1, clockwise=False) as pump:
        await pump.drivers[0].set_flow(1.0)
        assert pump.sims[0].channel.direction == "K"


async def test_a_channel_found_turning_is_left_turning_and_its_flow_not_believed():
    housed = Housed(1)
    channel = housed.sims[0].channel
    channel.speed_rpm = 50.0
    channel.start()
    async with housed:
        (driver,) = housed.drivers
        assert channel.running
        (reading,) = await driver.poll(["flow"])
        assert (reading.value, reading.quality) == (None, Quality.BAD)
        assert await driver.set_flow(1.0) == 1.0
        assert channel.mode == "M"


async def test_a_channel_found_delivering_as_it_should_is_read():
    housed = Housed(1)
    channel = housed.sims[0].channel
    channel.mode, channel.flow_ml_min = "M", 0.7
    channel.start()
    async with housed:
        assert (await housed.drivers[0].flow.read()).value == 0.7


async def test_a_mode_changed_by_hand_makes_the_flow_bad():
    async with Housed(1) as pump:
        (driver,) = pump.drivers
        await driver.set_flow(1.0)
        pump.sims[0].channel.mode = "L"
        assert (await driver.flow.read()).value is None


async def test_a_channel_turned_round_by_hand_is_a_fault():
    async with Housed(1) as pump:
        (driver,) = pump.drivers
        await driver.set_flow(1.0)
        pump.sims[0].channel.turn("K")
        with pytest.raises(DeviceFault, match="wrong way"):
            await driver.check()
        assert (await driver.flow.read()).value is None
        assert await driver.set_flow(1.0) == 1.0
        assert pump.parts[0].flow == pytest.approx(1.0)


async def test_a_channel_that_stopped_by_itself_is_a_fault_until_it_is_stopped():
    async with Housed(1) as pump:
        (driver,) = pump.drivers
        await driver.set_flow(1.0)
        pump.sims[0].channel.stop()
        with pytest.raises(DeviceFault, match="stopped by itself"):
            await driver.check()
        await driver.stop()
        await driver.check()


async def test_flows_beyond_tube_and_limits_never_reach_the_wire():
    async with Housed(1, max_flow_ml_min=3.0, min_flow_ml_min=0.01) as pump:
        (driver,) = pump.drivers
        assert (driver.max_flow_ml_min, driver.min_flow_ml_min) == (3.0, 0.01)
        for flow in (3.1, 0.004):
            with pytest.raises(OutOfRange, match="refused, limits are"):
                await driver.set_flow(flow)
        assert pump.wire.sent == []


def test_the_options_bound_the_flow_before_anything_is_built():
    specs = RegloPump.signal_specs(RegloOptions(max_flow_ml_min=3.0))
    assert specs["flow"].limits == Limits(0, 3)


async def test_a_flow_signal_set_to_nothing_stops():
    async with Housed(1) as pump:
        (driver,) = pump.drivers
        await driver.set_flow(1.0)
        assert (await driver.flow.set(0.0)).value == 0.0
        assert pump.parts[0].flow == 0.0


async def test_rounding_does_not_lead_over_the_limit(scripted):
    pump, _ = await scripted({}, max_flow_ml_min=4.9996)
    assert pump.rounded_flow(4.9996) == 4.999
    assert pump.rounded_flow(1.23456) == 1.235
    assert pump.rounded_flow(0.0) == 0.0
    assert pump.flow_step_ml_min == 1e-6


async def test_a_pump_that_tells_its_largest_flow_is_believed(scripted):
    told = {b"1?\r": b"0.281 ml/min\r\n", b"1xE\r": b"0\r\n", b"1+\r": b"0.19 mm\r\n"}
    pump, _ = await scripted(STOPPED | told, tube_mm=0.19)
    await pump.prepare()
    assert pump.max_flow_ml_min == 0.281
    with pytest.raises(OutOfRange):
        await pump.set_flow(0.3)


async def test_a_pump_calibrated_for_another_tube_is_not_used(scripted):
    told = {b"1xE\r": b"0\r\n", b"1+\r": b"1.14 mm\r\n"}
    pump, _ = await scripted(STOPPED | told, tube_mm=0.19)
    with pytest.raises(DeviceFault, match=r"calibrated for a tube of 1\.14 mm, not the 0\.19 mm"):
        await pump.prepare()


async def test_an_older_pump_without_channels_is_driven_by_its_address(scripted):
    old = {b"3E\r": b"-", b"3xM\r": b"L\r\n", b"3xD\r": b"J\r\n", b"3M\r": b"*"}
    old |= {b"3~\r": b"#", b"3xE\r": b"#", b"3?\r": b"#"}
    pump, script = await scripted(old, channel=None, address=3)
    await pump.prepare()
    assert script.sent[0] == b"3~\r"
    assert (await pump.flow.read()).value == 0.0


async def test_something_without_an_identity_is_no_pump(scripted):
    pump, _ = await scripted({b"1#\r": b"#"})
    with pytest.raises(WrongInstrument, match="no identity"):
        await pump.identify()
    pump, _ = await scripted({b"1#\r": b"23.75\r\n"})
    with pytest.raises(NoReply):  # a number is no identity
        await pump.identify()


# --- stopping


async def test_a_trip_stops_without_asking_first_and_is_confirmed():
    async with Housed(1) as pump:
        (driver,) = pump.drivers
        await driver.set_flow(1.0)
        driver.doubt()
        pump.wire.sent.clear()
        await driver.make_safe()
        assert pump.wire.sent == [b"1I\r", b"1xD\r", b"1~\r", b"1E\r"]
        assert pump.parts[0].flow == 0.0


async def test_a_lost_answer_to_stop_is_no_reason_not_to_stop():
    async with Housed(1) as pump:
        (driver,) = pump.drivers
        await driver.set_flow(1.0)
        lost = iter([[], [], []])
        pump.wire.line.trouble = lambda reply: next(lost, [(0.0, reply)])
        with pytest.raises(NoReply):
            await driver.flow.read()
        await driver.stop()
        assert pump.parts[0].flow == 0.0


async def test_a_pump_that_does_not_stop_is_told(scripted):
    pump, _ = await scripted({b"1I\r": b"*", b"1E\r": b"+", b"1xD\r": b"J\r\n"})
    with pytest.raises(DeviceFault, match="does not stop"):
        await pump.stop()


async def test_a_refused_stop_is_fine_when_nothing_turns(scripted):
    pump, _ = await scripted({b"1I\r": b"-", b"1E\r": b"-"})
    await pump.stop()


# --- power cuts


async def test_after_a_power_cut_nothing_turns_by_itself_and_all_is_set_up_again():
    async with Housed(1, 2) as pump:
        one, two = pump.drivers
        await one.set_flow(1.0)
        pump.sims[0].power_cycle()
        for asked in (one.check(), one.set_flow(1.0), two.check(), two.flow.read()):
            with pytest.raises(NotConnected, match="has lost its channel addressing"):
                await asked
        await one.prepare()
        with pytest.raises(DeviceFault, match="stopped by itself"):
            await one.check()
        await two.check()
        assert (await two.flow.read()).value == 0.0
        assert [part.flow for part in pump.parts] == [0.0, 0.0]
        assert await two.set_flow(0.5) == 0.5
        assert await one.set_flow(1.0) == 1.0
        await one.check()
        assert [part.flow for part in pump.parts] == pytest.approx([1.0, 0.5])


async def test_a_channel_in_doubt_is_back_at_once_after_a_power_cut():
    async with Housed(3) as pump:
        (driver,) = pump.drivers
        pump.sims[0].power_cycle()
        with pytest.raises(NotConnected):  # asked once, told to nobody
            await driver.flow.read()
        driver.doubt()
        began = asyncio.get_running_loop().time()
        await driver.identify()
        await driver.prepare()
        assert (await driver.flow.read()).value == 0.0
        assert asyncio.get_running_loop().time() - began < 1.0


def test_an_address_that_is_no_channel_is_refused():
    with pytest.raises(ValidationError, match="address must be 1 to 4 with a channel"):
        RegloOptions(address=8, channel=1)
    RegloOptions(address=8)


@pytest.mark.parametrize("lane", [Lane.COMMAND, Lane.TRIP])
async def test_stopping_a_channel_that_has_lost_its_addressing_is_confirmed(lane):
    async with Housed(3) as pump:
        (driver,) = pump.drivers
        await driver.set_flow(1.0)
        pump.sims[0].power_cycle()
        await driver.stop(lane)
        assert pump.housing.by_channel
        await driver.check()


# --- channels that share a line


async def test_channels_of_one_pump_share_a_port_and_do_not_disturb_each_other():
    async with Housed(1, 2, 4) as pump:
        for flow, driver in zip((0.5, 1.0, 2.0), pump.drivers, strict=True):
            assert await driver.set_flow(flow) == flow
        await pump.drivers[1].stop()
        assert [part.flow for part in pump.parts] == pytest.approx([0.5, 0.0, 2.0])
        assert [(await d.flow.read()).value for d in pump.drivers] == [0.5, 0.0, 2.0]


def test_the_same_channel_twice_is_refused():
    lines = Lines()
    lines.instrument("a", "ismatec-reglo-icc", "/dev/ttyS0", {"channel": 2}, {})
    with pytest.raises(ValueError, match="b and a are both on /dev/ttyS0 at address 1 channel 2"):
        lines.instrument("b", "ismatec-reglo-icc", "/dev/ttyS0", {"channel": 2}, {})


@pytest.mark.parametrize("other", [{"address": 2}, {"address": 2, "channel": 2}, {"channel": None}])
def test_two_pumps_on_one_line_are_refused_because_replies_have_no_name(other):
    lines = Lines()
    lines.instrument("a", "ismatec-reglo-icc", "/dev/ttyS0", {"channel": 1}, {})
    with pytest.raises(ValueError, match="give each pump its own port"):
        lines.instrument("b", "ismatec-reglo-icc", "/dev/ttyS0", other, {})


async def test_one_channel_s_late_reply_is_not_another_channel_s():
    async with Housed(1, 2) as pump:
        one, two = pump.drivers
        await one.set_flow(1.0)
        late = iter([[(1.5, b"+")]])
        pump.wire.line.trouble = lambda reply: next(late, [(0.0, reply)])
        with pytest.raises(NoReply):
            await one.bus.exchange("ch1", b"1E\r", lambda _: None, lane=Lane.POLL, timeout_s=1.0)
        one.doubt()
        assert two.in_doubt
        assert (await two.flow.read()).value == 0.0


async def test_a_late_fence_reply_counts_once_for_all_channels():
    async with Housed(1, 2, 3) as pump:
        one, two, _ = pump.drivers
        fence = one._fence
        assert fence is two._fence
        await asyncio.sleep(1.0)  # replies at once count as one
        for _ in range(3):
            fence.sent(asyncio.get_running_loop().time())
        pump.wire.line.hosts[0]._deliver(b"J\r\n")
        await asyncio.sleep(0.01)
        assert fence.owed == 2


async def test_a_direction_that_may_be_another_channel_s_is_not_told():
    async with Housed(1, 2) as pump:
        one, _ = pump.drivers
        for _ in range(3):
            one._fence.sent(asyncio.get_running_loop().time())
        with pytest.raises(BadValue, match="stale"):
            await one.direction()


@pytest.mark.no_cover  # thousands of requests
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("longest_s", [1.5, 3.0, 8.0])
async def test_on_a_stalling_line_what_any_channel_confirms_has_been_done(longest_s, seed):
    async with Housed(1, 2, 3) as pump:
        pump.wire.line.trouble = trouble = Stalling(random.Random(seed), longest_s, 0.3)
        done = 0

        async def orders(driver, part, rng):
            nonlocal done
            for _ in range(40):
                with suppress(InstrumentError):
                    flow = rng.choice((0.0, 0.5, 1.0, 2.0))
                    await driver.set_flow(flow)
                    assert part.flow == pytest.approx(flow)
                    done += 1
                with suppress(InstrumentError):
                    (reading,) = await driver.poll(["flow"])
                    assert reading.value is None or reading.value == pytest.approx(part.flow)
                await asyncio.sleep(rng.uniform(0.0, 0.3))

        async with asyncio.TaskGroup() as tasks:
            for k, (driver, part) in enumerate(zip(pump.drivers, pump.parts, strict=True)):
                tasks.create_task(orders(driver, part, random.Random(seed * 10 + k)))
        assert trouble.held >= 5
        assert done
