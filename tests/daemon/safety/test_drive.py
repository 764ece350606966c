"""The safe sequence: pumps first, bounded, repeated, and no fault of one reaching another."""

import asyncio
from dataclasses import replace

import pytest

from daemon.safety.drive import Drive, Member, Timing
from drivers.errors import LinkLost

pytestmark = pytest.mark.virtual


class Sequence:
    """Members that log when they were made safe, and fail as scripted."""

    def __init__(self):
        self.log, self.watched = [], []

    def member(self, name, *faults, first=False, takes_s=0.1):
        script = list(faults)

        async def make_safe():
            await asyncio.sleep(takes_s)
            if script:
                raise script.pop(0)
            self.log.append((name, round(asyncio.get_running_loop().time(), 6)))

        return Member(name, make_safe, first)

    def watch(self, outcome):
        self.watched.append((outcome.name, outcome.confirmed, outcome.message))


@pytest.fixture
async def sequence():
    return Sequence()


async def test_pumps_stop_together_before_heat_goes_off(sequence):
    members = [sequence.member("bath"), *(sequence.member(n, first=True) for n in ("a", "b"))]
    report = await Drive(members).run()
    assert sequence.log == [("a", 0.1), ("b", 0.1), ("bath", 0.2)]
    assert report.safe
    assert report.exit_code == 0
    assert report.lines() == ["bath: safe", "a: safe", "b: safe"]


async def test_a_dead_pump_delays_the_heater_by_no_more_than_its_bound(sequence):
    members = [sequence.member("bath"), sequence.member("a", first=True, takes_s=1000)]
    report = await Drive(members, Timing(give_up_s=20)).run()
    assert sequence.log == [("bath", 2.1)]
    assert asyncio.get_running_loop().time() == 20
    assert report.exit_code == 3
    assert report.lines()[1] == "a: NOT CONFIRMED SAFE: no confirmation within 8 s"


async def test_what_cannot_be_reached_is_tried_after_what_can(sequence):
    dead = sequence.member("a", first=True)
    members = [
        Member("a", dead.make_safe, first=True, reachable=lambda: False),
        Member("bath", sequence.member("bath").make_safe, first=False),
        sequence.member("b", first=True),
    ]
    await Drive(members).run()
    assert [name for name, _ in sequence.log] == ["b", "bath", "a"]


async def test_it_goes_on_until_confirmed_and_tells_every_attempt(sequence):
    faults = LinkLost("a", "unplugged"), OSError("no such device"), LinkLost("a", "unplugged")
    members = [sequence.member("a", *faults, first=True)]
    report = await Drive(members, watch=sequence.watch).run()
    assert report.safe
    assert sequence.watched == [
        ("a", False, "unplugged"),
        ("a", False, "its port fails: no such device"),
        ("a", False, "unplugged"),
        ("a", True, ""),
    ]
    assert report.outcomes[0].attempts == 4


async def test_pauses_between_attempts_grow_to_a_bound(sequence):
    members = [sequence.member("a", *[LinkLost("a", "down")] * 10, takes_s=0.0)]
    await Drive(members, Timing(retry_s=1.0, longest_retry_s=4.0)).run()
    assert asyncio.get_running_loop().time() == 1 + 2 + 4 * 8


async def test_an_instrument_that_is_back_is_tried_at_once(sequence):
    members = [sequence.member("a", *[LinkLost("a", "down")] * 6, takes_s=0.0)]
    drive = Drive(members)
    asyncio.get_running_loop().call_later(8.0, drive.retry_now)
    await drive.run()
    assert sequence.log == [("a", 8.0)]


async def test_a_mistake_in_one_driver_does_not_keep_the_others_from_safety(sequence):
    members = [
        sequence.member("a", ZeroDivisionError("a bug"), first=True),
        sequence.member("b", first=True),
        sequence.member("bath"),
    ]
    report = await Drive(members, watch=sequence.watch).run()
    assert [name for name, _ in sequence.log] == ["b", "bath"]
    assert report.lines()[0] == (
        "a: NOT CONFIRMED SAFE: fault in its driver: ZeroDivisionError('a bug')"
    )
    assert sequence.watched[-1][:2] == ("a", False)


async def test_a_rig_without_pumps_or_without_heat_is_made_safe_too(sequence):
    assert (await Drive([sequence.member("bath")]).run()).safe
    assert (await Drive([sequence.member("a", first=True)]).run()).safe
    assert (await Drive([]).run()).safe


async def test_what_comes_last_waits_until_a_pump_that_failed_at_first_stands(sequence):
    pump = sequence.member("a", LinkLost("a", "unplugged"), first=True, takes_s=2.5)
    valve = replace(sequence.member("valve"), last=True)
    report = await Drive([valve, pump]).run()
    assert [name for name, _ in sequence.log] == ["a", "valve"]
    assert report.safe
