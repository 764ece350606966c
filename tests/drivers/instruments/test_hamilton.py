import asyncio
from contextlib import suppress
from random import Random

import pytest

from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    InstrumentError,
    NoReply,
    OutOfRange,
    WrongInstrument,
)
from drivers.pumps.hamilton import HamiltonPump, HamiltonPumpOptions, Stroke
from drivers.roles import SyringePump, Valve
from drivers.signal import Lane, Limits
from simulators.instruments.base import Ports
from simulators.instruments.hamilton import SimHamiltonMvp, SimHamiltonPump
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.rig import FakePump, Wire
from tests.drivers.valves.rotor import Rotor

pytestmark = pytest.mark.virtual
PORT = "/dev/ttyUSB0"
SYRINGE = {"volume_ml": 10.0}


def on_pump(part, name="p", **options):
    clock = asyncio.get_running_loop().time
    return SimHamiltonPump(name, {"syringe": SYRINGE, **options}, Ports(pump=part), clock)


@pytest.fixture
async def part():
    return FakePump()


@pytest.fixture
async def sim(part):
    return on_pump(part)


@pytest.fixture
async def wire(sim):
    return Wire(PORT, sim, framing="serial", baud=9600)


@pytest.fixture
async def pump(wire):
    limits = {"flow": Limits(0, 20)}
    async with wire.driver("p", "hamilton-ml600", {"syringe": SYRINGE}, limits) as pump:
        yield pump


class Scripted:
    """A Microlab 600 that answers what a table says."""

    def __init__(self, replies, **options):
        self.replies = replies
        self.peer = Peer(lambda d: [(0.01, self.replies[d])] if d in self.replies else [])
        line = HamiltonPump.line
        self.bus = bus_to(self.peer, codec=line.codec, gap_s=line.gap_s, quiet_s=line.quiet_s)
        given = HamiltonPumpOptions(syringe=Stroke(volume_ml=10.0), **options)
        self.pump = HamiltonPump("p", self.bus, given, {})

    async def __aenter__(self):
        await self.bus.open()
        return self.pump

    async def __aexit__(self, *_):
        await self.bus.close()


SINGLE = {
    b"aU\r": b"\x06NV01.72.A\r",
    b"aH\r": b"\x06Y\r",
    b"aF\r": b"\x06Y\r",
    b"aK\r": b"\x06\r",
    b"aBK\r": b"\x06\r",
    b"aV\r": b"\x06\r",
    b"aBV\r": b"\x06\r",
    b"aYQP\r": b"\x0624000\r",
}


# --- frames printed in the manual


async def test_a_chain_that_is_silent_is_given_addresses_and_the_identity_says_so():
    scripted = Scripted({b"1a\r": b"1b\r"})
    async with scripted as pump:

        def script(data):
            if data == b"1a\r":
                scripted.replies[b"aU\r"] = b"\x06NV01.72.A\r"
            return [(0.01, scripted.replies[data])] if data in scripted.replies else []

        scripted.peer.script = script
        assert await pump.identify() == (
            "Hamilton Microlab 600 NV01.72.A, address a"
            " (addresses were given out: the chain was switched on; next is b)"
        )
        assert scripted.peer.requests == [b"aU\r", b"1a\r", b"aU\r"]


async def test_a_chain_that_answers_is_not_addressed_again():
    scripted = Scripted({**SINGLE, b"1a\r": b"1a\r"})
    async with scripted as pump:
        assert await pump.identify() == "Hamilton Microlab 600 NV01.72.A, address a"
        assert scripted.peer.requests == [b"aU\r"]


async def test_the_manual_s_queries_are_asked_and_read():
    replies = {**SINGLE, b"aE1\r": b"\x06@\r"}
    async with Scripted(replies) as pump:
        await pump.prepare()
        assert await pump.query("F") == "Y"
        assert await pump.query("E1") == "@"
        assert await pump.remaining_ml() == 5.0, "24000 of 48000 steps"


@pytest.mark.parametrize("command", ["XR", "IP100S3N5O>T100R", "BP48000CP24000R"])
async def test_the_manual_s_commands_are_acknowledged_without_data(command):
    replies = {**SINGLE, b"a" + command.encode() + b"\r": b"\x06\r"}
    scripted = Scripted(replies)
    async with scripted as pump:
        await pump.prepare()
        await pump.perform(command)
        assert scripted.peer.requests[-1] == b"a" + command.encode() + b"\r"


