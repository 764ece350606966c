"""Eurotherm controllers: the sheet's frames, decimals, setpoint selection, standby, faults."""

import asyncio
from math import nan

import pytest

from drivers.errors import CommandRejected, DeviceFault, NoReply, OutOfRange, WrongInstrument
from drivers.roles import Thermostat
from drivers.signal import Lane, Limits, Quality
from drivers.thermostats.eurotherm import Eurotherm3216
from simulators.instruments.eurotherm import SimEurotherm3216, SimEurothermEpc3000
from tests.drivers.modbus.wire import ScriptedLine, crc, frame

pytestmark = pytest.mark.virtual

EEPROM = {2, 24, 25}


@pytest.fixture
async def unit(bench):
    """A simulated 3216 with its driver, open and prepared."""
    rig = bench()
    driver, sim = rig.add(SimEurotherm3216)
    await rig.bus.open()
    await driver.identify()
    await driver.prepare()
    return driver, sim, rig


async def test_the_frames_are_those_of_the_sheet(bus_on):
    script = ScriptedLine(
        {
            "01 03 00 01 00 05 D4 09": "01 03 0A 00 FA 01 2C 00 00 01 F4 01 2C 32 5F",
            "01 03 00 4B 00 01 F4 1C": crc(frame("01 03 02 00 00")),
        }
    )
    driver = Eurotherm3216("e", await bus_on(script), Eurotherm3216.Options(decimals=1), {})
    driver._scaled, driver.divisor = True, 10.0  # a scripted line has no float copies
    names = ["temperature", "local_setpoint", "manual_output", "power", "working_setpoint"]
    assert [r.value for r in await driver.poll(names)] == [25.0, 30.0, 0.0, 50.0, 30.0]


async def test_a_controller_says_who_it_is(unit):
    driver, _, _ = unit
    assert await driver.identify() == "Eurotherm 3216, firmware 1.11"
    assert isinstance(driver, Thermostat)


async def test_the_sheet_s_exception_means_another_instrument(bus_on):
    script = ScriptedLine({crc(frame("01 03 00 6B 00 01")).hex(): "01 83 02 C0 F1"})
    driver = Eurotherm3216("e", await bus_on(script), Eurotherm3216.Options(), {})
    with pytest.raises(WrongInstrument, match="no Eurotherm 3216 answers here"):
        await driver.identify()


@pytest.mark.parametrize("decimals", [0, 1, 2])
async def test_the_decimals_of_the_display_are_found(bench, decimals):
    rig = bench()
    driver, _ = rig.add(SimEurotherm3216, sim_options={"decimals": decimals})
    await rig.bus.open()
    await driver.prepare()
    (reading,) = await driver.poll(["temperature"])
    assert reading.value == 25.0


async def test_wrong_decimals_are_refused_before_anything_is_read(bench):
    rig = bench()
    driver, _ = rig.add(SimEurotherm3216, decimals=1, sim_options={"decimals": 0})
    await rig.bus.open()
    with pytest.raises(DeviceFault, match="does not have the 1 decimals configured"):
        await driver.poll(["temperature"])


async def test_decimals_must_be_configured_where_there_are_no_float_copies(bus_on):
    driver = Eurotherm3216("e", await bus_on(refusing()), Eurotherm3216.Options(), {})
    with pytest.raises(DeviceFault, match="set the option decimals"):
        await driver.prepare()


async def test_configured_decimals_are_believed_where_there_are_no_float_copies(bus_on):
    driver = Eurotherm3216("e", await bus_on(refusing()), Eurotherm3216.Options(decimals=1), {})
    await driver.prepare()
    assert driver.divisor == 10.0


def refusing():
    """A line whose unit knows none of the blocks that are compared."""
    asked = ("01 03 00 01 00 05", "01 03 00 0B 00 02")
    return ScriptedLine({crc(frame(a)).hex(): "01 83 02 C0 F1" for a in asked})


async def test_values_that_mean_nothing_are_not_compared(bus_on):
    script = ScriptedLine(
        {
            crc(frame("01 03 00 01 00 05")).hex(): crc(frame("01 03 0A" + "8000" * 5)),
            crc(frame("01 03 80 02 00 0A")).hex(): crc(frame("01 03 14" + "00" * 20)),
            crc(frame("01 03 00 0B 00 02")).hex(): crc(frame("01 03 04 0000 09C4")),
            crc(frame("01 03 80 16 00 04")).hex(): crc(frame("01 03 08 00000000 437A0000")),
        }
    )
    driver = Eurotherm3216("e", await bus_on(script), Eurotherm3216.Options(), {})
    await driver.prepare()
    assert driver.divisor == 10.0


async def test_connecting_moves_nothing(unit):
    driver, sim, rig = unit
    assert sim.values[276] == 0
    assert rig.block.goal is None
    assert sim.eeprom_writes == 0
    assert (await driver.running.read()).value is True  # as it was found


async def test_the_setpoint_goes_through_the_remote_one_and_spares_the_memory(unit):
    driver, sim, rig = unit
    for degc in (80.0, 81.5, 82.0):
        assert await driver.set_temperature(degc) == degc
    assert (sim.values[26], sim.values[276], rig.block.goal) == (82.0, 1, 82.0)
    assert sim.eeprom_writes == 0


