"""A check that runs beside a command sees no fault in what the command has done."""

import asyncio

import pytest

from drivers.roles import Pump, Thermostat
from tests.contract.bench import Bench
from tests.contract.cases import WIRED

pytestmark = pytest.mark.virtual
OFFSETS_S = [0.0, 0.002, 0.005, 0.008, 0.012, 0.02, 0.03, 0.045, 0.07, 0.1]


async def beside(first, second, offset_s):
    """Do one, and the other a moment later; a fault of either is raised."""
    doing = asyncio.create_task(first())
    await asyncio.sleep(offset_s)
    await second()
    await doing


@pytest.mark.parametrize("case", WIRED, ids=str)
async def test_a_check_beside_starting_and_stopping_tells_no_fault(case, tmp_path):
    bench = Bench(case, tmp_path)
    await bench.connect()
    instrument = bench.instrument
    if isinstance(instrument, Pump):
        flow = instrument.rounded_flow(min(1.0, instrument.max_flow_ml_min))
        acts = (lambda: instrument.set_flow(flow), instrument.stop)
    elif isinstance(instrument, Thermostat):
        acts = (lambda: instrument.set_temperature(60.0), instrument.heat_off)
    else:
        acts = (instrument.make_safe,)
    for offset_s in OFFSETS_S:
        for act in acts:
            await beside(instrument.check, act, offset_s)
    for offset_s in OFFSETS_S:
        for act in acts:
            await beside(act, instrument.check, offset_s)
    await instrument.make_safe()
    await bench.close()
