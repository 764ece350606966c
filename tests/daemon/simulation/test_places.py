"""Meters and balances where [simulation.places] puts them read what is true there."""

import asyncio

import pytest

from daemon.errors import ConfigError
from daemon.settings.models import Settings
from daemon.simulation import Simulation
from drivers.signal import Quality
from tests.daemon.rig.test_rig_simulated import night
from tests.daemon.simulation.rigs import flow_table

pytestmark = pytest.mark.virtual

MAKES = {
    "sensirion-slf3s": {},
    "bronkhorst": {"controller": False},
    "bronkhorst-modbus": {"controller": False, "density_g_ml": 0.8},
}
STOCK_ML = 4.0


def watched_bottle(make="sensirion-slf3s", *interlocks, faults=(), **places):
    """Return the example rig with a meter and a balance at the bottle of pump-a."""
    raw = flow_table()
    raw["instruments"] |= {
        "meter": {"driver": make, "port": "/dev/ttyUSB6", **MAKES[make]},
        "scale": {"driver": "mettler-mt-sics", "port": "socket://192.168.10.60:8001"},
    }
    raw["feeds"][0]["stock_ml"] = STOCK_ML
    places = {"meter": "substrate", "scale": "substrate"} | places
    raw["simulation"] |= {"noise": False, "places": places, "faults": list(faults)}
    return Settings.model_validate(raw | {"interlocks": list(interlocks)})


def last(rig, signal):
    return rig.seen[signal][-1]


@pytest.mark.parametrize("make", MAKES)
async def test_a_meter_in_a_feed_line_reads_what_that_pump_delivers(make):
    async with night(watched_bottle(make)) as rig:
        await rig.guard.set_flow("pump-a", 0.75)
        await rig.guard.set_flow("pump-b", 0.25)
        await asyncio.sleep(5)
        assert last(rig, "meter.flow").value == pytest.approx(0.75, abs=0.002)
        await rig.guard.set_flow("pump-a", 0.0)
        await asyncio.sleep(3)
        assert last(rig, "meter.flow").value == pytest.approx(0.0, abs=0.002)


@pytest.mark.parametrize("make", MAKES)
async def test_a_meter_at_the_outlet_reads_all_pumps_together(make):
    async with night(watched_bottle(make, meter="outlet")) as rig:
        for pump, flow in (("pump-a", 0.2), ("pump-b", 0.3), ("pump-c", 0.5)):
            await rig.guard.set_flow(pump, flow)
        await asyncio.sleep(120)  # until the line's pressure stands
        assert last(rig, "meter.flow").value == pytest.approx(1.0, abs=0.01)
        assert last(rig, "meter.temperature").value == pytest.approx(22.0, abs=0.01)


async def test_a_balance_loses_what_the_pump_delivers_and_the_waste_gains_it():
    async with night(watched_bottle()) as rig:
        full = last(rig, "scale.mass").value
        assert full == pytest.approx(200.0 + STOCK_ML, abs=0.01)
        await rig.guard.set_flow("pump-a", 0.6)
        await asyncio.sleep(180)
        await rig.guard.set_flow("pump-a", 0.0)
        await asyncio.sleep(5)
        delivered = rig.truth["pumps"]["pump-a"]["displaced"]
        assert full - last(rig, "scale.mass").value == pytest.approx(delivered, abs=0.011)
        assert last(rig, "scale.stable").value is True
    async with night(watched_bottle(scale="waste")) as rig:
        await rig.guard.set_flow("pump-a", 0.6)
        await asyncio.sleep(180)
        assert last(rig, "scale.mass").value == pytest.approx(200.0 + 1.8, abs=0.1)


