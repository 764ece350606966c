import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
)
from drivers.pumps.cavro import CavroPump
from drivers.pumps.cavro_protocol import CavroOptions
from drivers.roles import SyringePump
from drivers.signal import Limits, Quality
from simulators.instruments.cavro import SimCavroPump
from simulators.wire.hostile import dropped
from tests.drivers.core.peer import Peer
from tests.drivers.instruments.rig import FakePump, Wire, simulated

pytestmark = pytest.mark.virtual
PORT = "/dev/ttyUSB0"


def options(**more):
    return {"syringe": {"volume_ml": 5.0}, **more}


@pytest.fixture
def part():
    return FakePump()


@pytest.fixture(params=["oem", "dt"])
def framing(request):
    return request.param


@pytest.fixture
async def sim(part):
    return simulated(SimCavroPump, "pump", part, options(initialised=True))


@pytest.fixture
async def wire(sim):
    return Wire(PORT, sim, framing="serial", baud=9600)


@pytest.fixture
async def pump(wire, framing):
    async with wire.driver("pump", "tecan-cavro", options(framing=framing)) as pump:
        yield pump


@pytest.fixture
async def oem(wire):
    async with wire.driver("pump", "tecan-cavro", options()) as pump:
        yield pump


def bare(limits=None, **more):
    bus = Bus(PORT, CavroPump.line, lambda _port, _line: Peer())
    return CavroPump("p", bus, CavroOptions.model_validate(options(**more)), limits or {})


# --- numbers


def test_the_flows_that_the_speeds_can_carry():
    pump = bare()
    assert pump.flow_step_ml_min == pytest.approx(0.05)
    assert pump.min_flow_ml_min == pytest.approx(0.25)
    assert pump.max_flow_ml_min == pytest.approx(290.0)
    assert pump.capacity_ml == 5.0
    xlp = bare(stroke=6000, lowest_speed=10, highest_speed=6000)
    assert (xlp.flow_step_ml_min, xlp.min_flow_ml_min) == pytest.approx((0.025, 0.25))
    assert isinstance(pump, SyringePump)


@given(st.floats(0.25, 290.0))
def test_rounded_flow_is_within_half_a_step_and_the_limit(ml_min):
    pump = bare()
    assert abs(pump.rounded_flow(ml_min) - ml_min) <= 0.0251
    assert pump.rounded_flow(ml_min) <= pump.max_flow_ml_min * (1 + 1e-9)


def test_rounding_does_not_lead_over_a_configured_limit():
    assert bare({"flow": Limits(0, 1.03)}).rounded_flow(1.03) == pytest.approx(1.0)


def test_the_flow_limits_are_known_before_any_pump_is_made():
    specs = CavroPump.signal_specs(CavroOptions.model_validate(options()))
    assert specs["flow"].limits == bare().flow.spec.limits


