"""An instrument that answers its questions, and no more the one that proves the line quiet.

It stays away: nothing else tells a late reply from a true one. But it is stopped all the same, and
is there again with the first answer to its fence.
"""

import random
from contextlib import suppress

import pytest

from drivers.errors import InstrumentError
from drivers.registry import driver_class, driver_names
from drivers.roles import Pump
from simulators.wire.hostile import whole
from tests.contract.cases import WIRED
from tests.contract.watch import Watched

pytestmark = pytest.mark.virtual
FENCED = [
    case
    for case in WIRED
    if case.driver in driver_names()
    and isinstance(getattr(driver_class(case.driver), "fence", 0), str)
]
ACTING = [
    case
    for case in FENCED
    if any(hasattr(driver_class(case.driver), act) for act in ("set_flow", "set_temperature"))
]


class Mute:
    """Answers to fences are lost, and those to other questions now and then."""

    def __init__(self, bench, loss):
        self.lost = 0
        self._bench, self._loss, self._rng = bench, loss, random.Random(3)

    def __call__(self, reply):
        instrument, request = self._bench.instrument, self._bench.sent[-1]
        is_fence = request == instrument.encoded(instrument.fence) or (
            instrument.fence.encode() in request  # requests that are numbered
            and len(request) == len(instrument.encoded(instrument.fence))
        )
        if is_fence or self._rng.random() < self._loss:
            self.lost += 1
            return ()
        return whole(reply)


@pytest.fixture
async def bench(request, tmp_path):
    bench = Watched(request.param, tmp_path)
    await bench.connect()
    bench.instrument.doubt()
    await bench.poll()  # the fence has been answered before
    assert bench.found.faults == 0
    yield bench
    bench.calm()
    await bench.close()


@pytest.mark.parametrize("bench", FENCED, ids=str, indirect=True)
async def test_no_value_that_may_be_another_ones_comes_and_the_first_fence_ends_it(bench):
    bench.line.trouble = mute = Mute(bench, loss=0.3)
    for _ in range(25):
        await bench.poll()
    assert mute.lost > 0
    bench.calm()
    await bench.poll()
    faults = bench.found.faults
    await bench.poll()
    assert (bench.found.wrong, bench.found.faults) == ([], faults)


@pytest.mark.parametrize("bench", ACTING, ids=str, indirect=True)
async def test_it_is_driven_safe_all_the_same(bench):
    instrument, part = bench.instrument, bench.part
    if isinstance(instrument, Pump):
        await instrument.set_flow(1.0)
        assert part.flow == pytest.approx(1.0, rel=2e-3)
    else:
        await instrument.set_temperature(60.0)
        assert part.goal == pytest.approx(60.0)
    bench.line.trouble = Mute(bench, loss=0.0)
    instrument.doubt()
    with suppress(InstrumentError):  # it may be left without proof
        await instrument.make_safe()
    assert part.flow == 0.0
    assert part.goal is None or part.goal <= 25.0
