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
    WrongInstrument,
)
from drivers.pumps.harvard import HarvardPump
from drivers.pumps.harvard_wire import HarvardOptions, significant
from drivers.roles import SyringePump
from drivers.signal import Limits
from simulators.instruments.harvard import SimHarvardPump
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.rig import FakePump, Wire, simulated

pytestmark = pytest.mark.virtual
PORT = "/dev/ttyUSB0"
SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}
LIMITS = b"\n30.3148 nl/min to 31.4823 ml/min\r\n:\x11"


def options(**more):
    return {"syringe": SYRINGE, **more}


@pytest.fixture
def part():
    return FakePump()


@pytest.fixture
async def sim(part):
    return simulated(SimHarvardPump, "pump", part, options())


@pytest.fixture
async def wire(sim):
    return Wire(PORT, sim, framing="serial", baud=115200)


@pytest.fixture
async def pump(wire):
    async with wire.driver("pump", "harvard-pump11-elite", options()) as pump:
        yield pump


def bare(limits=None, **more):
    bus = Bus(PORT, HarvardPump.line, lambda _port, _line: Peer())
    return HarvardPump("p", bus, HarvardOptions.model_validate(options(**more)), limits or {})


class Scripted:
    """A pump that answers as a table says; a list is answered one after the other."""

    def __init__(self, replies, **more):
        self.replies = {k: list(v) if isinstance(v, list) else v for k, v in replies.items()}
        self.peer = Peer(self._answer)
        self.bus = bus_to(self.peer, codec=HarvardPump.line.codec)
        settings = HarvardOptions.model_validate(options(**more))
        self.pump = HarvardPump("p", self.bus, settings, {})

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


# --- frames of the sheet, in poll mode


async def test_sheet_frames():
    replies = {
        b"\r": b"\n:\x11",
        b"irate\r": b"\n1 ml/min\r\n:\x11",
        b"irate 2.5000 m/m\r": b"\n:\x11",
        b"irun\r": b"\n>\x11",
        b"ivolume\r": b"\n0.125 ml\r\n>\x11",
        b"irate lim\r": LIMITS,
        b"tvolume\r": b"\nTarget volume not set\r\n:\x11",
        b"status\r": b"\n41666666667 3000 125000000000 I...I.\r\n>\x11",
    }
    async with Scripted(replies) as pump:
        assert await pump.ask("") == ":"
        assert await pump.rate("irate") == 1.0
        assert await pump.tell("irate 2.5000 m/m") == ":"
        assert await pump.tell("irun") == ">"
        assert await pump.volume("ivolume") == 0.125
        assert await pump.volume("tvolume") == 0.0
        flow = await pump.flow.read()
        assert (flow.value, flow.unit) == (pytest.approx(2.5), "mL/min")
        assert (await pump.query("irate lim"))[1].groups() == (
            "30.3148",
            "n",
            "min",
            "31.4823",
            "m",
            "min",
        )


async def test_sheet_frames_of_address_12():
    replies = {b"12irate 3.2000 u/m\r": b"\n12:\x11", b"12irate\r": b"\n12:3.2 ul/min\r\n12:\x11"}
    async with Scripted(replies, address=12) as pump:
        assert await pump.tell("irate 3.2000 u/m") == ":"
        assert await pump.rate("irate") == pytest.approx(3.2e-3)


async def test_sheet_frame_of_an_unknown_command():
    replies = {b"foo\r": b"\nCommand error:\r\n   Unknown command\r\n:\x11"}
    async with Scripted(replies) as pump:
        with pytest.raises(CommandRejected, match="'foo' is refused: Command error: Unknown"):
            await pump.tell("foo")


async def test_an_argument_error_is_told_in_the_pump_s_words():
    replies = {b"12irun\r": b"\n12:Argument error: x\r\n12:   Out of range\r\n12:\x11"}
    async with Scripted(replies, address=12) as pump:
        with pytest.raises(CommandRejected, match="Argument error: x Out of range"):
            await pump.tell("irun")