async def test_a_nak_is_a_refusal():
    async with Scripted({b"aU\r": b"\x06NV01.72.A\r", b"aBNONSENSE\r": b"\x15\r"}) as pump:
        with pytest.raises(CommandRejected, match="NAK"):
            await pump.perform("NONSENSE")


@pytest.mark.parametrize(
    "answer",
    [
        b"24000\r",
        b"\x0624O00\r",
        b"\x06-1\r",
        b"x\x0624000\r",
        b"\x06\xb24000\r",
        b"\x06\r",
        b"\x0652801\r",
    ],
)
async def test_what_is_no_answer_is_never_a_position(answer):
    async with Scripted({**SINGLE, b"aBYQP\r": answer}) as pump:
        with pytest.raises((NoReply, GarbledReply)):
            await pump.remaining_ml()


async def test_on_a_port_without_parity_the_eighth_bit_is_masked():
    replies = {b"aU\r": bytes(b | 0x80 for b in b"\x06NV01.72.A") + b"\r"}
    async with Scripted(replies, eight_bits=True) as pump:
        assert (await pump.identify()).startswith("Hamilton Microlab 600 NV01")
    line = HamiltonPumpOptions(syringe=Stroke(volume_ml=1), eight_bits=True).line(HamiltonPump.line)
    assert (line.data_bits, line.parity) == (8, "N")
    assert (HamiltonPump.line.data_bits, HamiltonPump.line.parity) == (7, "O")


async def test_a_valve_positioner_in_its_place_is_the_wrong_instrument():
    async with Scripted({b"aU\r": b"\x06MV01.05.A\r"}) as pump:
        with pytest.raises(WrongInstrument, match="no Hamilton Microlab 600"):
            await pump.identify()


async def test_the_right_side_of_a_single_instrument_is_refused():
    async with Scripted(SINGLE, side="right") as pump:
        with pytest.raises(WrongInstrument, match="one syringe only"):
            await pump.prepare()


# --- delivering


async def test_it_is_a_syringe_pump(pump):
    assert isinstance(pump, SyringePump)
    assert pump.capacity_ml == 10.0
    assert pump.max_flow_ml_min == 20.0
    assert pump.min_flow_ml_min == pytest.approx(600 / 3692)


async def test_connecting_moves_nothing_and_initialises_nothing(wire, part):
    async with wire.driver("p", "hamilton-ml600", {"syringe": SYRINGE}, prepare=False) as pump:
        await pump.identify()
        await pump.prepare()
        assert wire.sent == [b"aU\r", b"aU\r", b"aH\r", b"aK\r", b"aV\r", b"aF\r", b"aYQP\r"]
        assert part.flow == 0.0


async def test_a_flow_is_a_move_to_the_end_through_the_output(pump, part, wire):
    assert await pump.set_flow(2.0) == 2.0
    assert b"aOM0S300R\r" in wire.sent
    assert part.flow == pytest.approx(2.0)
    await asyncio.sleep(60)
    assert await pump.dispensed_ml() == pytest.approx(2.0, abs=0.05)
    assert await pump.remaining_ml() == pytest.approx(8.0, abs=0.05)
    await pump.check()
    await pump.stop()
    assert part.flow == 0.0
    (reading,) = await pump.poll(["flow"])
    assert reading.value == 0.0


async def test_a_running_pump_is_halted_before_it_gets_another_flow(pump, part, wire):
    await pump.set_flow(2.0)
    wire.sent.clear()
    assert await pump.set_flow(4.0) == 4.0
    order = [sent for sent in wire.sent if sent in (b"aK\r", b"aV\r", b"aOM0S150R\r")]
    assert order == [b"aK\r", b"aV\r", b"aOM0S150R\r"]
    assert part.flow == pytest.approx(4.0)


async def test_a_flow_between_two_speeds_is_refused_and_the_nearest_are_named(pump, wire):
    for flow in (16.3, 11.0):
        with pytest.raises(OutOfRange, match="near it are"):
            await pump.set_flow(flow)
        assert pump.rounded_flow(flow) != flow
        rounded = pump.rounded_flow(flow)
        assert pump.rounded_flow(rounded) == pytest.approx(rounded)
    assert wire.sent == []


