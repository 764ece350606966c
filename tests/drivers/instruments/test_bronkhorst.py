"""Bronkhorst drivers against the sheet's frames and the simulated instruments."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import (
    CommandRejected,
    NoReply,
)
from drivers.sensors.bronkhorst import (
    F_MEASURE,
    MEASURE,
    SETPOINT,
    Bronkhorst,
    BronkhorstOptions,
)
from drivers.sensors.bronkhorst_modbus import BronkhorstModbus, BronkhorstModbusOptions
from drivers.sensors.bronkhorst_units import percent
from drivers.signal import Lane, Limits
from simulators.instruments.bronkhorst_modbus import SimBronkhorstModbus
from simulators.instruments.bronkhorst_propar import SimBronkhorst
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.flows import Spot, sensing
from tests.drivers.instruments.rig import Wire

pytestmark = pytest.mark.virtual
KINDS = {"binary": ("bronkhorst", {}), "ascii": ("bronkhorst", {"framing": "ascii"})}
KINDS["modbus"] = ("bronkhorst-modbus", {})
SIMS = {"bronkhorst": SimBronkhorst, "bronkhorst-modbus": SimBronkhorstModbus}
LIMITS = {"setpoint": Limits(0, 5)}


class Bench:
    """One driver of a kind and its simulated instrument."""

    def __init__(self, kind, limits=LIMITS, prepare=True, **options):
        self.driver, base = KINDS[kind]
        self.options, self.limits, self.prepare = {**base, **options}, limits, prepare
        self.spot = Spot()
        self.sim = sensing(SIMS[self.driver], "i", self.spot, self.options)
        self.device = self.sim.instrument
        self.wire = Wire("/dev/ttyUSB0", self.sim, framing="serial")
        self._context = None

    async def __aenter__(self):
        self._context = self.wire.driver(
            "i", self.driver, self.options, self.limits, prepare=self.prepare
        )
        self.instrument = await self._context.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self._context.__aexit__(*error)

    async def values(self, *names):
        return [reading.value for reading in await self.instrument.poll(names)]


class Scripted:
    """A ProPar driver whose far end answers what a table says."""

    def __init__(self, replies, **options):
        self.peer = Peer(lambda data: [(0.003, replies[data])] if data in replies else [])
        checked = BronkhorstOptions(**options)
        line = checked.line(Bronkhorst.line)
        self.bus = bus_to(self.peer, codec=line.codec, quiet_s=0.05)
        self.instrument = Bronkhorst("i", self.bus, checked, {})

    async def __aenter__(self):
        await self.bus.open()
        return self.instrument

    async def __aexit__(self, *_):
        await self.bus.close()


def ascii_table(*pairs):
    return {f"{q}\r\n".encode(): f"{a}\r\n".encode() for q, a in pairs}


def binary_table(*pairs):
    return {bytes.fromhex(q): bytes.fromhex(a) for q, a in pairs}


# --- the sheet's examples, node 3


async def test_the_sheets_ascii_frames_are_sent_and_understood():
    replies = ascii_table(
        (":06030401210120", ":06030201211CD8"),
        (":06030401210121", ":06030201213E80"),
        (":06030101213E80", ":0403000005"),
    )
    async with Scripted(replies, framing="ascii") as meter:
        assert await meter.count(MEASURE, Lane.POLL) == 7384
        assert percent(7384) == pytest.approx(23.1, abs=0.05)
        assert percent(await meter.count(SETPOINT, Lane.POLL)) == 50.0
        await meter.order(SETPOINT, bytes.fromhex("3E80"), Lane.COMMAND)


async def test_the_sheets_binary_frames_are_sent_and_understood():
    replies = binary_table(
        ("10 02 01 03 05 04 01 21 01 20 10 03", "10 02 01 03 05 02 01 21 1C D8 10 03"),
        ("10 02 02 03 05 01 01 21 3E 80 10 03", "10 02 02 03 03 00 00 05 10 03"),
        ("10 02 03 03 05 04 21 41 21 40 10 03", "10 02 03 03 07 02 21 41 41 48 00 00 10 03"),
        ("10 02 10 10 03 05 04 01 21 01 21 10 03", "10 02 10 10 03 05 02 01 21 3E 80 10 03"),
    )
    async with Scripted(replies) as meter:
        assert await meter.count(MEASURE, Lane.POLL) == 7384
        await meter.order(SETPOINT, bytes.fromhex("3E80"), Lane.COMMAND)
        assert await meter.number(F_MEASURE, Lane.POLL) == 12.5
        meter._number = 0x0F
        assert await meter.count(SETPOINT, Lane.POLL) == 16000


async def test_the_manuals_chained_acknowledgement_is_one():
    replies = ascii_table((":06030101213E80", ":040300001C"))
    async with Scripted(replies, framing="ascii") as meter:
        await meter.order(SETPOINT, bytes.fromhex("3E80"), Lane.COMMAND)


async def test_the_sheets_modbus_frames_are_sent_and_understood():
    replies = binary_table(
        ("03 03 00 20 00 01 84 22", "03 03 02 1C D8 C9 1E"),
        ("03 03 A1 00 00 02 E6 15", "03 03 04 41 48 00 00 4D D9"),
        ("03 06 00 21 3E 80 C9 E2", "03 06 00 21 3E 80 C9 E2"),
    )
    peer = Peer(lambda data: [(0.003, replies[data])] if data in replies else [])
    bus = bus_to(peer, codec=BronkhorstModbus.line.codec, quiet_s=0.05)
    meter = BronkhorstModbus("i", bus, BronkhorstModbusOptions(address=3), {})
    meter._capacity, meter.divisor = 20.0, 1.0
    await bus.open()
    assert (await meter.flow_percent.read()).value == pytest.approx(23.1, abs=0.05)
    assert (await meter.flow.read()).value == 12.5
    await super(BronkhorstModbus, meter).write_registers(0x21, (16000,), 6, Lane.COMMAND)
    await bus.close()


def test_the_line_is_the_sheets():
    assert (Bronkhorst.line.baud_rate, Bronkhorst.line.parity) == (38400, "N")
    line = BronkhorstModbusOptions().line(BronkhorstModbus.line)
    assert (line.baud_rate, line.parity) == (19200, "E")


# --- what does not belong to the question


@pytest.mark.parametrize(
    "reply",
    [
        "10 02 02 03 05 02 01 21 1C D8 10 03",  # another sequence number
        "10 02 01 04 05 02 01 21 1C D8 10 03",  # another node
        "10 02 01 03 05 02 21 21 1C D8 10 03",  # another process
        "10 02 01 03 05 02 01 22 1C D8 10 03",  # another index
        "10 02 01 03 06 02 01 21 1C D8 10 03",  # wrong length
        "10 02 01 03 04 02 01 21 1C 10 03",  # half a number
        "10 02 01 03 05 04 01 21 01 20 10 03",  # our own words
        "10 02 01 03 03 00 00 05 10 03",  # an acknowledgement
        "10 02 01 03 02 00 00 10 03",
        "10 02 01 10 03",
    ],
)
async def test_binary_frames_that_answer_something_else_are_no_reply(reply):
    request = "10 02 01 03 05 04 01 21 01 20 10 03"
    async with Scripted(binary_table((request, reply))) as meter:
        meter.attempts = 1
        with pytest.raises(NoReply):
            await meter.count(MEASURE, Lane.POLL)


@pytest.mark.parametrize(
    "reply",
    [":06040201211CD8", ":07030201211CD8", ":06030201211CD", ":06030201201CD8", "06", ":03", ""],
)
async def test_ascii_frames_that_answer_something_else_are_no_reply(reply):
    async with Scripted(ascii_table((":06030401210120", reply)), framing="ascii") as meter:
        meter.attempts = 1
        with pytest.raises(NoReply):
            await meter.count(MEASURE, Lane.POLL)


async def test_a_message_after_half_of_one_is_found():
    replies = ascii_table((":06030401210120", ":0603020:06030201211CD8"))
    async with Scripted(replies, framing="ascii") as meter:
        assert await meter.count(MEASURE, Lane.POLL) == 7384


@given(st.binary(max_size=24), st.sampled_from(["binary", "ascii"]))
def test_no_frame_crashes_the_parser(frame, framing):
    options = BronkhorstOptions(framing=framing)
    meter = Bronkhorst("i", bus_to(Peer()), options, {})
    try:
        meter.reply_to("01:0401210120", frame)
    except CommandRejected as refusal:
        assert "status" in refusal.what  # noqa: PT017 -- most frames raise nothing


async def test_a_number_whose_reply_may_still_come_is_not_used_again():
    async with Scripted({}) as meter:
        meter.attempts = 1
        meter._number = 254
        with pytest.raises(NoReply):
            await meter.count(MEASURE, Lane.POLL)  # 255
        meter._number = 254
        assert meter._next_number() == 0
        await asyncio.sleep(11)
        meter._number = 254
        assert meter._next_number() == 255
        now = asyncio.get_running_loop().time()
        meter._owed = dict.fromkeys(range(256), now)
        assert meter._next_number() == 255  # all are owed: there is nothing better


async def test_in_ascii_an_acknowledgement_that_comes_late_confirms_nothing_else():
    async with Bench("ascii") as bench:
        late = iter([1.2])
        bench.wire.line.trouble = lambda reply: [(next(late, 0.0), reply)]
        with pytest.raises(NoReply):
            await bench.instrument.order(SETPOINT, bytes.fromhex("3E80"), Lane.COMMAND)
        assert bench.instrument.in_doubt
        bench.device.control_mode = 3
        with pytest.raises(CommandRejected, match="control mode 3"):
            await bench.instrument.setpoint.set(1.0)
