import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.chemistries import consecutive, snar_hone_2017
from simulators.kinetics import SpeciesData
from simulators.spec import AnalyserSpec, FaultSpec
from simulators.spectra import Nmr, Shim

from .rigs import heated, rig, run

SNAR = snar_hone_2017().species


def integrals(axis, signal, species):
    axis, signal = np.asarray(axis), np.asarray(signal)
    found = {}
    for name, data in species.items():
        inside = (axis >= data.peak_low) & (axis <= data.peak_high)
        found[name] = np.trapezoid(signal[inside], axis[inside]) / data.nuclei
    return found


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 2.0), min_size=5, max_size=5))
def test_without_noise_integrals_are_concentrations(amounts):
    nmr = Nmr(AnalyserSpec("nmr"), SNAR, None)
    found = integrals(nmr.axis, nmr.draw(0.0, np.array([*amounts, 0.0])), SNAR)
    assert list(found.values()) == pytest.approx(amounts, rel=1e-5, abs=1e-7)


def test_a_first_order_chemistrys_regions_are_exact_as_well():
    species = consecutive().species
    nmr = Nmr(AnalyserSpec("nmr", gain=3.0), species, None)
    found = integrals(nmr.axis, nmr.draw(0.0, np.array([0.1, 0.2, 0.3, 0.0])), species)
    assert list(found.values()) == pytest.approx([0.3, 0.6, 0.9], rel=1e-5)


def test_a_narrow_region_gets_a_narrow_line():
    species = {"x": SpeciesData(1.0, 4.00, 4.06, 1)}
    nmr = Nmr(AnalyserSpec("nmr", points=16384), species, None)
    found = integrals(nmr.axis, nmr.draw(0.0, np.array([0.5, 0.0])), species)
    assert found["x"] == pytest.approx(0.5, rel=1e-4)


def test_with_noise_integrals_scatter_by_their_relative_deviation():
    nmr = Nmr(AnalyserSpec("nmr"), SNAR, np.random.default_rng(3))
    content = np.array([0.3, 0.3, 0.3, 0.0, 0.3, 0.0])
    found = [integrals(nmr.axis, nmr.draw(60.0 * i, content), SNAR) for i in range(300)]
    ortho = np.array([f["ortho"] for f in found])
    para = np.array([f["para"] for f in found])
    assert ortho.mean() == pytest.approx(0.3, rel=0.003)
    assert ortho.std() / 0.3 == pytest.approx(0.01, rel=0.2)
    assert abs(para.mean()) < 2e-4
    assert para.std() == pytest.approx(5e-4, rel=0.3)


def test_the_same_seed_gives_the_same_spectrum_and_another_another():
    content = np.array([0.3, 0.3, 0.3, 0.0, 0.3, 0.0])
    one, same, other = (
        Nmr(AnalyserSpec("nmr"), SNAR, np.random.default_rng(seed)).draw(9.0, content)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_shim_wanders_slowly_and_about_its_mean():
    shim = Shim(np.random.default_rng(0))
    levels = np.array([shim.at(600.0 * i) for i in range(20_000)])
    assert np.abs(np.diff(levels)).mean() < 0.3
    assert levels.mean() == pytest.approx(0.0, abs=0.2)
    assert levels.std() == pytest.approx(1.0, abs=0.15)


def test_a_measurement_averages_the_cell_over_its_time():
    world, clock = heated(60.0, dispersion=False)
    run(world)
    clock.pass_(60.0 * 1.35 + 10.0)  # the front passed 10 s ago
    cell, species = world.cell("nmr"), world.spec.chemistry.species
    axis, signal, axis_unit, unit = cell.spectrum(20.0)
    assert (axis_unit, unit, len(axis), len(signal)) == ("ppm", "a.u.", 4096, 4096)
    seen = integrals(axis, signal, species)["ortho"]
    assert seen == pytest.approx(0.5 * cell.concentrations()["ortho"], rel=1e-4)


def test_a_dead_receiver_gives_noise_and_no_line():
    fault = FaultSpec("dead_sensor", 0.0, "nmr")
    for noise in (False, True):
        world, clock = heated(60.0, noise=noise, faults=(fault,))
        run(world)
        clock.pass_(600.0)
        axis, signal, _, _ = world.cell("nmr").spectrum(15.0)
        found = integrals(axis, signal, world.spec.chemistry.species)
        assert max(map(abs, found.values())) < 0.003
        assert np.any(signal) == noise


def test_noise_follows_the_seed_alone():
    seen = []
    for _ in range(2):
        world, clock = rig(noise=True)
        run(world)
        clock.pass_(300.0)
        seen.append((world.cell("nmr").spectrum(15.0)[1], world.pump("pump-a").pressure_bar()))
    assert seen[0] == seen[1]
