import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.plumbing import Head
from simulators.spec import FaultSpec, FeedSpec, PumpSpec

from .rigs import FLOW_RIG, heated, rig, run

PUMPS = ("pump-a", "pump-b", "pump-c")


def stocked(stock_ml, **changes):
    feeds = (FeedSpec("substrate", "pump-a", {"dfnb": 2.0}, 0.1, stock_ml), *FLOW_RIG.feeds[1:])
    return rig(feeds=feeds, dispersion=False, **changes)


def test_a_sudden_clog_raises_pressure_by_flow_over_compliance_until_the_pumps_stall():
    world, clock = rig(faults=(FaultSpec("clog", at_s=600.0, size=100.0),))
    run(world)
    clock.t = 1600.0
    line, before = world.pressure("line"), world.pressure("line").pressure_bar()
    clock.pass_(3.0)
    assert line.pressure_bar() - before == pytest.approx(10.0, rel=0.01)  # 1 mL/min, C 5 uL/bar
    clock.pass_(60.0)
    assert all(world.pump(name).stalled() for name in PUMPS)
    assert line.pressure_bar() == pytest.approx(60.0, abs=2.0)
    stopped = world.pump("pump-a").displaced_ml()
    clock.pass_(60.0)
    assert world.pump("pump-a").displaced_ml() == stopped
    assert world.truth()["line"]["flow"] == 0.0


def test_a_growing_clog_shows_as_rising_pressure_first():
    world, clock = rig(faults=(FaultSpec("clog", at_s=0.0, size=0.3, growth_s=600.0),))
    run(world)
    seen = []
    for _ in range(12):
        clock.pass_(50.0)
        seen.append(world.pressure("line").pressure_bar())
    assert all(later >= earlier for earlier, later in itertools.pairwise(seen))
    assert seen[0] < 7.5
    clock.pass_(60.0)
    assert world.pressure("line").pressure_bar() == pytest.approx(7.0 + 30.0, rel=0.01)


def test_a_clog_that_goes_away_lets_the_pressure_down():
    world, clock = rig(faults=(FaultSpec("clog", at_s=100.0, size=0.2, duration_s=200.0),))
    run(world)
    clock.t = 1290.0
    assert world.pressure("line").pressure_bar() == pytest.approx(27.0, rel=0.02)
    clock.t = 1310.0
    assert world.pressure("line").pressure_bar() < 7.1


def test_only_the_weakest_pump_stalls_first():
    pumps = (PumpSpec("pump-a", strength_bar=20.0), *FLOW_RIG.pumps[1:])
    world, clock = rig(pumps=pumps, faults=(FaultSpec("clog", at_s=100.0, size=0.5),))
    run(world)
    clock.t = 1115.0
    stalled = [world.pump(name).stalled() for name in PUMPS]
    assert stalled == [True, False, False]


def test_a_stalled_pump_runs_again_on_command_once_the_cause_is_gone():
    world, clock = rig(faults=(FaultSpec("stall", 60.0, "pump-a", duration_s=100.0),))
    pump = world.pump("pump-a")
    pump.set_flow(1.0)
    clock.pass_(90.0)
    assert pump.stalled()
    assert pump.displaced_ml() == pytest.approx(1.0)
    pump.set_flow(1.0)
    assert pump.stalled()
    clock.pass_(100.0)
    assert pump.stalled()  # the motor stays off until it is told to run
    pump.set_flow(1.0)
    clock.pass_(30.0)
    assert not pump.stalled()
    assert pump.displaced_ml() == pytest.approx(1.5)


def test_a_leak_takes_flow_from_the_coil_and_pressure_from_the_line():
    world, clock = rig(faults=(FaultSpec("leak", 600.0, size=1.0),))
    run(world)
    clock.t = 1900.0
    truth = world.truth()
    assert truth["line"]["flow"] == pytest.approx(1.0 - 0.05 * 7.0, rel=0.01)
    assert world.pump("pump-c").displaced_ml() > 0


def test_a_big_leak_empties_the_line():
    world, clock = rig(faults=(FaultSpec("leak", 600.0, size=10.0),))
    run(world)
    clock.t = 1900.0
    assert world.truth()["line"]["flow"] == 0.0
    assert world.pressure("line").pressure_bar() == pytest.approx(1.0 / 0.5, rel=1e-3)


