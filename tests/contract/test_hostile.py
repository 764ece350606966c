"""Every driver on a hostile wire: no false value, no false confirmation, no hang, no growth.

The rule is in :mod:`tests.contract.watch`; what the wire does, in :mod:`tests.contract.troubles`.
"""

import asyncio
import random
import tracemalloc
from contextlib import suppress

import pytest

from drivers.errors import InstrumentError, LinkLost, NoReply, NotConnected
from drivers.registry import driver_class
from simulators.wire import hostile
from tests.contract import troubles
from tests.contract.bench import Bench
from tests.contract.cases import WIRED
from tests.contract.watch import Watched

# tracing doubles the time, and other tests run the same lines
pytestmark = [pytest.mark.virtual, pytest.mark.no_cover]
PLACES = 48  # of a long reply, at which it is cut
KINDS = (
    "delayed",
    "cut",
    "half",
    "dripping",
    "dropped",
    "twice in one piece",
    "noise",
    "endless noise",
    "stalling",
    "hang-up",
    "flipped",
)


def befalls(case, kind):
    """Return whether this driver must notice this trouble when it comes alone."""
    return case.checksum or kind != "flipped"


@pytest.fixture(params=WIRED, ids=str)
def case(request):
    return request.param


@pytest.fixture
async def bench(case, tmp_path):
    bench = Watched(case, tmp_path)
    await bench.connect()
    yield bench
    bench.calm()
    await bench.close()
    assert bench.found.wrong == []
    assert bench.found.overdue == []


async def longest_reply(bench):
    """Return the length of the longest reply to a poll."""
    lengths = []

    def spy(reply):
        lengths.append(len(reply))
        return hostile.whole(reply)

    bench.line.trouble = spy
    await bench.poll()
    return max(lengths)