async def test_firmware_that_tells_address_zero_is_understood():
    replies = {b"irate\r": b"\n00:1 ml/min\r\n00:\x11", b"irun\r": b"\n00>\x11"}
    async with Scripted(replies) as pump:
        assert await pump.rate("irate") == 1.0
        assert await pump.tell("irun") == ">"


@pytest.mark.parametrize(
    "reply",
    [
        b"\n13:1 ml/min\r\n13:\x11",  # another pump
        b"\n13:1 ml/min\r\n12:\x11",
        b"\n1 ml/min\r\n:\x11",  # pump 0
        b"\n12:1 ml/min\r\n12:",  # no XON: not the end
        b"\n12:1 furlong\r\n12:\x11",
        b"\n12:1 ml/min\r\n12:2 ml/min\r\n12:\x11",
        b"\n12:\x11",
    ],
)
async def test_what_is_no_reply_of_this_pump_is_not_taken(reply):
    async with Scripted({b"12irate\r": reply}, address=12) as pump:
        with pytest.raises(NoReply):
            await pump.rate("irate")


async def test_a_prompt_that_came_unasked_before_the_reply_does_no_harm():
    async with Scripted({b"irate\r": b"\nT*\n1 ml/min\r\nT*\x11"}) as pump:
        assert await pump.rate("irate") == 1.0


async def test_a_stall_in_the_status_is_a_fault():
    async with Scripted({b"status\r": b"\n0 0 0 i.S.I.\r\n*\x11"}) as pump:
        with pytest.raises(DeviceFault, match="stalled"):
            await pump.check()


async def test_rates_come_in_whatever_unit_the_pump_likes():
    replies = {b"irate\r": [b"\n60 ul/hr\r\n:\x11", b"\n1 nl/s\r\n:\x11", b"\n0.5 ml/sec\r\n:\x11"]}
    async with Scripted(replies) as pump:
        assert await pump.rate("irate") == pytest.approx(1e-3)
        assert await pump.rate("irate") == pytest.approx(60e-6)
        assert await pump.rate("irate") == pytest.approx(30.0)


async def test_another_model_than_the_configured_is_the_wrong_instrument():
    replies = {b"irate lim\r": LIMITS, b"ver\r": b"\nLegato 100 1.0.8\r\n:\x11"}
    async with Scripted(replies, model="elite") as pump:
        with pytest.raises(WrongInstrument, match="expected a elite, found 'Legato 100"):
            await pump.identify()
    async with Scripted(replies, model="LEGATO") as pump:
        assert await pump.identify() == "Legato 100 1.0.8"


async def test_nobody_there_is_no_reply_after_opening_the_session():
    scripted = Scripted({})
    async with scripted as pump:
        with pytest.raises(NoReply):
            await pump.identify()
    assert scripted.peer.requests == [b"irate lim\r", b"\r", b"poll on\r", b"irate lim\r"]


# --- numbers


@given(st.floats(1e-6, 1e5))
def test_numbers_have_five_digits_and_no_exponent(value):
    text = significant(value)
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=1e-4)
    assert float(significant(value, down=True)) <= value * (1 + 1e-9)


@given(st.floats(1e-8, 30.0))
def test_rounded_flow_is_near_and_within_the_limit(ml_min):
    pump = bare({"flow": Limits(0, 30.0)})
    assert pump.rounded_flow(ml_min) == pytest.approx(ml_min, rel=1e-4)
    assert pump.rounded_flow(ml_min) <= 30.0


def test_before_it_has_told_its_limits_those_of_the_configuration_hold():
    pump = bare({"flow": Limits(0, 2.0)})
    assert (pump.max_flow_ml_min, pump.capacity_ml) == (2.0, 60.0)
    assert pump.min_flow_ml_min == pump.flow_step_ml_min == 1e-9
    assert pump.rounded_flow(0.0) == 0.0
    assert isinstance(pump, SyringePump)


def test_options_are_checked():
    with pytest.raises(ValidationError, match="syringe"):
        HarvardOptions.model_validate({})
    with pytest.raises(ValidationError, match="address"):
        HarvardOptions.model_validate(options(address=100))


# --- against the simulated pump


