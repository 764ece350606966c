"""Gas flow controllers at the door and in the safe state, on the simulated rig."""

import asyncio

import pytest

from daemon.errors import OutOfLimits, Refused, Tripped
from tests.daemon.rig.test_rig_simulated import fault, night, settings
from tests.daemon.simulation.rigs import flow_table

pytestmark = pytest.mark.virtual


def table(*interlocks, **options):
    """Return the example rig with a gas line beside it."""
    raw = flow_table()
    raw["instruments"]["gas"] = {
        "driver": "sensirion-sfx",
        "port": "/dev/ttyUSB8",
        "limits": {"setpoint": [0.0, 50.0]},
    } | options
    return raw | {"interlocks": list(interlocks)}


def gas_of(rig):
    return rig.simulation.instruments["gas"]


async def test_a_gas_flow_is_set_through_the_door():
    async with night(settings(table())) as rig:
        assert (await rig.guard.set_signal("gas.setpoint", 20.0)).value == pytest.approx(20.0)
        assert gas_of(rig).setpoint == pytest.approx(20.0)
        with pytest.raises(OutOfLimits, match=r"limits \[0, 50\]"):
            await rig.guard.set_signal("gas.setpoint", 60.0)
        with pytest.raises(Refused, match="can only be read"):
            await rig.guard.set_signal("gas.flow", 1.0)


async def test_a_trip_closes_the_gas_with_the_pumps_and_it_stays_closed():
    async with night(settings(table())) as rig:
        await rig.guard.set_signal("gas.setpoint", 20.0)
        await rig.guard.set_flow("pump-a", 0.5)
        rig.rig.emergency_stop("test")
        await rig.rig.trip.settled()
        assert (gas_of(rig).setpoint, rig.flows()["pump-a"]) == (0.0, 0.0)
        with pytest.raises(Tripped):
            await rig.guard.set_signal("gas.setpoint", 5.0)
        assert (await rig.guard.set_signal("gas.setpoint", 0.0)).value == 0.0


async def test_closing_the_gas_waits_for_no_interlock():
    cold = {"name": "cold", "signal": "bath.temperature", "below": 500.0, "delay_s": 9e9}
    async with night(settings(table(cold))) as rig:
        with pytest.raises(Refused, match="cold"):
            await rig.guard.set_signal("gas.setpoint", 5.0)
        assert (await rig.guard.set_signal("gas.setpoint", 0.0)).value == 0.0


async def test_gas_that_does_not_come_trips_and_the_trip_can_be_reset():
    comes = {
        "name": "gas comes",
        "signal": "gas.flow",
        "flow_deficit": 0.2,
        "flow_of": ["gas.setpoint"],
        "delay_s": 5.0,
    }
    async with night(settings(table(comes))) as rig:
        gas_of(rig).full_scale = 200.0
        await rig.guard.set_signal("gas.setpoint", 20.0)
        await asyncio.sleep(30)
        assert rig.rig.trip.cause is None
        measured = gas_of(rig).commands[0x08]
        gas_of(rig).commands[0x08] = lambda _data: bytes(4)  # the cylinder is empty
        await asyncio.sleep(10)
        assert rig.rig.trip.cause.name == "gas comes"
        await rig.rig.trip.settled()
        gas_of(rig).commands[0x08] = measured
        await asyncio.sleep(3)
        rig.rig.reset()
        assert rig.rig.trip.cause is None


async def test_a_meter_of_the_family_is_no_controller_and_holds_no_reset_up():
    silent = fault("silent", 20.0, instrument="gas")
    async with night(settings(table(controller=False), faults=[silent])) as rig:
        with pytest.raises(Refused, match="can only be read"):
            await rig.guard.set_signal("gas.setpoint", 5.0)
        await asyncio.sleep(40)
        assert not rig.rig.connected("gas")
        rig.rig.emergency_stop("test")
        await rig.rig.trip.settled()
        await asyncio.sleep(5)
        rig.rig.reset()
        assert rig.rig.trip.cause is None
