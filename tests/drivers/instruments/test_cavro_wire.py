import asyncio

import pytest

from drivers.errors import CommandRejected, DeviceFault, NoReply, WrongInstrument
from drivers.pumps.cavro import CavroPump
from drivers.pumps.cavro_protocol import CavroOptions, Status
from drivers.signal import Lane
from simulators.instruments.cavro import SimCavroPump
from simulators.wire.hostile import Once
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.rig import FakePump, Wire, simulated

pytestmark = pytest.mark.virtual
PORT = "/dev/ttyUSB0"


def options(**more):
    return {"syringe": {"volume_ml": 5.0}, **more}


@pytest.fixture(params=["oem", "dt"])
def framing(request):
    return request.param


class Scripted:
    """A pump that answers as a table says; what is not in the table stays unanswered."""

    def __init__(self, replies, **more):
        self.peer = Peer(lambda data: [(0.01, replies[data])] if data in replies else [])
        settings = CavroOptions.model_validate(options(**more))
        self.bus = bus_to(self.peer, codec=settings.line(CavroPump.line).codec)
        self.pump = CavroPump("p", self.bus, settings, {})

    async def __aenter__(self):
        await self.bus.open()
        return self.pump

    async def __aexit__(self, *_):
        await self.bus.close()


def hexed(text):
    return bytes.fromhex(text)


# --- frames of the sheet


async def test_sheet_frames_of_the_dt_framing():
    replies = {
        hexed("2F 31 5A 52 0D"): hexed("2F 30 40 03 0D 0A"),
        b"/1Q\r": hexed("2F 30 60 03 0D 0A"),
        b"/1?\r": hexed("2F 30 60 33 30 30 30 03 0D 0A"),
        b"/1A3000R\r": b"/0g\x03\r\n",
        b"/1IP1000OR\r": b"/0@\x03\r\n",
    }
    async with Scripted(replies, framing="dt") as pump:
        assert Status.of(await pump.tell("ZR")) == Status(ready=False, code=0)
        assert await pump.status() == Status(ready=True, code=0)
        assert await pump.number("?") == 3000
        with pytest.raises(CommandRejected, match=r"error 7: .* set p\.initialised to true"):
            await pump.tell("A3000R")
        assert await pump.tell("IP1000OR") == "@"


async def test_sheet_frames_of_the_oem_framing():
    replies = {
        hexed("02 31 31 5A 52 03 09"): hexed("02 30 40 03 71"),
        hexed("02 31 32 3F 03 3D"): hexed("FF 02 30 60 33 30 30 30 03 52"),
        hexed("02 31 34 51 03 55"): hexed("02 30 60 03 51"),
        hexed("02 31 35 51 03 54"): hexed("02 30 69 03 58"),
    }
    async with Scripted(replies) as pump:
        assert Status.of(await pump.tell("ZR")) == Status(ready=False, code=0)
        assert await pump.number("?") == 3000
        pump._number = 3
        assert (await pump.status()).ready
        with pytest.raises(DeviceFault, match="error 9: plunger overload"):
            await pump.check()


async def test_sheet_frame_of_a_repetition():
    first, again = (
        hexed("02 31 33 41 33 30 30 30 52 03 13"),
        hexed("02 31 3B 41 33 30 30 30 52 03 1B"),
    )
    scripted = Scripted({again: hexed("02 30 40 03 71")})
    async with scripted as pump:
        pump._number = 2
        assert await pump.tell("A3000R") == "@"
    assert scripted.peer.requests == [first, again]


async def test_a_command_of_the_dt_framing_is_sent_once():
    scripted = Scripted({}, framing="dt")
    async with scripted as pump:
        with pytest.raises(NoReply):
            await pump.tell("A3000R")
    assert scripted.peer.requests == [b"/1A3000R\r"]


async def test_a_command_that_is_never_answered_is_given_up():
    scripted = Scripted({})
    async with scripted as pump:
        with pytest.raises(NoReply):
            await pump.tell("A0R")
    assert len(scripted.peer.requests) == 3
    assert len(set(scripted.peer.requests)) == 2


async def test_a_command_is_not_repeated_when_something_else_was_sent_since():
    scripted = Scripted({})
    async with scripted as pump:
        telling = asyncio.create_task(pump.tell("A0R"))
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(pump.tell("T", lane=Lane.TRIP))
        with pytest.raises(NoReply):
            await telling
        with pytest.raises(NoReply):
            await stopping
    texts = [request[3:-2] for request in scripted.peer.requests]
    assert texts == [b"A0R", b"T", b"T", b"T"]


