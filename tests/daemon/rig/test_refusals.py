"""What was refused while an instrument was down is told once, when it is back."""

import asyncio

import pytest

from daemon.errors import TaylordError
from drivers.errors import InstrumentError
from tests.daemon.rig.scripted import Bench, running

pytestmark = pytest.mark.virtual


async def refused(*commands):
    for command in commands:
        with pytest.raises((InstrumentError, TaylordError)):
            await command


async def test_the_return_tells_how_many_commands_of_which_kind_were_refused():
    async with running(Bench()) as bench:
        link, guard = bench["pump-a"].link, bench.guard
        link.unplug()
        await asyncio.sleep(3)
        await refused(
            guard.set_flow("pump-a", 1.0),
            guard.set_flow("pump-a", 2.0),
            guard.set_flow("pump-a", 0.0),
            guard.set_signal("pump-a.torque", 7),
            guard.set_flow("pump-b", 1e6),  # is up: refused for another reason
        )
        link.refuses = False
        await asyncio.sleep(3)
        told = bench.of("connection", instrument="pump-a")[-1]
        assert told["message"] == (
            "scripted pump-a; 4 commands refused meanwhile (set 1, set_flow 3); none was done later"
        )
        assert bench["pump-a"].done == []
        link.unplug()
        await asyncio.sleep(3)
        await refused(guard.set_flow("pump-a", 1.0))
        link.refuses = False
        await asyncio.sleep(3)
        told = bench.of("connection", instrument="pump-a")[-1]
        assert "1 command refused meanwhile (set_flow 1)" in told["message"]


async def test_an_outage_without_commands_says_nothing_of_them():
    async with running(Bench()) as bench:
        bench["pump-a"].link.unplug()
        await asyncio.sleep(3)
        bench["pump-a"].link.refuses = False
        await asyncio.sleep(3)
        assert bench.of("connection", instrument="pump-a")[-1]["message"] == "scripted pump-a"


async def test_commands_that_name_no_instrument_are_not_counted():
    async with running(Bench()) as bench:
        bench["pump-a"].link.unplug()
        await asyncio.sleep(2)
        bench.events.emit("command", verb="campaign.hold", outcome="refused", arguments={})
        bench.events.emit("command", verb="x", outcome="refused", arguments={"pump": "nowhere"})
        bench.events.emit("command", verb="set_flow", outcome="done", arguments={"pump": "pump-a"})
        bench["pump-a"].link.refuses = False
        await asyncio.sleep(3)
        assert bench.of("connection", instrument="pump-a")[-1]["message"] == "scripted pump-a"
