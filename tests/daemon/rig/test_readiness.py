"""No experiment counts on an instrument that has something wrong with it since it was connected."""

import asyncio

import pytest

from drivers.errors import CommandRejected, DeviceFault, NotReady
from tests.daemon.rig.scripted import Bench, running

pytestmark = pytest.mark.virtual
FAULTS = [DeviceFault("pump-a", "alarm pending"), NotReady("pump-a", "is not initialised")]


async def test_one_that_finds_nothing_wrong_is_ready_as_soon_as_it_is_connected():
    async with running(Bench()) as bench:
        assert [bench.rig.unready(name) for name in bench.rig.instruments] == [""] * 4


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_what_is_wrong_when_it_is_connected_is_an_alarm_at_once(fault):
    bench = Bench()
    bench["pump-a"].own_alarm = fault
    async with running(bench):
        assert bench.rig.connected("pump-a")
        assert bench.rig.unready("pump-a") == fault.what
        assert bench.rig.connections()["pump-a"]["unready"] == fault.what
        assert bench.rig.unready("bath") == ""
        (alarm,) = bench.of("alarm")
        assert (alarm["name"], alarm["action"]) == ("pump-a fault", "hold")
        assert fault.what in alarm["message"]
        assert bench["pump-a"].done == []


async def test_it_is_ready_seconds_after_what_was_wrong_is_put_right():
    bench = Bench()
    bench["pump-a"].own_alarm = FAULTS[0]
    async with running(bench):
        await asyncio.sleep(100)
        assert bench.rig.unready("pump-a")
        bench["pump-a"].own_alarm = None
        await asyncio.sleep(1.5)
        assert bench.rig.unready("pump-a") == ""
        assert [alarm["state"] for alarm in bench.of("alarm")] == ["active", "cleared"]


async def test_a_later_fault_is_an_alarm_and_leaves_it_ready():
    async with running(Bench()) as bench:
        bench["pump-a"].own_alarm = FAULTS[0]
        await asyncio.sleep(15)
        assert bench.of("alarm", name="pump-a fault")
        assert bench.rig.unready("pump-a") == ""


async def test_one_that_must_be_made_ready_anew_is_not_ready_any_more():
    async with running(Bench()) as bench:
        bench["pump-a"].own_alarm = FAULTS[1]
        await asyncio.sleep(15)
        assert bench.rig.unready("pump-a") == "is not initialised"


async def test_a_new_connection_asks_anew():
    async with running(Bench()) as bench:
        bench["pump-a"].link.unplug()
        await asyncio.sleep(5)
        assert bench.rig.unready("pump-a") == ""  # it is missing, which says more
        bench["pump-a"].own_alarm = FAULTS[0]
        bench["pump-a"].link.refuses = False
        await asyncio.sleep(3)
        assert bench.rig.unready("pump-a") == "alarm pending"


async def test_one_that_refuses_the_question_is_connected_and_not_ready():
    bench = Bench()
    bench["pump-a"].own_alarm = CommandRejected("pump-a", "'STATUS?' is refused")
    async with running(bench):
        assert bench.rig.connected("pump-a")
        assert bench.rig.unready("pump-a") == "'STATUS?' is refused"
        assert bench.of("alarm") == []


async def test_an_analyser_that_is_not_ready_warns():
    bench = Bench()
    bench["nmr"].own_alarm = DeviceFault("nmr", "shim needed")
    async with running(bench):
        assert bench.rig.unready("nmr") == "shim needed"
        (alarm,) = bench.of("alarm")
        assert alarm["action"] == "warn"
