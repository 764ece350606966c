"""Bronkhorst drivers against the sheet's frames and the simulated instruments."""

import asyncio
import struct
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import (
    CommandRejected,
    DeviceFault,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.roles import FlowController
from drivers.sensors.bronkhorst import (
    CONTROL_MODE,
    F_MEASURE,
    MEASURE,
    SETPOINT,
    Bronkhorst,
    BronkhorstOptions,
)
from drivers.sensors.bronkhorst_modbus import BronkhorstModbus, BronkhorstModbusOptions
from drivers.sensors.bronkhorst_units import ml_min_per_unit, percent
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
every_kind = pytest.mark.parametrize("kind", KINDS)


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


# --- units


@pytest.mark.parametrize(
    ("unit", "density", "ml_min"),
    [
        ("ml/min ", None, 1.0),
        ("mln/min", None, 1.0),
        ("ln/min", None, 1000.0),
        ("ul/h", None, 1e-3 / 60),
        ("\xb5l/s", None, 0.06),
        ("m3n/h", None, 1e6 / 60),
        ("sccm", None, 1.0),
        ("g/h", 0.8, 1 / 48),
        ("kg/h", 1.0, 1000 / 60),
        ("mg/s", 2.0, 0.03),
    ],
)
def test_capacity_units_are_ml_per_minute(unit, density, ml_min):
    assert ml_min_per_unit(unit, density) == pytest.approx(ml_min)


@pytest.mark.parametrize(("unit", "why"), [("bar", "no flow"), ("", "no flow"), ("g/h", "density")])
def test_units_that_are_no_volume_are_refused(unit, why):
    with pytest.raises(ValueError, match=why):
        ml_min_per_unit(unit, None)


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [(32000, 100.0), (41942, 131.06875), (41943, -73.728125), (65535, -0.003125), (0, 0.0)],
)
def test_counts_above_41942_are_negative(counts, wanted):
    assert percent(counts) == pytest.approx(wanted)


# --- all three ways of speaking


@every_kind
async def test_a_controller_fills_its_role_and_names_itself(kind):
    async with Bench(kind) as bench:
        assert isinstance(bench.instrument, FlowController)
        assert (await bench.instrument.identify()).startswith("Bronkhorst, serial M24201234A")
        await bench.instrument.check()
        assert bench.sim.setpoint == 0.0


@every_kind
async def test_a_meter_reads_the_line_and_sets_nothing(kind):
    async with Bench(kind, {}, controller=False) as bench:
        assert await bench.values("flow", "flow_percent", "temperature", "control_mode") == [
            1.25,
            12.5,
            23.0,
            0,
        ]
        bench.spot.flow = -0.5
        assert await bench.values("flow", "flow_percent") == [-0.5, -5.0]
        with pytest.raises(OutOfRange, match="setpoint cannot be set"):
            await bench.instrument.setpoint.set(1.0)
        bench.wire.sent.clear()
        await bench.instrument.make_safe()
        assert bench.wire.sent == []
        assert (
            not type(bench.instrument)
            .signal_specs(bench.instrument.Options(controller=False))["setpoint"]
            .writable
        )


@every_kind
async def test_a_setpoint_is_written_read_back_and_reached(kind):
    async with Bench(kind) as bench:
        assert (await bench.instrument.setpoint.set(2.5)).value == 2.5
        await asyncio.sleep(3)
        assert await bench.values("flow", "setpoint", "setpoint_percent") == [
            pytest.approx(2.5),
            2.5,
            25.0,
        ]


@every_kind
async def test_a_setpoint_beyond_limits_or_capacity_never_reaches_the_wire(kind):
    async with Bench(kind) as bench:
        with pytest.raises(OutOfRange, match=r"limits are \[0, 5\]"):
            await bench.instrument.setpoint.set(5.5)
        bench.device.capacity = 2.0
        await bench.instrument.prepare()
        bench.wire.sent.clear()
        with pytest.raises(OutOfRange, match=r"limits are \[0, 2\]"):
            await bench.instrument.setpoint.set(3.0)
        assert bench.wire.sent == []


@every_kind
async def test_limits_outside_the_capacity_are_a_fault(kind):
    async with Bench(kind, {"setpoint": Limits(20, 50)}, prepare=False) as bench:
        with pytest.raises(DeviceFault, match=r"\[20, 50\] lie outside its full scale \[0, 10\]"):
            await bench.instrument.prepare()


@every_kind
async def test_making_safe_sets_0_even_where_0_is_no_setpoint(kind):
    async with Bench(kind, {"setpoint": Limits(1, 5)}) as bench:
        await bench.instrument.setpoint.set(4.0)
        await bench.instrument.make_safe()
        assert bench.sim.setpoint == 0.0
        await bench.instrument.close_flow()