async def test_an_empty_bottle_is_air_at_the_meter_and_the_bare_bottle_on_the_balance():
    async with night(watched_bottle()) as rig:
        await rig.guard.set_flow("pump-a", 2.0)
        await asyncio.sleep(30)
        assert last(rig, "meter.gas").value is False
        await asyncio.sleep(60.0 * STOCK_ML / 2.0)
        flow = last(rig, "meter.flow")
        assert last(rig, "meter.gas").value is True
        assert (flow.value, flow.quality) == (pytest.approx(0.0, abs=0.002), Quality.UNCERTAIN)
        assert last(rig, "scale.mass").value == pytest.approx(200.0, abs=0.01)
        assert last(rig, "pump-a.flow").value == pytest.approx(2.0)  # the pump itself sees nothing


async def test_a_dead_meter_gives_no_number():
    dead = {"kind": "dead_sensor", "at": 20.0, "instrument": "meter"}
    async with night(watched_bottle(faults=[dead])) as rig:
        await asyncio.sleep(30)
        assert last(rig, "meter.flow").value is None


def test_a_place_that_is_not_there_is_a_fault():
    with pytest.raises(ConfigError, match=r"meter: no place 'nowhere'"):
        Simulation(watched_bottle(meter="nowhere"), lambda: 0.0)


# --- what a chemist needs

ARRIVES = {
    "name": "substrate arrives",
    "signal": "meter.flow",
    "flow_deficit": 0.2,
    "flow_of": ["pump-a.flow"],
    "delay_s": 5.0,
}
STOCK = {"name": "substrate is low", "signal": "scale.mass", "below": 201.0, "action": "hold"}


async def test_an_empty_bottle_trips_the_rig_within_seconds_of_the_first_air():
    async with night(watched_bottle("sensirion-slf3s", ARRIVES)) as rig:
        await rig.guard.set_flow("pump-a", 2.0)
        await rig.guard.set_flow("pump-c", 0.5)
        dry_s = 60.0 * STOCK_ML / 2.0
        await asyncio.sleep(dry_s - 5.0)
        assert rig.rig.trip.cause is None
        await asyncio.sleep(5.0 + ARRIVES["delay_s"] + 3.0)
        cause = rig.rig.trip.cause
        assert cause is not None
        assert cause.name == "substrate arrives"
        assert "of 2 set for pump-a.flow" in cause.message
        await rig.rig.trip.settled()
        assert not any(rig.flows().values())


async def test_a_bottle_that_is_not_empty_trips_nothing_whatever_the_pump_does():
    async with night(watched_bottle("sensirion-slf3s", ARRIVES)) as rig:
        for flow in (0.5, 0.1, 0.0, 1.0, 0.0):
            await rig.guard.set_flow("pump-a", flow)
            await asyncio.sleep(30)
        assert rig.rig.trip.cause is None


async def test_the_noise_of_a_meter_at_rest_trips_nothing():
    given = watched_bottle("sensirion-slf3s", ARRIVES)
    noisy = given.simulation.model_copy(update={"noise": True})
    async with night(given.model_copy(update={"simulation": noisy})) as rig:
        await rig.guard.set_flow("pump-a", 0.5)
        await asyncio.sleep(60)
        await rig.guard.set_flow("pump-a", 0.0)
        await asyncio.sleep(600)
        assert rig.rig.trip.cause is None


async def test_a_lost_meter_is_a_violation_too():
    cut = {"kind": "unplug", "at": 60.0, "instrument": "meter"}
    async with night(watched_bottle("sensirion-slf3s", ARRIVES, faults=[cut])) as rig:
        await rig.guard.set_flow("pump-a", 0.5)
        await asyncio.sleep(80)
        assert rig.rig.trip.cause.name == "substrate arrives"


async def test_the_balance_says_when_the_stock_runs_low_before_it_is_gone():
    async with night(watched_bottle("sensirion-slf3s", STOCK)) as rig:
        await rig.guard.set_flow("pump-a", 2.0)
        await asyncio.sleep(80)
        assert rig.rig.interlocks()["substrate is low"] == "normal"
        await asyncio.sleep(12)
        assert rig.rig.interlocks()["substrate is low"] == "raised"
        assert rig.truth["pumps"]["pump-a"]["stock"] > 0.5
        assert rig.rig.trip.cause is None
