"""Commands: sent once, whatever becomes of the answer."""

import random
from collections import Counter
from contextlib import suppress

import pytest

from drivers.errors import InstrumentError
from simulators.wire import hostile
from tests.contract.test_late_fences import ACTING
from tests.contract.watch import Watched

pytestmark = pytest.mark.virtual


def bare(bench, frames):
    """Return frames without what numbers them (Modbus TCP)."""
    skip = 2 if bench.case.framing == "modbus-tcp" else 0
    return [frame[skip:] for frame in frames]


async def harmless(bench):
    """Return what the driver sends to ask and to stop: that may be sent again."""
    instrument = bench.instrument
    await bench.poll()
    for act in (instrument.identify, instrument.prepare, instrument.check, instrument.make_safe):
        await act()
    for signal in instrument.signals.values():
        with suppress(InstrumentError):
            await signal.read()
    return set(bare(bench, bench.sent))


@pytest.mark.parametrize("case", ACTING, ids=str)
async def test_a_command_whose_answer_is_lost_is_not_sent_again(case, tmp_path):
    bench = Watched(case, tmp_path)
    await bench.connect()
    rng = random.Random(9)
    asked = await harmless(bench)
    for _ in range(30):
        bench.line.trouble = hostile.Mixed(rng, {"dropped": hostile.dropped}, 0.7)
        bench.sent.clear()
        await bench.order(rng)
        commands = Counter(frame for frame in bare(bench, bench.sent) if frame not in asked)
        bench.calm()
        for _ in range(3):  # both answers of a doubtful line, and the states between
            await bench.poll()
        again = {frame: n for frame, n in commands.items() if n > 1}
        asked_here = {frame for frame in again if await is_question(bench, frame)}
        assert not again.keys() - asked_here, again
    await bench.close()
    assert bench.found.wrong == []


async def is_question(bench, frame):
    """Return whether a frame is a question that the driver asks only now and then."""
    before = (bench.part.flow, bench.part.goal, bench.part.at)
    host = bench._clean_line.hosts[0]
    host.write(frame)
    return (bench.part.flow, bench.part.goal, bench.part.at) == before