@every_kind
async def test_a_setpoint_that_something_else_commands_is_refused_and_not_called_safe(kind):
    async with Bench(kind) as bench:
        await bench.instrument.setpoint.set(4.0)
        bench.device.control_mode = 1  # an analog input
        with pytest.raises(CommandRejected, match="control mode 1: it does not obey the bus"):
            await bench.instrument.setpoint.set(1.0)
        with pytest.raises(ReadbackMismatch, match="set to 0"):
            await bench.instrument.make_safe()
        bench.device.control_mode = 0
        await bench.instrument.close_flow()
        bench.device.control_mode = 1
        with pytest.raises(CommandRejected, match="a setpoint of 0 does not act"):
            await bench.instrument.make_safe()


@every_kind
async def test_an_instrument_of_mass_flow_needs_a_density(kind):
    async with Bench(kind, {}, controller=False, density_g_ml=0.8) as bench:
        assert await bench.values("flow") == [pytest.approx(1.25)]
        assert bench.device.unit == "g/h"
    async with Bench(kind, prepare=False) as bench:
        bench.device.unit = "g/h"
        with pytest.raises(DeviceFault, match="density_g_ml"):
            await bench.instrument.prepare()


@every_kind
@pytest.mark.parametrize("capacity", [0.0, nan])
async def test_an_instrument_without_a_capacity_is_a_fault(kind, capacity):
    async with Bench(kind, prepare=False) as bench:
        bench.device.capacity = capacity
        with pytest.raises(DeviceFault, match="tells no capacity"):
            await bench.instrument.prepare()


@every_kind
async def test_numbers_that_are_none_and_flows_beyond_all_reason_are_bad(kind):
    async with Bench(kind, {}, controller=False) as bench:
        bench.spot.flow = nan
        flow, per_cent = await bench.instrument.poll(("flow", "flow_percent"))
        assert (flow.value, flow.reason) == (None, "nan")
        assert (per_cent.value, per_cent.reason) == (None, "fault")
        bench.spot.flow = 1e9
        flow, per_cent = await bench.instrument.poll(("flow", "flow_percent"))
        assert (flow.value, flow.reason) == (None, "range")
        assert per_cent.value == pytest.approx(131.07, abs=0.01)


@every_kind
async def test_alarms_are_faults_unless_they_are_masked(kind):
    async with Bench(kind) as bench:
        bench.device.alarm_info = 0x04
        with pytest.raises(DeviceFault, match="alarm info 04h"):
            await bench.instrument.check()
        del bench.device.parameters[(1, 20)]
        await bench.instrument.check()
    async with Bench(kind, alarm_mask=0x03) as bench:
        bench.device.alarm_info = 0x04
        await bench.instrument.check()


@every_kind
async def test_an_instrument_without_name_or_flow_is_told_apart(kind):
    async with Bench(kind) as bench:
        bench.device.tag = ""
        assert (await bench.instrument.identify()) == "Bronkhorst, serial M24201234A"
        del bench.device.parameters[(113, 3)], bench.device.parameters[(113, 6)]
        assert (await bench.instrument.identify()) == "Bronkhorst"
        del bench.device.parameters[(1, 0)]
        with pytest.raises(WrongInstrument, match="no flow instrument"):
            await bench.instrument.identify()


# --- nodes


async def test_node_128_is_whatever_is_connected():
    async with Bench("binary", {}, address=128, controller=False) as bench:
        assert await bench.values("flow") == [1.25]


@pytest.mark.parametrize("framing", ["binary", "ascii"])
async def test_two_nodes_share_a_line(framing):
    options = [{"address": n, "controller": False, "framing": framing} for n in (3, 4)]
    sims = [sensing(SimBronkhorst, "a", Spot(), options[0])]
    sims += [sensing(SimBronkhorst, "b", Spot(flow=0.5), options[1])]
    wire = Wire("/dev/ttyUSB0", *sims)
    one = wire.lines.instrument("a", "bronkhorst", "/dev/ttyUSB0", options[0], {})
    async with wire.driver("b", "bronkhorst", options[1]) as two:
        await one.prepare()
        first, second = await asyncio.gather(one.poll(("flow",)), two.poll(("flow",)))
        assert (first[0].value, second[0].value) == (1.25, 0.5)


def test_nodes_of_different_framings_cannot_share_a_line():
    wire = Wire("/dev/ttyUSB0")
    wire.lines.instrument("a", "bronkhorst", "/dev/ttyUSB0", {"address": 3}, {})
    options = {"address": 4, "framing": "ascii"}
    with pytest.raises(ValueError, match="cannot share"):
        wire.lines.instrument("b", "bronkhorst", "/dev/ttyUSB0", options, {})


async def test_the_control_mode_is_read_as_a_whole_number():
    async with Bench("binary") as bench:
        bench.device.control_mode = 18
        assert await bench.instrument.count(CONTROL_MODE, Lane.POLL) == 18
        assert await bench.values("control_mode") == [18]


async def test_a_float_travels_as_32_bits_and_reads_back_the_same():
    async with Bench("binary") as bench:
        assert (await bench.instrument.setpoint.set(1.1)).value == pytest.approx(1.1)
        assert bench.device.setpoint == struct.unpack(">f", struct.pack(">f", 1.1))[0]
