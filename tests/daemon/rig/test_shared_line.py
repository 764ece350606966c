"""Many on one line: nearest deadline first, nobody starves, too much is said, the dead cost little."""

import asyncio
from itertools import pairwise

import pytest

from daemon.rig.linewatch import LineWatch
from daemon.rig.punctuality import Due, Lateness, Punctuality
from drivers.load import Counters
from tests.daemon.rig.shared import PORT, SharedRig

pytestmark = pytest.mark.virtual


def now():
    return asyncio.get_running_loop().time()


async def test_a_line_that_can_carry_its_polls_says_how_busy_it_is():
    async with SharedRig([1.0] * 6).running() as shared:
        await asyncio.sleep(60)
        (line,) = shared.rig.lines.documents().values()
        assert 0.1 < line["utilisation"] < 0.6
        assert line["exchanges_per_s"] == pytest.approx(6.0 + 0.6, rel=0.1)  # and the checks
        assert (line["late_polls"], line["missed_polls"], line["late"]) == (0, 0, {})
        assert (line["state"], line["timeouts"], line["garbled"]) == ("open", 0, 0)
        assert line["instruments"] == [f"p{i}" for i in range(6)]
        assert shared.of("alarm") == []


async def test_a_line_that_is_asked_too_much_names_the_signals_that_are_late():
    async with SharedRig([0.1] * 8).running() as shared:
        await asyncio.sleep(60)
        (line,) = shared.rig.lines.documents().values()
        assert line["utilisation"] > 0.95
        assert line["late_polls"] > 100
        (alarm,) = shared.of("alarm")
        assert alarm["id"] == f"{PORT} overload"
        assert f"{PORT} is asked for more than it can carry" in alarm["message"]
        assert all(f"p{i}.pressure" in alarm["message"] for i in range(8))
        assert "poll less often" in alarm["message"]


async def test_nobody_starves_or_counts_as_down_on_a_line_that_is_asked_too_much():
    async with SharedRig([0.1] * 8 + [0.1]).running() as shared:
        await asyncio.sleep(120)
        counts = [len(shared.seen[f"p{i}.pressure"]) for i in range(9)]
        assert min(counts) > 0.8 * max(counts)
        assert {c["state"] for c in shared.of("connection")} == {"connected"}


async def test_one_that_is_polled_seldom_is_read_in_time_beside_many_that_ask_too_much():
    async with SharedRig([0.1] * 8 + [5.0]).running() as shared:
        await asyncio.sleep(120)
        assert max(shared.gaps("p8.pressure")) < 5.0 * 1.5 + 2.5
        assert max(shared.gaps("p0.pressure")) < 2.5


async def test_the_short_period_is_kept_beside_long_polls():
    """At nearly full load only the order by deadlines keeps the fast signal in time."""
    async with SharedRig([1.0] * 12 + [0.15]).running() as shared:
        await asyncio.sleep(120)
        (line,) = shared.rig.lines.documents().values()
        assert line["utilisation"] > 0.6
        assert max(shared.gaps("p12.pressure", since=10.0)) < 0.3
        assert max(shared.gaps("p3.pressure", since=10.0)) < 2.0


async def test_a_trip_write_overtakes_a_full_queue():
    async with SharedRig([0.05] * 10, heaters=1).running() as shared:
        await asyncio.sleep(10)
        await shared.rig.guard.set_temperature("heater0", 80.0)
        for k in range(20):
            await asyncio.sleep(1.0 + 0.0137 * k)
            shared.sent.clear()
            at = now()
            shared.rig.emergency_stop("test")
            while not (
                writes := [t for t, frame in shared.sent if frame[:2] in (b"\x0b\x06", b"\x0b\x10")]
            ):
                await asyncio.sleep(0.001)
            polls_before = [t for t, frame in shared.sent if t < writes[0]]
            assert len(polls_before) == 0  # what was under way had been sent before
            assert writes[0] - at < 0.1
            await shared.rig.trip.settled()
            shared.rig.reset()


