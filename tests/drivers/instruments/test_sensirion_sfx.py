"""The Sensirion gas flow controller against its simulated instrument."""

import asyncio
import struct
from math import nan

import pytest

from drivers.errors import (
    DeviceFault,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.roles import FlowController
from drivers.sensors.sensirion_sfx import SensirionSfx, SfxOptions
from drivers.signal import Limits
from simulators.instruments.sensirion_sfx import SimSensirionSfx
from simulators.instruments.sensirion_slf3s import SimSlf3s
from tests.drivers.instruments.flows import Spot, sensing
from tests.drivers.instruments.rig import Wire

pytestmark = pytest.mark.virtual


@pytest.fixture
def spot():
    return Spot()


@pytest.fixture
async def sim(spot):
    return sensing(SimSlf3s, "meter", spot)


@pytest.fixture
async def controller(spot):
    sim = sensing(SimSensirionSfx, "gas", spot)
    limits = {"setpoint": Limits(0, 100)}
    async with Wire("/dev/ttyUSB0", sim).driver("gas", "sensirion-sfx", limits=limits) as driver:
        driver.sim = sim
        yield driver


async def values(instrument, *names):
    return [reading.value for reading in await instrument.poll(names)]


# --- the gas flow controller


async def test_the_controller_fills_its_role_and_sets_nothing_when_it_connects(controller):
    assert isinstance(controller, FlowController)
    assert (
        await controller.identify() == "Sensirion SFC5500-200sccm, firmware 1.62, serial 24070123"
    )
    assert controller.sim.setpoint == 0.0


async def test_the_setpoint_is_written_read_back_and_reached(controller):
    assert (await controller.setpoint.set(12.5)).value == pytest.approx(12.5)
    await asyncio.sleep(1)
    flow, setpoint, degc = await values(controller, "flow", "setpoint", "temperature")
    assert (flow, setpoint, degc) == (pytest.approx(12.5), pytest.approx(12.5), 23.0)


async def test_a_setpoint_beyond_limits_or_full_scale_never_reaches_the_wire(controller):
    with pytest.raises(OutOfRange, match=r"limits are \[0, 100\] mL/min"):
        await controller.setpoint.set(100.5)
    controller.sim.full_scale = 50.0
    await controller.prepare()
    with pytest.raises(OutOfRange, match=r"limits are \[0, 50\] mL/min"):
        await controller.setpoint.set(60.0)
    assert controller.sim.setpoint == 0.0


async def test_making_safe_closes_the_valve_even_where_0_is_no_setpoint(spot):
    sim = sensing(SimSensirionSfx, "gas", spot)
    limits = {"setpoint": Limits(10, 100)}
    async with Wire("/dev/ttyUSB0", sim).driver("gas", "sensirion-sfx", limits=limits) as gas:
        await gas.setpoint.set(50.0)
        with pytest.raises(OutOfRange):
            await gas.setpoint.set(0.0)
        await gas.make_safe()
        assert sim.setpoint == 0.0


async def test_a_setpoint_that_does_not_go_to_0_is_told(controller, monkeypatch):
    monkeypatch.setitem(
        controller.sim.commands, 0x00, lambda data: struct.pack(">f", 5)[: 8 - len(data) * 4]
    )
    with pytest.raises(ReadbackMismatch, match="reads back 5"):
        await controller.make_safe()


async def test_a_meter_of_the_family_has_no_setpoint_and_nothing_to_make_safe(spot):
    sim = sensing(SimSensirionSfx, "gas", spot)
    wire = Wire("/dev/ttyUSB0", sim)
    async with wire.driver("gas", "sensirion-sfx", {"controller": False}) as gas:
        assert not gas.setpoint.spec.writable
        await gas.make_safe()
        assert wire.sent == []
    specs = SensirionSfx.signal_specs(SfxOptions(controller=False))
    assert (specs["setpoint"].writable, specs["setpoint"].poll_s) == (False, None)
    assert SensirionSfx.signal_specs(SfxOptions())["setpoint"].writable


async def test_limits_outside_the_full_scale_are_a_fault(spot):
    sim = sensing(SimSensirionSfx, "gas", spot)
    sim.full_scale = 5.0
    wire, limits = Wire("/dev/ttyUSB0", sim), {"setpoint": Limits(10, 100)}
    async with wire.driver("gas", "sensirion-sfx", limits=limits, prepare=False) as gas:
        with pytest.raises(DeviceFault, match=r"\[10, 100\] lie outside its full scale \[0, 5\]"):
            await gas.prepare()


@pytest.mark.parametrize("unit", [(-3, 9, 4), (-3, 0, 0), (127, 0, 4)])
async def test_a_unit_that_is_no_volume_flow_asks_for_the_option(controller, unit):
    ask = controller.sim.commands[0x44]
    controller.sim.commands[0x44] = lambda data: (
        struct.pack(">bBB", *unit) if data == b"\x13" else ask(data)
    )
    with pytest.raises(DeviceFault, match="set the option ml_min_per_unit"):
        await controller.prepare()


async def test_without_a_calibration_to_ask_the_option_tells_the_unit(spot):
    sim = sensing(SimSensirionSfx, "gas", spot)
    del sim.commands[0x44]
    async with Wire("/dev/ttyUSB0", sim).driver("gas", "sensirion-sfx", prepare=False) as gas:
        with pytest.raises(DeviceFault, match="does not tell its unit"):
            await gas.prepare()
    options = {"ml_min_per_unit": 1000.0}  # litres per minute
    async with Wire("/dev/ttyUSB0", sim).driver("gas", "sensirion-sfx", options) as gas:
        await gas.setpoint.set(1500.0)
        assert sim.setpoint == pytest.approx(1.5)


async def test_numbers_that_are_none_and_flows_beyond_all_reason_are_bad(controller):
    controller.sim.commands[0x08] = lambda _data: struct.pack(">f", nan)
    assert [r.reason for r in await controller.poll(("flow",))] == ["nan"]
    controller.sim.commands[0x08] = lambda _data: struct.pack(">f", 1e30)
    assert [r.reason for r in await controller.poll(("flow",))] == ["range"]
    ask = controller.sim.commands[0x44]
    controller.sim.commands[0x44] = lambda data: (
        struct.pack(">f", nan) if data == b"\x14" else ask(data)
    )
    with pytest.raises(DeviceFault, match="no full scale"):
        await controller.prepare()


async def test_a_liquid_sensor_is_not_taken_for_a_gas_flow_controller(sim):
    async with Wire("/dev/ttyUSB0", sim).driver("g", "sensirion-sfx", prepare=False) as gas:
        with pytest.raises(WrongInstrument, match="SCC1-USB"):
            await gas.identify()
        del sim.commands[0xD0]
        with pytest.raises(WrongInstrument, match="no Sensirion flow controller"):
            await gas.identify()
