"""The rig on real drivers, over simulated wires, with the faults of a bad night."""

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from daemon.events import EventBus
from daemon.rig.probe import probe_rig
from daemon.rig.rig import Rig
from daemon.safety.safe import make_rig_safe
from daemon.settings.models import InstrumentSettings, Settings
from daemon.simulation import Simulation
from drivers.registry import Lines
from drivers.signal import Quality
from tests.daemon.simulation.rigs import flow_table, wide_table

pytestmark = pytest.mark.virtual


def settings(table=None, **simulation):
    table = table or flow_table()
    table["simulation"] |= {"noise": False} | simulation
    return Settings.model_validate(table)


def fault(kind, at, **more):
    return {"kind": kind, "at": at} | more


def with_simulated_options(given, simulation):
    """Return the settings with what only the simulated instruments know."""
    instruments = {
        name: InstrumentSettings.model_validate(
            own.model_dump(exclude_unset=True) | simulation.driver_options(name)
        )
        for name, own in given.instruments.items()
    }
    return given.model_copy(update={"instruments": instruments})


class Night:
    """A simulated rig, and what it has told."""

    def __init__(self, given):
        loop = asyncio.get_running_loop()
        self.simulation = Simulation(given, loop.time)
        self.settings = with_simulated_options(given, self.simulation)
        self.events = EventBus()
        self.told, self.seen = [], {}
        self.rig = Rig(self.settings, self.lines(), self.events)
        self.events.on_event(self.told.append)
        self.events.on_readings(self._note)
        self.guard = self.rig.guard

    def lines(self):
        return Lines(self.simulation.dial, self.simulation.dial_mqtt)

    def _note(self, group):
        for reading in group:
            self.seen.setdefault(reading.signal, []).append(reading)

    def states(self, instrument):
        told = [e.data for e in self.told if e.kind == "connection"]
        return [data["state"] for data in told if data["instrument"] == instrument]

    @property
    def truth(self):
        return self.simulation.world.truth()

    def flows(self):
        return {name: pump["flow"] for name, pump in self.truth["pumps"].items()}


@asynccontextmanager
async def night(given):
    with Simulation(given, asyncio.get_running_loop().time):
        pass  # what cannot be simulated is said here
    night = Night(given)
    with night.simulation as simulation:
        simulation.start()
        task = asyncio.create_task(night.rig.run(), name="rig")
        await night.rig.first_attempts()
        await asyncio.sleep(1.5)
        try:
            yield night
        finally:
            task.cancel()
            await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def reacting(rig, flow=0.5, degc=60.0):
    """Make all pumps deliver and the bath heat."""
    for pump in ("pump-a", "pump-b", "pump-c"):
        await rig.guard.set_flow(pump, flow)
    await rig.guard.set_temperature("bath", degc)


def safe(truth):
    """Return whether nothing is pumped and nothing heated."""
    still = all(pump["flow"] == 0.0 for pump in truth["pumps"].values())
    return still and all(heater["goal"] is None for heater in truth["heaters"].values())


async def test_every_kind_of_instrument_connects_and_is_read():
    async with night(settings(wide_table())) as rig:
        await asyncio.sleep(35)
        states = {name: c["state"] for name, c in rig.rig.connections().items()}
        assert set(states.values()) == {"connected"}, states
        bad = {
            r.signal
            for r in rig.rig.readings()
            if r.quality is Quality.BAD and rig.rig.specs[r.signal].poll_s is not None
        }
        assert bad <= {"bath.process", "probe.line"}
        assert safe(rig.truth)


async def test_a_clog_trips_before_the_line_bursts():
    given = settings(faults=[fault("clog", 60.0, size=1.0)])
    async with night(given) as rig:
        await reacting(rig)
        await asyncio.sleep(40)
        assert rig.rig.trip.cause is None
        while rig.rig.trip.cause is None:
            await asyncio.sleep(0.25)
        assert rig.rig.trip.cause.signal.endswith(".pressure")
        report = await rig.rig.trip.settled()
        assert report.safe
        assert safe(rig.truth)


async def test_a_trip_stops_a_pump_that_was_stopping_to_change_speed():
    async with night(settings()) as rig:
        await reacting(rig)
        act = asyncio.create_task(rig.guard.set_flow("pump-b", 15.0))
        await asyncio.sleep(0.03)
        rig.rig.emergency_stop("person")
        await rig.rig.trip.settled()
        await asyncio.wait([act])
        assert act.exception() is not None
        await asyncio.sleep(5)
        assert safe(rig.truth)


