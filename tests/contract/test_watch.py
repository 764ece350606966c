"""The watch itself: it must see what it is there for."""

import asyncio
import random

import pytest

from drivers.bus import Bus
from drivers.codec.stx_etx import ETX, PacketCodec
from drivers.errors import NoReply
from drivers.fence import Fence
from simulators.wire import hostile
from tests.contract import troubles
from tests.contract.cases import WIRED
from tests.contract.watch import Watched, is_true

pytestmark = pytest.mark.virtual


def case_of(name):
    return next(case for case in WIRED if str(case).startswith(name))


async def watched(tmp_path, name):
    bench = Watched(case_of(name), tmp_path)
    await bench.connect()
    return bench


async def mixed(bench, rounds, kinds=None):
    """Return what is found in so many rounds."""
    rng = random.Random(3)
    bench.line.trouble = hostile.Mixed(rng, kinds or troubles.noticeable(bench, rng), 0.5)
    for _ in range(rounds):
        await bench.hostile_round(rng)
    bench.calm()
    await bench.close()
    return bench.found


@pytest.mark.parametrize("name", ["huber-pilot-one", "eurotherm-3216"])
async def test_a_driver_without_its_fence_is_caught(tmp_path, name, monkeypatch):
    monkeypatch.setattr(Fence, "doubt", lambda self, now: None)
    found = await mixed(await watched(tmp_path, name), 300)
    assert any("the truth is" in wrong for wrong in found.wrong)


async def test_a_driver_that_looks_at_no_checksum_is_caught(tmp_path, monkeypatch):
    def unchecked(codec, size):
        frame = bytes(codec._buffer[:size])
        return frame[2:-3] if frame and frame[-1] == ETX else None

    bench = await watched(tmp_path, "new-era-ne1000")
    monkeypatch.setattr(PacketCodec, "_unpacked", unchecked)
    found = await mixed(bench, 200, {"flipped": hostile.flipped(random.Random(4))})
    assert any("the truth is" in wrong for wrong in found.wrong)


async def test_an_exchange_that_ends_late_is_caught(tmp_path, monkeypatch):
    exchange = Bus.exchange

    async def late(bus, *args, **options):
        try:
            return await exchange(bus, *args, **options)
        except NoReply:
            await asyncio.sleep(0.01)
            raise

    monkeypatch.setattr(Bus, "exchange", late)
    bench = await watched(tmp_path, "huber-pilot-one")
    bench.line.trouble = hostile.dropped
    await bench.poll()
    await bench.close()
    assert "ended 0.01 s late" in bench.found.overdue[0]


async def test_an_order_that_is_confirmed_and_not_done_is_caught(tmp_path):
    bench = await watched(tmp_path, "huber-pilot-one")
    bench.part.set_goal = lambda degc: None
    bench.part.goal = 33.0
    for seed in range(4):
        await bench.order(random.Random(seed))
    await bench.close()
    assert "was confirmed, the plant has 33.0" in bench.found.wrong[0]


@pytest.mark.parametrize(
    ("value", "before", "after", "step", "true"),
    [
        (1.5, 1.5, 1.5, 0.0, True),
        (1.5, 1.5, 1.6, 0.0, True),
        (1.55, 1.5, 1.6, 0.0, True),  # it moves
        (1.4, 1.5, 1.6, 0.0, False),
        (1.5000001, 1.5, 1.5, 0.0, False),
        (1.501, 1.5, 1.5, 0.003, True),
        (1.51, 1.5, 1.5, 0.003, False),
        (2, 1, 3, 0.0, True),
        (True, False, False, 0.0, False),
        (True, False, True, 0.0, True),
        ("B", "A", "C", 0.0, False),
        (1.0, None, 1.0, 0.0, True),
        (1.0, None, None, 0.0, False),
    ],
)
def test_a_value_is_the_truth_at_an_end_or_in_between(value, before, after, step, true):
    assert is_true(value, before, after, step) is true
