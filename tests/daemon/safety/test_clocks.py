"""A computer that slept has left the rig alone, as has a daemon that stood still."""

import asyncio
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from daemon.events import EventBus
from daemon.safety.alarms import Alarms
from daemon.safety.clocks import ClockWatch
from daemon.timebase import Timebase, suspended_s


class Clocks:
    """Clocks that a test sets, and what the watch does about them."""

    def __init__(self):
        self.slept = self.behind = 100.0
        self.pulled, self.told, events = [], [], EventBus()
        events.on_event(self.told.append)
        self.alarms = Alarms(events)
        how = (lambda: self.slept, lambda: self.behind, self.pulled.append, events, self.alarms)
        self.watch = ClockWatch(*how)


async def test_a_computer_that_slept_trips_the_rig_once():
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
    behind_s, alarms = Timebase.real().behind_s, Alarms(events)
    watch = ClockWatch(suspended_s, behind_s, pulled.append, events, alarms)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await watch.run()
    watch.look()
    assert (pulled, told) == ([], [])


@pytest.mark.virtual
async def test_a_daemon_that_stood_still_says_so_until_somebody_has_seen_it():
    clocks = Clocks()
    await asyncio.sleep(61.0)  # no look meanwhile, as in a process that is stopped
    clocks.watch.look()
    clocks.watch.look()
    (alarm,) = clocks.alarms.all()
    assert alarm.message == (
        "taylord itself stood still for 60 s, and nobody watched the rig:"
        " it was stopped, or the computer was suspended or too busy"
    )
    assert (alarm.state, alarm.standing) == ("active", False)
    clocks.alarms.acknowledge("taylord stood still")
    assert clocks.alarms.all() == ()


@pytest.mark.virtual
async def test_a_look_that_is_a_little_late_is_no_event():
    clocks = Clocks()
    await asyncio.sleep(3.0)
    clocks.watch.look()
    assert (clocks.told, clocks.pulled) == ([], [])
