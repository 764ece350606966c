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
from drivers.valves.knauer import KnauerValve, KnauerValveOptions
from simulators.instruments.knauer_valve import SimKnauerValve
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.rig import Wire
from tests.drivers.valves.rotor import Rotor, simulated

pytestmark = pytest.mark.virtual
PORT = "socket://192.168.10.40:10001"


@pytest.fixture
def rotor():
    return Rotor()


@pytest.fixture
async def sim(rotor):
    return simulated(SimKnauerValve, "v", rotor)


@pytest.fixture
async def wire(sim):
    return Wire(PORT, sim)


@pytest.fixture
async def valve(wire):
    async with wire.driver("v", "knauer-valve") as valve:
        yield valve


class Scripted:
    """A valve that answers each request with the replies of a table, in turn; the last stays."""

    def __init__(self, replies, **options):
        self.replies = {key: list(value) for key, value in replies.items()}
        self.peer = Peer(self._answer)
        self.bus = bus_to(self.peer, codec=KnauerValve.line.codec)
        self.valve = KnauerValve("v", self.bus, KnauerValveOptions(**options), {})

    def _answer(self, data):
        waiting = self.replies.get(data, [])
        if not waiting:
            return []
        return [(0.02, waiting.pop(0) if len(waiting) > 1 else waiting[0])]

    async def __aenter__(self):
        await self.bus.open()
        return self.valve

    async def __aexit__(self, *_):
        await self.bus.close()


async def test_the_sheet_s_frames_are_sent_and_read():
    replies = {
        b"T\r\n": [b"VALVE 6\r\n"],
        b"P\r\n": [b"3\r\n"],
        b"5\r\n": [b"OK\r\n"],
    }
    scripted = Scripted(replies)
    async with scripted as valve:
        assert await valve.identify() == "Knauer VALVE 6"
        await valve.prepare()
        assert (valve.positions, (await valve.position.read()).value) == (6, 3)
        scripted.replies[b"P\r\n"] = [b"?\r\n", b"3\r\n", b"5\r\n"]
        assert await valve.turn(5) == 5


@pytest.mark.parametrize(("kind", "positions"), [("LI", 2), ("6", 6), ("12", 12), ("16", 16)])
async def test_the_type_tells_the_positions(kind, positions):
    async with Scripted({b"T\r\n": [f"VALVE {kind}\r\n".encode()]}) as valve:
        await valve.prepare()
        assert valve.positions == positions


async def test_load_and_inject_are_positions_1_and_2():
    replies = {
        b"T\r\n": [b"VALVE LI\r\n"],
        b"P\r\n": [b"?\r\n", b"L\r\n", b"I\r\n"],
        b"I\r\n": [b"Done\r\n"],  # however the acknowledgement is spelled
    }
    async with Scripted(replies) as valve:
        await valve.prepare()
        assert (await valve.position.read()).value == 1
        assert await valve.turn(2) == 2


async def test_a_question_answered_with_a_question_mark_is_asked_again_and_a_move_is_not():
    scripted = Scripted({b"T\r\n": [b"VALVE 6\r\n"], b"P\r\n": [b"?\r\n"], b"5\r\n": [b"?\r\n"]})
    async with scripted as valve:
        await valve.prepare()
        with pytest.raises(CommandRejected, match="not understood, or busy"):
            await valve.position.read()
        assert scripted.peer.requests.count(b"P\r\n") == 4
        with pytest.raises(CommandRejected):
            await valve.turn(5)
        assert scripted.peer.requests.count(b"5\r\n") == 1


@pytest.mark.parametrize(
    ("reply", "why"),
    [(b"E0\r\n", "refused to switch"), (b"E1\r\n", "worn seal"), (b"E9\r\n", "not in the list")],
)
async def test_an_error_is_a_fault_until_a_turn_succeeds(reply, why):
    replies = {b"T\r\n": [b"VALVE 6\r\n"], b"P\r\n": [b"5\r\n"], b"5\r\n": [reply, b"OK\r\n"]}
    async with Scripted(replies) as valve:
        await valve.prepare()
        with pytest.raises(DeviceFault, match=why):
            await valve.turn(5)
        with pytest.raises(DeviceFault, match=why):
            await valve.check()
        await valve.turn(5)
        await valve.check()


async def test_something_else_on_the_port_is_the_wrong_instrument():
    async with Scripted({b"T\r\n": [b"?\r\n"]}) as valve:
        with pytest.raises((WrongInstrument, NoReply)):
            await valve.identify()


async def test_position_0_is_no_position():
    async with Scripted({b"T\r\n": [b"VALVE 6\r\n"], b"P\r\n": [b"0\r\n"]}) as valve:
        with pytest.raises(GarbledReply, match="no position"):
            await valve.position.read()


async def test_a_valve_that_has_not_said_its_type_is_not_turned():
    scripted = Scripted({b"5\r\n": [b"OK\r\n"]}, positions=6)
    async with scripted as valve:
        with pytest.raises(CommandRejected, match="has not said yet"):
            await valve.turn(5)
        assert scripted.peer.requests == []


async def test_a_valve_turns_and_tells_where_it_is(valve, rotor):
    assert isinstance(valve, Valve)
    assert await valve.turn(4) == 4 == rotor.position()
    await valve.check()


async def test_a_worn_seal_is_told_by_name(valve, sim):
    sim.error = "E1"
    with pytest.raises(DeviceFault, match="motor current too high"):
        await valve.turn(4)


async def test_a_stuck_rotor_is_a_fault(valve, rotor):
    rotor.stuck = True
    with pytest.raises(DeviceFault, match="did not arrive"):
        await valve.turn(4)
    with pytest.raises(DeviceFault, match="did not arrive"):
        await valve.check()


async def test_a_position_beyond_the_last_never_reaches_the_wire(valve, wire):
    with pytest.raises(OutOfRange, match=r"limits are \[1, 6\]"):
        await valve.turn(7)
    assert wire.sent == []
