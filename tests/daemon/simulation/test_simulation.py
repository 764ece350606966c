"""A configuration becomes a simulated rig that the production drivers can talk to."""

import asyncio

import pytest

from daemon.errors import ConfigError
from daemon.settings.models import Settings
from daemon.simulation import Simulation, framing, topic
from drivers.errors import LinkLost, NoReply, NotConnected
from drivers.registry import Lines
from drivers.signal import Quality
from simulators.instruments.base import Ports
from tests.daemon.simulation.rigs import flow, flow_table, wide, wide_table

pytestmark = pytest.mark.virtual


def clock():
    return asyncio.get_running_loop().time()


async def watched(seconds, *instruments):
    """Let time pass while somebody keeps polling, as the watchdogs want."""
    end = clock() + seconds
    while clock() < end:
        for instrument in instruments:
            await instrument.poll(list(instrument.signals)[:1])
        await asyncio.sleep(min(2.0, max(0.0, end - clock())))


@pytest.fixture
async def rig(request):
    """Return a function that starts a simulation and gives its instruments, opened."""
    closing = []

    async def start(settings, *names):
        sim = Simulation(settings, clock)
        closing.append(sim)
        sim.start()
        lines = Lines(sim.dial, sim.dial_mqtt)
        instruments = {}
        for name, its in settings.instruments.items():
            if names and name not in names:
                continue
            instruments[name] = lines.instrument(
                name, its.driver, its.port, sim.driver_options(name), {}
            )
        closing.append(lines)
        for name, instrument in instruments.items():
            await lines.open(name)
            await instrument.identify()
            await instrument.prepare()
        return sim, instruments

    yield start
    for thing in reversed(closing):
        if isinstance(thing, Lines):
            await thing.close()
        else:
            thing.close()


async def test_every_driver_identifies_its_simulated_instrument(rig):
    sim, instruments = await rig(wide())
    assert set(instruments) == set(sim.instruments)
    for instrument in instruments.values():
        await instrument.check()


async def test_a_set_flow_moves_fluid_in_the_world(rig):
    sim, instruments = await rig(flow(), "pump-a", "pump-b")
    assert await instruments["pump-a"].set_flow(1.5) == pytest.approx(1.5)
    assert await instruments["pump-b"].set_flow(0.5) == pytest.approx(0.5)
    await watched(60, instruments["pump-b"])
    truth = sim.world.truth()
    assert truth["line"]["flow"] == pytest.approx(2.0)
    assert truth["pumps"]["pump-a"]["displaced"] == pytest.approx(1.5, rel=0.01)
    assert truth["pumps"]["pump-b"]["displaced"] == pytest.approx(0.5, rel=0.01)


async def test_a_set_temperature_heats_the_bath_of_the_world(rig):
    sim, instruments = await rig(flow(), "bath")
    await instruments["bath"].set_temperature(60.0)
    await watched(1800, instruments["bath"])
    assert sim.world.truth()["heaters"]["bath"]["temperature"] == pytest.approx(60.0, abs=0.5)
    (reading,) = await instruments["bath"].poll(["temperature"])
    assert reading.value == pytest.approx(60.0, abs=0.5)


async def test_a_host_that_dies_leaves_pump_and_bath_safe(rig):
    sim, instruments = await rig(flow(), "pump-b", "bath")
    await instruments["pump-b"].set_flow(0.5)
    await instruments["bath"].set_temperature(60.0)
    await watched(120, *instruments.values())
    await asyncio.sleep(150)
    truth = sim.world.truth()
    assert truth["pumps"]["pump-b"]["flow"] == 0.0
    assert truth["heaters"]["bath"]["goal"] is None


async def test_a_spectrum_travels_from_the_cell_to_the_driver(rig):
    _, instruments = await rig(flow(), "nmr")
    spectrum = await instruments["nmr"].acquire("blank")
    assert spectrum.axis.shape == spectrum.y.shape == (4096,)
    assert spectrum.finished - spectrum.started == pytest.approx(10.0, abs=0.1)


