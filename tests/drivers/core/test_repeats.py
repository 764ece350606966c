"""Replies that come twice, on a line whose replies do not say what they answer."""

import asyncio

import pytest

from drivers.errors import CommandRejected, NoReply
from drivers.repeats import LATELY_S, REMEMBERED, SLACK_S, Repeats
from drivers.signal import Lane
from tests.drivers.core.peer import Peer, bus_to

pytestmark = pytest.mark.virtual
TOOK_S = 0.02


class Twice:
    """Answers each request in order after 20 ms; those in ``again`` once more, 5 ms later."""

    def __init__(self, held, again=()):
        self.held, self.again = held, again

    def __call__(self, request):
        answer = self.held.get(request)
        if answer is None:
            return []
        replies = [(TOOK_S, answer + b"\r\n")]
        return [*replies, (TOOK_S + 0.005, answer + b"\r\n")] if request in self.again else replies


@pytest.fixture
async def opened():
    buses = []

    async def to(held, again=()):
        bus = bus_to(Peer(Twice(held, again)))
        buses.append(bus)
        await bus.open()
        return bus

    yield to
    for bus in buses:
        await bus.close()


def now():
    return asyncio.get_running_loop().time()


def bare(frame):
    if frame.startswith(b"ERR"):
        raise CommandRejected("x", frame.decode())
    return frame.decode()


async def ask(bus, request, *, lane=Lane.POLL, timeout_s=1.0, match=bare):
    return await bus.exchange("x", request, match, lane=lane, timeout_s=timeout_s)


async def test_a_reply_that_comes_again_shifts_none_of_those_that_follow(opened):
    bus = await opened({b"T": b"23.7", b"S": b"60.0", b"P": b"5"}, again=(b"T",))
    for _ in range(3):
        assert [await ask(bus, q) for q in (b"T", b"S", b"P")] == ["23.7", "60.0", "5"]
    assert (bus.counters.stray, bus.counters.timeouts) == (3, 0)


async def test_the_repeated_refusal_of_one_request_refuses_no_other(opened):
    bus = await opened({b"A": b"ERR 1", b"S": b"60.0", b"P": b"5"}, again=(b"A",))
    with pytest.raises(CommandRejected, match="ERR 1"):
        await ask(bus, b"A")
    assert [await ask(bus, q) for q in (b"S", b"P")] == ["60.0", "5"]


async def test_two_equal_values_cost_the_time_of_one_more_reply(opened):
    bus = await opened({b"T": b"0", b"S": b"0"})
    assert await ask(bus, b"T") == "0"
    before = now()
    assert await ask(bus, b"S") == "0"
    assert now() - before == pytest.approx(2 * TOOK_S + SLACK_S)
    assert bus.counters.stray == 0


async def test_the_same_question_again_is_answered_at_once(opened):
    bus = await opened({b"T": b"0"})
    for _ in range(3):
        before = now()
        assert await ask(bus, b"T") == "0"
        assert now() - before == pytest.approx(TOOK_S)


async def test_a_trip_waits_for_no_second_reply(opened):
    bus = await opened({b"T": b"0", b"OFF": b"0"})
    await ask(bus, b"T")
    before = now()
    assert await ask(bus, b"OFF", lane=Lane.TRIP) == "0"
    assert now() - before == pytest.approx(TOOK_S)


async def test_an_equal_value_is_taken_at_the_deadline_at_the_latest(opened):
    bus = await opened({b"T": b"0", b"S": b"0"})
    await ask(bus, b"T")
    before = now()
    assert await ask(bus, b"S", timeout_s=0.03) == "0"
    assert now() - before == pytest.approx(0.03)


async def test_an_old_reply_that_matches_nothing_is_a_stray(opened):
    bus = await opened({b"T": b"0", b"S": b"0"})
    await ask(bus, b"T")
    with pytest.raises(NoReply):
        await ask(bus, b"S", match=lambda frame: None)
    assert bus.counters.stray == 1


async def test_what_was_answered_long_ago_is_not_suspected():
    repeats = Repeats()
    repeats.answered(b"T", b"0", took_s=0.1, now=0.1)
    assert repeats.suspected(b"S", b"0", 0.1 + LATELY_S - 0.01)
    assert not repeats.suspected(b"S", b"0", 0.1 + LATELY_S)
    assert not repeats.suspected(b"S", b"1", 0.2)
    assert not repeats.suspected(b"T", b"0", 0.2)


async def test_the_longest_time_a_reply_took_fades():
    repeats = Repeats()
    repeats.answered(b"T", b"0", took_s=0.1, now=0.1)
    repeats.answered(b"T", b"0", took_s=0.01, now=1.01)
    assert repeats.until(2.0) == pytest.approx(2.0 + 2 * 0.09 + SLACK_S)


async def test_waiting_for_a_newer_reply_does_not_make_the_next_wait_longer(opened):
    bus = await opened(dict.fromkeys((b"1", b"2", b"3", b"4", b"5", b"6"), b"*"))
    began = now()
    for request in (b"1", b"2", b"3", b"4", b"5", b"6"):
        await ask(bus, request)
    assert now() - began <= 6 * (2 * TOOK_S + SLACK_S)


def test_the_one_not_heard_for_longest_is_forgotten_first():
    repeats = Repeats()
    for n in range(REMEMBERED):
        repeats.answered(b"S", b"%d" % n, 0.01, 0.01 * n)
    repeats.answered(b"S", b"0", 0.01, 0.2)
    repeats.answered(b"S", b"new", 0.01, 0.21)
    assert repeats.suspected(b"T", b"0", 0.22)
    assert not repeats.suspected(b"T", b"1", 0.22)


def test_a_frame_that_answered_two_requests_may_be_old_to_both():
    repeats = Repeats()
    repeats.answered(b"S", b"0", 0.01, 0.0)
    assert not repeats.suspected(b"S", b"0", 0.1)
    repeats.answered(b"T", b"0", 0.01, 0.1)
    repeats.answered(b"T", b"0", 0.01, 0.2)
    assert repeats.suspected(b"S", b"0", 0.3)
    assert repeats.suspected(b"T", b"0", 0.4)
    assert not repeats.suspected(b"T", b"0", 0.6)  # S was answered with it more than 0.5 s ago