@pytest.mark.parametrize(
    ("switch", "letter"), [(0, b"1"), (8, b"9"), (9, b":"), (10, b";"), (14, b"?")]
)
async def test_addresses_follow_the_switch(switch, letter):
    assert Scripted({}, address=switch).pump.encoded("Q")[1:2] == letter


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        (1, DeviceFault, "initialisation failed"),
        (2, CommandRejected, "invalid command"),
        (3, CommandRejected, "invalid operand"),
        (4, CommandRejected, "invalid command sequence"),
        (5, DeviceFault, "fluid detection"),
        (6, DeviceFault, "EEPROM failure"),
        (7, CommandRejected, "not initialised"),
        (9, DeviceFault, "plunger overload"),
        (10, DeviceFault, "valve overload"),
        (11, CommandRejected, "plunger move not allowed"),
        (15, CommandRejected, "while it was moving"),
        (12, DeviceFault, "unknown"),
    ],
)
async def test_every_error_code_of_the_sheet_has_its_name(code, error, text):
    reply = b"/0" + bytes((0x60 | code,)) + b"\x03\r\n"
    async with Scripted({b"/1V10R\r": reply}, framing="dt") as pump:
        with pytest.raises(error, match=text):
            await pump.tell("V10R")


@pytest.mark.parametrize(
    "reply", [b"/1`\x03\r\n", b"/0p\x03\r\n", b"/0 \x03\r\n", b"/0`30\x03\r\n", b"/0`"]
)
async def test_what_is_no_answer_to_a_status_query_is_not_taken(reply):
    async with Scripted({b"/1Q\r": reply}, framing="dt") as pump:
        with pytest.raises(NoReply):
            await pump.status()


async def test_another_model_than_the_configured_is_the_wrong_instrument():
    replies = {b"/1&\r": b"/0gXC-D Rev 3\x03\r\n"}
    async with Scripted(replies, framing="dt", model="XLP") as pump:
        with pytest.raises(WrongInstrument, match="expected a XLP, found 'XC-D Rev 3'"):
            await pump.identify()
    async with Scripted(replies, framing="dt", model="xc-d") as pump:
        assert await pump.identify() == "Cavro pump, firmware XC-D Rev 3"


# --- several on one line


class Pair:
    """Two pumps on one line, at switches 0 and 1."""

    def __init__(self, framing):
        self.parts = [FakePump(), FakePump()]
        self.sims = [
            simulated(SimCavroPump, f"p{k}", part, options(address=k, initialised=True))
            for k, part in enumerate(self.parts)
        ]
        self.wire = Wire(PORT, *self.sims, framing="serial", baud=9600)
        self.framing = framing

    async def __aenter__(self):
        own = [options(address=k, framing=self.framing) for k in (0, 1)]
        self.one, self.two = (
            self.wire.lines.instrument(f"p{k}", "tecan-cavro", PORT, own[k], {}) for k in (0, 1)
        )
        await self.wire.lines.open("p0")
        for pump in (self.one, self.two):
            await pump.identify()
            await pump.prepare()
        return self

    async def __aexit__(self, *_):
        await self.wire.lines.close()


@pytest.fixture
async def pair(framing):
    async with Pair(framing) as pair:
        yield pair


async def test_two_pumps_share_a_line(pair):
    await pair.one.set_flow(1.0)
    await pair.two.set_flow(2.0)
    assert [part.flow for part in pair.parts] == [pytest.approx(1.0), pytest.approx(2.0)]
    await pair.one.make_safe()
    assert [part.flow for part in pair.parts] == [0.0, pytest.approx(2.0)]


async def test_a_dead_member_costs_the_other_no_value(pair):
    await pair.two.set_flow(2.0)
    pair.wire.line.disturb("p0", "silent")
    for _ in range(3):
        with pytest.raises(NoReply):
            await pair.one.check()
        with pytest.raises(NoReply):
            await pair.one.identify()
        assert (await pair.two.flow.read()).value == pytest.approx(2.0)
    await pair.two.make_safe()
    assert pair.parts[1].flow == 0.0
    pair.wire.line.disturb("p0", "ok")
    await asyncio.sleep(10)
    await pair.one.identify()
    await pair.one.check()


async def test_the_late_answer_of_one_never_answers_the_other(pair):
    await pair.one.set_flow(1.0)
    await asyncio.sleep(60)
    assert await pair.two.remaining_ml() == 5.0
    pair.wire.line.trouble = Once(lambda reply: [(0.6, reply)])  # the position of p0, too late
    first = asyncio.create_task(pair.one.remaining_ml())
    await asyncio.sleep(0.05)
    second = asyncio.create_task(pair.two.remaining_ml())
    assert await second == 5.0
    assert await first == pytest.approx(4.0, abs=0.05)