async def test_an_mqtt_sensor_publishes_the_line_pressure(rig):
    _, instruments = await rig(wide(), "probe")
    await asyncio.sleep(25)
    (reading,) = await instruments["probe"].poll(["line"])
    assert reading.value == pytest.approx(0.0, abs=0.1)


async def test_two_instruments_share_one_port(rig):
    sim, instruments = await rig(wide(), "pump-b", "pump-d")
    await instruments["pump-d"].set_flow(0.3)
    truth = sim.world.truth()["pumps"]
    assert (truth["pump-b"]["flow"], truth["pump-d"]["flow"]) == (0.0, pytest.approx(0.3))


async def test_the_same_seed_gives_the_same_readings(rig):
    seen = []
    for _ in range(2):
        _, instruments = await rig(flow(seed=3), "pump-a", "bath")
        started = clock()
        await instruments["pump-a"].set_flow(1.0)
        readings = []
        for _ in range(20):
            for instrument in instruments.values():
                readings += [
                    (r.signal, r.value, round(r.t - started, 6))
                    for r in await instrument.poll(list(instrument.signals))
                ]
        seen.append(readings)
    assert seen[0] == seen[1]


async def test_a_silent_instrument_is_a_fault_of_its_own_and_comes_back(rig):
    faults = [{"kind": "silent", "at": 10.0, "duration": 20.0, "instrument": "pump-a"}]
    _, instruments = await rig(flow(faults=faults), "pump-a", "pump-c")
    await asyncio.sleep(10)
    with pytest.raises(NoReply, match="pump-a"):
        await instruments["pump-a"].poll(["pressure"])
    await instruments["pump-c"].poll(["pressure"])
    await asyncio.sleep(20)
    assert (await instruments["pump-a"].poll(["pressure"]))[0].quality is Quality.GOOD


async def test_an_unplugged_instrument_loses_its_link(rig):
    faults = [{"kind": "unplug", "at": 10.0, "instrument": "bath"}]
    sim, instruments = await rig(flow(faults=faults), "bath")
    await asyncio.sleep(15)
    with pytest.raises((LinkLost, NotConnected), match="bath"):
        await instruments["bath"].poll(["temperature"])
    sim.disturb("bath", "ok")


async def test_garbage_is_never_a_value(rig):
    faults = [{"kind": "garbage", "at": 10.0, "instrument": "pump-a"}]
    _, instruments = await rig(flow(faults=faults), "pump-a")
    await asyncio.sleep(15)
    with pytest.raises(NoReply):
        await instruments["pump-a"].poll(["pressure"])


async def test_a_fault_without_an_instrument_befalls_all(rig):
    _, instruments = await rig(flow(faults=[{"kind": "silent", "at": 60.0}]), "bath", "pump-a")
    await asyncio.sleep(60)
    for name, signal in (("bath", "temperature"), ("pump-a", "pressure")):
        with pytest.raises(NoReply, match=name):
            await instruments[name].poll([signal])


async def test_an_mqtt_device_that_loses_its_network_goes_offline_late_and_comes_back(rig):
    sim, instruments = await rig(wide(), "probe")
    sim.disturb("probe", "unplug")
    await asyncio.sleep(100)
    (reading,) = await instruments["probe"].poll(["line"])
    assert reading.reason == "link"
    sim.disturb("probe", "ok")
    await asyncio.sleep(25)
    (reading,) = await instruments["probe"].poll(["line"])
    assert reading.quality is Quality.GOOD


async def test_a_fault_of_the_plant_happens_in_the_world(rig):
    faults = [{"kind": "dead_sensor", "at": 10.0, "instrument": "bath"}]
    sim, instruments = await rig(flow(faults=faults), "bath")
    await asyncio.sleep(15)
    assert [fault["kind"] for fault in sim.world.truth()["faults"]] == ["dead_sensor"]
    (reading,) = await instruments["bath"].poll(["bath"])
    assert (reading.value, reading.reason) == (None, "sentinel")