async def test_connecting_sets_the_pump_up_and_moves_nothing(wire, sim, part):
    async with wire.driver("pump", "harvard-pump11-elite", options(force_percent=30)) as pump:
        assert part.flow == 0.0
        assert (sim.poll, sim.nvram, sim.force, sim.motor.diameter_mm) == (True, False, 30, 26.59)
        assert pump.max_flow_ml_min == pytest.approx(105.87, abs=0.01)
        assert pump.min_flow_ml_min == pytest.approx(101.9e-6, abs=1e-7)


async def test_a_second_connect_writes_no_setting(pump, sim, wire):
    await pump.identify()
    await pump.prepare()
    sent = b"".join(wire.sent)
    assert not any(
        word in sent for word in (b"diameter ", b"force ", b"poll", b"tvolume ", b"irun")
    )


async def test_a_touched_screen_and_a_pump_out_of_poll_mode_are_taken_back(pump, sim):
    sim.touched = True
    assert await pump.identify() == "11 ELITE I/W Single 3.0.4"
    sim.poll = False
    await pump.identify()
    await pump.check()


async def test_flow_is_set_started_confirmed_and_stopped(pump, part, sim):
    assert await pump.set_flow(0.5) == pytest.approx(0.5)
    assert part.flow == pytest.approx(0.5)
    assert (await pump.flow.read()).value == pytest.approx(0.5)
    assert await pump.set_flow(0) == 0.0
    assert part.flow == 0.0
    assert (await pump.flow.read()).value == 0.0


async def test_a_rate_is_changed_while_it_runs(pump, wire, part):
    await pump.set_flow(0.5)
    wire.sent.clear()
    assert await pump.set_flow(12.0) == pytest.approx(12.0)
    assert b"stop\r" not in wire.sent
    assert part.flow == pytest.approx(12.0)


async def test_a_pump_that_refuses_to_change_is_stopped_and_started(pump, wire, sim, part):
    await pump.set_flow(0.5)
    obey, sim._irate = sim._irate, lambda _text: refuse()

    def refuse():
        if sim.motor.running:
            sim.motor._require_idle()
        return obey("2.0 m/m")

    assert await pump.set_flow(2.0) == pytest.approx(2.0)
    assert b"stop\r" in wire.sent
    assert part.flow == pytest.approx(2.0)


async def test_the_pump_runs_to_what_is_left_and_not_endlessly(pump, sim, part):
    await pump.set_flow(20.0)
    assert sim.motor.target == pytest.approx(60.0)
    await asyncio.sleep(60)
    await pump.stop()
    await pump.set_flow(10.0)
    assert sim.motor.target == pytest.approx(40.0, abs=0.1)
    await asyncio.sleep(250)
    assert part.flow == 0.0
    assert part.volume == pytest.approx(60.0, abs=0.01)
    with pytest.raises(DeviceFault, match=r"stopped by itself, prompt T\*"):
        await pump.check()
    await pump.stop()
    await pump.check()
    with pytest.raises(CommandRejected, match="syringe is empty"):
        await pump.set_flow(1.0)


async def test_what_is_in_the_syringe_at_the_start_is_configured(wire, sim):
    sim.motor.counted["I"] = 7.0  # of yesterday
    own = options(syringe={**SYRINGE, "filled_ml": 30.0})
    async with wire.driver("pump", "harvard-pump11-elite", own) as pump:
        assert await pump.remaining_ml() == 30.0


async def test_dispensed_and_remaining_add_up(pump):
    await pump.set_flow(6.0)
    await asyncio.sleep(30)
    dispensed, remaining = await pump.poll(["dispensed", "remaining"])
    assert dispensed.value == pytest.approx(3.0, rel=0.01)
    assert dispensed.value + remaining.value == pytest.approx(60.0, abs=1e-3)


async def test_a_refill_withdraws_what_was_asked_and_stops(pump, part):
    await pump.set_flow(20.0)
    await asyncio.sleep(60)
    await pump.stop()
    left = await pump.remaining_ml()
    await pump.refill(10.0, 20.0)
    assert part.flow == 0.0
    assert await pump.remaining_ml() == pytest.approx(left + 10.0, abs=0.02)
    assert await pump.dispensed_ml() == 0.0
    await pump.set_flow(1.0)
    assert part.flow == pytest.approx(1.0)


