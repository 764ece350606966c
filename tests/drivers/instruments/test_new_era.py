import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.bus import Bus
from drivers.codec import packet
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.pumps.new_era import NewEraPump
from drivers.pumps.new_era_wire import NewEraOptions, four_digits
from drivers.pumps.syringe import Ledger
from drivers.roles import SyringePump
from drivers.signal import Lane, Limits, Quality
from simulators.instruments.new_era import SimNewEraPump
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.rig import FakePump, Wire, simulated

pytestmark = pytest.mark.virtual
PORT = "/dev/ttyUSB0"
SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}


def options(**more):
    return {"address": 0, "syringe": SYRINGE, **more}


@pytest.fixture
def part():
    return FakePump()


@pytest.fixture
async def sim(part):
    return simulated(SimNewEraPump, "pump-b", part, options())


@pytest.fixture
async def wire(sim):
    return Wire(PORT, sim, framing="serial", baud=19200)


@pytest.fixture
async def pump(wire):
    async with wire.driver("pump-b", "new-era-ne1000", options()) as pump:
        yield pump


async def live(pump, seconds):
    """Let time pass with the poller running, which keeps the pump's watchdog quiet."""
    for _ in range(round(seconds)):
        await asyncio.sleep(1)
        await pump.poll(["flow"])


def bare(**more):
    bus = Bus(PORT, NewEraPump.line, lambda _port, _line: Peer())
    return NewEraPump("p", bus, NewEraOptions.model_validate(options(**more)), {})


class Scripted:
    """A pump that answers as a table says; a list is answered one after the other."""

    def __init__(self, replies, **more):
        self.replies = {
            key: list(value) if isinstance(value, list) else value for key, value in replies.items()
        }
        self.peer = Peer(self._answer)
        self.bus = bus_to(self.peer, codec=NewEraPump.line.codec, quiet_s=0.5)
        settings = NewEraOptions.model_validate(options(**more))
        self.pump = NewEraPump("p", self.bus, settings, {})

    def _answer(self, data):
        reply = self.replies.get(data)
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else None
        return [(0.01, reply)] if reply else []

    async def __aenter__(self):
        await self.bus.open()
        return self.pump

    async def __aexit__(self, *_):
        await self.bus.close()


def basic(text):
    return b"\x02" + text.encode() + b"\x03"


# --- frames of the sheet


async def test_sheet_frames_of_basic_mode():
    replies = {
        b"0\r": bytes.fromhex("02 30 30 53 03"),
        b"0VER\r": basic("00SNE1000V3.928"),
        b"0RAT\r": [bytes.fromhex("02 30 30 41 3F 52 03"), basic("00S2.500MM")],
        b"0RAT2.5MM\r": basic("00S"),
        b"0RUN\r": basic("00I"),
        b"0DIS\r": basic("00II0.125W0.000ML"),
        b"0STP\r": [basic("00P"), basic("00S")],
        b"0DIA99\r": basic("00S?OOR"),
        b"0DIA20\r": basic("00I?NA"),
    }
    async with Scripted(replies, safe_mode_s=0) as pump:
        assert await pump.identify() == "New Era NE1000V3.928"
        assert await pump.status() == "S"
        flow = await pump.flow.read()  # the first answer is the alarm after power-up
        assert (flow.value, flow.unit) == (0.0, "mL/min")
        assert await pump.tell("RAT2.5MM") == "S"
        assert await pump.tell("RUN") == "I"
        assert await pump.dispensed_ml() == 0.125
        await pump.stop()
        with pytest.raises(CommandRejected, match=r"\?OOR \(out of range\)"):
            await pump.tell("DIA99")
        with pytest.raises(CommandRejected, match=r"\?NA \(not applicable now\)"):
            await pump.tell("DIA20")


async def test_sheet_frame_of_another_address():
    async with Scripted({b"3DIA\r": basic("03S26.60")}, address=3, safe_mode_s=0) as pump:
        assert (await pump.query("DIA"))[1][1] == "26.60"


