"""The rig as commands and the API see it."""

import asyncio

import pytest

from daemon.errors import UnknownSignal
from drivers.errors import NotConnected
from drivers.signal import Quality
from tests.daemon.rig.scripted import Bench, running

pytestmark = pytest.mark.virtual


async def test_a_signal_never_read_is_stale():
    bench = Bench()
    reading = bench.rig.latest("pump-a.pressure")
    assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, "stale")
    with pytest.raises(KeyError):
        bench.rig.latest("pump-a.mood")


async def test_a_reading_ages_until_it_is_stale():
    async with running(Bench()) as bench:
        assert bench.rig.latest("bath.temperature").value == 25.0
        for name in ("pump-a", "bath"):
            bench.rig._supervisors[name]._plan._due = [1e9, 1e9]
        await asyncio.sleep(4.5)
        assert bench.rig.latest("pump-a.flow").reason == "stale"
        assert bench.rig.latest("bath.temperature").value == 25.0
        await asyncio.sleep(1.0)
        assert bench.rig.latest("bath.temperature").value is None


async def test_a_signal_that_is_never_polled_does_not_age():
    async with running(Bench()) as bench:
        assert (await bench.rig.read("nmr.busy")).value is False
        await asyncio.sleep(1000)
        assert bench.rig.latest("nmr.busy").value is False


async def test_a_signal_can_be_read_on_demand():
    async with running(Bench()) as bench:
        assert (await bench.rig.read("pump-a.mode")).value == "a"
        assert bench.readings[-1].signal == "pump-a.mode"
        with pytest.raises(UnknownSignal):
            await bench.rig.read("pump-a.mood")
        bench["nmr"].link.unplug()
        await asyncio.sleep(20)
        with pytest.raises(NotConnected):
            await bench.rig.read("nmr.busy")


async def test_all_readings_come_in_groups_and_are_listed_once():
    async with running(Bench()) as bench:
        names = [reading.signal for reading in bench.rig.readings()]
        assert len(names) == len(set(names)) == len(bench.rig.specs)


async def test_periods_follow_the_configuration_but_what_is_safety_is_polled_often():
    slow = {"port": "a", "poll_s": 60.0}
    instruments = {"p": {"driver": "pump", **slow}, "b": {"driver": "bath", **slow, "port": "b"}}
    bench = Bench(instruments=instruments, reactor=None)
    assert bench.rig.specs["p.flow"].poll_s == 2.5
    assert bench.rig.specs["b.setpoint"].poll_s == 60.0
    assert bench.rig.specs["p.pressure"].poll_s == 1.0
    assert bench.rig.specs["b.temperature"].poll_s == 1.5
    assert bench.rig.specs["p.mode"].poll_s is None


async def test_every_task_of_the_rig_has_a_heartbeat_until_it_ends():
    bench = Bench()
    async with running(bench):
        await asyncio.sleep(100)
        assert bench.rig.heartbeats.late() == []
        bench["nmr"].link.unplug()
        bench["bath"].silent = True
        await asyncio.sleep(1000)
        assert bench.rig.heartbeats.late() == []
    await asyncio.sleep(1000)
    assert bench.rig.heartbeats.late() == []


async def test_a_stalled_task_is_late():
    async with running(Bench()) as bench:

        async def never(names):
            async with asyncio.timeout(None):
                while True:
                    try:
                        await asyncio.sleep(1e6)
                    except asyncio.CancelledError:
                        if stop:
                            raise

        stop = []
        bench["bath"].poll = never
        await asyncio.sleep(40)
        assert bench.rig.heartbeats.late() == ["bath"]
        stop.append(True)


async def test_waiting_for_the_first_attempts_can_be_bounded():
    bench = Bench()
    bench["nmr"].takes_s = 5.0
    task = asyncio.create_task(bench.rig.run())
    await bench.rig.first_attempts(0.5)
    assert asyncio.get_running_loop().time() == 0.5
    assert bench.rig.connected("pump-a")
    assert not bench.rig.connected("nmr")
    task.cancel()
    await asyncio.wait([task])
