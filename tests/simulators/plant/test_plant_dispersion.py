"""Axial dispersion against independent solutions: collocation, lines, and the published table."""

import numpy as np
import pytest

from simulators.dispersion import bodenstein, spreading_ml2_s
from simulators.spec import CoilSpec

from .references import brenner, dispersed, lines
from .rigs import heated, rig, run

COLD = 22.0


def coil_of(bo, tau_s=60.0, mm=0.8):
    """Return a coil in which this residence time gives this Bodenstein number."""
    return CoilSpec(1.0, mm, "bath", diffusivity_m2_s=bo * (mm * 1e-3) ** 2 / (192.0 * tau_s))


def step(bo, tau_s=60.0, until=3.0):
    """Return the answer of an unreactive tracer to a step: times in tau, fraction."""
    world, clock = rig(coil=coil_of(bo, tau_s), outlet_volume_ml=0.2)
    run(world, c=0.3, equivalents=0.0, tau_s=tau_s)
    cell, delay = world.cell("nmr"), 0.2 * tau_s
    times = np.arange(0.02, until, 0.005)
    fractions = []
    for t in times:
        clock.t = 1000.0 + delay + t * tau_s
        fractions.append(cell.concentrations()["dfnb"] / 0.3)
    return times, np.array(fractions)


@pytest.mark.parametrize(
    ("bo", "at95", "at99"),
    [
        (10, 1.85, 2.45),
        (20, 1.59, 1.95),
        (40, 1.40, 1.63),
        (80, 1.28, 1.42),
        (160, 1.19, 1.29),
        (320, 1.14, 1.20),
    ],
)
def test_a_step_takes_the_tabulated_times(bo, at95, at99):
    times, fraction = step(bo)
    assert times[np.argmax(fraction >= 0.95)] == pytest.approx(at95, rel=0.03)
    assert times[np.argmax(fraction >= 0.99)] == pytest.approx(at99, rel=0.05)


@pytest.mark.parametrize("bo", [5, 10, 20, 40, 80])
def test_a_step_is_answered_as_brenners_series_says(bo):
    times, fraction = step(bo)
    late = times > (0.35 if bo < 80 else 0.6)  # before, the series is a difference of giants
    assert fraction[late] == pytest.approx(brenner(bo, times[late]), abs=0.002)


@pytest.mark.parametrize("bo", [9, 36, 200])
def test_the_mean_residence_time_and_its_variance_are_danckwerts(bo):
    times, fraction = step(bo, until=6.0)
    grid = np.concatenate(([0.0], times))
    left = 1.0 - np.concatenate(([0.0], fraction))
    mean = np.trapezoid(left, grid)
    variance = 2.0 * np.trapezoid(grid * left, grid) - mean**2
    assert mean == pytest.approx(1.0, abs=0.003)
    assert variance == pytest.approx(2 / bo - 2 / bo**2 * (1 - np.exp(-bo)), rel=0.03)


def test_taylors_number_is_the_tabulated_one():
    for mm, minutes, bo in ((0.5, 1, 46), (0.5, 10, 460), (0.8, 1, 18), (1.6, 5, 22)):
        assert bodenstein(CoilSpec(1.0, mm, "bath"), 1.0 / (60.0 * minutes)) == pytest.approx(
            bo, rel=0.03
        )
    assert spreading_ml2_s(CoilSpec(1.0, 0.8, "bath"), 0.0) == pytest.approx(
        (np.pi / 4 * 0.08**2) ** 2 * 1e-5
    )


@pytest.mark.parametrize(
    ("c", "equivalents", "degc", "tau_s"),
    [
        (0.3, 2.0, 90.0, 60.0),  # the check
        (0.3, 1.5, 70.0, 120.0),
        (0.5, 1.0, 90.0, 60.0),
        (0.1, 1.0, 30.0, 30.0),
    ],
)
def test_steady_products_are_those_of_the_axial_dispersion_equation(c, equivalents, degc, tau_s):
    world, clock = heated(degc)
    run(world, c=c, equivalents=equivalents, tau_s=tau_s)
    clock.pass_(12.0 * tau_s)
    ours = [world.cell("nmr").concentrations()[name] for name in ("ortho", "para", "bis")]
    bo = bodenstein(world.spec.coil, 1.0 / tau_s)
    theirs = dispersed(np.array([c, c * equivalents, 0, 0, 0]), degc, tau_s, bo)[2:]
    assert ours == pytest.approx(theirs, rel=0.003)