async def test_the_slowest_flow_is_seen_to_move(pump, part):
    assert await pump.set_flow(pump.min_flow_ml_min) == pytest.approx(600 / 3692)
    (reading,) = await pump.poll(["flow"])
    assert reading.value == pytest.approx(600 / 3692)


async def test_rounding_never_leads_over_the_limit(wire):
    limits = {"flow": Limits(0, 13.0)}
    async with wire.driver("p", "hamilton-ml600", {"syringe": SYRINGE}, limits) as pump:
        assert pump.rounded_flow(13.0) == pytest.approx(600 / 47)


async def test_a_syringe_that_runs_empty_is_a_fault_and_reads_no_flow(pump, part):
    await pump.set_flow(20.0)
    await asyncio.sleep(31)
    assert part.flow == 0.0
    with pytest.raises(DeviceFault, match="stopped by itself"):
        await pump.check()
    flow, remaining = await pump.poll(["flow", "remaining"])
    assert (flow.value, remaining.value) == (0.0, 0.0)
    await pump.stop()
    await pump.check()
    with pytest.raises(CommandRejected, match="empty"):
        await pump.set_flow(1.0)


async def test_a_refill_draws_through_the_input_and_turns_back(pump, part, wire):
    await pump.set_flow(10.0)
    await asyncio.sleep(30)
    await pump.stop()
    left = await pump.remaining_ml()
    wire.sent.clear()
    await pump.refill(4.0, 10.0)
    assert b"aIP19200S60OR\r" in wire.sent
    assert await pump.remaining_ml() == pytest.approx(left + 4.0, abs=0.01)
    assert await pump.dispensed_ml() == 0.0
    assert part.flow == 0.0


@pytest.mark.parametrize(("volume", "flow"), [(9.0, 5.0), (0.0, 5.0), (1.0, 0.1), (1.0, 400.0)])
async def test_a_refill_that_cannot_be_never_reaches_the_wire(pump, wire, volume, flow):
    await pump.set_flow(20.0)
    await asyncio.sleep(12)
    await pump.stop()
    wire.sent.clear()
    with pytest.raises(OutOfRange):
        await pump.refill(volume, flow)
    assert all(sent == b"aYQP\r" for sent in wire.sent)


async def test_a_refill_that_is_cancelled_stops_the_plunger(pump, part):
    await pump.set_flow(20.0)
    await asyncio.sleep(20)
    await pump.stop()
    filling = asyncio.create_task(pump.refill(5.0, 5.0))
    await asyncio.sleep(5)
    assert part.flow < 0
    filling.cancel()
    with suppress(asyncio.CancelledError):
        await filling
    assert part.flow == 0.0


async def test_a_stalled_refill_is_a_fault(pump, part):
    await pump.set_flow(20.0)
    await asyncio.sleep(20)
    await pump.stop()
    filling = asyncio.create_task(pump.refill(5.0, 5.0))
    await asyncio.sleep(5)
    part.stuck = True
    with pytest.raises(DeviceFault, match="refill ended at"):
        await filling


async def test_a_stall_shows_as_a_syringe_error(pump, part):
    await pump.set_flow(2.0)
    part.stuck = True
    with pytest.raises(DeviceFault, match="syringe error"):
        await pump.check()


async def test_a_pump_found_running_is_halted_by_preparing(wire, sim, part):
    sim.hear("aOM0S300R")
    await asyncio.sleep(2)
    assert part.flow == pytest.approx(2.0)
    async with wire.driver("p", "hamilton-ml600", {"syringe": SYRINGE}):
        assert part.flow == 0.0


async def test_a_pump_that_runs_stays_running_when_the_link_comes_back(pump, wire, part):
    await pump.set_flow(2.0)
    await pump.identify()
    await pump.prepare()
    assert part.flow == pytest.approx(2.0)
    await pump.check()


async def test_a_stop_whose_answer_is_lost_is_sent_again(pump, part, wire):
    await pump.set_flow(2.0)
    wire.line.disturb("p", "silent")
    stopping = asyncio.create_task(pump.make_safe())
    await asyncio.sleep(0.6)
    wire.line.disturb("p", "ok")
    await stopping
    assert part.flow == 0.0


class Running(Scripted):
    """A plunger that moves and does not care what it is told."""

    def __init__(self, **options):
        super().__init__(dict(SINGLE), **options)
        self.steps = 48000
        self.peer.script = self._script

    def _script(self, data):
        self.steps -= 10
        answers = {b"aF\r": b"*", b"aYQP\r": b"%d" % self.steps, b"aH\r": b"Y", b"aZ\r": b"N"}
        return [(0.01, b"\x06" + answers.get(data, b"") + b"\r")]