async def test_sheet_frames_of_safe_mode():
    scripted = Scripted(
        {
            bytes.fromhex("02 05 30 36 53 03"): bytes.fromhex("02 07 30 30 53 AA A6 03"),
            bytes.fromhex("02 08 30 52 55 4E 44 07 03"): bytes.fromhex("02 07 30 30 49 19 DD 03"),
        }
    )
    async with scripted as pump:
        assert await pump.status() == "S"
        assert await pump.tell("RUN") == "I"
        pump.watching = True
        scripted.peer.say(bytes.fromhex("02 09 30 30 41 3F 52 65 86 03"))
        await asyncio.sleep(0.1)
        with pytest.raises(DeviceFault, match="alarm R: reset: its power was interrupted"):
            await pump.check()


async def test_the_answer_of_a_neighbour_is_not_taken():
    async with Scripted({b"0\r": basic("01S")}, safe_mode_s=0) as pump:
        with pytest.raises(NoReply):
            await pump.status()


async def test_something_else_with_a_version_is_no_new_era_pump():
    async with Scripted({b"0VER\r": basic("00SXYZV1.2")}, safe_mode_s=0) as pump:
        with pytest.raises(WrongInstrument, match=r"XYZV1\.2"):
            await pump.identify()


async def test_nobody_there_is_no_reply_in_either_mode():
    scripted = Scripted({})
    async with scripted as pump:
        with pytest.raises(NoReply):
            await pump.identify()
    assert {request[:1] for request in scripted.peer.requests} == {b"\x02", b"0", b"\r"}


# --- numbers


@given(st.floats(0, 9999, allow_nan=False))
def test_numbers_have_four_digits_and_are_the_nearest(value):
    text = four_digits(value)
    assert len(text.replace(".", "")) <= 4
    assert len(text.partition(".")[2]) <= 3
    assert abs(float(text) - value) <= max(0.5e-3, 0.5001e-3 * value)
    assert float(four_digits(value, down=True)) <= value + 1e-9


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="four digits"):
        four_digits(9999.6)
    assert four_digits(9.9996) == "10.00"


@given(st.floats(0.0004, 28.3))
def test_rounded_flow_is_near_and_within_the_limit(ml_min):
    pump = bare()
    assert abs(pump.rounded_flow(ml_min) - ml_min) <= max(0.5e-6, 0.6e-3 * ml_min)
    assert pump.rounded_flow(ml_min) <= pump.max_flow_ml_min


def test_the_limits_are_those_of_the_plunger():
    pump = bare()  # a 60 mL plastic syringe of 26.59 mm: 1699 mL/h and 23.35 uL/h in the manual
    assert pump.max_flow_ml_min * 60 == pytest.approx(1699, abs=1)
    assert pump.min_flow_ml_min * 60e3 == pytest.approx(23.35, abs=0.01)
    assert pump.flow_step_ml_min == 1e-6
    assert isinstance(pump, SyringePump)
    assert pump.capacity_ml == 60.0


def test_rounding_does_not_lead_over_a_configured_limit():
    bus = Bus(PORT, NewEraPump.line, lambda _port, _line: Peer())
    pump = NewEraPump(
        "p", bus, NewEraOptions.model_validate(options()), {"flow": Limits(0, 1.2347)}
    )
    assert pump.rounded_flow(1.2347) == 1.234


def test_the_flow_limits_are_known_before_any_pump_is_made():
    specs = NewEraPump.signal_specs(NewEraOptions.model_validate(options()))
    assert specs["flow"].limits == bare().flow.spec.limits
    assert specs["flow"].limits.high == pytest.approx(28.32, abs=0.01)


def test_options_are_checked():
    with pytest.raises(ValidationError, match="syringe"):
        NewEraOptions.model_validate({})
    with pytest.raises(ValidationError, match="diameter"):
        NewEraOptions.model_validate({"syringe": {"diameter": 1, "volume_ml": 1}})


# --- the account of the syringe


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans())))
def test_the_ledger_survives_counters_that_are_reset(strokes):
    ledger, counter, total = Ledger(60.0, 60.0), 0.0, 0.0
    for volume, reset in strokes:
        if reset:
            counter = 0.0
        counter, total = counter + volume, total + volume
        before = ledger.infused
        ledger.update(counter, 0.0)
        if reset and counter >= before:  # cannot be told from a small stroke
            return
    assert ledger.dispensed == pytest.approx(total)
    assert ledger.remaining == pytest.approx(max(60.0 - total, 0.0))


