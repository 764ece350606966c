"""Omron controllers: the sheet's frames, two address spaces, permission to write, power cuts."""

from math import nan

import pytest
from pydantic import ValidationError

from drivers.errors import (
    CommandRejected,
    DeviceFault,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.modbus import ModbusRejected
from drivers.registry import driver_class
from drivers.roles import Thermostat
from drivers.signal import Lane, Limits, Quality
from drivers.thermostats.omron import OmronE5cc
from simulators.instruments.eurotherm import SimEurotherm3216
from simulators.instruments.omron import SimOmronE5cc, SimOmronE5d
from tests.drivers.modbus.wire import ScriptedLine, crc, frame

pytestmark = pytest.mark.virtual

BOTH_SPACES = pytest.mark.parametrize("address_space", ["four-byte", "two-byte"])
STATUS = crc(frame("01 03 00 02 00 02")).hex()


@pytest.fixture
async def scripted(bus_on):
    """A driver on a line that answers what the test says, with one decimal settled."""

    async def make(replies, **options):
        script = ScriptedLine(replies)
        driver = OmronE5cc("e", await bus_on(script), OmronE5cc.Options(**options), {})
        driver._scaled, driver.divisor = True, 10.0
        return driver, script

    return make


@pytest.fixture
async def unit(bench):
    """A simulated E5CC with its driver, open and prepared."""
    return await prepared(bench)


async def prepared(bench, sim_class=SimOmronE5cc, **how):
    rig = bench()
    driver, sim = rig.add(sim_class, **how)
    await rig.bus.open()
    await driver.identify()
    await driver.prepare()
    return driver, sim, rig


def spy(sim):
    """What is written to a simulated unit, as (register, values)."""
    written, original = [], sim.write

    def write(address, values):
        written.append((address, *values))
        original(address, values)

    sim.write = write
    return written


# --- the sheet's frames


async def test_the_process_value_is_read_as_in_the_sheet(scripted):
    driver, script = await scripted(
        {"01 03 00 00 00 02 C4 0B": "01 03 04 00 00 03 E8 FA 8D"},
        status_bits={"input_error": None},
    )
    assert (await driver.temperature.read()).value == 100.0
    driver.divisor = 1.0
    assert (await driver.temperature.read()).value == 1000.0
    assert script.sent == [frame("01 03 00 00 00 02 C4 0B")] * 2


async def test_the_two_byte_process_value_is_read_as_in_the_sheet(scripted):
    driver, _ = await scripted(
        {"01 03 20 00 00 01 8F CA": "01 03 02 03 E8 B8 FA"},
        address_space="two-byte",
        status_bits={"input_error": None},
    )
    assert (await driver.temperature.read()).value == 100.0


async def test_writing_is_enabled_and_the_memory_spared_as_in_the_sheet(scripted):
    enable, ram = "01 06 00 00 00 01 48 0A", crc(frame("01 06 00 00 04 01")).hex()
    status = [crc(frame(f"01 03 04 {word} 0000")) for word in ("0100", "0300")]
    driver, script = await scripted({enable: enable, ram: ram})
    script.replies[frame(STATUS)] = deque_of(*status)
    script.replies[crc(frame("01 03 04 20 00 02"))] = crc(frame("01 03 04 0000 0001"))
    await driver.prepare()
    assert script.sent[-3:] == [frame(enable), frame(STATUS), frame(ram)]


async def test_a_setpoint_is_written_as_in_the_sheet(scripted):
    write = "01 06 21 03 02 58 73 6C"
    driver, script = await scripted(
        {write: write, crc(frame("01 03 21 03 00 01")).hex(): crc(frame("01 03 02 02 58"))},
        address_space="two-byte",
    )
    assert (await driver.setpoint.set(60.0)).value == 60.0
    assert script.sent[0] == frame(write)


async def test_a_four_byte_setpoint_is_written_by_function_16(scripted):
    write = crc(frame("01 10 01 06 00 02 04 00 00 02 58"))
    driver, script = await scripted(
        {
            write.hex(): crc(frame("01 10 01 06 00 02")),
            crc(frame("01 03 01 06 00 02")).hex(): crc(frame("01 03 04 0000 0258")),
        }
    )
    assert (await driver.setpoint.set(60.0)).value == 60.0
    assert script.sent[0] == write


@pytest.mark.parametrize(
    ("start", "values", "request_", "reply"),
    [
        (
            0x010A,
            (0, 1000, 0xFFFF, 0xFC18),
            "01 10 01 0A 00 04 08 00 00 03 E8 FF FF FC 18 8D E9",
            "01 10 01 0A 00 04 E0 34",
        ),
        (
            0x2105,
            (1000, 0xFC18),
            "01 10 21 05 00 02 04 03 E8 FC 18 66 BB",
            "01 10 21 05 00 02 5B F5",
        ),
    ],
)
async def test_alarms_are_written_as_in_the_manual(scripted, start, values, request_, reply):
    driver, script = await scripted({request_: reply})
    await driver.write_registers(start, values, 16, Lane.COMMAND)
    assert script.sent == [frame(request_)]


async def test_control_is_stopped_as_in_the_manual(scripted):
    stop = "01 06 00 00 01 01 49 9A"
    driver, script = await scripted({stop: stop, STATUS: crc(frame("01 03 04 0300 0000"))})
    await driver.make_safe()
    assert script.sent[0] == frame(stop)


async def test_the_echo_is_that_of_the_manual(scripted):
    echo = "01 08 00 00 12 34 ED 7C"
    driver, script = await scripted({echo: echo})
    await driver.echo_test(0x1234)
    assert script.sent == [frame(echo)]


async def test_a_write_while_writing_is_off_is_a_refusal(scripted):
    write = "01 06 21 03 02 58 73 6C"
    driver, script = await scripted({write: "01 86 04 43 A3"}, address_space="two-byte")
    with pytest.raises(ModbusRejected, match="not possible in its state"):
        await driver.setpoint.set(60.0)
    assert script.sent == [frame(write)]


def deque_of(*replies):
    from collections import deque

    return deque(replies)


# --- who answers, and how its numbers are


async def test_a_controller_is_known_by_its_two_address_spaces(unit):
    driver, _, _ = unit
    assert await driver.identify() == "Omron E5_C controller, address 1 (has no identity query)"
    assert isinstance(driver, Thermostat)


async def test_another_controller_at_this_address_is_found_out(bench):
    rig = bench()
    _, _ = rig.add(SimEurotherm3216, address=1, parity="E")
    driver, sim = rig.add(SimOmronE5cc, address=1)
    rig.line.disturb(sim.name, "unplug")
    await rig.bus.open()
    with pytest.raises(WrongInstrument, match="no Omron E5_C answers here"):
        await driver.identify()


async def test_address_spaces_that_disagree_are_another_instrument(scripted):
    driver, _ = await scripted(
        {
            crc(frame("01 03 01 06 00 02")).hex(): crc(frame("01 03 04 0000 0258")),
            crc(frame("01 03 21 03 00 01")).hex(): crc(frame("01 03 02 0259")),
            STATUS: crc(frame("01 03 04 0300 0000")),
        }
    )
    with pytest.raises(WrongInstrument, match="its address spaces differ"):
        await driver.identify()


@BOTH_SPACES
@pytest.mark.parametrize("degc", [-12.5, 0.0, 85.5])
async def test_setpoints_are_the_same_number_in_both_spaces(bench, address_space, degc):
    driver, sim, _ = await prepared(bench, address_space=address_space)
    assert await driver.set_temperature(degc) == degc
    assert sim.setpoint == degc
    await driver.identify()


@BOTH_SPACES
async def test_signals_are_read_in_either_space(bench, address_space):
    driver, _, _ = await prepared(bench, address_space=address_space)
    await driver.set_temperature(60.0)
    names = ["temperature", "setpoint", "working_setpoint", "running", "power"]
    assert [r.value for r in await driver.poll(names)] == [25.0, 60.0, 60.0, True, 50.0]


@pytest.mark.parametrize("decimals", [0, 1, 2])
async def test_the_decimals_are_asked_for(bench, decimals):
    driver, sim, _ = await prepared(bench, sim_options={"decimals": decimals})
    assert (await driver.temperature.read()).value == 25.0
    await driver.set_temperature(60.0)
    assert sim.setpoint == 60.0


async def test_wrong_decimals_are_refused_before_anything_is_read(bench):
    rig = bench()
    driver, _ = rig.add(SimOmronE5cc, decimals=1, sim_options={"decimals": 0})
    await rig.bus.open()
    with pytest.raises(DeviceFault, match="shows 0 decimals, not the 1 configured"):
        await driver.poll(["temperature"])


MONITOR = crc(frame("01 03 04 20 00 02")).hex()


@pytest.mark.parametrize("reply", ["01 83 02", "01 03 04 0000 0004", "01 03 04 0001 0001"])
async def test_decimals_that_it_does_not_tell_must_be_configured(scripted, reply):
    driver, _ = await scripted({MONITOR: crc(frame(reply))})
    driver._scaled = False
    with pytest.raises(DeviceFault, match="set the option decimals"):
        await driver.settle_scale()
    driver, _ = await scripted({MONITOR: crc(frame(reply))}, decimals=2)
    driver._scaled = False
    await driver.settle_scale()
    assert driver.divisor == 100.0


# --- permission to write, memory


async def test_connecting_switches_nothing_but_writing(bench):
    rig = bench()
    driver, sim = rig.add(SimOmronE5cc)
    await rig.bus.open()
    written = spy(sim)
    await driver.identify()
    await driver.prepare()
    assert written == [(0, 0x0001), (0, 0x0401)]
    assert rig.block.goal is None
    written.clear()
    await driver.prepare()
    assert written == [(0, 0x0401)]


async def test_setpoints_do_not_wear_the_memory(unit):
    driver, sim, _ = unit
    for degc in (40.0, 50.0, 60.0):
        await driver.set_temperature(degc)
    assert (sim.memory_writes, sim.ram_mode) == (0, True)


async def test_writing_that_stays_off_is_a_fault(bench):
    rig = bench()
    driver, sim = rig.add(SimOmronE5cc, sim_options={"status_bits": {"writing": None}})
    await rig.bus.open()
    with pytest.raises(ReadbackMismatch, match=r"option status_bits\.writing"):
        await driver.prepare()
    del sim


async def test_status_bits_can_be_moved(bench):
    bits = {"stopped": 8, "writing": 9, "manual": 10, "input_error": 1, "faults": {}}
    driver, _, rig = await prepared(bench, SimOmronE5d, status_bits=bits)
    assert (await driver.running.read()).value is False
    await driver.set_temperature(60.0)
    assert ((await driver.running.read()).value, rig.block.goal) == (True, 60.0)
    rig.block.degc = nan
    assert (await driver.temperature.read()).value is None


def test_a_status_bit_beyond_the_word_is_refused():
    with pytest.raises(ValidationError, match=r"status_bits\.stopped"):
        OmronE5cc.Options(status_bits={"stopped": 32})


def test_the_line_is_what_is_set_at_the_controller():
    cls = driver_class("omron-e5cc")
    line = cls.Options(parity="N", stop_bits=2, baud_rate=19200).line(cls.line)
    assert (line.parity, line.stop_bits, line.baud_rate) == ("N", 2, 19200)
    assert cls.Options().line(cls.line).parity == "E"


# --- the thermostat


async def test_the_setpoint_is_there_before_control_runs(unit):
    driver, sim, _ = unit
    written = spy(sim)
    assert await driver.set_temperature(60.0) == 60.0
    assert written == [(0x0106, 0, 600), (0, 0x0100)]
    written.clear()
    await driver.set_temperature(70.0)
    assert written == [(0x0106, 0, 700)]


async def test_the_safe_state_is_stop(unit):
    driver, sim, rig = unit
    await driver.set_temperature(60.0)
    await driver.make_safe()
    assert (sim.flags["stopped"], rig.block.goal) == (1, None)


async def test_a_trip_writes_stop_even_when_it_is_believed_to_hold(unit):
    driver, sim, _ = unit
    written = spy(sim)
    await driver.heat_off()
    assert written == []
    await driver.heat_off(Lane.TRIP)
    assert written == [(0, 0x0101)]


async def test_a_stop_that_does_not_hold_is_found_out(unit):
    driver, sim, _ = unit
    await driver.set_temperature(60.0)
    sim.write = lambda address, values: None  # acknowledges, and does nothing
    with pytest.raises(ReadbackMismatch, match="still runs control"):
        await driver.make_safe()


async def test_a_lost_answer_to_stop_is_no_reason_not_to_stop(unit):
    driver, sim, rig = unit
    await driver.set_temperature(60.0)
    lost = iter([[]])
    rig.line.trouble = lambda reply: next(lost, [(0.0, reply)])
    await driver.heat_off()
    assert sim.flags["stopped"] == 1


async def test_silence_is_not_taken_for_stopped(unit):
    driver, sim, rig = unit
    await driver.set_temperature(60.0)
    rig.line.disturb(sim.name, "silent")
    with pytest.raises(NoReply):
        await driver.heat_off()


async def test_a_controller_in_manual_is_not_set(unit):
    driver, sim, _ = unit
    sim.flags["manual"] = 1
    with pytest.raises(CommandRejected, match="manual"):
        await driver.set_temperature(60.0)
    assert sim.setpoint == 0.0


async def test_a_setpoint_beyond_the_limits_never_reaches_the_wire(bench):
    driver, sim, _ = await prepared(bench, limits={"setpoint": Limits(0, 140)})
    written = spy(sim)
    with pytest.raises(OutOfRange, match=r"limits are \[0, 140\] degC"):
        await driver.set_temperature(140.5)
    assert written == []


async def test_a_setpoint_that_the_controller_refuses_is_told(unit):
    driver, _, _ = unit
    with pytest.raises(ModbusRejected, match="value or count not allowed"):
        await driver.set_temperature(2000.0)


async def test_a_broken_sensor_is_a_bad_reading_and_a_fault(unit):
    driver, _, rig = unit
    rig.block.degc = nan
    temperature, power = await driver.poll(["temperature", "power"])
    assert (temperature.value, temperature.quality, temperature.reason) == (
        None,
        Quality.BAD,
        "fault",
    )
    assert power.value == 0.0
    with pytest.raises(DeviceFault, match="input error"):
        await driver.check()


async def test_a_temperature_whose_status_is_not_known_has_no_value(scripted):
    whole = crc(frame("01 03 00 00 00 04")).hex()
    driver, _ = await scripted({whole: crc(frame("01 83 02"))})
    (reading,) = await driver.poll(["temperature"])
    assert (reading.value, reading.reason) == (None, "fault")


async def test_alarms_are_faults_where_the_options_name_their_bits(bench):
    driver, sim, rig = await prepared(bench, status_bits={"faults": {"alarm 1": 12}})
    await driver.check()
    sim.values[0x010A] = 2000
    rig.block.degc = 210.0
    with pytest.raises(DeviceFault, match=r"alarm 1 \(status 0310"):
        await driver.check()


# --- power cuts


async def remembering(bench, degc):
    """A unit that has a setpoint in its memory and is heated to another."""
    driver, sim, rig = await prepared(bench)
    sim.memory[0x0106] = round(10 * degc)
    await driver.set_temperature(60.0)
    return driver, sim, rig


async def test_a_power_cut_is_a_fault_until_heat_is_switched_off(bench):
    driver, sim, rig = await remembering(bench, 200.0)
    sim.power_cycle()
    assert rig.block.goal == 200.0  # what the manual's controller does
    with pytest.raises(DeviceFault, match=r"was restarted \(power cut\)"):
        await driver.check()
    with pytest.raises(DeviceFault, match="switch heat off first"):
        await driver.set_temperature(60.0)
    await driver.heat_off()
    await driver.check()
    assert rig.block.goal is None
    assert await driver.set_temperature(60.0) == 60.0


async def test_after_a_power_cut_connecting_ends_a_heating_nobody_asked_for(bench):
    driver, sim, rig = await remembering(bench, 200.0)
    sim.power_cycle()
    await driver.identify()
    await driver.prepare()
    assert rig.block.goal is None
    assert (sim.flags["writing"], sim.ram_mode) == (1, True)
    with pytest.raises(DeviceFault, match="its settings are lost; control is off now"):
        await driver.check()
    assert await driver.set_temperature(60.0) == 60.0
    await driver.check()


async def test_a_heating_that_connecting_has_ended_is_told_until_heat_is_switched_off(bench):
    driver, sim, _ = await remembering(bench, 200.0)
    sim.power_cycle()
    await driver.prepare()
    await driver.heat_off()
    await driver.check()


async def test_a_mere_interruption_of_the_line_changes_nothing(unit):
    driver, sim, rig = unit
    await driver.set_temperature(60.0)
    written = spy(sim)
    await driver.identify()
    await driver.prepare()
    assert written == [(0, 0x0401)]
    assert rig.block.goal == 60.0
    await driver.check()


async def test_a_power_cut_that_leaves_writing_on_shows_in_the_setpoint(bench):
    driver, sim, rig = await remembering(bench, 35.0)
    sim.power_cycle()
    sim.flags["writing"] = 1
    with pytest.raises(DeviceFault, match=r"holds 35\.0 degC, not the 60 that was set"):
        await driver.check()
    await driver.prepare()
    assert rig.block.goal is None


async def test_control_that_was_stopped_by_hand_is_a_fault(unit):
    driver, sim, _ = unit
    await driver.set_temperature(60.0)
    sim.flags["stopped"] = 1
    with pytest.raises(DeviceFault, match="has stopped control by itself"):
        await driver.check()


async def test_a_controller_found_heating_is_left_as_it_is(bench):
    rig = bench()
    driver, sim = rig.add(SimOmronE5cc)
    sim.values[0x0106], sim.flags["stopped"] = 450, 0
    sim._act()
    await rig.bus.open()
    await driver.identify()
    await driver.prepare()
    await driver.check()
    assert rig.block.goal == 45.0