async def test_a_plunger_that_does_not_stop_is_a_fault():
    async with Running() as pump:
        pump.side = ""
        with pytest.raises(DeviceFault, match="does not stop, after 4 attempts"):
            await pump.make_safe()
        reading = await pump.flow.read()
        assert (reading.value, reading.reason) == (None, "fault"), "nobody knows the flow"


async def test_a_plunger_that_goes_on_initialising_for_ever_is_a_fault():
    async with Running() as pump:
        pump.side, pump.commanded = "", 0.0
        with pytest.raises(DeviceFault, match="does not stop"):
            await pump.initialised.set(True)
        assert asyncio.get_running_loop().time() > 90


async def test_a_plunger_that_stands_after_it_was_started_is_a_fault():
    async with Scripted({**SINGLE, b"aOM0S300R\r": b"\x06\r"}) as pump:
        await pump.prepare()
        with pytest.raises(DeviceFault, match="did not start"):
            await pump.set_flow(2.0)


async def test_a_plunger_moved_by_somebody_else_has_no_flow_of_ours(pump, sim):
    sim.hear("aOM0S300R")
    await asyncio.sleep(1)
    (reading,) = await pump.poll(["flow"])
    assert (reading.value, reading.reason) == (None, "fault")


async def test_a_pump_that_may_be_delivering_is_not_refilled(pump, part):
    await pump.set_flow(20.0)
    await asyncio.sleep(5)
    with pytest.raises(CommandRejected, match="stop it first"):
        await pump.refill(0.5, 10.0)
    assert part.flow == pytest.approx(20.0)


async def test_the_flow_signal_sets_and_stops_and_leaves_alone_what_runs_so(pump, part, wire):
    assert (await pump.flow.set(2.0)).value == 2.0
    wire.sent.clear()
    assert (await pump.flow.set(2.0)).value == 2.0
    assert not any(b"K" in sent or b"M" in sent for sent in wire.sent)
    assert (await pump.flow.set(0.0)).value == 0.0
    assert part.flow == 0.0


def test_the_syringe_bounds_the_flow_before_anything_is_connected():
    options = HamiltonPumpOptions(syringe=Stroke(volume_ml=1.0))
    assert HamiltonPump.signal_specs(options)["flow"].limits == Limits(0, 30)
    assert options.place == "a left"


# --- initialising is an act of its own


async def test_after_a_power_cut_nothing_moves_until_it_is_initialised(pump, sim, part, wire):
    sim.power_cycle()
    with pytest.raises(NoReply):
        await pump.check()
    assert "addresses were given out" in await pump.identify()
    await pump.prepare()
    assert (await pump.initialised.read()).value is False
    with pytest.raises(DeviceFault, match=r"set the signal p\.initialised to true"):
        await pump.check()
    with pytest.raises(DeviceFault, match="is not initialised"):
        await pump.set_flow(1.0)
    with pytest.raises(DeviceFault, match="is not initialised"):
        await pump.refill(1.0, 1.0)
    assert part.flow == 0.0
    wire.sent.clear()
    assert (await pump.initialised.set(True)).value is True
    assert b"aXR\r" in wire.sent
    assert await pump.remaining_ml() == 0.0
    await pump.check()
    await pump.refill(5.0, 20.0)
    assert await pump.set_flow(1.0) == 1.0


async def test_initialising_takes_a_speed_and_is_refused_while_it_delivers(wire):
    options = {"syringe": SYRINGE, "initialise_s": 30}
    async with wire.driver("p", "hamilton-ml600", options) as pump:
        await pump.set_flow(2.0)
        with pytest.raises(CommandRejected, match="stop it first"):
            await pump.initialised.set(True)
        await pump.stop()
        await pump.initialised.set(True)
        assert b"aXS30R\r" in wire.sent
        with pytest.raises(OutOfRange, match="can only be set to true"):
            await pump.initialised.set(False)


# --- several on one chain


async def chain():
    parts = {"left": FakePump(), "right": FakePump(), "second": FakePump(), "valve": Rotor()}
    clock = asyncio.get_running_loop().time
    sims = [
        on_pump(parts["left"], "left"),
        on_pump(parts["right"], "right", side="right"),
        on_pump(parts["second"], "second", address="b"),
        SimHamiltonMvp(
            "valve", {"address": "c", "positions": 8}, Ports(valve=parts["valve"]), clock
        ),
    ]
    return Wire(PORT, *sims, framing="serial", baud=9600), parts, sims