# --- against the simulated pump


async def test_connecting_sets_the_pump_up_and_moves_nothing(pump, sim, part):
    assert part.flow == 0.0
    assert sim.stepper.diameter_mm == 26.59
    assert (sim.safe_s, sim.stepper.direction, sim.stepper.volume_unit) == (10, "INF", "ML")


async def test_a_second_connect_writes_nothing_to_the_pumps_memory(pump, sim):
    writes = sim.stepper.memory_writes
    await pump.identify()
    await pump.prepare()
    assert sim.stepper.memory_writes == writes


@pytest.mark.parametrize(("is_safe", "wanted"), [(0, 0), (0, 10), (10, 0), (10, 10), (20, 10)])
async def test_a_pump_is_taken_in_either_mode_and_put_into_the_configured_one(
    wire, sim, is_safe, wanted
):
    sim.safe_s = is_safe
    async with wire.driver("pump-b", "new-era-ne1000", options(safe_mode_s=wanted)) as pump:
        assert sim.safe_s == wanted
        await pump.check()


async def test_power_fail_restart_is_switched_off(wire, sim):
    sim.flags["PF"] = "1"
    async with wire.driver("pump-b", "new-era-ne1000", options()):
        assert sim.flags["PF"] == "0"


async def test_flow_is_set_started_confirmed_and_stopped(pump, part):
    assert await pump.set_flow(0.5) == 0.5
    assert part.flow == pytest.approx(0.5)
    assert (await pump.flow.read()).value == 0.5
    assert await pump.set_flow(0) == 0.0
    assert part.flow == 0.0
    assert (await pump.flow.read()).value == 0.0


async def test_a_rate_is_changed_while_pumping_without_unit_and_without_wear(pump, wire, sim, part):
    await pump.set_flow(0.5)
    wire.sent.clear()
    writes = sim.stepper.memory_writes
    assert await pump.set_flow(2.0) == 2.0
    assert packet(b"0RAT2000") in wire.sent
    assert sim.stepper.memory_writes == writes
    assert part.flow == pytest.approx(2.0)


async def test_a_change_of_unit_stops_and_starts(pump, wire, part):
    await pump.set_flow(0.5)
    assert await pump.set_flow(12.0) == 12.0
    assert packet(b"0STP") in wire.sent
    assert part.flow == pytest.approx(12.0)


async def test_the_pump_runs_to_what_is_left_and_not_endlessly(pump, sim, part):
    await pump.set_flow(20.0)
    assert sim.stepper.target == 60.0
    await live(pump, 60)
    await pump.stop()
    await pump.set_flow(10.0)
    assert sim.stepper.target == pytest.approx(40.0, abs=0.5)
    await live(pump, 250)
    assert part.flow == 0.0
    assert (await pump.flow.read()).value == 0.0
    assert await pump.remaining_ml() == pytest.approx(0.0, abs=0.1)
    with pytest.raises(DeviceFault, match="stopped by itself, status S"):
        await pump.check()
    await pump.stop()
    await pump.check()
    assert part.volume == pytest.approx(60.0, abs=0.1)


async def test_an_empty_syringe_is_not_run(wire):
    own = options(syringe={**SYRINGE, "filled_ml": 0.0})
    async with wire.driver("pump-b", "new-era-ne1000", own) as pump:
        with pytest.raises(CommandRejected, match="syringe is empty"):
            await pump.set_flow(1.0)


async def test_what_is_in_the_syringe_at_the_start_is_configured(wire, sim):
    sim.stepper._counted["INF"] = 7.0  # of yesterday
    own = options(syringe={**SYRINGE, "filled_ml": 30.0})
    async with wire.driver("pump-b", "new-era-ne1000", own) as pump:
        assert await pump.remaining_ml() == 30.0