def test_an_empty_bottle_sends_air_and_a_flow_deficit():
    world, clock = stocked(1.5)
    run(world)  # 0.15 mL/min of substrate: empty after 10 min
    clock.pass_(599.0)
    assert world.truth()["pumps"]["pump-a"] == {
        "flow": pytest.approx(0.15),
        "displaced": pytest.approx(0.15 * 599 / 60),
        "stalled": False,
        "gas": False,
        "stock": pytest.approx(0.0025),
        "syringe": None,
    }
    clock.pass_(2.0)
    assert world.truth()["pumps"]["pump-a"]["gas"]
    pushed = 0.15 / 8.0  # the line still holds stock, but gas at 7 bar pushes an eighth as much
    assert world.truth()["inlet"]["dfnb"] == pytest.approx(2.0 * pushed / (0.85 + pushed), rel=0.01)
    clock.pass_(3600.0)
    truth = world.truth()
    assert truth["line"]["flow"] == pytest.approx(0.85 + 0.15 / 8.0, rel=0.01)
    assert truth["inlet"]["dfnb"] == 0.0
    assert truth["inlet"]["gas"] == pytest.approx(0.15 / 8.0 / (0.85 + 0.15 / 8.0), rel=0.01)
    assert truth["cell"]["dfnb"] == 0.0
    assert truth["pumps"]["pump-a"]["displaced"] == pytest.approx(0.15 * 4201 / 60)


@pytest.mark.parametrize("dispersion", [False, True])
def test_an_air_bubble_passes_the_cell_and_is_gone(dispersion):
    world, clock = heated(
        60.0, dispersion=dispersion, faults=(FaultSpec("air", 4000.0, "pump-c", size=1.0),)
    )
    run(world)
    clock.t = 1000.0 + 3990.0
    clean = world.truth()["cell"]
    gas = []
    for _ in range(60):
        clock.pass_(10.0)
        gas.append(world.truth()["cell"]["gas"])
    assert max(gas) > 0.1
    assert (gas[0], gas[-1]) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert world.truth()["cell"]["ortho"] == pytest.approx(clean["ortho"], rel=1e-4)


def test_a_bubble_in_the_coil_makes_the_line_soft():
    def rise(world, clock):
        run(world)
        clock.t = 1000.0 + 150.0
        before = world.pressure("line").pressure_bar()
        clock.pass_(1.0)
        return world.pressure("line").pressure_bar() - before

    clog = FaultSpec("clog", 150.0, size=1.0)
    hard = rise(*rig(faults=(clog,)))
    soft = rise(*rig(faults=(clog, FaultSpec("air", 100.0, "pump-c", size=1.0))))
    assert hard > 2.0 * soft > 0


def test_the_stock_fault_empties_the_bottle_and_its_end_fills_it_again():
    world, clock = stocked(50.0, faults=(FaultSpec("empty", 600.0, "pump-a", duration_s=60.0),))
    run(world)
    clock.t = 1630.0
    assert world.truth()["pumps"]["pump-a"]["stock"] == 0.0
    clock.t = 1661.0
    assert world.truth()["pumps"]["pump-a"]["stock"] == pytest.approx(50.0, abs=0.01)


def test_a_syringe_refills_from_its_bottle_and_then_from_air():
    feeds = (
        FLOW_RIG.feeds[0],
        FeedSpec("amine", "pump-b", {"pyrrolidine": 4.2}, 0.1, stock_ml=5.0),
        FLOW_RIG.feeds[2],
    )
    world, clock = rig(feeds=feeds)
    pump = world.pump("pump-b")
    pump.set_flow(10.0)
    clock.pass_(120.0)
    pump.set_flow(-10.0)
    clock.pass_(60.0)
    assert pump.displaced_ml() == pytest.approx(10.0)
    assert world.truth()["pumps"]["pump-b"]["stock"] == 0.0
    assert world.truth()["pumps"]["pump-b"]["syringe"] == pytest.approx(45.0)
    assert world.truth()["line"]["flow"] == 0.0  # check valves: nothing is sucked back
    pump.set_flow(10.0)
    clock.pass_(60.0 * 4.499)
    assert not world.truth()["pumps"]["pump-b"]["gas"]
    clock.pass_(1.0)
    assert world.truth()["pumps"]["pump-b"]["gas"]
    clock.pass_(60.0)
    assert pump.stalled()  # the plunger is at its end
    assert pump.displaced_ml() == pytest.approx(60.0)


