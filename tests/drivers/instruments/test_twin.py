import asyncio

import pytest
from pydantic import ValidationError

from drivers.errors import CommandRejected, DeviceFault, OutOfRange
from drivers.pumps.twin import TwinOptions, TwinPumps
from drivers.roles import Pump, SyringePump
from drivers.signal import Quality
from simulators.instruments.twin import SimTwinPumps
from tests.drivers.instruments.rig import FakePump, Wire, simulated

pytestmark = pytest.mark.virtual
PORT = "/dev/ttyUSB0"
HARVARD = {"syringe": {"diameter_mm": 14.5, "volume_ml": 10.0}}
CAVRO = {"syringe": {"volume_ml": 5.0}}
NEW_ERA = {"syringe": {"diameter_mm": 14.5, "volume_ml": 10.0}, "safe_mode_s": 60}


def options(of="harvard-pump11-elite", own=HARVARD, **more):
    first, second = own | {"address": 0}, own | {"address": 1}
    return {"of": of, "first": first, "second": second, "refill_flow": 8.0, **more}


@pytest.fixture
def part():
    return FakePump()


@pytest.fixture(
    params=[
        ("harvard-pump11-elite", HARVARD),
        ("tecan-cavro", CAVRO),
        ("new-era-ne1000", NEW_ERA),
    ],
    ids=lambda param: param[0],
)
def chosen(request):
    return options(*request.param)


@pytest.fixture
async def sim(part, chosen):
    sim = simulated(SimTwinPumps, "twin", part, chosen)
    for member in sim.members:
        if hasattr(member, "initialised"):
            member.initialised = True
    return sim


@pytest.fixture
async def twin(sim, chosen):
    async with Wire(PORT, sim, framing="serial", baud=19200).driver(
        "twin", "twin-pumps", chosen
    ) as twin:
        yield twin
        await twin.stop()


async def live(twin, part, seconds, flow=None):
    """Let the rig poll for so long; return the least and the most flow that the plant saw."""
    seen = []
    for _ in range(seconds):
        await asyncio.sleep(1)
        await twin.poll(["flow"])
        seen.append(part.flow)
    return min(seen), max(seen)


async def test_it_is_a_pump_that_the_executor_need_not_refill(twin):
    assert isinstance(twin, Pump)
    assert not isinstance(twin, SyringePump)
    assert twin.max_flow_ml_min == pytest.approx(6.4)
    assert twin.min_flow_ml_min < 0.6


@pytest.mark.no_cover  # hours of it
async def test_it_delivers_far_more_than_two_syringes_hold(twin, part):
    assert await twin.set_flow(2.0) == pytest.approx(2.0, rel=1e-3)
    begun = asyncio.get_running_loop().time()
    least, most = await live(twin, part, 1800)
    minutes = (asyncio.get_running_loop().time() - begun) / 60.0
    assert part.displaced_ml() == pytest.approx(2.0 * minutes, rel=5e-3)
    assert (least, most) == (pytest.approx(2.0, rel=1e-3), pytest.approx(2.0, rel=1e-3))
    await twin.check()


async def test_its_flow_is_changed_whoever_delivers(twin, part):
    await twin.set_flow(2.0)
    await live(twin, part, 400)
    await twin.set_flow(1.0)
    assert part.flow == pytest.approx(1.0, rel=1e-3)
    assert (await twin.flow.read()).value == pytest.approx(1.0, rel=1e-3)


async def test_a_stop_stops_both_and_ends_the_refill(twin, part, sim):
    await twin.set_flow(2.0)
    while twin._filling is None:
        await live(twin, part, 1)
    await twin.make_safe()
    await live(twin, part, 60)
    assert part.flow == 0.0
    assert twin._filling is None
    assert (await twin.flow.read()).value == 0.0
    assert await twin.set_flow(1.0) == pytest.approx(1.0, rel=1e-3)


async def test_a_refill_that_fails_ends_the_turns_and_is_told_until_it_is_stopped(twin, part):
    await twin.set_flow(2.0)

    async def refill(_volume, _flow):
        raise DeviceFault("twin", "stalled")

    for pump in twin.pumps:
        pump.refill = refill
    while not twin._failed:
        await live(twin, part, 1)
    with pytest.raises(DeviceFault, match="does not take turns any more: refill: stalled"):
        await twin.check()
    with pytest.raises(CommandRejected, match="stop it first"):
        await twin.set_flow(1.0)
    await twin.stop()
    await twin.check()


async def test_a_syringe_that_is_not_full_in_time_is_a_fault_and_no_gap_is_hidden(twin, part):
    await twin.set_flow(2.0)

    async def refill(_volume, _flow):
        await asyncio.sleep(1e5)

    for pump in twin.pumps:
        pump.refill = refill
    await live(twin, part, 900)
    with pytest.raises(DeviceFault, match=r"stopped by itself|not full in time"):
        await twin.check()


async def test_a_fault_says_which_of_the_two_it_is(twin, part):
    async def check():
        raise DeviceFault("twin", "stalled")

    twin.pumps[1].check = check
    with pytest.raises(DeviceFault, match="twin: pump 2: stalled"):
        await twin.check()


async def test_flows_that_the_refill_cannot_keep_up_with_are_refused(twin, part):
    with pytest.raises(OutOfRange, match="it must be refilled in time"):
        await twin.set_flow(9.0)
    assert part.flow == 0.0


async def test_what_one_does_not_tell_is_no_sum(twin):
    async def read(_lane):
        return twin.pumps[0].signals["flow"].bad("fault")

    twin.pumps[0].signals["flow"].read = read
    assert (await twin.flow.read()).quality is Quality.BAD


async def test_what_is_left_in_both_is_told(twin):
    assert (await twin.remaining.read()).value == pytest.approx(
        sum(pump.capacity_ml for pump in twin.pumps)
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"second": HARVARD | {"address": 0}}, "different addresses"),
        ({"of": "knauer-azura-pump", "first": {}, "second": {}}, "different addresses"),
        ({"second": HARVARD | {"address": 1, "baud_rate": 9600}}, "same line settings"),
        ({"of": "tecan-cavro", "refill_flow": 999.0}, "do 290 mL/min at most"),
        ({"of": "no-such-pump"}, "no driver 'no-such-pump'"),
        ({"first": {"address": 0}}, "syringe"),
        ({"of": "keller-x-line", "first": {"address": 1}, "second": {"address": 2}}, "no pump"),
    ],
)
def test_options_are_checked(wrong, why):
    if wrong.get("of") == "tecan-cavro":
        wrong = options("tecan-cavro", CAVRO) | wrong
    with pytest.raises(ValidationError, match=why):
        TwinOptions.model_validate(options() | wrong)


def test_the_flow_limits_are_known_before_any_pump_is_made():
    specs = TwinPumps.signal_specs(TwinOptions.model_validate(options("tecan-cavro", CAVRO)))
    assert specs["flow"].limits.high == pytest.approx(290.0)