async def test_an_old_remote_setpoint_never_acts(bench):
    rig = bench()
    driver, sim = rig.add(SimEurotherm3216)
    sim.values[26] = 240.0  # left by somebody
    await rig.bus.open()
    goals = []
    rig.block.set_goal = goals.append
    await driver.set_temperature(40.0)
    assert 240.0 not in goals
    assert goals[-1] == 40.0


async def test_the_setpoint_reads_what_is_selected(unit):
    driver, sim, _ = unit
    sim.values[24], sim.values[26] = 33.0, 99.0
    assert (await driver.setpoint.read()).value == 33.0
    sim.values[276] = 1.0
    assert (await driver.setpoint.read()).value == 99.0


async def test_a_setpoint_without_its_selection_has_no_value(bus_on):
    refused = "01 83 02 C0 F1"
    script = ScriptedLine(
        {
            crc(frame("01 03 00 1A 00 01")).hex(): crc(frame("01 03 02 01 90")),
            crc(frame("01 03 00 02 00 01")).hex(): crc(frame("01 03 02 01 2C")),
            crc(frame("01 03 01 14 00 01")).hex(): refused,
        }
    )
    driver = Eurotherm3216("e", await bus_on(script), Eurotherm3216.Options(decimals=1), {})
    driver._scaled, driver.divisor = True, 10.0
    (reading,) = await driver.poll(["setpoint"])
    assert (reading.value, reading.reason) == (None, "fault")


async def test_setting_a_temperature_leaves_standby(unit):
    driver, sim, rig = unit
    await driver.heat_off()
    assert (sim.values[199], rig.block.goal) == (1, None)
    assert (await driver.running.read()).value is False
    await driver.set_temperature(60.0)
    assert (sim.values[199], rig.block.goal) == (0, 60.0)


async def test_the_safe_state_is_standby(unit):
    driver, sim, rig = unit
    await driver.set_temperature(60.0)
    await driver.make_safe()
    assert (sim.values[199], rig.block.goal) == (1, None)


async def test_a_trip_writes_standby_even_when_it_is_believed_to_hold(unit):
    driver, sim, _ = unit
    await driver.heat_off()
    written = []
    original = sim.write
    sim.write = lambda address, values: (written.append(address), original(address, values))
    await driver.heat_off()
    assert written == []
    await driver.heat_off(Lane.TRIP)
    assert written == [199]


async def test_standby_that_does_not_hold_is_found_out(unit):
    driver, sim, _ = unit
    sim.write = lambda address, values: None  # acknowledges, and does nothing
    with pytest.raises(Exception, match="did not go to standby"):
        await driver.make_safe()


async def test_a_controller_in_manual_is_not_set(unit):
    driver, sim, rig = unit
    sim.values[273] = 1.0
    with pytest.raises(CommandRejected, match="manual"):
        await driver.set_temperature(60.0)
    assert sim.values[26] == 22.0
    assert rig.block.goal is None


async def test_a_setpoint_beyond_the_controller_s_range_never_reaches_the_wire(unit):
    driver, sim, _ = unit
    assert driver.setpoint.spec.limits == Limits(0, 250)
    with pytest.raises(OutOfRange, match=r"limits are \[0, 250\]"):
        await driver.set_temperature(250.5)
    assert sim.values[26] == 22.0


async def test_configured_limits_narrow_the_range(bench):
    rig = bench()
    driver, _ = rig.add(SimEurotherm3216, limits={"setpoint": Limits(20, 140)})
    await rig.bus.open()
    with pytest.raises(OutOfRange):
        await driver.set_temperature(141.0)
    await driver.prepare()
    with pytest.raises(OutOfRange):
        await driver.set_temperature(141.0)


async def test_limits_outside_the_range_are_a_fault(bench):
    rig = bench()
    driver, _ = rig.add(SimEurotherm3216, limits={"setpoint": Limits(300, 400)})
    await rig.bus.open()
    with pytest.raises(DeviceFault, match="outside its range"):
        await driver.prepare()


async def test_a_broken_thermocouple_is_a_bad_reading_and_a_fault(unit):
    driver, _, rig = unit
    rig.block.degc = nan
    temperature, power = await driver.poll(["temperature", "power"])
    assert (temperature.value, temperature.quality, temperature.reason) == (
        None,
        Quality.BAD,
        "fault",
    )
    assert power.value == 0.0
    with pytest.raises(DeviceFault, match="sensor break"):
        await driver.check()


async def test_a_temperature_whose_status_is_not_known_has_no_value(bus_on):
    script = ScriptedLine(
        {
            crc(frame("01 03 00 01 00 01")).hex(): "01 03 02 00 FA 38 07",
            "01 03 00 4B 00 01 F4 1C": crc(frame("01 03 02 80 00")),
        }
    )
    driver = Eurotherm3216("e", await bus_on(script), Eurotherm3216.Options(decimals=1), {})
    driver._scaled, driver.divisor = True, 10.0
    (reading,) = await driver.poll(["temperature"])
    assert (reading.value, reading.reason) == (None, "fault")
    with pytest.raises(DeviceFault, match="no status word"):
        await driver.check()


