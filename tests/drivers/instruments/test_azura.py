import asyncio

import pytest

from drivers.errors import (
    CommandRejected,
    DeviceFault,
    LinkLost,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.options import SerialOptions
from drivers.pumps.azura import AzuraPump
from drivers.roles import Pump, SyringePump
from drivers.signal import Lane, Limits, Quality
from simulators.instruments.azura import SimAzuraPump
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.rig import FakePump, Wire, simulated

pytestmark = pytest.mark.virtual
TCP = "socket://192.168.10.21:10001"


@pytest.fixture
def part():
    return FakePump()


@pytest.fixture
async def sim(part):
    return simulated(SimAzuraPump, "pump-a", part)


@pytest.fixture
async def wire(sim):
    return Wire(TCP, sim)


@pytest.fixture
async def pump(wire):
    limits = {"flow": Limits(0, 5), "pressure": Limits(0, 20)}
    async with wire.driver("pump-a", "knauer-azura-pump", limits=limits) as pump:
        yield pump


# --- the sheet's own frames


SHEET = {
    b"HEADTYPE?": b"HEADTYPE:10",
    b"FLOW:750": b"FLOW:OK",
    b"FLOW?": b"FLOW:750",
    b"PRESSURE?": b"PRESSURE:12",
    b"ON": b"ON:OK",
    b"OFF": b"OFF:OK",
    b"ERRORS?": b"ERRORS:0,0,0,0,0",
    b"FLOW:99999": b"ERROR:2",
    b"BOGUS": b"ERROR:1",
    b"IMOTOR?": b"IMOTOR:7",
    b"STARTMODE?": b"STARTMODE:1",
    b"STARTMODE:0": b"STARTMODE:OK",
}


@pytest.fixture(params=[b"\r", b"\r\n", b"\n\r"], ids=["CR", "CR LF", "LF CR"])
async def scripted(request):
    """A pump that answers as the sheet says, whatever surrounds its CR."""
    end = request.param
    peer = Peer(lambda data: [(0.01, SHEET[data.strip()] + end)])
    bus = bus_to(peer, codec=AzuraPump.line.codec)
    bus.port = TCP
    await bus.open()
    yield AzuraPump("p", bus, SerialOptions(), {}), peer
    await bus.close()


async def test_transcript_of_the_sheet(scripted):
    pump, peer = scripted
    assert await pump.identify() == "Knauer AZURA pump, 10 mL head"
    await pump.prepare()
    assert await pump.set_flow(0.75) == 0.75
    assert (await pump.pressure.read()).value == 12.0, "0.1 MPa is 1 bar, not 10"
    await pump.check()
    await pump.stop()
    with pytest.raises(CommandRejected, match=r"ERROR:2 \(value refused\)"):
        await pump.tell("FLOW:99999")
    with pytest.raises(CommandRejected, match=r"ERROR:1 \(unknown"):
        await pump.tell("BOGUS")
    assert all(request.endswith(b"\n\r") for request in peer.requests)


async def test_a_serial_line_takes_cr_alone():
    peer = Peer(lambda _: [(0.01, b"PRESSURE:12\r")])
    bus = bus_to(peer, codec=AzuraPump.line.codec)
    await bus.open()
    await AzuraPump("p", bus, SerialOptions(), {}).pressure.read()
    assert peer.requests == [b"PRESSURE?\r"]
    await bus.close()


async def answered(reply, ask):
    peer = Peer(lambda _: [(0.01, reply)])
    bus = bus_to(peer, codec=AzuraPump.line.codec)
    await bus.open()
    try:
        return await ask(AzuraPump("p", bus, SerialOptions(timeout_s=0.2), {}))
    finally:
        await bus.close()


@pytest.mark.parametrize("reply", [b"HEADTYPE:25\r", b"HEADTYPE:x\r", b"ERROR:1\r"])
async def test_something_else_at_the_port_is_found_out(reply):
    with pytest.raises(WrongInstrument):
        await answered(reply, lambda pump: pump.identify())


@pytest.mark.parametrize("reply", [b"FLOW:750\r", b"PRESSURE:OK\r", b"\r", b"PRES\r"])
async def test_a_reply_that_names_something_else_is_not_taken(reply):
    with pytest.raises(NoReply):
        await answered(reply, lambda pump: pump.pressure.read())


# --- against the simulated pump


async def test_it_is_a_pump_and_no_syringe(pump):
    assert isinstance(pump, Pump)
    assert not isinstance(pump, SyringePump)


async def test_connecting_moves_nothing_and_sets_the_pumps_own_limit(pump, sim, part):
    assert part.flow == 0.0
    assert sim.settings["PMAX10"] == 20


async def test_a_limit_that_is_set_already_is_not_written_again(wire, sim):
    sim.settings["PMAX10"] = 20
    async with wire.driver(
        "p", "knauer-azura-pump", {}, {"pressure": Limits(0, 20)}, prepare=False
    ) as p:
        await p.prepare()
        assert not [request for request in wire.sent if request.startswith(b"PMAX10:")]


async def test_a_pump_of_unknown_state_is_stopped_on_the_first_connect_only(wire, sim, part):
    sim.flow_ul_min, sim.running = 500, True
    sim.start()
    async with wire.driver("p", "knauer-azura-pump") as pump:
        assert part.flow == 0.0
        await pump.set_flow(1.0)
        await pump.prepare()  # as after a short loss of the line
        assert part.flow == 1.0
        assert (await pump.flow.read()).value == 1.0


async def test_a_pump_that_lost_its_power_is_not_taken_for_running_after_a_reconnect(pump, sim):
    await pump.set_flow(1.0)
    sim.running = False  # as after a power cut
    await pump.identify()
    await pump.prepare()
    assert (await pump.flow.read()).value == 0.0


async def test_flow_is_what_is_commanded_while_it_runs_and_zero_when_stopped(pump, part):
    assert await pump.set_flow(1.25) == 1.25
    assert part.flow == 1.25
    assert await pump.set_flow(2.0) == 2.0
    assert await pump.set_flow(0.0) == 0.0
    assert part.flow == 0.0
    flow, pressure, current = await pump.poll(["flow", "pressure", "motor_current"])
    assert (flow.value, pressure.value, current.value) == (0.0, 12.0, 0)


async def test_flows_are_rounded_to_whole_microlitres(pump):
    assert pump.rounded_flow(0.12349) == 0.123
    assert await pump.set_flow(0.12349) == 0.123
    assert pump.flow_step_ml_min == pump.min_flow_ml_min == 0.001
    assert pump.max_flow_ml_min == 5.0


async def test_flows_outside_the_limits_never_reach_the_wire(pump, wire):
    for flow in (5.001, -0.1, 0.0004, float("nan")):
        with pytest.raises(OutOfRange):
            await pump.set_flow(flow)
    assert wire.sent == []


async def test_a_head_that_does_not_exist_is_never_prepared(pump, sim):
    sim.head = 14
    for act in (pump.identify, pump.prepare):
        with pytest.raises(WrongInstrument, match="head type 14 is not one of 10, 50"):
            await act()
    assert pump.max_flow_ml_min == 5.0  # as known before


async def test_the_head_bounds_the_flow_when_the_configuration_does_not(wire):
    async with wire.driver("p", "knauer-azura-pump") as pump:
        assert pump.max_flow_ml_min == 10.0
        with pytest.raises(OutOfRange, match=r"\[0.001, 10\] mL/min"):
            await pump.set_flow(12.0)


async def test_a_pump_that_ignores_its_limit_is_a_mismatch(wire, sim, monkeypatch):
    monkeypatch.setattr(sim, "settings", {**sim.settings, "PMAX10": 400})
    sim._known["PMAX10:20"] = (lambda: "PMAX10:OK", ())
    with pytest.raises(ReadbackMismatch, match="PMAX10 was set to 20 bar, reads back 400"):
        async with wire.driver("p", "knauer-azura-pump", {}, {"pressure": Limits(0, 20)}):
            pass


async def test_a_new_error_is_a_fault_until_somebody_stops_the_pump(pump, part):
    await pump.set_flow(1.0)
    part.pressure = 30.0  # beyond PMAX10
    await asyncio.sleep(6)
    assert part.flow == 0.0
    with pytest.raises(DeviceFault, match="last five are 1,0,0,0,0"):
        await pump.check()
    with pytest.raises(DeviceFault):
        await pump.check()
    part.pressure = 10.0
    await pump.stop()
    await pump.check()


async def test_a_flow_that_the_pump_has_ended_itself_is_not_read_as_a_flow(pump, part):
    await pump.set_flow(1.0)
    part.pressure = 30.0
    await asyncio.sleep(6)
    with pytest.raises(DeviceFault, match="new error"):
        await pump.check()
    assert (await pump.flow.read()).quality is Quality.BAD


async def test_a_power_cut_is_found_out_by_the_motor_that_stands(pump, sim, part):
    await pump.set_flow(1.0)
    await pump.check()
    sim.power_cycle()
    for _ in range(2):
        with pytest.raises(DeviceFault, match="its motor stands"):
            await pump.check()
    assert (await pump.flow.read()).quality is Quality.BAD
    assert await pump.set_flow(1.0) == 1.0
    await pump.check()
    assert part.flow == 1.0


async def test_a_pump_never_runs_by_itself_when_the_power_is_back(wire, sim, part):
    sim.settings["STARTMODE"] = 1
    async with wire.driver("pump-a", "knauer-azura-pump") as pump:
        await pump.set_flow(1.0)
        sim.power_cycle()
        assert part.flow == 0.0


async def test_firmware_without_a_start_mode_is_used_all_the_same(wire, sim):
    sim._known["STARTMODE?"] = (lambda: "ERROR:1", ())
    async with wire.driver("pump-a", "knauer-azura-pump") as pump:
        await pump.check()


async def test_a_stopped_pump_is_stopped_even_if_its_errors_cannot_be_read(pump, wire, part):
    await pump.set_flow(1.0)
    part.pressure = 30.0
    await asyncio.sleep(6)
    with pytest.raises(DeviceFault):
        await pump.check()
    wire.line.trouble = lambda reply: () if reply.startswith(b"ERRORS") else ((0.0, reply),)
    await pump.make_safe()
    wire.line.trouble = lambda reply: ((0.0, reply),)
    with pytest.raises(DeviceFault):
        await pump.check()


async def test_a_lost_answer_to_off_is_asked_for_again(pump, wire, part):
    await pump.set_flow(1.0)
    wire.line.disturb("pump-a", "silent")
    stopping = asyncio.create_task(pump.make_safe())
    await asyncio.sleep(1.5)
    wire.line.disturb("pump-a", "ok")
    await stopping
    assert part.flow == 0.0
    assert [r for r in wire.sent if r.startswith(b"OFF")] == [b"OFF\n\r"] * 3


async def test_a_pump_that_stays_silent_is_not_called_stopped(pump, wire):
    wire.line.disturb("pump-a", "silent")
    with pytest.raises(NoReply):
        await pump.stop(Lane.TRIP)


async def test_a_start_whose_answer_is_lost_is_a_flow_nobody_knows(pump, wire, part):
    wire.line.trouble = lambda reply: () if reply == b"ON:OK\r" else ((0.0, reply),)
    with pytest.raises(NoReply):
        await pump.set_flow(1.0)
    assert part.flow == 1.0
    assert (await pump.flow.read()).quality is Quality.BAD
    await pump.prepare()
    assert part.flow == 0.0, "of unknown state, so it is switched off"


async def test_unplugging_is_a_lost_link(pump, wire):
    wire.line.disturb("pump-a", "unplug")
    await asyncio.sleep(0)
    with pytest.raises(LinkLost):
        await wire.lines.open("pump-a")


async def test_a_pump_whose_off_was_lost_is_switched_on_again(pump, wire, part):
    await pump.set_flow(1.0)
    wire.line.trouble = lambda _: []  # OFF arrives, its answer does not
    with pytest.raises(NoReply):
        await pump.stop()
    wire.line.trouble = lambda reply: [(0.0, reply)]
    assert part.flow == 0.0
    assert (await pump.flow.read()).quality is Quality.BAD  # nobody knows
    assert await pump.set_flow(1.0) == 1.0
    assert part.flow == 1.0