def places(length):
    """Return where to cut: everywhere, or in a long reply at evenly spread places."""
    step = max(1, length // PLACES)
    return range(1, length + 1, step)


async def test_replies_cut_anywhere_or_in_single_bytes_are_the_same_replies(bench):
    for at in places(await longest_reply(bench)):
        bench.line.trouble = hostile.cut(at, 0.003)
        await bench.poll()
    bench.line.trouble = hostile.dripping(0.0005)
    await bench.poll()
    assert (bench.found.faults, bench.found.bad) == (0, 0)
    assert bench.found.values == bench.found.polls * len(bench.polled)


async def test_replies_that_break_off_or_end_too_late_at_any_place_shift_none(bench):
    late_s = 1.02 * troubles.timeout_s(bench.case)
    for at in places(await longest_reply(bench)):
        bench.line.trouble = hostile.Once(hostile.half(at - 1))
        await bench.poll()
        bench.line.trouble = hostile.Once(hostile.cut(at, late_s))
        await bench.poll()
        await bench.poll()
    assert bench.found.values > 0


async def test_two_frames_in_one_read_are_one_reply_and_a_stray(bench):
    bench.line.trouble = hostile.twice()
    await bench.poll()
    await bench.poll()
    assert (bench.found.faults, bench.found.bad) == (0, 0)


@pytest.mark.parametrize("pause_s", [0.002, 0.02])
async def test_replies_that_come_again_with_the_next_question_do_not_answer_it(bench, pause_s):
    rng = random.Random(10)
    bench.line.trouble = hostile.Mixed(rng, {"twice": hostile.twice(pause_s)}, 0.6)
    for _ in range(20):
        await bench.hostile_round(rng)
        await asyncio.sleep(1.0)  # the same question again at once would be another matter


async def test_replies_that_come_again_while_nobody_asks_answer_nothing(bench):
    for name in bench.polled:
        bench.line.trouble = hostile.twice(0.4)
        await bench.poll([name])
        await asyncio.sleep(3.0)
    bench.line.trouble = hostile.whole
    await bench.poll()
    assert bench.found.values > 0


async def test_replies_to_the_question_before_are_never_values(bench):
    bench.line.trouble = hostile.Stale()
    for _ in range(8):
        await bench.hostile_round(random.Random(6))
    bench.calm()
    await asyncio.sleep(12.0)  # older replies do not come
    await bench.poll()
    await bench.poll()
    assert bench.found.values > 0


@pytest.mark.parametrize(
    ("case", "kind"),
    [(case, kind) for case in WIRED for kind in KINDS if befalls(case, kind)],
    ids=lambda value: str(value).replace(" ", "-") if isinstance(value, str) else str(value),
)
async def test_of_one_trouble_comes_no_false_value_and_no_delay(bench, kind):
    rng = random.Random(kind)
    trouble = (troubles.noises(bench, rng) | troubles.noticeable(bench, rng))[kind]
    bench.line.trouble = hostile.Mixed(rng, {kind: trouble}, 0.9 if kind == "hang-up" else 0.4)
    if kind == "stalling":
        bench.takes = trouble.takes
    for _ in range(20):
        await bench.hostile_round(rng)


@pytest.mark.parametrize("seed", range(2))
async def test_of_all_troubles_mixed_comes_no_false_value_and_no_delay(bench, seed):
    rng = random.Random(seed)
    bench.line.trouble = hostile.Mixed(rng, troubles.noticeable(bench, rng), 0.7)
    bench.takes = lambda: rng.random() > 0.05
    for k in range(80):
        await bench.hostile_round(rng)
        if k % 20 == 19:
            await bench.pause()
    assert bench.found.values > 0


async def test_the_host_s_own_bytes_are_no_reply(bench):
    bench.line.echo = True  # and the configuration does not say so
    rng = random.Random(7)
    for _ in range(5):
        await bench.hostile_round(rng)


async def test_hanging_up_in_mid_reply_is_a_lost_link_and_what_comes_after_is_true(bench):
    bench.line.trouble = hostile.Once(hostile.HangUp(bench.line, after_s=0.1))
    with pytest.raises((LinkLost, NoReply)):
        await bench.instrument.identify()
    with suppress(NotConnected):  # one that asks again in time has lost it on the way
        await asyncio.sleep(0.2)
        await bench.instrument.identify()
    await asyncio.sleep(0.5)
    bench.prepared = False
    await bench.recover()
    await bench.poll()
    assert (bench.found.faults, bench.found.bad) == (0, 0)


async def test_connecting_on_a_hostile_line_moves_nothing(case, tmp_path):
    bench = Watched(case, tmp_path)
    rng = random.Random(8)
    bench.line.trouble = hostile.Mixed(rng, troubles.noticeable(bench, rng), 0.7)
    for _ in range(6):
        with suppress(InstrumentError):
            await Bench.connect(bench)
        assert not bench.part.moved
    bench.calm()
    await bench.close()
    assert bench.found.overdue == []


STREAMS = (troubles.NO_TEXT[:32], b"0123456789.", b"0", b"\x02\x10{")  # endless


@pytest.mark.parametrize("chunk", STREAMS, ids=range(len(STREAMS)))
async def test_an_endless_stream_ends_in_named_faults_and_leaves_no_value(bench, chunk):
    bytes_s = bench.line.baud / 10 if bench.case.framing == "serial" else 5e3
    chunk *= max(1, int(bytes_s * 0.02 / len(chunk)))
    stream = hostile.Endless(bench.line, chunk, len(chunk) / bytes_s, 12.0)
    bench.line.trouble = stream
    while stream.bytes_said < 10 * bytes_s:
        await bench.poll()
    assert (bench.found.faults, bench.found.values) == (bench.found.polls, 0)
    bench.line.trouble = hostile.whole
    await asyncio.sleep(15.0)
    await bench.poll()  # what has been lost may cost one more question
    faults = bench.found.faults
    await bench.poll()
    assert bench.found.faults == faults


@pytest.mark.parametrize("chunk", STREAMS, ids=range(len(STREAMS)))
def test_an_endless_stream_fills_no_memory(case, chunk):
    codec = driver_class(case.driver).line.codec(case.port)
    piece = chunk * (2048 // len(chunk))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(16):
            codec.feed(piece)
            while codec.next_frame() is not None:
                continue
        held = tracemalloc.get_traced_memory()[0] - before
        if held > 16e3:  # documents may be longer
            for _ in range(1024):
                codec.feed(piece)
                while codec.next_frame() is not None:
                    continue
            held = tracemalloc.get_traced_memory()[0] - before
            assert held < 1.3e6
    finally:
        tracemalloc.stop()
