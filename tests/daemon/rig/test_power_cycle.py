"""Power cuts of single instruments on a working rig: found again, nothing set in motion again."""

import asyncio

import pytest

from daemon.errors import TaylordError
from drivers.errors import InstrumentError
from tests.daemon.rig.test_rig_simulated import night, reacting, settings
from tests.daemon.simulation.rigs import flow_table

pytestmark = pytest.mark.virtual
BACK_WITHIN_S = 2.0
PUMPS_OF_THE_RIG = {"pump-a", "pump-b", "pump-c"}
CHECK_S = 11.0  # the longest time between two looks at an instrument's own alarms


def usual():
    """Knauer and New Era pumps, a Huber bath."""
    return flow_table() | {"interlocks": []}


def peristaltic():
    """Two channels of one peristaltic pump on one port, and a controller with a memory."""
    table = usual()
    reglo = {"driver": "ismatec-reglo-icc", "port": "/dev/ttyUSB5", "max_flow_ml_min": 10.0}
    limits = {"flow": [0.0, 5.0]}
    table["instruments"] |= {
        "pump-a": reglo | {"channel": 1, "limits": limits},
        "pump-c": reglo | {"channel": 3, "limits": limits},
        "bath": {
            "driver": "omron-e5cc",
            "port": "/dev/ttyUSB6",
            "limits": {"setpoint": [0.0, 140.0]},
        },
    }
    return table


CUTS = [
    pytest.param(table, name, id=f"{table.__name__} {name}")
    for table, names in ((usual, ("pump-a", "pump-b", "bath")), (peristaltic, ("pump-a", "bath")))
    for name in names
]
HOUSED = {"pump-a": "pump-c", "pump-c": "pump-a"}  # channels that lose their power together


def cut(rig, name):
    """Interrupt the power of an instrument; return all that were in its housing."""
    sim = rig.simulation.instruments[name]
    if hasattr(sim, "memory"):  # a controller that remembers something hot
        sim.memory[0x0106] = 1300
    sim.power_cycle()
    return {name, HOUSED[name]} if hasattr(sim, "housing") else {name}


def at_rest(rig, names):
    """Return whether nothing is pumped or heated by these."""
    still = all(rig.flows()[name] == 0.0 for name in names if name.startswith("pump"))
    return still and ("bath" not in names or rig.truth["heaters"]["bath"]["goal"] is None)


def at_work(rig, names):
    """Return whether these do what they were told by :func:`reacting`."""
    flows = all(rig.flows()[n] == pytest.approx(0.5, rel=2e-3) for n in names if n != "bath")
    return flows and ("bath" not in names or rig.truth["heaters"]["bath"]["goal"] == 60.0)


async def until_lost(rig, name):
    """Wait until the rig knows that the instrument is gone."""
    async with asyncio.timeout(20.0):
        while rig.rig.connected(name):
            await asyncio.sleep(0.5)


async def order(rig, name):
    if name == "bath":
        return await rig.guard.set_temperature("bath", 60.0)
    return await rig.guard.set_flow(name, 0.5)


async def end(rig, name):
    if name == "bath":
        return await rig.guard.heat_off("bath")
    return await rig.guard.set_flow(name, 0.0)


PUMPS = [cut for cut in CUTS if cut.values[1] != "bath"]


@pytest.mark.parametrize(("table", "name"), PUMPS)
async def test_a_pump_without_power_comes_back_at_rest_and_tells_what_it_missed(table, name):
    async with night(settings(table())) as rig:
        await reacting(rig)
        for one in (gone := cut(rig, name)):
            rig.simulation.disturb(one, "silent")
        await until_lost(rig, name)
        others = set(rig.rig.connections()) - gone - {"nmr"}
        for _ in range(2):
            with pytest.raises((InstrumentError, TaylordError), match=name):
                await order(rig, name)
        assert at_work(rig, others)
        for one in gone:
            rig.simulation.disturb(one, "ok")
        await asyncio.sleep(BACK_WITHIN_S + 1.0)  # and a poll
        assert rig.rig.connected(name), rig.rig.connections()[name]
        assert at_rest(rig, gone)
        assert at_work(rig, others)
        (told,) = [
            event.data["message"]
            for event in rig.told[1:]
            if event.kind == "connection"
            and event.data["instrument"] == name
            and "refused" in event.data["message"]
        ]
        assert "2 commands refused meanwhile" in told
        assert "none was done later" in told
        await asyncio.sleep(30.0)
        assert at_rest(rig, gone)
        for one in gone:
            await end(rig, one)
            await order(rig, one)
        assert at_work(rig, gone | others)
        await asyncio.sleep(CHECK_S)
        assert rig.rig.alarm_documents() == []
        assert rig.rig.trip.cause is None


@pytest.mark.parametrize("table", [usual, peristaltic])
async def test_a_bath_without_power_trips_the_rig_and_comes_back_at_rest(table):
    async with night(settings(table())) as rig:
        await reacting(rig)
        cut(rig, "bath")
        rig.simulation.disturb("bath", "silent")
        await until_lost(rig, "bath")
        await asyncio.sleep(5.0)
        assert rig.rig.trip.cause.name == "bath heats unseen"
        with pytest.raises((InstrumentError, TaylordError)):
            await order(rig, "bath")
        assert at_rest(rig, PUMPS_OF_THE_RIG)
        rig.simulation.disturb("bath", "ok")
        await asyncio.sleep(BACK_WITHIN_S + 1.0)
        assert rig.rig.connected("bath")
        await rig.rig.trip.settled()
        await asyncio.sleep(30.0)
        assert at_rest(rig, PUMPS_OF_THE_RIG | {"bath"})
        assert rig.truth["heaters"]["bath"]["goal"] is None


@pytest.mark.parametrize(("table", "name"), CUTS)
async def test_a_power_cut_that_the_line_does_not_notice_holds_the_rig(table, name):
    async with night(settings(table())) as rig:
        await reacting(rig)
        await asyncio.sleep(2.0)
        gone = cut(rig, name)
        await asyncio.sleep(CHECK_S)
        alarms = {alarm["id"]: alarm for alarm in rig.rig.alarm_documents()}
        assert alarms[f"{name} fault"]["action"] == "hold"
        assert rig.rig.trip.cause is None
        if name == "bath":  # a pump may be told anew at once
            with pytest.raises((InstrumentError, TaylordError), match="switch heat off first"):
                await order(rig, name)
        for one in gone:
            await end(rig, one)
            assert at_rest(rig, {one})
        await asyncio.sleep(CHECK_S)
        assert rig.rig.alarm_documents() == []
        for one in gone:
            await order(rig, one)
        assert at_work(rig, gone)
