"""Lines that stall: whatever the driver asks to be sure of the line is late or lost itself."""

import asyncio
import random

import pytest

from drivers.registry import driver_class, driver_names
from simulators.wire.hostile import Stalling
from tests.contract.cases import WIRED
from tests.contract.watch import Watched

# tracing doubles the time, and other tests run the same lines
pytestmark = [pytest.mark.virtual, pytest.mark.no_cover]
ORDERS = ("set_flow", "set_temperature", "turn", "close_flow")
ACTING = [
    case
    for case in WIRED
    if case.driver in driver_names()  # else another test tells
    and any(hasattr(driver_class(case.driver), order) for order in ORDERS)
]


@pytest.fixture
async def bench(request, tmp_path):
    bench = Watched(request.param, tmp_path)
    await bench.connect()
    yield bench
    bench.calm()
    await bench.close()


@pytest.mark.parametrize("loss", [0.0, 0.5])
@pytest.mark.parametrize("longest_s", [1.5, 3.0, 8.0])
@pytest.mark.parametrize("bench", WIRED, ids=str, indirect=True)
async def test_fences_that_are_late_or_lost_themselves_let_no_wrong_value_through(
    bench, longest_s, loss
):
    bench.line.trouble = trouble = Stalling(random.Random(11), longest_s, loss)
    for _ in range(60):
        await bench.poll()
        await asyncio.sleep(0.05)
    assert trouble.held >= 10
    bench.calm()
    await asyncio.sleep(10)
    await bench.poll()  # what has been lost may cost one more question
    faults = bench.found.faults
    await bench.poll()
    assert (bench.found.wrong, bench.found.faults) == ([], faults)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("longest_s", [1.5, 8.0])
@pytest.mark.parametrize("bench", ACTING, ids=str, indirect=True)
async def test_what_was_confirmed_on_a_stalling_line_has_been_done(bench, longest_s, seed):
    rng = random.Random(seed)
    bench.line.trouble = trouble = Stalling(rng, longest_s, 0.3)
    bench.takes = trouble.takes
    for _ in range(60):
        await bench.order(rng)
        await bench.poll()
        await asyncio.sleep(0.05)
    bench.calm()
    await asyncio.sleep(10)
    await bench.poll()  # what has been lost may cost one more question
    faults = bench.found.faults
    await bench.order(rng)
    assert (bench.found.wrong, bench.found.faults) == ([], faults)
