import asyncio
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.ascii import AsciiInstrument
from drivers.errors import CommandRejected, InstrumentError, NoReply
from drivers.fence import LATE_S, Fence, StillInDoubt
from drivers.options import SerialOptions
from drivers.signal import Lane
from simulators.virtualtime import VirtualTimeLoop
from tests.drivers.core.late import HELD, Bare, InOrder
from tests.drivers.core.peer import Peer, bus_to

pytestmark = pytest.mark.virtual
TRUE = {"i.temperature": 23.75, "i.setpoint": 60.0, "i.running": True}


class Acknowledging(Bare):
    commands_answer = True


async def bare_on(script, cls=Bare, timeout_s=0.5):
    peer = Peer(script)
    bus = bus_to(peer)
    await bus.open()
    return cls("i", bus, SerialOptions(timeout_s=timeout_s), {}), peer


def delays(*first, then=0.01):
    left = list(first)
    return lambda _request: left.pop(0) if left else then


async def settled(ask, attempts=40):
    for _ in range(attempts):
        with suppress(NoReply):
            return await ask()
    raise AssertionError("it never answered again")


# --- what is owed


def test_the_first_reply_to_a_fence_sent_after_the_failure_ends_doubt():
    fence = Fence()
    fence.doubt(0.0)
    fence.sent(1.0)
    fence.sent(2.0)
    fence.answered()
    assert (fence.in_doubt, fence.owed) == (False, 1)


def test_a_reply_that_may_be_to_a_fence_from_before_the_failure_proves_nothing():
    fence = Fence()
    fence.sent(0.0)
    fence.sent(1.0)
    fence.doubt(2.0)
    fence.sent(3.0)
    for still in (True, True, False):
        assert fence.in_doubt
        fence.answered()
        assert fence.in_doubt is still


def test_a_reply_to_a_fence_that_nobody_sent_proves_nothing():
    fence = Fence()
    fence.doubt(0.0)
    fence.answered()
    assert fence.in_doubt


def test_a_fence_long_unanswered_counts_as_lost():
    fence = Fence()
    fence.sent(0.0)
    fence.doubt(1.0)
    fence.sent(LATE_S)
    fence.answered()
    assert not fence.in_doubt


def test_doubt_ends_without_an_answer_only_when_it_is_old():
    fence = Fence()
    fence.doubt(5.0)
    assert not fence.unanswered(5.0 + LATE_S - 0.01)
    assert fence.in_doubt
    assert fence.unanswered(5.0 + LATE_S)
    assert not fence.in_doubt


def test_replies_to_a_fence_that_come_at_once_count_as_one():
    fence = Fence()
    fence.sent(0.0)
    fence.doubt(1.0)
    fence.sent(2.0)
    fence.answered(3.0)
    fence.answered(3.0001)  # perhaps the same, sent twice
    assert fence.in_doubt
    fence.answered(3.5)
    assert not fence.in_doubt


def test_an_instrument_that_knows_its_fence_is_asked_until_it_answers():
    fence = Fence()
    fence.sent(0.0)
    fence.answered()
    fence.doubt(5.0)
    assert not fence.unanswered(5.0 + 10 * LATE_S)
    assert fence.in_doubt


def test_a_reply_that_tells_its_fence_proves_all_earlier_ones_past():
    fence = Fence()
    fence.sent(0.0)
    fence.doubt(1.0)
    fence.sent(2.0)
    fence.passed()
    assert (fence.in_doubt, fence.owed) == (False, 0)


def test_a_request_that_goes_first_renews_doubt_but_makes_none():
    fence = Fence()
    fence.renew(0.0)
    fence.require_clear()
    fence.doubt(1.0)
    fence.sent(2.0)
    fence.renew(3.0)
    with pytest.raises(StillInDoubt):
        fence.require_clear()
    fence.answered()  # of a fence from before it
    assert fence.in_doubt


@given(st.lists(st.sampled_from(["question", "fence", "reply", "lose"]), max_size=60))
def test_doubt_never_ends_while_a_reply_to_a_question_is_on_its_way(steps):
    """Everything is answered in order, or never; questions fail at once."""
    fence, on_its_way = Fence(), []
    for step in steps:
        if step == "question":  # a trip asks in doubt, too
            on_its_way.append("question")
            fence.doubt(0.0)
        elif step == "fence":
            on_its_way.append("fence")
            fence.sent(0.0)
        elif on_its_way and on_its_way.pop(0) == "fence" and step == "reply":
            fence.answered()
        assert fence.in_doubt or "question" not in on_its_way


@given(st.integers(0, 8), st.integers(0, 8))
def test_lost_replies_cost_one_fence_each_and_no_more(before, since):
    fence = Fence()
    for _ in range(before):
        fence.sent(0.0)
    fence.doubt(0.0)
    for _ in range(since):
        fence.sent(0.0)
    asked = 0
    while fence.in_doubt:
        fence.sent(1.0)
        fence.answered()
        asked += 1
    assert asked == before + 1


# --- a driver of bare values


async def test_a_late_reply_to_a_fence_does_not_stand_for_the_next_fence():
    """The first question and two fences late; then another question, late too."""
    bare, _ = await bare_on(InOrder(delays(2.5, 2.5, 2.5, 0.01, 0.01, 1.2)))
    values = []
    for _ in range(6):
        for name in TRUE:
            with suppress(InstrumentError):
                values.append(await bare.bound[name[2:]].read())
    await bare.bus.close()
    assert len(values) >= 6
    assert [v for v in values if v.value != TRUE[v.signal]] == []