ON_CHAIN = {
    "left": ("hamilton-ml600", {"syringe": SYRINGE}),
    "right": ("hamilton-ml600", {"syringe": SYRINGE, "side": "right"}),
    "second": ("hamilton-ml600", {"syringe": SYRINGE, "address": "b"}),
    "valve": ("hamilton-mvp", {"address": "c", "positions": 8}),
}


async def connected(wire):
    found = {}
    for name, (driver, options) in ON_CHAIN.items():
        found[name] = wire.lines.instrument(name, driver, PORT, options, {})
        await wire.lines.open(name)
        await found[name].identify()
        await found[name].prepare()
    return found


async def test_both_sides_of_one_instrument_and_others_share_a_chain():
    wire, parts, _ = await chain()
    on = await connected(wire)
    assert isinstance(on["valve"], Valve)
    await on["left"].set_flow(2.0)
    await on["right"].set_flow(4.0)
    await on["second"].set_flow(1.0)
    assert await on["valve"].turn(3) == 3
    assert [parts[n].flow for n in ("left", "right", "second")] == pytest.approx([2.0, 4.0, 1.0])
    await on["right"].stop()
    assert [parts[n].flow for n in ("left", "right", "second")] == pytest.approx([2.0, 0.0, 1.0])
    await on["right"].check()
    await on["left"].check()
    flows = [(await on[n].poll(["flow"]))[0].value for n in ("left", "right", "second")]
    assert flows == [2.0, 0.0, 1.0]
    await wire.lines.close()


async def test_the_same_side_twice_is_refused():
    wire, _, _ = await chain()
    wire.lines.instrument("left", *ON_CHAIN["left"][:1], PORT, ON_CHAIN["left"][1], {})
    with pytest.raises(ValueError, match="both on"):
        wire.lines.instrument("again", *ON_CHAIN["left"][:1], PORT, ON_CHAIN["left"][1], {})
    await wire.lines.close()


async def test_a_chain_that_lost_power_makes_all_of_it_uninitialised():
    wire, parts, sims = await chain()
    on = await connected(wire)
    for sim in sims:
        sim.power_cycle()
    assert "next is d" in await on["left"].identify()
    assert "addresses were given out" not in await on["valve"].identify()
    for name in ON_CHAIN:
        with pytest.raises(DeviceFault, match="is not initialised"):
            await on[name].check()
    await on["valve"].initialised.set(True)
    await on["valve"].check()
    assert [parts[n].flow for n in ("left", "right", "second")] == [0.0, 0.0, 0.0]
    await wire.lines.close()


@pytest.mark.parametrize("seed", range(6))
async def test_a_chain_that_stalls_never_gives_one_the_answer_of_another(seed):
    """All answers of the line are late together, as a converter makes them; positions differ."""
    wire, _, sims = await chain()
    on = await connected(wire)
    for k, sim in enumerate(sims[:3]):
        sim._plunger._steps = 48000.0 * (k + 1) / 4
    rng, until = Random(seed), [0.0]
    loop = asyncio.get_running_loop()

    def stall(reply):
        if loop.time() >= until[0] and rng.random() < 0.3:
            until[0] = loop.time() + rng.uniform(0.3, 3.0)
        if loop.time() < until[0] and rng.random() < 0.3:
            return []
        return [(max(0.0, until[0] - loop.time()), reply)]

    wire.line.trouble = stall
    good = 0
    for _ in range(80):
        name = rng.choice(("left", "right", "second"))
        with suppress(InstrumentError):
            wanted = 10.0 * (list(ON_CHAIN).index(name) + 1) / 4
            assert await on[name].remaining_ml() == pytest.approx(wanted)
            good += 1
    assert good > 10
    await wire.lines.close()


async def test_a_trip_goes_before_what_waits(pump, part):
    await pump.set_flow(2.0)
    polls = [asyncio.create_task(pump.poll(["remaining"])) for _ in range(20)]
    began = asyncio.get_running_loop().time()
    await pump.stop(Lane.TRIP)
    assert part.flow == 0.0
    assert asyncio.get_running_loop().time() - began < 0.5
    await asyncio.gather(*polls)