def test_a_full_syringe_cannot_be_filled_further():
    world, clock = rig()
    pump = world.pump("pump-b")
    pump.set_flow(-5.0)
    clock.pass_(60.0)
    assert pump.stalled()
    assert pump.displaced_ml() == 0.0


def test_a_piston_pump_run_backwards_moves_no_liquid():
    world, clock = rig()
    world.pump("pump-a").set_flow(-1.0)
    clock.pass_(60.0)
    assert world.truth()["line"]["flow"] == 0.0
    assert not world.pump("pump-a").stalled()


def test_air_in_a_syringe_takes_the_place_of_liquid():
    head = Head(PumpSpec("p", syringe_ml=10.0))
    head.draw_air(2.0)
    head.command(1.0)
    assert (head.gas, head.until_change()) == (True, pytest.approx(2.0))
    head.advance(2.0)
    assert (head.gas, head.until_change()) == (False, pytest.approx(8.0))


@settings(deadline=None)
@given(
    st.booleans(),
    st.floats(0.5, 20.0),
    st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(0.0, 60.0)), max_size=10),
)
def test_a_head_loses_no_liquid(syringe, bottle, moves):
    head = Head(PumpSpec("p", syringe_ml=5.0 if syringe else None), bottle=bottle)
    begin = head.bottle + head.barrel_liquid
    for flow, seconds in moves:
        head.command(flow)
        while seconds > 0:
            step = min(seconds, head.until_change() + 1e-12)
            head.advance(step)
            seconds -= step
        assert head.bottle >= 0
        assert 0 <= head.barrel_liquid + head.barrel_gas <= 5.0 + 1e-9
        left = head.bottle + head.barrel_liquid + head.delivered
        assert left == pytest.approx(begin, abs=1e-7)


def test_a_dead_sensor_reads_nothing_until_it_is_repaired():
    faults = tuple(
        FaultSpec("dead_sensor", 10.0, name, duration_s=10.0)
        for name in ("line", "bath", "pump-a", "nmr")
    )
    world, clock = rig(faults=faults)
    run(world)
    clock.pass_(15.0)
    assert math.isnan(world.pressure("line").pressure_bar())
    assert math.isnan(world.pressure("line").temperature_degc())
    assert math.isnan(world.heater("bath").temperature_degc())
    assert math.isnan(world.pump("pump-a").pressure_bar())
    assert world.pump("pump-b").pressure_bar() > 0
    clock.pass_(10.0)
    assert world.pressure("line").pressure_bar() > 0
    assert world.heater("bath").temperature_degc() == pytest.approx(22.0)


def test_a_heater_stuck_on_heats_the_coil_beyond_its_goal():
    world, clock = heated(60.0, faults=(FaultSpec("heater_stuck", 3700.0, duration_s=300.0),))
    clock.pass_(350.0)
    assert world.heater("bath").temperature_degc() > 85.0
    assert world.heater("bath").power_fraction() == 1.0
    clock.pass_(3600.0)
    assert world.heater("bath").temperature_degc() == pytest.approx(60.0, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["clog", "leak", "stall", "air", "empty", "heater_stuck"]),
            st.floats(0.0, 300.0),
            st.one_of(st.none(), st.floats(1.0, 200.0)),
            st.floats(0.01, 2.0),
        ),
        max_size=4,
    ),
    st.lists(st.floats(0.01, 100.0), min_size=1, max_size=8),
)
def test_no_mixture_of_faults_hangs_or_breaks_the_plant(faults, waits):
    target = {"stall": "pump-a", "air": "pump-b", "empty": "pump-b"}
    specs = tuple(
        FaultSpec(kind, at, target.get(kind), duration, size) for kind, at, duration, size in faults
    )
    one, clock = rig(faults=specs)
    other, clock_of_other = rig(faults=specs)
    run(one)
    run(other)
    for wait in waits:
        clock.pass_(wait)
        truth = one.truth()
        assert math.isfinite(truth["line"]["pressure"])
        assert truth["line"]["flow"] >= 0
    clock_of_other.t = clock.t
    assert other.truth() == one.truth()
