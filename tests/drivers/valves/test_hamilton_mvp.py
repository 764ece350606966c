import pytest

from drivers.errors import CommandRejected, DeviceFault, OutOfRange, WrongInstrument
from drivers.registry import driver_class
from drivers.roles import Valve
from drivers.signal import Lane
from drivers.valves.hamilton_mvp import HamiltonMvp, MvpOptions
from simulators.instruments.hamilton import SimHamiltonMvp
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.rig import Wire
from tests.drivers.valves.rotor import Rotor, simulated

pytestmark = pytest.mark.virtual
PORT = "/dev/ttyUSB0"
OPTIONS = {"positions": 8}


@pytest.fixture
def rotor():
    return Rotor()


@pytest.fixture
async def sim(rotor):
    return simulated(SimHamiltonMvp, "v", rotor, OPTIONS)


@pytest.fixture
async def wire(sim):
    return Wire(PORT, sim, framing="serial", baud=9600)


@pytest.fixture
async def valve(wire):
    async with wire.driver("v", "hamilton-mvp", OPTIONS) as valve:
        yield valve


async def test_the_manual_s_frames_initialise_turn_and_ask():
    replies = {
        b"aU\r": b"\x06MV01.05.A\r",
        b"aLXR\r": b"\x06\r",
        b"aF\r": b"\x06Y\r",
        b"aG\r": b"\x06N\r",
        b"aLP03R\r": b"\x06\r",
        b"aLQP\r": b"\x063\r",
    }
    peer = Peer(lambda data: [(0.01, replies[data])] if data in replies else [])
    bus = bus_to(peer, codec=HamiltonMvp.line.codec)
    valve = HamiltonMvp("v", bus, MvpOptions(positions=8), {})
    await bus.open()
    assert await valve.identify() == "Hamilton MVP MV01.05.A, address a"
    await valve.prepare()
    await valve.initialised.set(True)
    assert await valve.turn(3) == 3
    assert [r for r in peer.requests if b"L" in r] == [
        b"aLXR\r",
        b"aLQP\r",
        b"aLP03R\r",
        b"aLQP\r",
        b"aLQP\r",
    ]
    replies[b"aLQP\r"] = b"\x060\r"
    assert (await valve.position.read()).reason == "range"
    await bus.close()


async def test_a_pump_in_its_place_is_the_wrong_instrument():
    peer = Peer(lambda data: [(0.01, b"\x06NV01.72.A\r")])
    bus = bus_to(peer, codec=HamiltonMvp.line.codec)
    await bus.open()
    with pytest.raises(WrongInstrument, match="no Hamilton MVP"):
        await HamiltonMvp("v", bus, MvpOptions(positions=8), {}).identify()
    await bus.close()


def test_how_many_positions_there_are_must_be_said():
    with pytest.raises(ValueError, match="positions"):
        driver_class("hamilton-mvp").Options.model_validate({})


async def test_it_turns_and_is_a_valve(valve, rotor):
    assert isinstance(valve, Valve)
    assert rotor.turns == []
    assert valve.positions == 8
    assert await valve.turn(5) == 5 == rotor.position()
    await valve.check()


@pytest.mark.parametrize(
    ("direction", "goal", "sent"),
    [
        ("clockwise", 7, b"aLP07R\r"),
        ("counter-clockwise", 7, b"aLP17R\r"),
        ("shortest", 7, b"aLP17R\r"),
        ("shortest", 4, b"aLP04R\r"),
    ],
)
async def test_it_turns_the_way_the_options_say(wire, direction, goal, sent):
    async with wire.driver("v", "hamilton-mvp", {**OPTIONS, "direction": direction}) as valve:
        await valve.turn(goal)
        assert sent in wire.sent


async def test_a_stuck_rotor_is_a_fault(valve, rotor):
    rotor.stuck = True
    with pytest.raises(DeviceFault, match="did not arrive at position 5"):
        await valve.turn(5)
    with pytest.raises(DeviceFault, match="valve error"):
        await valve.check()


async def test_a_position_beyond_the_last_never_reaches_the_wire(valve, wire):
    with pytest.raises(OutOfRange, match=r"limits are \[1, 8\]"):
        await valve.turn(9)
    assert wire.sent == []


async def test_a_valve_without_power_for_a_while_must_be_initialised_by_somebody(
    valve, sim, rotor, wire
):
    await valve.turn(5)
    sim.power_cycle()
    await valve.identify()
    with pytest.raises(DeviceFault, match="is not initialised"):
        await valve.turn(3)
    assert rotor.position() == 5
    await valve.initialised.set(True)
    assert await valve.turn(3, Lane.TRIP) == 3
    with pytest.raises(OutOfRange):
        await valve.initialised.set(False)


async def test_a_turn_is_not_sent_into_another(valve, sim):
    sim.hear("aLP05R")
    with pytest.raises(CommandRejected, match="still moving"):
        await valve.turn(3)
