import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from simulators.hydraulics import (
    Line,
    resistance_bar_s_ml,
    tube_length_m,
    viscosity_pa_s,
    water_viscosity_pa_s,
)
from simulators.spec import FluidSpec

from .rigs import heated, rig, run

FLOWS = st.floats(0.0, 0.5)  # mL/s
RESISTANCES = st.floats(0.1, 1e5)
LEAKS = st.one_of(st.just(0.0), st.floats(1e-5, 1e-2))


@pytest.mark.parametrize(
    ("length_m", "mm", "ml_min", "bar"),
    [(10.0, 0.5, 1.0, 0.99), (10.0, 0.8, 1.0, 0.15), (12.7, 1.0, 10.0, 0.77)],
)
def test_hagen_and_poiseuille_give_the_tabulated_pressures_of_water(length_m, mm, ml_min, bar):
    drop = resistance_bar_s_ml(length_m, mm, water_viscosity_pa_s(24.0)) * ml_min / 60.0
    assert drop == pytest.approx(bar, rel=0.03)


def test_viscosity_is_the_solvents_at_25_degc_and_falls_with_heat():
    solvent = FluidSpec(viscosity_mpa_s=1.08, activation_kj_mol=13.0)
    assert viscosity_pa_s(solvent, 25.0) == pytest.approx(1.08e-3)
    assert viscosity_pa_s(solvent, 80.0) < 0.5e-3


def test_a_coil_of_known_volume_has_its_length():
    assert tube_length_m(np.pi / 4.0, 1.0) == pytest.approx(1.0)


@settings(deadline=None)
@given(
    st.lists(st.tuples(FLOWS, RESISTANCES, LEAKS, st.floats(0.01, 50.0)), min_size=1, max_size=5)
)
def test_the_line_splits_no_step_and_never_jumps(changes):
    line, t = Line(0.0, 7.0), 0.0
    for flow, resistance, leak, wait in changes:
        before = line.pressure(t)
        line.change(t, flow, resistance, leak, 0.005)
        assert line.pressure(t) == pytest.approx(before, abs=1e-9)
        halfway, end = line.pressure(t + wait / 2), line.pressure(t + wait)
        line.change(t + wait / 2, flow, resistance, leak, 0.005)
        assert line.pressure(t + wait / 2) == pytest.approx(halfway, rel=1e-9, abs=1e-9)
        assert line.pressure(t + wait) == pytest.approx(end, rel=1e-7, abs=1e-7)
        t += wait


@pytest.mark.parametrize("leak", [0.0, 1e-3])
@pytest.mark.parametrize(("start", "flow"), [(0.0, 0.05), (7.0, 0.05), (7.0, 0.0), (20.0, 0.01)])
def test_the_line_solves_its_equation(start, flow, leak):
    line, resistance, c = Line(0.0, 7.0), 40.0, 0.02
    line.change(0.0, 1.0, 1e9, 0.0, c)  # pump it up to the start
    begin = line.when(start) if start else 0.0
    line.change(begin, flow, resistance, leak, c)

    def slope(_, p):
        return (flow - leak * p - np.maximum(p - 7.0, 0.0) / resistance) / c

    times = np.linspace(0.0, 30.0, 31)
    true = solve_ivp(slope, (0, 30), [start], t_eval=times, rtol=1e-9, atol=1e-9, max_step=0.05).y
    assert [line.pressure(begin + t) for t in times] == pytest.approx(true[0], abs=1e-4)


@settings(deadline=None)
@given(FLOWS, RESISTANCES, LEAKS, st.floats(0.5, 60.0))
def test_when_a_pressure_is_reached_it_is_reached(flow, resistance, leak, pressure):
    line = Line(0.0, 7.0)
    line.change(0.0, flow, resistance, leak, 0.005)
    t = line.when(pressure)
    if np.isfinite(t):
        assert line.pressure(t) == pytest.approx(pressure, rel=1e-6)
    else:
        assert line.pressure(1e7) <= pressure + 1e-6


def test_what_is_pumped_either_passes_the_coil_or_leaks():
    line = Line(0.0, 7.0)
    line.change(0.0, 0.05, 40.0, 1e-3, 0.005)
    lost = 1e-3 * line.pressure(1e4)
    assert line.through(0.05, 40.0, 1e-3) + lost == pytest.approx(0.05)
    assert line.through(0.005, 40.0, 1e-3) == 0.0  # it all leaks before the regulator opens


def test_the_start_up_fills_the_compliance_then_settles_above_the_regulator():
    world, clock = rig()
    run(world)
    line = world.pressure("line")
    clock.pass_(1.0)
    assert line.pressure_bar() == pytest.approx(1000.0 / 60.0 / 5.0, rel=1e-6)  # Q/C
    clock.pass_(60.0)
    length = tube_length_m(1.0, 0.8)
    drop = resistance_bar_s_ml(length, 0.8, viscosity_pa_s(FluidSpec(), 22.0)) / 60.0
    assert line.pressure_bar() == pytest.approx(7.0 + drop, rel=1e-6)
    assert world.pressure("exit").pressure_bar() == pytest.approx(7.0)
    assert world.pump("pump-a").pressure_bar() == line.pressure_bar()


def test_pressure_falls_as_the_coil_warms():
    cold, clock = rig()
    run(cold)
    clock.pass_(600.0)
    hot, clock_of_hot = heated(100.0)
    run(hot)
    clock_of_hot.pass_(600.0)
    above = [w.pressure("line").pressure_bar() - 7.0 for w in (cold, hot)]
    assert above[1] / above[0] == pytest.approx(
        viscosity_pa_s(FluidSpec(), 100.0) / viscosity_pa_s(FluidSpec(), 22.0), rel=1e-3
    )


def test_the_regulator_holds_its_pressure_when_the_pumps_stop():
    world, clock = rig()
    run(world)
    clock.pass_(60.0)
    for pump in ("pump-a", "pump-b", "pump-c"):
        world.pump(pump).set_flow(0.0)
    clock.pass_(600.0)
    assert world.pressure("line").pressure_bar() == pytest.approx(7.0)


def test_pressure_is_noisy_by_pulsation_when_noise_is_on():
    world, clock = rig(noise=True)
    run(world)
    clock.pass_(60.0)
    line = world.pressure("line")
    assert 0.005 < np.std([line.pressure_bar() for _ in range(300)]) < 0.02
    assert line.temperature_degc() == pytest.approx(22.0, abs=0.1)


def test_a_pressure_that_is_only_approached_is_never_reached():
    line = Line(0.0, 7.0)
    line.change(0.0, 0.5, 1.0, 0.125, 0.005)  # it all leaks, and 4 bar is where that balances
    assert line.when(4.0) == np.inf
    assert line.pressure(1e3) == pytest.approx(4.0)
