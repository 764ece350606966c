import asyncio

import pytest

from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    NoReply,
    OutOfRange,
    WrongInstrument,
)
from drivers.roles import Valve
from drivers.signal import Lane, Limits
from drivers.valves.vici import ViciActuator, ViciMicroelectric, ViciOptions
from simulators.instruments.vici import SimViciActuator, SimViciMicroelectric
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.rig import Wire
from tests.drivers.valves.rotor import Rotor, simulated

pytestmark = pytest.mark.virtual
PORT = "/dev/ttyUSB0"


@pytest.fixture
def rotor():
    return Rotor()


@pytest.fixture
async def sim(rotor):
    return simulated(SimViciActuator, "v", rotor)


@pytest.fixture
async def wire(sim):
    return Wire(PORT, sim, framing="serial", baud=9600)


@pytest.fixture
async def valve(wire):
    async with wire.driver("v", "vici-actuator") as valve:
        yield valve


class Scripted:
    """An actuator that answers what a table says."""

    def __init__(self, replies, cls=ViciActuator, **options):
        self.peer = Peer(lambda data: [(0.03, replies[data])] if data in replies else [])
        self.bus = bus_to(self.peer, codec=cls.line.codec)
        self.valve = cls("v", self.bus, ViciOptions(**options), {})

    async def __aenter__(self):
        await self.bus.open()
        return self.valve

    async def __aexit__(self, *_):
        await self.bus.close()


# --- frames of the manual


@pytest.mark.parametrize(
    ("reply", "position"),
    [
        (b"CP03\r", 3),
        (b"CPA\r", 1),
        (b"CPB\r", 2),
        (b"CP03\r\n", 3),
        (b"CP = 03\r", 3),
        (b"Position is  = 5\r\n", 5),
    ],
)
async def test_positions_are_read_in_every_spelling(reply, position):
    async with Scripted({b"CP\r": reply}) as valve:
        assert (await valve.position.read()).value == position


@pytest.mark.parametrize("reply", [b"/ZCP05\r", b"ZCP05\r\n", b"CP05\r"])
async def test_an_actuator_with_an_id_is_asked_by_it(reply):
    async with Scripted({b"/ZCP\r": reply}, address="Z") as valve:
        assert (await valve.position.read()).value == 5


async def test_the_manual_s_other_replies_are_read():
    replies = {b"AM\r": b"AM3\r", b"NP\r": b"NP10\r", b"CNT\r": b"CNT1234\r", b"CP\r": b"CP03\r"}
    async with Scripted(replies) as valve:
        assert await valve.identify() == "VICI actuator, AM3"
        await valve.prepare()
        assert valve.positions == 10
        position, cycles = await valve.poll(["position", "cycles"])
        assert (position.value, cycles.value) == (3, 1234)
        replies[b"TM\r"] = b"TM125\r"
        assert await valve.ask("TM") == "TM125"


async def test_the_reply_of_another_actuator_is_not_taken():
    async with Scripted({b"/ZCP\r": b"/YCP05\r"}, address="Z") as valve:
        with pytest.raises(NoReply):
            await valve.position.read()


async def test_replies_that_have_carried_the_id_must_go_on_doing_so():
    replies = {b"/ZCP\r": b"/ZCP05\r", b"/ZAM\r": b"/ZAM3\r"}
    async with Scripted(replies, address="Z") as valve:
        await valve.position.read()
        replies[b"/ZCP\r"] = b"CP07\r"
        with pytest.raises(NoReply):
            await valve.position.read()


@pytest.mark.parametrize("reply", [b"CP00\r", b"CPX\r", b"CP3 \x80\r", b"CPC\r"])
async def test_what_is_no_position_is_never_a_value(reply):
    async with Scripted({b"CP\r": reply, b"AM\r": b"AM3\r"}) as valve:
        with pytest.raises((NoReply, GarbledReply), match=r"no position|no reply"):
            await valve.position.read()


async def test_something_that_tells_no_mode_is_no_actuator():
    async with Scripted({b"AM\r": b"Bad command\r"}) as valve:
        with pytest.raises(WrongInstrument, match="is no VICI actuator"):
            await valve.identify()


async def test_a_microelectric_selector_is_asked_without_a_slash():
    replies = {b"5NP\r": b"5NP = 10\r\n", b"5CP\r": b"5Position is  = 1\r\n"}
    async with Scripted(replies, ViciMicroelectric, address="5") as valve:
        assert await valve.identify() == "VICI microelectric selector, NP10"
        await valve.prepare()
        assert (valve.positions, (await valve.position.read()).value) == (10, 1)


# --- turning


async def test_it_is_a_valve(valve):
    assert isinstance(valve, Valve)
    assert valve.positions == 10


async def test_connecting_turns_nothing(valve, rotor):
    assert rotor.turns == []


async def test_a_turn_is_sent_once_by_number_and_confirmed_by_asking(valve, wire, rotor):
    assert await valve.turn(5) == 5
    assert rotor.position() == 5
    assert wire.sent.count(b"GO5\r") == 1
    assert wire.sent[-1] == b"CP\r"


@pytest.mark.parametrize("mode", [1, 2])
async def test_two_positions_go_by_letters(wire, sim, rotor, mode):
    sim.mode = mode
    async with wire.driver("v", "vici-actuator") as valve:
        assert valve.positions == 2
        assert await valve.turn(2) == 2
        assert b"GOB\r" in wire.sent
        assert await valve.turn(1) == 1
        assert b"GOA\r" in wire.sent