async def test_dispensed_and_remaining_add_up(pump, part):
    await pump.set_flow(6.0)
    await live(pump, 30)
    dispensed, remaining = await pump.poll(["dispensed", "remaining"])
    assert dispensed.value == pytest.approx(3.0, rel=0.05)
    assert dispensed.value + remaining.value == pytest.approx(60.0, abs=0.02)


async def test_a_refill_withdraws_and_turns_back(pump, part, sim):
    await pump.set_flow(20.0)
    await live(pump, 60)
    await pump.stop()
    left = await pump.remaining_ml()
    await pump.refill(10.0, 20.0)
    assert await pump.remaining_ml() == pytest.approx(left + 10.0, abs=0.02)
    assert await pump.dispensed_ml() == 0.0
    assert sim.stepper.direction == "INF"
    await pump.set_flow(1.0)
    assert part.flow == pytest.approx(1.0)


async def test_flow_reads_zero_during_a_refill(pump, part):
    await pump.set_flow(20.0)
    await live(pump, 60)
    await pump.stop()
    refilling = asyncio.create_task(pump.refill(10.0, 20.0))
    await asyncio.sleep(5)
    assert part.flow < 0
    assert (await pump.flow.read()).value == 0.0
    with pytest.raises(CommandRejected, match="status W"):
        await pump.set_flow(1.0)
    await refilling


async def test_a_cancelled_refill_stops_and_the_next_flow_infuses(pump, part):
    await pump.set_flow(20.0)
    await live(pump, 60)
    await pump.stop()
    refilling = asyncio.create_task(pump.refill(10.0, 20.0))
    await asyncio.sleep(10)
    refilling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await refilling
    assert part.flow == 0.0
    await pump.set_flow(1.0)
    assert part.flow == pytest.approx(1.0)


async def test_a_refill_that_does_not_fit_or_flow_is_refused_before_anything_moves(pump, part):
    with pytest.raises(OutOfRange, match="there is room for 0 mL"):
        await pump.refill(1.0, 10.0)
    await pump.set_flow(20.0)
    await live(pump, 60)
    with pytest.raises(CommandRejected, match="cannot refill in status I"):
        await pump.refill(1.0, 10.0)
    await pump.stop()
    with pytest.raises(OutOfRange, match="refill at 99 mL/min"):
        await pump.refill(1.0, 99.0)
    assert part.flow == 0.0


async def test_a_refill_stopped_at_the_pump_is_a_fault(pump, sim):
    await pump.set_flow(20.0)
    await live(pump, 60)
    await pump.stop()
    refilling = asyncio.create_task(pump.refill(10.0, 20.0))
    await asyncio.sleep(10)
    sim.stepper.stop(pause=False)
    with pytest.raises(DeviceFault, match="refill ended after"):
        await refilling


async def test_a_refill_that_goes_on_for_ever_is_ended(pump, sim, part):
    await pump.set_flow(20.0)
    await live(pump, 60)
    await pump.stop()
    refilling = asyncio.create_task(pump.refill(10.0, 20.0))
    await asyncio.sleep(5)
    sim.stepper._cancel_timer()
    with pytest.raises(DeviceFault, match="not done within 55 s"):
        await refilling
    assert part.flow == 0.0


@pytest.mark.parametrize("flow", [28.4, -1.0, 0.0001, float("nan"), True, "1"])
async def test_flows_outside_the_limits_never_reach_the_wire(pump, wire, flow):
    wire.sent.clear()
    with pytest.raises(OutOfRange):
        await pump.set_flow(flow)
    assert wire.sent == []


async def test_a_stall_is_a_fault_until_somebody_stops_the_pump(pump, sim, part):
    await pump.set_flow(1.0)
    part.stuck = True
    await live(pump, 3)
    assert (await pump.flow.read()).value == 0.0
    with pytest.raises(DeviceFault, match="alarm S: motor stalled"):
        await pump.check()
    with pytest.raises(DeviceFault, match="motor stalled"):
        await pump.set_flow(2.0)
    part.stuck = False
    await pump.make_safe()
    await pump.check()
    assert await pump.set_flow(2.0) == 2.0