async def test_alarms_are_faults_unless_they_are_told_to_be_ignored(bench):
    rig = bench()
    strict, _ = rig.add(SimEurotherm3216)
    lax, _ = rig.add(SimEurotherm3216, address=2, ignore_alarms=(1,))
    await rig.bus.open()
    await strict.check()
    rig.block.degc = 210.0  # above the simulated unit's alarm 1
    with pytest.raises(DeviceFault, match=r"alarm 1 \(status 0001h\)"):
        await strict.check()
    await lax.check()


async def test_the_rate_limit_is_written_only_when_it_differs(bench):
    rig = bench()
    driver, sim = rig.add(SimEurotherm3216, rate_limit=5.0)
    await rig.bus.open()
    written = []
    original = sim.write
    sim.write = lambda address, values: (written.append(address), original(address, values))
    await driver.prepare()
    await driver.prepare()
    assert (written, sim.values[35]) == ([35], 5.0)


def spy(sim):
    """What is written to a simulated unit, as (register, counts)."""
    written, original = [], sim.write

    def write(address, values):
        written.append((address, values[0]))
        original(address, values)

    sim.write = write
    return written


async def polls(driver, n, every_s=1.0):
    for _ in range(n):
        await driver.poll(["temperature"])
        await asyncio.sleep(every_s)


async def test_the_remote_setpoint_is_refreshed_while_control_is_on(unit):
    driver, sim, _ = unit
    await driver.set_temperature(60.0)
    written = spy(sim)
    await polls(driver, 10)
    assert written == [(26, 600)] * 4  # at most every 2 s
    await driver.heat_off()
    written.clear()
    await polls(driver, 5)
    assert written == []


async def test_a_setpoint_of_an_earlier_connection_is_not_written_again(unit):
    driver, sim, _ = unit
    await driver.set_temperature(60.0)
    await driver.prepare()
    written = spy(sim)
    await polls(driver, 5)
    assert written == []


async def test_refreshing_can_be_switched_off(bench):
    rig = bench()
    driver, sim = rig.add(SimEurotherm3216, refresh_s=0)
    await rig.bus.open()
    await driver.set_temperature(60.0)
    written = spy(sim)
    await polls(driver, 5)
    assert written == []


async def test_a_refresh_never_undoes_a_new_setpoint(unit):
    driver, sim, _ = unit
    await driver.set_temperature(60.0)
    for k in range(20):
        await asyncio.sleep(2.0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(driver.poll(["temperature"]))
            tasks.create_task(driver.set_temperature(70.0 + k))
        assert sim.values[26] == 70.0 + k


async def test_a_setpoint_that_was_not_confirmed_is_not_refreshed(unit):
    driver, sim, rig = unit
    await driver.set_temperature(60.0)
    rig.line.disturb(sim.name, "silent")
    with pytest.raises(NoReply):
        await driver.setpoint.set(80.0)
    rig.line.disturb(sim.name, "ok")
    written = spy(sim)
    await polls(driver, 5)
    assert written == []


async def test_after_a_power_cut_connecting_ends_a_heating_nobody_asked_for(unit):
    driver, sim, rig = unit
    sim.values[24] = 200.0  # in its memory
    await driver.set_temperature(60.0)
    await driver.check()
    sim.power_cycle()
    assert rig.block.goal == 200.0
    with pytest.raises(DeviceFault, match="follows another setpoint than it was told"):
        await driver.check()
    await driver.identify()
    await driver.prepare()
    assert rig.block.goal is None
    with pytest.raises(DeviceFault, match="it is in standby now"):
        await driver.check()
    assert await driver.set_temperature(60.0) == 60.0
    await driver.check()
    assert rig.block.goal == 60.0


async def test_a_mere_interruption_of_the_line_leaves_the_control_as_it_is(unit):
    driver, _, rig = unit
    await driver.set_temperature(60.0)
    for _ in range(2):
        await driver.identify()
        await driver.prepare()
        await driver.check()
    assert rig.block.goal == 60.0


async def test_a_standby_that_is_not_ours_is_a_fault_until_heat_is_switched_off(unit):
    driver, sim, _ = unit
    await driver.set_temperature(60.0)
    sim.values[199] = 1.0
    with pytest.raises(DeviceFault, match="has gone to standby by itself"):
        await driver.check()
    await driver.heat_off()
    await driver.check()


async def test_an_epc3000_is_driven_over_tcp(bench):
    rig = bench(port="modbus-tcp://10.0.0.9:502")
    driver, _ = rig.add(SimEurothermEpc3000)
    await rig.bus.open()
    assert await driver.identify() == "Eurotherm EPC3000, firmware 3.01"
    await driver.prepare()
    assert await driver.set_temperature(75.0) == 75.0
    assert rig.block.goal == 75.0
    names = ["temperature", "setpoint", "running", "power", "working_setpoint"]
    assert [r.value for r in await driver.poll(names)] == [25.0, 75.0, True, 50.0, 75.0]
