"""Pumps that draw from several bottles by a valve in front of them."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.plumbing import Head
from simulators.spec import (
    BalanceSpec,
    FaultSpec,
    FeedSpec,
    FlowMeterSpec,
    PlantError,
    PumpSpec,
    ValveSpec,
)
from tests.simulators.plant.rigs import FLOW_RIG, rig

DEAD_ML = 0.3
ONE = FeedSpec("one", "pump-a", {"dfnb": 2.0}, DEAD_ML, 50.0, "selector", 1)
TWO = FeedSpec("two", "pump-a", {"dfnb": 1.0}, DEAD_ML, 40.0, "selector", 2)
SOLVENT = FLOW_RIG.feeds[2]
SHARED = {"feeds": (ONE, TWO, SOLVENT), "valves": (ValveSpec("selector"),)}


def inlet(world):
    return world.truth()["inlet"]["dfnb"]


def test_what_the_valve_lets_in_comes_to_the_mixer_a_line_later():
    world, clock = rig(**SHARED)
    world.pump("pump-a").set_flow(0.6)
    assert inlet(world) == pytest.approx(2.0)
    world.pump("pump-a").set_flow(0.0)
    world.valve("selector").turn(2)
    clock.pass_(1.0)
    world.pump("pump-a").set_flow(0.6)
    clock.pass_(60.0 * DEAD_ML / 0.6 - 0.5)
    assert inlet(world) == pytest.approx(2.0)
    clock.pass_(1.0)
    assert inlet(world) == pytest.approx(1.0)


def test_two_fronts_in_the_line_come_one_after_the_other():
    world, clock = rig(**SHARED)
    pump, valve = world.pump("pump-a"), world.valve("selector")
    seen = []
    for position in (2, 1, 2):
        pump.set_flow(0.0)
        valve.turn(position)
        clock.pass_(1.0)
        pump.set_flow(0.6)
        clock.pass_(9.0)  # 0.09 mL: all three lie in the line one behind the other
        seen.append(inlet(world))
    assert seen == [2.0, 2.0, 2.0]
    for expected in (1.0, 2.0, 1.0):
        clock.pass_(6.0)
        assert inlet(world) == pytest.approx(expected)
        clock.pass_(3.0)


def test_bottles_run_down_apart_and_an_empty_one_gives_air():
    world, clock = rig(**SHARED)
    pump, valve = world.pump("pump-a"), world.valve("selector")
    pump.set_flow(5.0)
    clock.pass_(300.0)
    pump.set_flow(0.0)
    assert world.truth()["pumps"]["pump-a"]["stock"] == pytest.approx(25.0)
    valve.turn(2)
    clock.pass_(1.0)
    assert world.truth()["pumps"]["pump-a"]["stock"] == pytest.approx(40.0)
    pump.set_flow(5.0)
    clock.pass_(600.0)
    assert world.truth()["pumps"]["pump-a"]["gas"] is True
    pump.set_flow(0.0)
    valve.turn(1)
    clock.pass_(1.0)
    assert world.truth()["pumps"]["pump-a"]["gas"] is False
    assert world.truth()["pumps"]["pump-a"]["stock"] == pytest.approx(25.0)


def test_the_valve_at_none_of_its_feeds_shuts_the_pump_in():
    world, clock = rig(**SHARED)
    world.pump("pump-a").set_flow(0.6)
    world.valve("selector").turn(2)
    clock.pass_(1.0)
    assert not world.pump("pump-a").stalled()
    world.valve("selector").turn(5)
    clock.pass_(1.0)
    assert world.pump("pump-a").stalled()


def test_the_stock_fault_and_its_end_are_of_the_bottle_in_use():
    fault = FaultSpec("empty", 10.0, "pump-a", duration_s=60.0)
    world, clock = rig(**SHARED, faults=(fault,))
    clock.pass_(20.0)
    assert world.truth()["pumps"]["pump-a"]["stock"] == 0.0
    world.valve("selector").turn(2)
    clock.pass_(1.0)
    assert world.truth()["pumps"]["pump-a"]["stock"] == 40.0
    clock.pass_(60.0)
    world.valve("selector").turn(1)
    clock.pass_(1.0)
    assert world.truth()["pumps"]["pump-a"]["stock"] == 50.0


def test_meters_and_balances_are_of_their_own_feed():
    around = {
        "flow_meters": (FlowMeterSpec("meter", "two"),),
        "balances": (BalanceSpec("under-one", "one"), BalanceSpec("under-two", "two")),
    }
    world, clock = rig(**SHARED, **around)
    before = [world.balance(name).mass_g() for name in ("under-one", "under-two")]
    world.pump("pump-a").set_flow(1.0)
    clock.pass_(60.0)
    after = [world.balance(name).mass_g() for name in ("under-one", "under-two")]
    density = (before[0] - after[0]) / 1.0
    assert 0.5 < density < 1.5
    assert before[1] == pytest.approx(after[1], abs=0.02)
    assert world.flow("meter").flow_ml_min() == pytest.approx(0.0, abs=0.01)
    world.valve("selector").turn(2)
    clock.pass_(1.0)
    assert world.flow("meter").flow_ml_min() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"feeds": (ONE, replace(TWO, valve=None), SOLVENT)}, "and no valve chooses"),
        ({"feeds": (ONE, replace(TWO, position=1), SOLVENT)}, "two feeds at one position of sel"),
        ({"pumps": (PumpSpec("pump-a", syringe_ml=10.0), *FLOW_RIG.pumps[1:])}, "has a syringe"),
        (
            {
                "feeds": (ONE, replace(TWO, stock_ml=None), SOLVENT),
                "balances": (BalanceSpec("scale", "two"),),
            },
            "scale: stands under feed two, which shares its pump; say its stock_ml",
        ),
    ],
)
def test_what_cannot_be_shared_is_refused(change, says):
    with pytest.raises(PlantError) as refusal:
        replace(FLOW_RIG, **{**SHARED, **change})
    assert says in str(refusal.value)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.floats(0.0, 0.5), st.floats(0.0, 60.0)), max_size=12)
)
def test_a_head_with_bottles_loses_no_liquid(moves):
    bottles = (5.0, 20.0, math.inf)
    head = Head(PumpSpec("p"), bottles[0], 0, bottles)
    pumped = [0.0, 0.0]
    for source, flow, seconds in moves:
        head.draw_from(source)
        head.command(flow)
        before = head.delivered
        while seconds > 0:
            step = min(seconds, head.until_change() + 1e-12)
            head.advance(step)
            seconds -= step
        if source < 2:
            pumped[source] += head.delivered - before
    for i, taken in enumerate(pumped):
        assert head.left_in(i) == pytest.approx(bottles[i] - taken, abs=1e-6)
    assert head.left_in(2) == math.inf