@pytest.mark.parametrize("ifm", [0, 1, 2])
@pytest.mark.parametrize("chat", ["position", "echo"])
async def test_a_turn_is_the_same_whatever_the_actuator_says_to_it(valve, sim, rotor, ifm, chat):
    sim.ifm, sim.chat = ifm, chat
    for goal in (5, 2, 9):
        assert await valve.turn(goal) == goal == rotor.position()
        (reading,) = await valve.poll(["position"])
        assert reading.value == goal


async def test_an_answer_to_the_move_is_not_taken_for_the_position():
    """The rotor is stuck, and the actuator claims the goal at once."""
    replies = {
        b"AM\r": b"AM3\r",
        b"NP\r": b"NP10\r",
        b"CP\r": b"CP03\r",
        b"GO5\r": b"CP05\r",
    }
    async with Scripted(replies, turn_s=0.5) as valve:
        await valve.prepare()
        with pytest.raises(DeviceFault, match=r"did not arrive at position 5.*says it is at 3"):
            await valve.turn(5)


async def test_a_stuck_rotor_is_a_fault_that_says_where_it_is(valve, rotor):
    rotor.stuck = True
    with pytest.raises(DeviceFault, match=r"position 5 within 5 s; it says it is at 1"):
        await valve.turn(5)


async def test_a_refusal_is_told_with_the_fault():
    replies = {
        b"AM\r": b"AM3\r",
        b"NP\r": b"NP10\r",
        b"CP\r": b"CP03\r",
        b"GO5\r": b"Bad command\r",
    }
    async with Scripted(replies, turn_s=0.5) as valve:
        await valve.prepare()
        with pytest.raises(DeviceFault, match="answered 'Bad command'"):
            await valve.turn(5)


@pytest.mark.parametrize("position", [0, 11, -1, 1.5, True, "5", None])
async def test_positions_that_are_not_there_never_reach_the_wire(valve, wire, position):
    with pytest.raises(OutOfRange):
        await valve.turn(position)
    assert wire.sent == []


async def test_a_rotor_turned_by_hand_is_a_fault(valve, rotor):
    await valve.check()
    await valve.turn(5)
    await valve.check()
    rotor.turn(7)
    await asyncio.sleep(0.2)
    with pytest.raises(DeviceFault, match="is at position"):
        await valve.check()
    await valve.turn(7)
    await valve.check()


async def test_another_number_of_positions_than_configured_is_the_wrong_instrument(wire, sim):
    sim.positions = 8
    async with wire.driver("v", "vici-actuator", {"positions": 10}, prepare=False) as valve:
        with pytest.raises(WrongInstrument, match="has 8 positions, the option positions says 10"):
            await valve.prepare()


async def test_making_safe_stays_where_it_is(valve, rotor, wire):
    await valve.make_safe()
    assert (rotor.turns, wire.sent) == ([], [])


async def test_making_safe_turns_to_the_safe_position(wire, rotor):
    async with wire.driver("v", "vici-actuator", {"safe_position": 10}) as valve:
        await valve.turn(3)
        await valve.make_safe()
        assert rotor.position() == 10


async def test_a_safe_position_that_is_not_there_is_refused_before_anything_opens(wire):
    options = {"safe_position": 7, "positions": 6}
    with pytest.raises(OutOfRange, match="limits"):
        wire.lines.instrument("v", "vici-actuator", PORT, options, {})


async def test_two_actuators_share_an_rs485_line(rotor):
    other = Rotor()
    sims = [
        simulated(SimViciActuator, "a", rotor, {"address": "A"}),
        simulated(SimViciActuator, "b", other, {"address": 2, "positions": 4}),
    ]
    wire = Wire(PORT, *sims, framing="serial", baud=9600)
    async with (
        wire.driver("a", "vici-actuator", {"address": "A"}) as first,
        wire.driver("b", "vici-actuator", {"address": 2}) as second,
    ):
        assert (first.positions, second.positions) == (10, 4)
        assert (await first.turn(7), await second.turn(3)) == (7, 3)
        assert (rotor.position(), other.position()) == (7, 3)


async def test_a_microelectric_selector_turns(rotor):
    sim = simulated(SimViciMicroelectric, "v", rotor, {"positions": 6, "address": 5})
    wire = Wire(PORT, sim, framing="serial", baud=9600)
    async with wire.driver("v", "vici-microelectric", {"address": 5}) as valve:
        assert await valve.turn(6, Lane.TRIP) == 6 == rotor.position()
        assert b"5GO6\r" in wire.sent


async def test_no_turn_before_the_actuator_has_said_how_it_names_its_positions():
    scripted = Scripted({}, positions=6)
    async with scripted as valve:
        with pytest.raises(CommandRejected, match="how it names its positions"):
            await valve.turn(5)
    scripted = Scripted({})
    async with scripted as valve:
        with pytest.raises(CommandRejected, match="how many positions"):
            await valve.turn(5)
        assert scripted.peer.requests == []


async def test_a_number_of_positions_that_is_none_is_not_taken():
    async with Scripted({b"AM\r": b"AM3\r", b"NP\r": b"NP1\r"}) as valve:
        with pytest.raises(GarbledReply, match="no number of positions"):
            await valve.prepare()


def test_the_options_bound_the_positions_before_anything_is_connected():
    assert ViciActuator.signal_specs(ViciOptions(positions=6))["position"].limits == Limits(1, 6)