async def emptied(pump):
    await pump.set_flow(20.0)
    await asyncio.sleep(60)
    await pump.stop()


async def test_flow_reads_zero_during_a_refill_and_a_cancelled_one_stops(pump, part):
    await emptied(pump)
    refilling = asyncio.create_task(pump.refill(10.0, 20.0))
    await asyncio.sleep(5)
    assert part.flow < 0
    assert (await pump.flow.read()).value == 0.0
    with pytest.raises(CommandRejected, match="is withdrawing"):
        await pump.set_flow(1.0)
    refilling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await refilling
    assert part.flow == 0.0


async def test_a_pump_that_does_not_heed_the_target_when_it_withdraws_is_stopped(pump, sim, part):
    await emptied(pump)
    set_target, sim.motor.set_target = sim.motor.set_target, lambda ml: keep(ml)

    def keep(ml):
        set_target(ml)
        sim.motor._turn, turn = (
            lambda rate: (turn(rate), sim.motor._timer.cancel()),
            sim.motor._turn,
        )

    with pytest.raises(DeviceFault, match="was not done within"):
        await pump.refill(10.0, 20.0)
    assert part.flow == 0.0


async def test_a_refill_that_ends_early_or_stalls_is_a_fault(pump, sim, part):
    await emptied(pump)
    refilling = asyncio.create_task(pump.refill(10.0, 20.0))
    await asyncio.sleep(10)
    sim.motor.stop()
    with pytest.raises(DeviceFault, match="refill ended after"):
        await refilling
    refilling = asyncio.create_task(pump.refill(5.0, 20.0))
    await asyncio.sleep(5)
    part.stuck = True
    with pytest.raises(DeviceFault, match="stalled while it was refilled"):
        await refilling


async def test_a_refill_that_does_not_fit_or_flow_is_refused_before_anything_moves(pump, part):
    with pytest.raises(OutOfRange, match="there is room for 0 mL"):
        await pump.refill(1.0, 10.0)
    await pump.set_flow(20.0)
    await asyncio.sleep(60)
    with pytest.raises(CommandRejected, match="stop it first"):
        await pump.refill(1.0, 10.0)
    await pump.stop()
    with pytest.raises(OutOfRange, match="refill at 999 mL/min"):
        await pump.refill(1.0, 999.0)
    assert part.flow == 0.0


async def test_a_model_that_only_infuses_counts_and_does_not_refill(part):
    sim = simulated(SimHarvardPump, "pump", part, options(infuse_only=True))
    wire = Wire(PORT, sim, framing="serial")
    async with wire.driver("pump", "harvard-pump11-elite", options(infuse_only=True)) as pump:
        await pump.set_flow(6.0)
        await asyncio.sleep(30)
        assert await pump.dispensed_ml() == pytest.approx(3.0, rel=0.01)
        await pump.stop()
        with pytest.raises(CommandRejected, match="only infuses"):
            await pump.refill(1.0, 1.0)


async def test_a_stall_is_a_fault_until_it_is_stopped(pump, part):
    await pump.set_flow(1.0)
    part.stuck = True
    await asyncio.sleep(3)
    with pytest.raises(DeviceFault, match="stalled"):
        await pump.check()
    with pytest.raises(DeviceFault, match="stop it before"):
        await pump.set_flow(1.0)
    part.stuck = False
    await pump.stop()
    await pump.check()


async def test_flows_out_of_reach_never_reach_the_wire(pump, wire):
    wire.sent.clear()
    for value in (-1.0, float("nan"), True):
        with pytest.raises(OutOfRange):
            await pump.set_flow(value)
    for value in (110.0, 1e-5):
        with pytest.raises(OutOfRange, match="limits are 0 or"):
            await pump.set_flow(value)
    assert not any(b"irate" in sent for sent in wire.sent)