def test_a_step_of_feed_and_flow_is_followed_as_the_equation_says():
    tau_s, changed = 60.0, 300.0
    world, clock = heated(70.0, outlet_volume_ml=0.05)
    begin = clock.t
    times = np.array([30.0, 60.0, 90.0, 150.0, changed + 30.0, changed + 50.0, changed + 80.0])
    bo = bodenstein(world.spec.coil, 1.0 / tau_s)
    first, second = np.array([0.2, 0.6, 0, 0, 0]), np.array([0.4, 0.6, 0, 0, 0])
    theirs = lines(lambda t: first if t < changed else second, lambda _: 70.0, tau_s, bo, times)
    run(world, c=0.2, equivalents=3.0, tau_s=tau_s)
    for target, expected in zip(times, theirs.T, strict=True):
        if target > changed > clock.t - begin:
            clock.t = begin + changed
            run(world, c=0.4, equivalents=1.5, tau_s=tau_s)
        clock.t = begin + target + 0.05 * tau_s
        ours = list(world.cell("nmr").concentrations().values())
        assert ours == pytest.approx(list(expected), abs=0.003)


def test_the_bath_may_heat_while_the_coil_flows():
    tau_s = 60.0
    world, clock = rig(outlet_volume_ml=0.05)
    begin = clock.t
    run(world, tau_s=tau_s)
    clock.pass_(400.0)
    world.heater("bath").set_goal(80.0)
    zone = world._plant.coil_zone
    times = np.array([500.0, 600.0, 700.0, 800.0])
    feed, bo = np.array([0.3, 0.6, 0, 0, 0]), bodenstein(world.spec.coil, 1.0 / tau_s)
    theirs = lines(lambda _: feed, lambda t: zone.liquid(begin + t), tau_s, bo, times)
    for target, expected in zip(times, theirs.T, strict=True):
        clock.t = begin + target + 0.05 * tau_s
        ours = list(world.cell("nmr").concentrations().values())
        assert ours == pytest.approx(list(expected), abs=0.003)


@pytest.mark.parametrize("dispersion", [False, True])
def test_what_goes_in_comes_out_or_is_inside(dispersion):
    world, clock = heated(80.0, dispersion=dispersion, outlet_volume_ml=0.05)
    begin, cell = clock.t, world.cell("nmr")
    out, dt = 0.0, 0.5
    for tau_s, seconds in ((60.0, 90.0), (30.0, 40.0), (120.0, 120.0)):
        run(world, tau_s=tau_s)
        for _ in range(round(seconds / dt)):
            clock.pass_(dt)
            c = cell.concentrations()
            total = c["dfnb"] + c["ortho"] + c["para"] + c["bis"]
            out += total * dt / tau_s  # mmol at mol/L x mL
    run(world, c=0.0, equivalents=0.0, tau_s=60.0)
    for _ in range(round(400.0 / dt)):
        clock.pass_(dt)
        c = cell.concentrations()
        out += (c["dfnb"] + c["ortho"] + c["para"] + c["bis"]) * dt / 60.0
    into = world.pump("pump-a").displaced_ml() * 2.0
    assert into == pytest.approx(0.3 * (90 / 60 + 40 / 30 + 120 / 120))
    assert out == pytest.approx(into, rel=0.01)
    assert clock.t > begin


def test_dispersion_moves_no_mass_inside_the_coil():
    world, clock = heated(80.0)
    run(world)
    clock.pass_(25.0)
    coil = world._plant.coil
    coil.advance(clock.t)
    inside = coil._state[[0, 2, 3, 4]].sum() * coil._cell
    assert inside == pytest.approx(0.3 * coil._entered * coil._cell, rel=1e-3)


def test_a_steady_coil_is_recognised_and_left_again():
    world, clock = heated(80.0)
    run(world)
    clock.pass_(1500.0)
    before = dict(world.cell("nmr").concentrations())
    assert world._plant.coil._steady
    run(world, c=0.15)
    clock.pass_(600.0)
    after = world.cell("nmr").concentrations()
    total = after["dfnb"] + after["ortho"] + after["para"] + after["bis"]
    assert total == pytest.approx(0.15, rel=1e-4)
    assert before["ortho"] > 1.5 * after["ortho"]
    world.heater("bath").set_goal(50.0)
    clock.pass_(1800.0)
    assert world.cell("nmr").concentrations()["dfnb"] > 2 * after["dfnb"]