@pytest.mark.parametrize("instrument", ["pump-a", "pump-b", "bath", "nmr"])
@pytest.mark.parametrize("kind", ["unplug", "silent", "garbage"])
async def test_a_broken_wire_is_a_fault_of_that_instrument_only(kind, instrument):
    table = flow_table() | {"interlocks": []}
    broken = fault(kind, 60.0, duration=20.0, instrument=instrument)
    async with night(settings(table, faults=[broken])) as rig:
        await rig.guard.set_flow("pump-c", 0.5)
        await asyncio.sleep(20.0)
        while asyncio.get_running_loop().time() < 79.0:
            await asyncio.sleep(1.0)
        others = set(rig.rig.connections()) - {instrument}
        assert all(rig.states(name) == ["connected"] for name in others)
        assert not rig.rig.connected(instrument)
        await asyncio.sleep(1.0 + 2.0)
        assert rig.rig.connected(instrument), rig.rig.connections()[instrument]
        assert rig.states(instrument) == ["connected", "reconnecting", "connected"]
        assert rig.flows()["pump-c"] == pytest.approx(0.5)
        assert rig.rig.trip.cause is None


async def test_a_dead_pump_on_a_shared_line_keeps_the_other_readable():
    table = wide_table() | {"interlocks": []}
    dead = fault("silent", 60.0, instrument="pump-d")
    async with night(settings(table, faults=[dead])) as rig:
        await asyncio.sleep(200)
        assert not rig.rig.connected("pump-d")
        assert rig.states("pump-b") == ["connected"]
        times = [r.t for r in rig.seen["pump-b.flow"] if r.t > 70.0]
        gaps = [b - a for a, b in pairwise(times)]
        assert sorted(gaps)[-3] < 2.0  # a period of 1 s and a deadline, but for full attempts
        assert max(gaps) < 7
        assert all(r.quality is Quality.GOOD for r in rig.seen["pump-b.flow"][1:])


async def test_a_dead_sensor_switches_the_heat_off():
    given = settings(faults=[fault("dead_sensor", 120.0, instrument="bath")])
    async with night(given) as rig:
        await reacting(rig)
        while asyncio.get_running_loop().time() < 130.0:
            await asyncio.sleep(1.0)
        assert rig.rig.trip.cause is not None
        assert rig.rig.trip.cause.name == "bath heats unseen"
        await rig.rig.trip.settled()
        assert rig.truth["heaters"]["bath"]["goal"] is None


async def test_a_killed_daemon_leaves_a_rig_that_safe_makes_safe():
    given = settings(wide_table())
    async with night(given) as rig:
        await reacting(rig)
        assert not safe(rig.truth)
        rig.rig._members = list  # a killed daemon makes nothing safe
    assert not safe(rig.truth)
    report = await make_rig_safe(rig.settings, rig.lines())
    assert report.safe, report.lines()
    assert safe(rig.truth)


async def test_a_probe_moves_nothing():
    given = settings(wide_table())
    async with night(given) as rig:
        await reacting(rig)
        rig.rig._members = list
    before = rig.flows()
    probes = await probe_rig(rig.settings, rig.lines())
    assert [p.fault for p in probes] == [""] * len(probes), probes
    assert rig.flows() == before


async def test_pumps_hold_the_pressure_of_the_reactor_themselves():
    table = flow_table()
    table["reactor"]["max_pressure"] = "12 bar"
    async with night(settings(table)) as rig:
        pump = rig.rig.instrument("pump-a")
        assert await pump.ask("PMAX10?") == "PMAX10:12"


async def test_after_the_first_attempts_everything_that_answers_has_been_read():
    night = Night(settings())
    with night.simulation as simulation:
        simulation.start()
        task = asyncio.create_task(night.rig.run(), name="rig")
        await night.rig.first_attempts()
        polled = [name for name, spec in night.rig.specs.items() if spec.poll_s is not None]
        assert [n for n in polled if night.rig.latest(n).quality is not Quality.GOOD] == []
        await night.guard.set_temperature("bath", 60.0)  # a first act finds fresh readings
        task.cancel()
        await asyncio.wait([task])
