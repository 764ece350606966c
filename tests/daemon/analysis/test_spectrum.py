"""Spectra become concentrations with an honest uncertainty, or nothing at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.analysis.estimate import AnalysisFailed, Estimate, mean_of
from daemon.analysis.species import Region
from daemon.analysis.spectrum import REPRODUCIBILITY, concentrations, integrate, repeats
from drivers.roles import Spectrum

REGIONS = {"a": Region(7.0, 7.4, 1), "b": Region(5.0, 5.4, 2), "c": Region(2.0, 2.4, 3)}


def spectrum(contents, *, noise=0.0, offset=0.0, tilt=0.0, solvent=0.0, seed=0, n=4096, down=False):
    """Draw Gaussian lines in the middle of each region; area is nuclei times concentration."""
    x = np.linspace(0.0, 12.0, n)
    y = offset + tilt * x
    for name, c in contents.items():
        region = REGIONS[name]
        centre, width = (region.low + region.high) / 2, 0.03
        height = region.nuclei * c / (width * np.sqrt(2 * np.pi))
        y = y + height * np.exp(-((x - centre) ** 2) / (2 * width**2))
    y = y + solvent * np.exp(-((x - 10.0) ** 2) / (2 * 0.05**2))
    y = y + noise * np.random.default_rng(seed).standard_normal(n)
    if down:
        x, y = x[::-1], y[::-1]
    return Spectrum(x, "ppm", y, "a.u.", 0.0, 10.0)


def found(measured, gain=1.0):
    return concentrations(integrate(measured, REGIONS), REGIONS, gain)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.floats(-1.0, 1.0),
    st.floats(-0.1, 0.1),
    st.floats(0.0, 20.0),
    st.booleans(),
)
def test_baseline_solvent_and_direction_of_the_axis_do_not_matter(
    a, b, offset, tilt, solvent, down
):
    measured = found(
        spectrum({"a": a, "b": b}, offset=offset, tilt=tilt, solvent=solvent, down=down)
    )
    assert measured["a"].value == pytest.approx(a, abs=1e-3)
    assert measured["b"].value == pytest.approx(b, abs=1e-3)
    assert measured["c"].value == pytest.approx(0.0, abs=1e-3)


def test_gain_divides_every_concentration():
    assert found(spectrum({"a": 0.3}), gain=2.0)["a"].value == pytest.approx(0.15, abs=1e-4)


def test_the_stated_uncertainty_is_the_scatter_over_repeated_spectra():
    noise = 0.05
    estimates = [found(spectrum({}, noise=noise, seed=s))["a"] for s in range(200)]
    scatter = np.std([e.value for e in estimates])
    stated = np.mean([e.sd for e in estimates])
    assert stated == pytest.approx(scatter, rel=0.2)


def test_an_integral_is_never_claimed_better_than_reproducible():
    estimate = found(spectrum({"a": 0.4}))["a"]
    assert estimate.sd >= REPRODUCIBILITY * 0.4 * 0.99


def test_signal_to_noise_is_the_peak_over_the_baselines_noise():
    ratio = integrate(spectrum({"a": 0.3}, noise=0.05), REGIONS).signal_to_noise
    height = 0.3 / (0.03 * np.sqrt(2 * np.pi))
    assert ratio["a"] == pytest.approx(height / 0.05, rel=0.1)
    assert ratio["c"] < 5


def test_a_spectrum_without_any_noise_has_a_clear_signal():
    assert integrate(spectrum({"a": 0.3}), REGIONS).signal_to_noise["a"] > 1e3


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda x, y: (x[:10], y[:10]), "malformed"),
        (lambda x, y: (x, y[:-1]), "malformed"),
        (lambda x, y: (x, np.where(x > 6, np.nan, y)), "not finite"),
        (lambda x, y: (np.where(x > 6, 6.0, x), y), "not monotonic"),
        (lambda x, y: (x / 2, y), "covers 0 to 6 ppm, not all of a's region"),
        (lambda x, y: (x[::200], y[::200]), "region"),
    ],
)
def test_a_broken_spectrum_gives_no_value(broken, says):
    whole = spectrum({"a": 0.3}, noise=0.01)
    x, y = broken(whole.axis, whole.y)
    with pytest.raises(AnalysisFailed, match=says):
        integrate(Spectrum(x, "ppm", y, "a.u.", 0.0, 1.0), REGIONS)


def test_a_dead_flat_spectrum_shows_nothing():
    nothing = spectrum({})
    assert set(integrate(nothing, REGIONS).signal_to_noise.values()) == {0.0}


def test_the_same_spectrum_twice_is_an_old_one():
    first, again = (spectrum({"a": 0.3}, noise=0.01, seed=3) for _ in range(2))
    other = spectrum({"a": 0.3}, noise=0.01, seed=4)
    shorter = spectrum({"a": 0.3}, noise=0.01, seed=3, n=2048)
    assert repeats(again, first, 0.01)
    assert not any(repeats(first, before, 0.01) for before in (None, other, shorter))


def test_without_noise_or_with_rounded_numbers_the_same_spectrum_may_come_twice():
    exact = spectrum({"a": 0.3})
    rounded = replace(exact, y=np.round(spectrum({"a": 0.3}, noise=1e-4).y, 3))
    assert not repeats(exact, exact, 0.0)
    assert not repeats(rounded, rounded, integrate(rounded, REGIONS).noise)
    assert not repeats(flat := spectrum({}), flat, 0.0)


def test_regions_that_leave_no_baseline_give_no_value():
    with pytest.raises(AnalysisFailed, match="too little of the spectrum"):
        integrate(spectrum({}), {"a": Region(0.1, 11.9, 1)})


def test_the_mean_claims_no_less_than_the_samples_scatter():
    agreeing = mean_of([Estimate(0.2, 0.01), Estimate(0.2, 0.01)])
    assert agreeing == Estimate(0.2, pytest.approx(0.01 / np.sqrt(2)))
    apart = mean_of([Estimate(0.1, 0.001), Estimate(0.3, 0.001)])
    assert apart == Estimate(pytest.approx(0.2), pytest.approx(0.1))
    assert mean_of([Estimate(0.2, 0.01)]) == Estimate(0.2, 0.01)
    with pytest.raises(AnalysisFailed):
        mean_of([])