async def test_closing_cancels_faults_to_come_and_removes_the_files(tmp_path):
    sim = Simulation(flow(faults=[{"kind": "silent", "at": 5.0}]), clock)
    with sim:
        sim.start()
        folder = sim._data_dir
        assert folder.exists()
    assert not folder.exists()
    await asyncio.sleep(10)
    assert all(s.condition == "ok" for line in sim.lines.values() for s in line.stations)
    kept = Simulation(flow(), clock, data_dir=tmp_path)
    assert kept.driver_options("nmr")["data_root"] == {"C:\\Spinsolve": str(tmp_path / "nmr")}
    kept.close()
    assert tmp_path.exists()


def test_nothing_is_simulated_at_an_unknown_port():
    with Simulation(flow(), lambda: 0.0) as sim, pytest.raises(ConfigError, match="COM9"):
        sim.dial("COM9", None)


def broken(table, **changes):
    for key, value in changes.items():
        if value is None:
            table.pop(key)
        else:
            table[key] = value
    return Settings.model_validate(table)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"simulation": None}, r"simulation: section is missing"),
        ({"reactor": None}, r"reactor: section is missing"),
        (
            {"simulation": {"chemistry": "alchemy"}},
            r"simulation\.chemistry: unknown, given 'alchemy'.*snar",
        ),
        (
            {
                "simulation": {
                    "chemistry": "snar-hone-2017",
                    "faults": [{"kind": "stall", "at": 1, "instrument": "x"}],
                }
            },
            r"simulation\.faults\.0\.instrument: no instrument 'x'",
        ),
        (
            {"simulation": {"chemistry": "consecutive"}},
            r"simulation: feed substrate: .*no species 'dfnb'",
        ),
    ],
)
def test_what_keeps_a_rig_from_being_simulated_is_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        Simulation(broken(flow_table(), **changes), lambda: 0.0)


def test_a_droplet_reactor_cannot_be_simulated_yet():
    table = flow_table()
    table["reactor"]["kind"] = "droplet"
    with pytest.raises(ConfigError, match=r"reactor\.kind: 'droplet'"):
        Simulation(Settings.model_validate(table), lambda: 0.0)


def test_both_missing_sections_are_named_at_once():
    with pytest.raises(ConfigError) as raised:
        Simulation(broken(flow_table(), simulation=None, reactor=None), lambda: 0.0)
    assert len(raised.value.faults) == 2


def test_an_unknown_driver_cannot_be_simulated():
    table = flow_table()
    table["instruments"]["pump-a"]["driver"] = "perpetuum-mobile"
    with pytest.raises(ConfigError, match="perpetuum-mobile"):
        Simulation(Settings.model_validate(table), lambda: 0.0)


def test_a_simulator_without_a_role_is_refused(monkeypatch):
    monkeypatch.setattr("daemon.plugins.load", lambda group, name: object)
    with pytest.raises(ConfigError, match=r"knauer-azura-pump.*role"):
        Simulation(flow(), lambda: 0.0)


async def test_the_configured_file_and_points_hold_for_the_simulated_analyser(rig):
    table = flow_table()
    table["instruments"]["nmr"] |= {"file": "data.csv", "points": 1024}
    _, instruments = await rig(Settings.model_validate(table), "nmr")
    assert (await instruments["nmr"].acquire("blank")).y.shape == (1024,)


def test_ports_tell_how_bytes_are_framed():
    assert framing("/dev/ttyUSB0") == "serial"
    assert framing("socket://h:1") == "tcp"
    assert framing("rfc2217://h:1") == "tcp"
    assert framing("modbus-tcp://h:1") == "modbus-tcp"
    assert topic("mqtt:lab/x/") == topic("lab/x") == "lab/x"


def test_every_registered_simulator_needs_one_port_of_the_plant():
    with Simulation(Settings.model_validate(wide_table()), lambda: 0.0) as sim:
        for name, instrument in sim.instruments.items():
            with pytest.raises(ValueError, match=name):
                type(instrument)(name, {}, Ports(), lambda: 0.0)