async def test_settings_that_do_not_take_are_mismatches(wire, sim):
    sim.motor.set_diameter = lambda _mm: None
    with pytest.raises(ReadbackMismatch, match=r"diameter was set to 26\.59, reads back 14\.5"):
        async with wire.driver("pump", "harvard-pump11-elite", options()):
            pass


async def test_a_running_pump_with_another_syringe_is_left_alone_and_a_fault(wire, sim, part):
    sim.motor.run("I")
    with pytest.raises(DeviceFault, match=r"is running with a diameter other than 26\.59"):
        async with wire.driver("pump", "harvard-pump11-elite", options()):
            pass
    assert part.flow == pytest.approx((26.59 / 14.5) ** 2)


async def test_a_stop_whose_answers_are_lost_is_sent_again(pump, wire, part):
    await pump.set_flow(1.0)
    lost = iter([True, True])
    wire.line.trouble = lambda reply: [] if next(lost, False) else [(0.0, reply)]
    await pump.stop()
    assert part.flow == 0.0


@pytest.mark.parametrize("how", ["touched", "out of poll mode"])
async def test_a_pump_that_was_touched_or_lost_its_poll_mode_is_stopped_all_the_same(
    pump, sim, part, how
):
    await pump.set_flow(1.0)
    sim.touched, sim.poll = how == "touched", how == "touched"
    await pump.make_safe()
    assert part.flow == 0.0
    assert (await pump.flow.read()).value == 0.0


async def test_writing_a_flow_of_nothing_stops(pump, part):
    await pump.set_flow(1.0)
    assert (await pump.flow.set(0.0)).value == 0.0
    assert part.flow == 0.0


async def test_a_pump_that_does_not_start_is_a_fault(pump, sim, part):
    sim.motor.run = lambda _direction: None
    with pytest.raises(DeviceFault, match="did not start, prompt :"):
        await pump.set_flow(1.0)
    sim.motor.counted["I"] = 30.0
    with pytest.raises(DeviceFault, match="does not withdraw, prompt :"):
        await pump.refill(10.0, 5.0)


async def test_a_target_that_does_not_take_is_a_mismatch_and_nothing_runs(pump, sim, part):
    sim.motor.set_target = lambda _ml: None
    with pytest.raises(ReadbackMismatch, match="target volume was set to 60 mL, reads back 0 mL"):
        await pump.set_flow(1.0)
    assert part.flow == 0.0


async def test_a_refill_rate_that_does_not_take_is_a_mismatch_and_nothing_runs(pump, sim, part):
    sim.motor.counted["I"] = 30.0
    sim._wrate = lambda _text: "1 ml/min" if not _text else None
    with pytest.raises(ReadbackMismatch, match="wrate was set to 5 mL/min, reads back 1 mL/min"):
        await pump.refill(10.0, 5.0)
    assert part.flow == 0.0


async def test_a_pump_that_does_not_stop_is_a_fault(pump, sim):
    await pump.set_flow(1.0)
    sim.motor.stop = lambda: None
    with pytest.raises(DeviceFault, match="does not stop"):
        await pump.make_safe()


async def test_two_pumps_share_a_line_and_a_dead_one_does_not_answer_for_the_other():
    parts = [FakePump(), FakePump()]
    sims = [
        simulated(SimHarvardPump, f"p{k}", part, options(address=k)) for k, part in enumerate(parts)
    ]
    wire = Wire(PORT, *sims, framing="serial", baud=115200)
    one = wire.lines.instrument("p0", "harvard-pump11-elite", PORT, options(address=0), {})
    async with wire.driver("p1", "harvard-pump11-elite", options(address=1)) as two:
        await one.identify()
        await one.prepare()
        await one.set_flow(1.0)
        await two.set_flow(2.0)
        assert [part.flow for part in parts] == [pytest.approx(1.0), pytest.approx(2.0)]
        wire.line.disturb("p0", "silent")
        with pytest.raises(NoReply):
            await one.check()
        assert (await two.flow.read()).value == pytest.approx(2.0)
        wire.line.disturb("p0", "ok")
        await one.check()
        assert (await one.flow.read()).value == pytest.approx(1.0)