@pytest.mark.parametrize("safe_mode_s", [0, 10])
async def test_a_power_cut_in_a_run_is_a_fault_whichever_request_meets_it(wire, sim, safe_mode_s):
    async with wire.driver("pump-b", "new-era-ne1000", options(safe_mode_s=safe_mode_s)) as pump:
        await pump.set_flow(1.0)
        sim.power_cycle()
        await pump.flow.read()
        with pytest.raises(DeviceFault, match="power was interrupted"):
            await pump.set_flow(2.0)
        with pytest.raises(DeviceFault, match="power was interrupted"):
            await pump.check()
        await pump.stop()
        await pump.check()
        assert await pump.set_flow(2.0) == 2.0


async def test_an_alarm_in_front_of_a_query_is_noted_and_the_query_asked_again(pump, sim):
    sim.alarm = "S"  # not told unasked
    assert (await pump.flow.read()).value == 0.0
    with pytest.raises(DeviceFault, match="stalled"):
        await pump.check()


async def test_an_alarm_in_front_of_a_command_means_it_was_not_done(pump, sim, part):
    sim.alarm = "S"
    with pytest.raises(DeviceFault, match="stalled"):
        await pump.tell("RUN")
    assert part.flow == 0.0


async def test_an_alarm_met_while_stopping_is_not_forgotten(pump, sim):
    await pump.set_flow(1.0)
    sim.alarm = "E"
    await pump.stop()
    with pytest.raises(DeviceFault, match="program error"):
        await pump.check()


async def test_the_pump_stops_itself_when_the_host_falls_silent(pump, part):
    await pump.set_flow(1.0)
    await asyncio.sleep(12)
    assert part.flow == 0.0
    with pytest.raises(DeviceFault, match="alarm T"):
        await pump.check()


async def test_alarms_of_the_past_are_acknowledged_at_connect(pump, part):
    await pump.set_flow(1.0)
    await asyncio.sleep(12)
    await pump.identify()
    await pump.prepare()
    with pytest.raises(DeviceFault, match="stopped by itself"):
        await pump.check()
    await pump.stop()
    await pump.check()


async def test_a_running_pump_of_the_wrong_diameter_is_refused(wire, sim):
    sim.alarm = None
    sim.stepper.set_rate(1.0, "MM")
    sim.stepper.run()
    with pytest.raises(DeviceFault, match=r"running with a diameter other than 26\.59 mm"):
        async with wire.driver("pump-b", "new-era-ne1000", options(safe_mode_s=0)):
            pass


async def test_a_running_pump_of_the_right_diameter_goes_on_at_reconnect(pump, part):
    await pump.set_flow(1.0)
    await pump.identify()
    await pump.prepare()
    assert part.flow == pytest.approx(1.0)
    await pump.check()


async def test_a_purge_at_the_pump_is_no_flow_anybody_knows(pump, sim):
    sim.stepper.purge()
    reading = await pump.flow.read()
    assert (reading.value, reading.quality) == (None, Quality.BAD)
    await pump.stop()


async def test_stopping_a_stopped_pump_is_fine(pump):
    await pump.stop()
    await pump.stop(Lane.TRIP)
    assert (await pump.signals["flow"].set(0.0)).value == 0.0


async def test_a_pump_that_finds_stopping_not_applicable_is_asked_for_its_status():
    replies = {b"0STP\r": basic("00S?NA"), b"0\r": basic("00S")}
    async with Scripted(replies, safe_mode_s=0) as pump:
        await pump.stop()


async def test_small_syringes_are_counted_in_microlitres(wire, sim):
    small = options(syringe={"diameter_mm": 14.5, "volume_ml": 5.0})
    async with wire.driver("pump-b", "new-era-ne1000", small) as pump:
        assert sim.stepper.volume_unit == "UL"
        await pump.set_flow(0.25)
        assert sim.stepper.target == 5000
        await live(pump, 60)
        assert await pump.remaining_ml() == pytest.approx(4.75, abs=0.01)
        assert pump.max_flow_ml_min == pytest.approx(8.422, abs=0.001)
        assert pump.rounded_flow(pump.max_flow_ml_min) <= pump.max_flow_ml_min


