"""What a daemon that died has left pumping and heating is stopped by the next start."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.daemon.rig.scripted import Bench, running

pytestmark = pytest.mark.virtual


async def test_what_a_daemon_that_died_has_left_acting_is_stopped_at_the_first_connection():
    with capture_logs() as logged:
        async with running(Bench(left_acting=True)) as bench:
            assert [bench[name].done for name in ("pump-a", "pump-b", "bath")] == [["safe"]] * 3
            assert bench["nmr"].done == []
            told = bench.of("decision", what="made safe at the start")
            assert sorted(event["instrument"] for event in told) == ["bath", "pump-a", "pump-b"]
    lines = [line for line in logged if line["event"] == "instrument.made_safe"]
    assert {line["why"] for line in lines} == {"the last start ended without making the rig safe"}


async def test_an_instrument_that_comes_later_is_stopped_then_and_only_once():
    bench = Bench(left_acting=True)
    bench["pump-a"].link.refuses = True
    async with running(bench):
        assert bench["pump-a"].done == []
        bench["pump-a"].link.refuses = False
        await asyncio.sleep(3)
        assert bench["pump-a"].done == ["safe"]
        bench["pump-a"].link.unplug()
        await asyncio.sleep(3)
        bench["pump-a"].link.refuses = False
        await asyncio.sleep(3)
        assert bench["pump-a"].done == ["safe"]


async def test_one_that_does_not_confirm_is_not_connected():
    bench = Bench(left_acting=True)
    bath = bench["bath"]
    answers = bath.exchange

    async def exchange(what, note=True):
        bath.silent = what == "safe"
        await answers(what, note)

    bath.exchange = exchange
    async with running(bench):
        assert not bench.rig.connected("bath")
        del bath.exchange
        bath.silent = False
        await asyncio.sleep(3)
        assert bench.rig.connected("bath")
        assert bath.done == ["safe"]
