import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.chemistries import chemistry_names, consecutive, load_chemistry, snar_hone_2017
from simulators.kinetics import KineticsError, MassAction, Reaction, SpeciesData, react

from .references import batch


def outcome(chemistry, c0, degc, seconds):
    kelvin = np.array([degc + 273.15])
    start = np.array(c0, dtype=float)[:, None]
    return react(chemistry.rates, start, lambda _: kelvin, np.array([seconds]), rtol=1e-8)[:, 0]


def test_the_published_check_of_the_snar_is_met():
    c = outcome(snar_hone_2017(), [0.3, 0.6, 0, 0, 0], 90.0, 60.0)
    assert c[2:] == pytest.approx([0.2491, 0.0103, 0.0407], rel=0.005)


@settings(max_examples=40, deadline=None)
@given(
    c=st.floats(0.1, 0.5),
    equivalents=st.floats(1, 5),
    degc=st.floats(30, 120),
    seconds=st.floats(1, 120),
)
def test_reacting_agrees_with_a_general_solver(c, equivalents, degc, seconds):
    c0 = [c, c * equivalents, 0, 0, 0]
    ours = outcome(snar_hone_2017(), c0, degc, seconds)
    assert ours == pytest.approx(batch(c0, degc, seconds), rel=1e-4, abs=1e-7)


def test_a_temperature_ramp_is_followed_along_the_stretch():
    c0 = np.array([0.3, 0.6, 0, 0, 0])
    ramp = lambda done: np.array([303.15 + 60.0 * done])  # noqa: E731 - a history is a function
    ours = react(snar_hone_2017().rates, c0[:, None], ramp, np.array([90.0]), rtol=1e-8)[:, 0]
    theirs = batch(c0, lambda t: 30.0 + 60.0 * t / 90.0, 90.0)
    assert ours == pytest.approx(theirs, rel=1e-5)


@settings(max_examples=40, deadline=None)
@given(first=st.floats(0.0, 100.0), second=st.floats(0.0, 100.0))
def test_two_stretches_equal_one(first, second):
    chemistry, start = snar_hone_2017(), [0.3, 0.6, 0, 0, 0]
    halves = outcome(chemistry, outcome(chemistry, start, 70.0, first), 70.0, second)
    assert halves == pytest.approx(outcome(chemistry, start, 70.0, first + second), abs=2e-8)


@settings(max_examples=40, deadline=None)
@given(degc=st.floats(20, 130), seconds=st.floats(0, 600))
def test_atoms_are_conserved(degc, seconds):
    a, b, ortho, para, bis = outcome(snar_hone_2017(), [0.4, 0.9, 0, 0, 0], degc, seconds)
    assert a + ortho + para + bis == pytest.approx(0.4, abs=1e-9)
    assert b + ortho + para + 2 * bis == pytest.approx(0.9, abs=1e-9)


def test_the_consecutive_reaction_has_its_textbook_solution():
    chemistry = consecutive()
    k1, k2 = chemistry.constants(np.array([353.15]))[:, 0]
    a, p, d = outcome(chemistry, [1.0, 0, 0], 80.0, 40.0)
    assert (k1, k2) == pytest.approx((0.05, 0.01))
    assert a == pytest.approx(np.exp(-k1 * 40))
    assert p == pytest.approx(k1 / (k2 - k1) * (np.exp(-k1 * 40) - np.exp(-k2 * 40)))
    assert d == pytest.approx(1 - a - p)


def test_orders_may_differ_within_a_network():
    species = {name: SpeciesData(1, 0, 1, 1) for name in "xyz"}
    steps = (Reaction({"x": 2}, {"y": 1}, 3.0, 25.0, 0.0), Reaction({"y": 1}, {"z": 1}, 2.0, 25, 0))
    mixed = MassAction("mixed", species, steps, "x", "y")
    rates = mixed.rates(np.array([[0.5], [0.2], [0.0]]), np.array([298.15]))
    assert rates[:, 0] == pytest.approx([-2 * 3 * 0.25, 3 * 0.25 - 0.4, 0.4])


def test_parcels_of_different_age_are_integrated_together():
    chemistry = snar_hone_2017()
    start = np.repeat(np.array([[0.3], [0.6], [0], [0], [0.0]]), 3, axis=1)
    seconds = np.array([5.0, 30.0, 90.0])
    together = react(chemistry.rates, start, lambda _: np.array([350.0]), seconds, rtol=1e-8)
    for column, age in enumerate(seconds):
        alone = outcome(chemistry, start[:, 0], 350.0 - 273.15, age)
        assert together[:, column] == pytest.approx(alone, abs=1e-7)


def test_nothing_reacts_in_no_time_or_without_reagents():
    chemistry, kelvin = snar_hone_2017(), lambda _: np.array([400.0])
    full, empty = np.full((5, 2), 0.1), np.zeros((5, 2))
    assert np.array_equal(react(chemistry.rates, full, kelvin, np.zeros(1)), full)
    assert np.array_equal(react(chemistry.rates, empty, kelvin, np.ones(1)), empty)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_rates_that_are_not_finite_are_a_fault_and_not_a_hang(broken):
    with pytest.raises(KineticsError, match="not finite or run away"):
        react(lambda c, _: c * broken, np.ones((1, 1)), lambda _: np.array([300.0]), np.ones(1))


def test_chemistries_are_found_by_name_as_plug_ins():
    if not chemistry_names():
        pytest.skip("taylord is not installed in this environment: no entry points to look up")
    assert {"snar-hone-2017", "consecutive"} <= set(chemistry_names())
    assert load_chemistry("snar-hone-2017").product == "ortho"
    with pytest.raises(KeyError, match="installed are consecutive, snar-hone-2017"):
        load_chemistry("snar")


@pytest.mark.parametrize("chemistry", [snar_hone_2017(), consecutive()])
def test_peak_regions_do_not_overlap(chemistry):
    regions = sorted((s.peak_low, s.peak_high) for s in chemistry.species.values())
    assert all(low < high for low, high in regions)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(regions))