async def test_a_pump_that_stays_silent_is_not_called_stopped(pump, wire):
    wire.line.disturb("pump-b", "silent")
    with pytest.raises(NoReply):
        await pump.make_safe()


async def test_a_trip_in_doubt_acts_first_and_makes_sure_after(pump, wire, part):
    await pump.set_flow(1.0)
    lost = asyncio.create_task(pump.poll(["flow"]))
    await asyncio.sleep(0.005)
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    wire.sent.clear()
    await pump.make_safe()
    assert part.flow == 0.0
    assert wire.sent[0] == packet(b"0STP")
    assert wire.sent[1] == packet(b"0VER")


async def test_a_pump_that_does_not_stop_is_a_fault():
    async with Scripted({b"0STP\r": basic("00I")}, safe_mode_s=0) as pump:
        with pytest.raises(DeviceFault, match="does not stop"):
            await pump.stop()


async def test_a_pump_that_answers_alarms_only_is_a_fault():
    async with Scripted({b"0\r": basic("00A?S")}, safe_mode_s=0) as pump:
        with pytest.raises(DeviceFault, match="every request with an alarm"):
            await pump.status()


@pytest.mark.parametrize(("moves", "runs"), [("infuse", "00S"), ("withdraw", "00I")])
async def test_a_pump_that_does_not_start_as_told_is_a_fault(moves, runs):
    replies = {
        b"0\r": basic("00S"),
        b"0RAT\r": basic("00S1.000MM"),
        b"0DIR\r": [basic("00SINF"), basic("00SWDR")],
        b"0DIS\r": basic("00SI30.00W0.000ML"),
        b"0RUN\r": basic(runs),
        b"0STP\r": basic("00S"),
    }
    for command in ("RAT1000UM", "VOL30.00", "VOL1.000", "CLDINF", "CLDWDR", "DIRWDR"):
        replies[f"0{command}\r".encode()] = basic("00S")
    async with Scripted(replies, safe_mode_s=0) as pump:
        with pytest.raises(DeviceFault, match=r"did not start|does not withdraw"):
            await (pump.set_flow(1.0) if moves == "infuse" else pump.refill(1.0, 1.0))


@pytest.mark.parametrize(
    ("setting", "frames"),
    [("safe mode", {b"0SAF\r": "00S5"}), ("diameter", {b"0DIA\r": "00S20.00"})],
)
async def test_a_setting_the_pump_does_not_take_is_a_mismatch(setting, frames):
    replies = {b"0\r": "00S", b"0SAF\r": "00S0", b"0SAF0\r": "00S", b"0DIA26.59\r": "00S", **frames}
    scripted = Scripted({key: basic(text) for key, text in replies.items()}, safe_mode_s=0)
    async with scripted as pump:
        with pytest.raises(ReadbackMismatch, match=f"{setting} was set to"):
            await pump.prepare()


async def test_several_pumps_share_a_line_by_address():
    parts = FakePump(), FakePump()
    sims = [
        simulated(SimNewEraPump, f"p{i}", part, options(address=i)) for i, part in enumerate(parts)
    ]
    wire = Wire(PORT, *sims, framing="serial", baud=19200)
    pumps = [
        wire.lines.instrument(f"p{i}", "new-era-ne1000", PORT, options(address=i), {})
        for i in range(2)
    ]
    await wire.lines.open("p0")
    for pump in pumps:
        await pump.identify()
        await pump.prepare()
    async with asyncio.TaskGroup() as tasks:
        for i, pump in enumerate(pumps):
            tasks.create_task(pump.set_flow(1.0 + i))
    assert [part.flow for part in parts] == pytest.approx([1.0, 2.0])
    wire.line.disturb("p0", "silent")
    with pytest.raises(NoReply):
        await pumps[0].flow.read()
    assert (await pumps[1].flow.read()).value == 2.0
    await wire.lines.close()


async def test_a_pump_that_answers_alarms_only_cannot_be_identified():
    async with Scripted({b"0VER\r": basic("00A?S")}, safe_mode_s=0) as pump:
        with pytest.raises(DeviceFault, match="every request with an alarm"):
            await pump.identify()