@pytest.mark.parametrize("loss", [0.0, 0.3])
@pytest.mark.parametrize("late_s", [0.48, 0.5, 0.6, 1.3, 2.5, 7.0])
def test_no_bare_value_ever_answers_another_question(late_s, loss):
    for seed in range(25):
        rng = random.Random(seed)
        far = InOrder(
            lambda _, rng=rng: None if rng.random() < loss else rng.choice((0.01, late_s))
        )

        async def poll(far=far):
            bare, _ = await bare_on(far)
            for i in range(20):
                if i == 12:
                    far.delay = lambda _: 0.01
                with suppress(NoReply):
                    for reading in await bare.poll(list(bare.signals)):
                        assert reading.value == TRUE[reading.signal]
            await asyncio.sleep(7)
            assert all(reading.value is not None for reading in await bare.poll(list(bare.signals)))
            await bare.bus.close()

        loop = VirtualTimeLoop()
        loop.run_until_complete(poll())
        loop.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.01, 0.2, 0.49, 0.51, 0.7, 1.4, 3.0, None]), max_size=25))
def test_whatever_came_late_or_never_it_answers_again(first):
    async def questions():
        bare, _ = await bare_on(InOrder(delays(*first)))
        for query in ("PV?", "SP?", "RUN?", "PV?"):
            assert await settled(lambda q=query: bare.ask(q)) == HELD[query]
        await bare.bus.close()

    loop = VirtualTimeLoop()
    loop.run_until_complete(questions())
    loop.close()


async def test_a_fence_that_is_never_answered_locks_the_instrument_out_for_seconds_only():
    held = {**HELD, "WHO?": "what?"}
    bare, _ = await bare_on(InOrder(delays(None), held))
    with pytest.raises(NoReply):
        await bare.ask("PV?")
    began = asyncio.get_running_loop().time()
    assert await settled(lambda: bare.ask("PV?")) == "23.75"
    assert LATE_S - 1 < asyncio.get_running_loop().time() - began < LATE_S + 2
    await bare.bus.close()


async def test_one_that_waits_while_another_fails_asks_the_fence_first():
    bare, peer = await bare_on(InOrder(delays(0.7)), Acknowledging)
    failing = asyncio.create_task(bare.tell("RUN 1"))
    waiting = asyncio.create_task(bare.ask("SP?"))
    with pytest.raises(NoReply):
        await failing
    assert await waiting == "60.00"
    assert peer.requests == [b"RUN 1\r", b"WHO?\r", b"SP?\r"]
    await bare.bus.close()


async def test_a_trip_that_goes_first_is_doubted_as_what_it_overtook():
    """The fence under way was sent before the trip: its late reply proves nothing about it."""
    bare, peer = await bare_on(InOrder(delays(None, 0.7, 1.2)), Acknowledging)
    for lane, text in ((Lane.POLL, "PV?"), (Lane.POLL, "SP?"), (Lane.TRIP, "RUN 0")):
        with pytest.raises(NoReply):
            await bare.tell(text, lane=lane)
    assert peer.requests == [b"PV?\r", b"WHO?\r", b"RUN 0\r"]
    assert await settled(lambda: bare.ask("SP?")) == "60.00"
    assert not bare.in_doubt
    await bare.bus.close()


async def test_a_question_with_the_fences_words_needs_no_fence():
    bare, peer = await bare_on(InOrder(delays(None)), Acknowledging)
    with pytest.raises(NoReply):
        await bare.tell("RUN 1")
    assert await bare.ask("WHO?") == "I am B"
    assert not bare.in_doubt
    assert peer.requests == [b"RUN 1\r", b"WHO?\r"]
    await bare.bus.close()


async def test_an_error_reply_to_something_earlier_is_no_answer_to_the_fence():
    class Refusing(Acknowledging):
        def reply_to(self, request, frame):
            if frame == b"NO":
                raise CommandRejected(self.name, "refused")
            return super().reply_to(request, frame)

    bare, peer = await bare_on(InOrder(delays(0.8), {**HELD, "SP 20.00": "NO"}), Refusing)
    with pytest.raises(NoReply):
        await bare.tell("SP 20.00")
    assert await bare.ask("PV?") == "23.75"
    assert peer.requests == [b"SP 20.00\r", b"WHO?\r", b"PV?\r"]
    await bare.bus.close()


async def test_the_fence_asked_as_a_question_may_be_refused():
    class Refusing(Bare):
        def reply_to(self, request, frame):
            raise CommandRejected(self.name, "refused")

    bare, _ = await bare_on(InOrder(delays()), Refusing)
    with pytest.raises(CommandRejected):
        await bare.ask("WHO?")
    await bare.bus.close()


# --- drivers that name one


@pytest.mark.parametrize("pattern", ["", ".*", r"\S+", r"[-\d.]+", "OK|ERR"])
def test_a_fence_must_say_how_its_reply_differs_from_any_other(pattern):
    with pytest.raises(TypeError, match="must say how the reply to 'WHO\\?' looks"):
        type("Sloppy", (AsciiInstrument,), {"fence": "WHO?", "fence_reply": pattern})


def test_an_instrument_that_answers_at_once_is_out_of_doubt_within_milliseconds():
    fence, now = Fence(), 0.0
    for _ in range(3):  # three that may still be answered
        fence.sent(now)
        fence.doubt(now)
    while fence.in_doubt:
        fence.sent(now)
        now += 1e-4
        fence.answered(now)
        assert now < 0.01
