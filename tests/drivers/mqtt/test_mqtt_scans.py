"""Scans that come twice, late, out of order, for somebody else, or cannot be read."""

import asyncio
import json

import pytest

from drivers.analysers.mqtt_scans import ANY, REMEMBERED, Scans
from drivers.errors import GarbledReply, LinkLost, NoReply

pytestmark = pytest.mark.virtual
SCAN_S = 10.0


def scan(number, t=None, *, identity="", **more):
    """A scan that shows its number."""
    axis = {"start": 1, "step": 1, "n": 1}
    message = {"id": identity, "seq": number, "axis": axis, "y": [number], **more}
    if t is not None:
        message["t"] = f"2031-01-01T00:{t // 60:02d}:{t % 60:02d}Z"  # a clock that is wrong
    return json.dumps(message).encode()


@pytest.fixture
def scans():
    """Scans that come every 20 s, of which two have been heard; the next is wanted at 45 s."""
    scans = Scans(SCAN_S)
    scans.take(scan(1, 20), 20.0)
    scans.take(scan(2, 40), 40.0)
    scans.want(ANY, 45.0)
    return scans


def test_the_next_scan_is_taken(scans):
    assert scans.take(scan(3, 60), 60.3)
    assert list(scans.found.y) == [3.0]


def test_old_scans_that_come_all_at_once_are_not_of_this_sample(scans):
    """The analyser was cut off from the broker for 5 min, and sends what it kept."""
    for number in range(3, 14):
        assert not scans.take(scan(number, 20 * number), 300.0)
    assert "before it was wanted" in scans.instead
    assert scans.take(scan(15, 300), 300.5)
    assert list(scans.found.y) == [15.0]


@pytest.mark.parametrize("by_s", [-3000, 600])
def test_a_clock_that_is_set_costs_one_scan_at_most(scans, by_s):
    taken = [scans.take(scan(n, 3600 + by_s + 20 * n), 3600.0 + 20 * n) for n in (3, 4)]
    assert taken[-1]


def test_a_scan_delivered_twice_is_one_in_any_order(scans):
    assert scans.take(scan(3), 60.0)
    assert scans.take(scan(4), 80.0)
    scans.want(ANY, 85.0)
    assert not scans.take(scan(3), 90.0)
    assert not scans.take(scan(4), 91.0)
    assert scans.found is None
    assert scans.take(scan(5), 100.0)


def test_of_repeats_only_the_last_ones_are_remembered(scans):
    for number in range(3, 4 + REMEMBERED):
        assert scans.take(scan(number), 60.0)
    assert scans.take(scan(3), 80.0)


def test_a_time_that_is_none_says_nothing(scans):
    for t in ("noon", None, 5, "0001-01-01T00:00:00", "2031-01-01T00:00:00+99:00"):
        message = json.loads(scan(3)) | {"t": t}
        assert scans.take(json.dumps(message).encode(), 60.0)


@pytest.fixture
async def uv(make):
    setup = make()
    await setup.driver.identify()
    return setup


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b'{"id": "x", "y": [1,', "no JSON"),
        (b'{"id": "K\xe4the"}', "no JSON"),
        (b"[" * (4 << 20) + b"[", "no JSON .longer than"),
        (scan(1, identity="of somebody"), "a scan with another id"),
    ],
    ids=["cut off", "latin-1", "huge", "another"],
)
async def test_what_came_instead_of_the_scan_is_told(uv, payload, why):
    uv.device._handlers.clear()  # it does not hear the question
    task = asyncio.create_task(uv.driver.acquire("a"))
    await asyncio.sleep(5.0)
    uv.broker.route("lab/uv1/scan", payload, retain=False)
    with pytest.raises(GarbledReply, match=f"within 30 s came only .*{why}") as raised:
        await task
    assert len(str(raised.value)) < 400


async def test_what_came_before_the_question_is_not_blamed(uv):
    await uv.hear("lab/uv1/scan", "{")
    uv.device._handlers.clear()
    with pytest.raises(NoReply):
        await uv.driver.acquire("a")


async def test_a_scan_that_comes_after_it_was_given_up_is_of_no_other_sample(uv):
    uv.device._handlers.clear()
    with pytest.raises(NoReply):
        await uv.driver.acquire("a")
    given_up = f"uv-{asyncio.get_running_loop().time() - 30.0:.3f}-1"
    task = asyncio.create_task(uv.driver.acquire("b"))
    await asyncio.sleep(1.0)
    await uv.hear("lab/uv1/scan", scan(1, identity=given_up).decode())
    with pytest.raises(GarbledReply, match="another id"):
        await task


async def test_a_device_counts_as_away_until_it_is_heard_on_a_broker_that_is_back(uv):
    """The broker may have forgotten everything, and the device may be gone."""
    assert uv.driver.present
    uv.host.session += 1
    assert not uv.driver.present
    with pytest.raises(LinkLost, match="nothing since the broker is back"):
        await uv.driver.acquire("a")
    with pytest.raises(NoReply, match="nothing since the broker is back"):
        await uv.driver.identify()
    await uv.hear("lab/uv1/status", '{"state": "ready"}')
    assert (await uv.driver.acquire("b")).meta["id"].startswith("uv-")


async def test_a_broker_restarted_within_a_moment_ends_the_wait_for_a_device_that_is_gone(uv):
    task = asyncio.create_task(uv.driver.acquire("a"))
    await asyncio.sleep(3.0)
    uv.host.session += 1
    with pytest.raises(LinkLost, match="nothing since the broker is back"):
        await task
