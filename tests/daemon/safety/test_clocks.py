"""A computer that slept has left the rig alone; a clock that was set is told."""

import asyncio
from contextlib import suppress

from structlog.testing import capture_logs

from daemon.events import EventBus
from daemon.safety.clocks import ClockWatch
from daemon.timebase import Timebase, suspended_s


class Clocks:
    """Clocks that a test sets, and what the watch does about them."""

    def __init__(self):
        self.slept = self.behind = 100.0
        self.pulled, self.told, events = [], [], EventBus()
        events.on_event(self.told.append)
        how = (lambda: self.slept, lambda: self.behind, self.pulled.append, events)
        self.watch = ClockWatch(*how)


def test_a_computer_that_slept_trips_the_rig_once():
    clocks = Clocks()
    clocks.slept += 3600.0
    clocks.watch.look()
    clocks.watch.look()
    (cause,) = clocks.pulled
    assert cause.name == "computer suspended"
    assert "suspended for 3600 s, and nobody watched the rig" in cause.message


async def test_a_clock_that_was_set_trips_nothing_and_is_told_once():
    clocks = Clocks()
    clocks.behind -= 3600.0
    with capture_logs() as logged:
        clocks.watch.look()
        clocks.watch.look()
    (event,) = clocks.told
    assert event.data["why"].startswith("the system's clock is -3500 s from the record's; ")
    assert [line["event"] for line in logged] == ["clock.set"]
    assert clocks.pulled == []


async def test_the_clocks_of_a_computer_that_is_awake_are_no_event():
    pulled, told, events = [], [], EventBus()
    events.on_event(told.append)
    watch = ClockWatch(suspended_s, Timebase.real().behind_s, pulled.append, events)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await watch.run()
    watch.look()
    assert (pulled, told) == ([], [])