async def test_a_dead_member_costs_the_others_one_deadline_in_each_back_off():
    async with SharedRig([1.0] * 4).running() as shared:
        await asyncio.sleep(20)
        shared.line.disturb("p0", "silent")
        await asyncio.sleep(20)
        assert not shared.rig.connected("p0")
        began, before = now(), shared.rig.lines._lines[PORT].link.counters.copy()
        shared.sent.clear()
        await asyncio.sleep(120)
        after = shared.rig.lines._lines[PORT].link.counters
        to_the_dead = [t for t, frame in shared.sent if frame[0] == 1]
        assert min(b - a for a, b in pairwise(to_the_dead)) > 0.5
        others = 120 * (before.busy_s / began)
        assert after.busy_s - before.busy_s - others < 0.4 * 120
        for i in (1, 2, 3):
            assert max(shared.gaps(f"p{i}.pressure", since=began)) < 1.0 * 1.5 + 1.2
        assert {c["state"] for c in shared.of("connection") if c["instrument"] != "p0"} == {
            "connected"
        }


async def test_a_member_of_a_shared_line_is_back_within_two_seconds():
    async with SharedRig([1.0] * 4).running() as shared:
        await asyncio.sleep(5)
        for k in range(15):
            shared.line.disturb("p0", "silent")
            await asyncio.sleep(30 + 0.171 * k)
            assert not shared.rig.connected("p0")
            shared.line.disturb("p0", "ok")
            at = now()
            while not shared.rig.connected("p0"):
                await asyncio.sleep(0.01)
            assert now() - at < 2.0


class FakeBus:
    def __init__(self):
        self.port, self.counters, self.state = "tty", Counters(), "open"


class Alarms:
    def __init__(self):
        self.raised = {}

    def all(self):
        return ()

    def raise_(self, alarm_id, message, *, latching):
        self.raised[alarm_id] = message

    def returned(self, alarm_id):
        self.raised.pop(alarm_id, None)


def look(watch, bus, punctuality, busy, at, late):
    bus.counters.busy_s += 5.0 * busy
    if late:
        punctuality.done([Due(("pressure",), at - 4.0, 1.0)], at)
    watch.look(at)


async def test_the_alarm_of_a_line_goes_when_it_has_eased():
    watch, bus, punctuality, alarms = LineWatch(Alarms()), FakeBus(), Punctuality(), None
    alarms = watch._alarms
    watch.add("p", bus, punctuality)
    watch.add("mqtt", object(), Punctuality())  # has no turns to count
    for k in range(5):
        look(watch, bus, punctuality, 0.99, 5.0 * k, late=True)
        assert bool(alarms.raised) == (k >= 4)  # a short look is no reason
    assert "p.pressure (20 polls, up to 3.0 s)" in alarms.raised["tty overload"]
    for k in range(5, 20):
        look(watch, bus, punctuality, 0.3, 5.0 * k, late=False)
    assert alarms.raised == {}
    assert watch.documents()["tty"]["utilisation"] == pytest.approx(0.3)


async def test_a_busy_line_without_late_signals_is_no_alarm():
    watch, bus = LineWatch(Alarms()), FakeBus()
    watch.add("p", bus, Punctuality())
    for k in range(20):
        look(watch, bus, None, 1.0, 5.0 * k, late=False)
    assert watch._alarms.raised == {}
    assert watch.documents()["tty"]["utilisation"] == 1.0


def test_a_poll_that_ends_after_its_next_was_due_is_late_and_after_more_some_are_missed():
    punctuality = Punctuality()
    punctuality.done([Due(("a", "b"), 10.0, 1.0)], 10.9)
    assert (punctuality.late, punctuality.missed, punctuality.lately(11.0)) == (0, 0, {})
    punctuality.done([Due(("a", "b"), 10.0, 1.0)], 13.5)
    assert (punctuality.late, punctuality.missed) == (2, 4)
    assert punctuality.lately(14.0)["a"] == Lateness(1, 2, 2.5)
    assert punctuality.lately(100.0) == {}
