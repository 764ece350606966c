"""Bronkhorst drivers at work, in all three ways of speaking, and their units."""

import asyncio
import struct
from math import nan

import pytest

from drivers.errors import (
    CommandRejected,
    DeviceFault,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.roles import FlowController
from drivers.sensors.bronkhorst import (
    CONTROL_MODE,
)
from drivers.sensors.bronkhorst_units import ml_min_per_unit, percent
from drivers.signal import Lane, Limits
from simulators.instruments.bronkhorst_modbus import SimBronkhorstModbus
from simulators.instruments.bronkhorst_propar import SimBronkhorst
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