@pytest.mark.parametrize(
    "wrong", [{"address": 15}, {"initialise_code": 3}, {"stroke": 1000}, {"framing": "can"}]
)
def test_options_are_checked(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        CavroOptions.model_validate(options(**wrong))


# --- initialising


@pytest.fixture
async def cold(part, framing):
    """A pump that has just been switched on, and its driver."""
    sim = simulated(SimCavroPump, "pump", part, options())
    wire = Wire(PORT, sim, framing="serial", baud=9600)
    async with wire.driver("pump", "tecan-cavro", options(framing=framing)) as pump:
        yield pump, sim


async def test_connecting_initialises_nothing_and_the_check_says_what_to_do(cold, part):
    pump, sim = cold
    assert (sim.executed, part.volume) == ([], 0.0)
    with pytest.raises(DeviceFault, match=r"power-up.*set pump\.initialised to true"):
        await pump.check()
    flow, dispensed, remaining, initialised = await pump.poll(
        ["flow", "dispensed", "remaining", "initialised"]
    )
    assert (flow.value, initialised.value) == (0.0, False)
    assert (dispensed.quality, remaining.quality) == (Quality.BAD, Quality.BAD)
    with pytest.raises(CommandRejected, match=r"initialised to true"):
        await pump.set_flow(1.0)
    with pytest.raises(CommandRejected, match=r"initialised to true"):
        await pump.refill(1.0, 5.0)
    with pytest.raises(CommandRejected, match=r"initialised to true"):
        await pump.remaining_ml()
    await pump.make_safe()
    assert part.volume == 0.0


async def test_setting_initialised_drives_the_plunger_home_and_makes_it_fit_for_use(cold, part):
    pump, sim = cold
    assert (await pump.initialised.set(True)).value is True
    assert sim.executed == ["Z0"]
    assert part.displaced_ml() == pytest.approx(5.0), "all that was in the syringe"
    await pump.check()
    assert await pump.remaining_ml() == 0.0
    await pump.refill(5.0, 10.0)
    assert await pump.set_flow(1.0) == pytest.approx(1.0)


async def test_initialised_cannot_be_taken_back(pump):
    with pytest.raises(OutOfRange, match="only be set to true"):
        await pump.initialised.set(False)


async def test_a_moving_pump_is_not_initialised(pump):
    await pump.set_flow(1.0)
    with pytest.raises(CommandRejected, match="stop it first"):
        await pump.initialised.set(True)


async def test_initialising_that_is_cancelled_stops(cold, part):
    pump, _ = cold
    setting = asyncio.create_task(pump.initialised.set(True))
    await asyncio.sleep(2)
    assert part.flow > 0
    assert (await pump.flow.read()).quality is Quality.BAD, "it moves at a speed it does not tell"
    setting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await setting
    assert part.flow == 0.0


@pytest.mark.parametrize(
    ("own", "string"),
    [
        ({"valve": "output-left", "initialise_code": 2}, "Y2"),
        ({"valve": "none"}, "W0"),
        ({"fine": True}, "Z0N1"),
    ],
)
async def test_the_way_of_initialising_is_configured(part, own, string):
    sim = simulated(SimCavroPump, "pump", part, options(**own))
    wire = Wire(PORT, sim, framing="serial", baud=9600)
    async with wire.driver("pump", "tecan-cavro", options(**own)) as pump:
        await pump.initialised.set(True)
        await pump.refill(2.0, 10.0)
        assert await pump.remaining_ml() == pytest.approx(2.0, abs=2e-3)
    assert sim.executed[0] == string


async def test_on_refill_a_lost_plunger_counts_as_empty_and_the_refill_initialises(part):
    own = options(initialise="on-refill")
    sim = simulated(SimCavroPump, "pump", part, own)
    wire = Wire(PORT, sim, framing="serial", baud=9600)
    async with wire.driver("pump", "tecan-cavro", own) as pump:
        await pump.check()
        assert await pump.remaining_ml() == 0.0
        assert sim.executed == []
        await pump.refill(5.0, 10.0)
        assert await pump.remaining_ml() == pytest.approx(5.0)
        await pump.set_flow(1.0)
        sim.power_cycle()
        with pytest.raises(DeviceFault, match="lost its plunger"):
            await pump.check()


# --- against the simulated pump


async def test_connecting_moves_nothing(pump, sim, part):
    assert (sim.executed, part.flow) == ([], 0.0)
    await pump.check()
    assert await pump.remaining_ml() == 5.0
    assert await pump.dispensed_ml() == 0.0


async def test_flow_is_set_started_confirmed_and_stopped(pump, part, sim):
    assert await pump.set_flow(0.5) == pytest.approx(0.5)
    assert part.flow == pytest.approx(0.5)
    assert sim.executed == ["V10OA0"]
    assert (await pump.flow.read()).value == pytest.approx(0.5)
    assert await pump.set_flow(2.0) == pytest.approx(2.0)
    assert part.flow == pytest.approx(2.0)
    assert sim.executed == ["V10OA0"], "the speed is changed on the way"
    assert await pump.set_flow(0) == 0.0
    assert part.flow == 0.0
    assert (await pump.flow.read()).value == 0.0


async def test_it_ends_with_the_stroke_and_says_so(pump, part):
    await pump.set_flow(20.0)
    await asyncio.sleep(20)
    assert part.flow == 0.0
    assert part.volume == pytest.approx(5.0)
    with pytest.raises(DeviceFault, match="stopped by itself"):
        await pump.check()
    await pump.stop()
    await pump.check()
    with pytest.raises(CommandRejected, match="the syringe is empty"):
        await pump.set_flow(1.0)


async def test_dispensed_and_remaining_add_up(pump):
    await pump.set_flow(6.0)
    await asyncio.sleep(15)
    dispensed, remaining = await pump.poll(["dispensed", "remaining"])
    assert dispensed.value == pytest.approx(1.5, rel=0.06)
    assert dispensed.value + remaining.value == pytest.approx(5.0, abs=0.01)


async def test_a_refill_turns_the_valve_draws_and_turns_it_back(pump, part, sim):
    await pump.set_flow(20.0)
    await asyncio.sleep(20)
    await pump.stop()
    await pump.refill(5.0, 10.0)
    assert sim.executed[-1] == "V200IA3000O"
    assert (sim.valve, part.flow) == ("o", 0.0)
    assert await pump.remaining_ml() == pytest.approx(5.0)
    assert await pump.dispensed_ml() == 0.0
    assert part.displaced_ml() == pytest.approx(0.0, abs=1e-6)


async def half_empty(pump):
    await pump.set_flow(20.0)
    await asyncio.sleep(7.5)
    await pump.stop()


async def test_flow_reads_zero_during_a_refill_and_a_cancelled_one_stops(pump, part):
    await half_empty(pump)
    refilling = asyncio.create_task(pump.refill(2.0, 5.0))
    await asyncio.sleep(5)
    assert part.flow < 0
    assert (await pump.flow.read()).value == 0.0
    with pytest.raises(CommandRejected, match="is busy"):
        await pump.set_flow(1.0)
    with pytest.raises(CommandRejected, match="while it moves"):
        await pump.refill(1.0, 5.0)
    refilling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await refilling
    assert part.flow == 0.0
    await pump.set_flow(1.0)
    await asyncio.sleep(0.3)  # the valve turns first
    assert part.flow == pytest.approx(1.0), "the valve is at the output again"


async def test_a_refill_that_does_not_fit_or_flow_is_refused_before_anything_moves(pump, sim):
    with pytest.raises(OutOfRange, match="there is room for 0 mL"):
        await pump.refill(1.0, 10.0)
    await half_empty(pump)
    done = list(sim.executed)
    for flow in (0.1, 999.0):
        with pytest.raises(OutOfRange, match="refill at"):
            await pump.refill(1.0, flow)
    assert sim.executed == done


async def test_an_overload_during_a_refill_is_a_fault_until_it_is_initialised(pump, part, sim):
    await half_empty(pump)
    refilling = asyncio.create_task(pump.refill(2.0, 5.0))
    await asyncio.sleep(5)
    part.stuck = True
    with pytest.raises(DeviceFault, match="refill failed: error 9: plunger overload"):
        await refilling
    with pytest.raises(DeviceFault, match="error 9"):
        await pump.check()
    with pytest.raises(DeviceFault, match="error 9"):
        await pump.set_flow(1.0)
    part.stuck = False
    await pump.initialised.set(True)
    await pump.check()


async def test_a_refill_stopped_by_somebody_else_is_a_fault(pump, sim):
    await half_empty(pump)
    refilling = asyncio.create_task(pump.refill(2.0, 5.0))
    await asyncio.sleep(5)
    sim.hear("T")
    with pytest.raises(DeviceFault, match="refill ended after"):
        await refilling


async def test_a_refill_that_does_not_end_is_stopped(pump, sim, part):
    await half_empty(pump)
    refilling = asyncio.create_task(pump.refill(2.0, 5.0))
    await asyncio.sleep(5)
    sim.hear("V5R")
    with pytest.raises(DeviceFault, match="refill was not done within"):
        await refilling
    assert part.flow == 0.0


async def test_a_late_error_of_a_start_is_the_start_s(pump, sim):
    await half_empty(pump)
    sim.plunger.stroke = -1  # every move is out of range, which shows in the next status
    with pytest.raises(CommandRejected, match="did not start: error 3: invalid operand"):
        await pump.set_flow(1.0)


async def test_flows_out_of_reach_never_reach_the_wire(pump, wire):
    wire.sent.clear()
    for value in (-1.0, 291.0, float("nan"), True, 0.2):
        with pytest.raises(OutOfRange):
            await pump.set_flow(value)
    assert wire.sent == []


async def test_a_speed_that_does_not_take_is_a_mismatch(pump, sim):
    sim._set = lambda _letter, _number: None
    with pytest.raises(ReadbackMismatch):
        await pump.set_flow(1.0)


async def test_a_pump_that_moves_of_its_own_accord_is_stopped_at_connect(wire, sim, part, framing):
    sim.hear("V10A0R")
    async with wire.driver("pump", "tecan-cavro", options(framing=framing)):
        assert part.flow == 0.0


async def test_a_pump_that_we_started_runs_on_when_the_line_is_back(pump, part):
    await pump.set_flow(1.0)
    await pump.identify()
    await pump.prepare()
    assert part.flow == pytest.approx(1.0)
    assert (await pump.flow.read()).value == pytest.approx(1.0)


async def test_what_somebody_else_started_has_no_known_flow(pump, sim):
    sim.hear("V10A0R")
    assert (await pump.flow.read()).quality is Quality.BAD
    with pytest.raises(CommandRejected, match="stop it first"):
        await pump.set_flow(1.0)


async def test_a_position_beyond_the_stroke_is_a_fault(wire, sim):
    sim.hear("N1R")
    with pytest.raises(DeviceFault, match="24000 of 3000 increments: are stroke and fine"):
        async with wire.driver("pump", "tecan-cavro", options()):
            pass


async def test_fine_increments_are_set_at_connect(wire, sim):
    async with wire.driver("pump", "tecan-cavro", options(fine=True)) as pump:
        assert sim.settings["N"] == 1
        assert await pump.remaining_ml() == 5.0


async def test_a_start_whose_answer_is_lost_happens_once(oem, wire, sim, part):
    await half_empty(oem)
    executed = len(sim.executed)
    replies = iter(range(99))
    wire.line.trouble = lambda reply: dropped(reply) if next(replies) == 2 else [(0.0, reply)]
    assert await oem.set_flow(1.0) == pytest.approx(1.0)
    assert len(sim.executed) == executed + 1
    assert part.flow == pytest.approx(1.0)


async def test_a_start_that_never_arrived_happens_after_all(oem, wire, sim, part):
    lose = iter(range(99))
    host = next(iter(wire.line.hosts))
    write = host.write
    host.write = lambda data: None if next(lose) == 2 else write(data)
    assert await oem.set_flow(1.0) == pytest.approx(1.0)
    assert sim.executed == ["V20OA0"]


async def test_a_stop_whose_answers_are_lost_is_sent_again(pump, wire, part):
    await pump.set_flow(1.0)
    lost = iter([True, True])
    wire.line.trouble = lambda reply: [] if next(lost, False) else [(0.0, reply)]
    await pump.make_safe()
    assert part.flow == 0.0


async def test_writing_a_flow_of_nothing_stops(pump, part):
    await pump.set_flow(1.0)
    assert (await pump.flow.set(0.0)).value == 0.0
    assert part.flow == 0.0


async def test_a_pump_that_takes_its_time_to_stop_is_told_once(pump, sim, part):
    await pump.set_flow(1.0)
    halt = sim._halt
    sim._halt = lambda: asyncio.get_running_loop().call_later(0.05, halt)
    await pump.stop()
    assert part.flow == 0.0


async def test_one_question_tells_what_is_gone_and_what_is_left(pump, wire):
    await asyncio.sleep(1)
    wire.sent.clear()
    await pump.poll(["dispensed", "remaining"])
    assert len(wire.sent) == 1


async def test_a_pump_that_does_not_stop_is_a_fault(pump, sim):
    await pump.set_flow(1.0)
    sim._halt = lambda: None
    with pytest.raises(DeviceFault, match="does not stop, after 4 attempts"):
        await pump.make_safe()


async def test_a_dead_line_makes_a_stop_no_reply(pump, wire):
    wire.line.disturb("pump", "silent")
    with pytest.raises(NoReply):
        await pump.stop()
