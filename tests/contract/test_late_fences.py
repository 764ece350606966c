"""Lines that stall: whatever the driver asks to be sure of the line is late or lost itself."""

import asyncio
import random
from contextlib import suppress

import pytest

from drivers.errors import InstrumentError
from drivers.roles import Pump
from tests.contract.bench import Bench
from tests.contract.cases import WIRED

pytestmark = pytest.mark.virtual
ACTING = [case for case in WIRED if case.limits]  # pumps and thermostats


class Stalling:
    """Trouble: from time to time the line holds all replies back for a while, or loses some.

    ``takes`` says whether a request gets through; a stalled line loses as many of those.
    """

    def __init__(self, seed, longest_s, loss):
        self.rng, self.longest_s, self.loss = random.Random(seed), longest_s, loss
        self.until = 0.0
        self.held = 0

    def __call__(self, reply):
        now = asyncio.get_running_loop().time()
        if now >= self.until and self.rng.random() < 0.3:
            self.until = now + self.rng.uniform(0.3, self.longest_s)
        stalled = now < self.until
        self.held += stalled
        if stalled and self.rng.random() < self.loss:
            return []
        return [(max(0.0, self.until - now), reply)]

    def takes(self):
        stalled = asyncio.get_running_loop().time() < self.until
        return not (stalled and self.rng.random() < self.loss)


class Lossy(Bench):
    """A bench whose line loses requests, too."""

    takes = staticmethod(lambda: True)

    def _dial(self, port, spec):
        end = super()._dial(port, spec)
        write = end.write

        async def write_or_lose(data):
            if self.takes():
                await write(data)

        end.write = write_or_lose
        return end


@pytest.fixture
async def bench(request, tmp_path):
    bench = Lossy(request.param, tmp_path)
    await bench.connect()
    yield bench
    await bench.close()


@pytest.mark.parametrize("loss", [0.0, 0.5])
@pytest.mark.parametrize("longest_s", [1.5, 3.0, 8.0])
@pytest.mark.parametrize("bench", WIRED, ids=str, indirect=True)
async def test_fences_that_are_late_or_lost_themselves_let_no_wrong_value_through(
    bench, longest_s, loss
):
    ask = bench.instrument.poll
    good = {reading.signal: reading.value for reading in await ask(bench.polled)}
    bench.line.trouble = trouble = Stalling(11, longest_s, loss)
    for _ in range(60):
        with suppress(InstrumentError):
            for reading in await ask(bench.polled):
                assert reading.value in (None, good[reading.signal])
        await asyncio.sleep(0.05)
    assert trouble.held >= 10
    bench.line.trouble = lambda reply: [(0.0, reply)]
    await asyncio.sleep(10)
    with suppress(InstrumentError):  # what has been lost may cost one more question
        await ask(bench.polled)
    assert {reading.signal: reading.value for reading in await ask(bench.polled)} == good


async def order(instrument, part, rng):
    """Give one order; return what the plant should do then, and what it does."""
    if isinstance(instrument, Pump):
        flow = rng.choice((0.0, 0.5, 1.0, 2.0))
        await instrument.set_flow(flow)
        return flow, part.flow
    if rng.random() < 0.3:
        await instrument.heat_off()
        return True, part.goal is None or part.goal <= 25.0
    degc = rng.choice((40.0, 50.0, 60.0))
    await instrument.set_temperature(degc)
    return degc, part.goal


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("longest_s", [1.5, 3.0, 8.0])
@pytest.mark.parametrize("bench", ACTING, ids=str, indirect=True)
async def test_what_was_confirmed_on_a_stalling_line_has_been_done(bench, longest_s, seed):
    bench.line.trouble = trouble = Stalling(seed, longest_s, 0.3)
    bench.takes = trouble.takes
    done = 0
    for _ in range(60):
        with suppress(InstrumentError):
            wanted, found = await order(bench.instrument, bench.part, trouble.rng)
            assert found == pytest.approx(wanted)
            done += 1
        with suppress(InstrumentError):
            await bench.instrument.poll(bench.polled)
        await asyncio.sleep(0.05)
    assert done
