"""The planner benchmark's problems: their facts, their references, and how runs are judged."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from benchmarks.planners.problems import CASES
from benchmarks.planners.problems.case import Noise
from benchmarks.planners.problems.merit import Area, Greatest, Nearness, dominated
from benchmarks.planners.problems.mixture import FLARE
from benchmarks.planners.problems.snar import EA, K_REF, outlet
from benchmarks.planners.references import find, reference, stored
from planners.base import Problem
from planners.sampling import feasible_rows

ALL = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def points_of(case, n, seed=3):
    rows = feasible_rows(case.problem, n, np.random.default_rng(seed))[:n]
    return [case.problem.scale(row) for row in rows]


@ALL
def test_the_problem_survives_its_own_document(case):
    assert Problem.from_json(case.problem.to_json()) == case.problem


@ALL
def test_every_feasible_point_has_a_finite_truth_or_fails(case):
    truths = [case.truth(point) for point in points_of(case, 60)]
    assert all(case.may_fail for truth in truths if truth is None)
    for truth in filter(None, truths):
        assert {r.name for r in case.problem.responses} <= set(truth)
        assert all(np.isfinite(value) for value in truth.values())


@ALL
def test_noise_depends_on_seed_and_index_alone(case):
    point = next(p for p in points_of(case, 20) if case.truth(p) is not None)
    first, again = case.measure(point, 4, 7), case.measure(point, 4, 7)
    other = case.measure(point, 4, 8)
    assert first == again
    assert first != other


@ALL
def test_noise_has_the_size_that_it_says(case):
    point = next(p for p in points_of(case, 20) if case.truth(p) is not None)
    name = case.problem.responses[0].name
    values = [case.measure(point, 0, i).responses[name].value for i in range(400)]
    true = case.truth(point)[name]
    sd = case.noise[name].sd(true)
    assert np.mean(values) == pytest.approx(true, abs=4 * sd / 20)
    assert np.std(values) == pytest.approx(sd, rel=0.2)


@ALL
def test_the_reference_points_are_feasible_and_reach_the_reference(case):
    points = stored()[case.name]["points"]
    assert [case.problem.faults(point) for point in points] == [[]] * len(points)
    share = case.worth(points) / reference(case.name)
    if isinstance(case.merit, Area):
        assert 0.95 <= share <= 1.0 + 1e-9  # a front is stored thinned
    else:
        assert share == pytest.approx(1.0, rel=1e-6)


@ALL
def test_a_search_with_little_effort_comes_near_the_reference_and_not_beyond(case):
    merit, points = find(case, effort=0.02)
    assert all(case.problem.feasible(point) for point in points)
    assert 0.3 <= merit / reference(case.name) <= 1.001


def test_random_points_are_far_from_the_reference_on_every_problem():
    """A goal that a few blind runs reach would compare nothing."""
    for case in CASES.values():
        assert case.worth(points_of(case, 8, seed=11)) < 0.95 * reference(case.name)


def test_the_snar_outlet_is_that_of_an_adaptive_solver():
    def rates(_, c, k):
        r = k * c[1] * np.array([c[0], c[0], c[2], c[3]])
        return [-r[0] - r[1], -r.sum(), r[0] - r[2], r[1] - r[3], r[2] + r[3]]

    rng = np.random.default_rng(5)
    for tau, equivalents, concentration, temperature in rng.uniform(
        (0.5, 1.0, 0.1, 30.0), (2.0, 5.0, 0.5, 120.0), (20, 4)
    ):
        kelvin = 1 / (temperature + 273.15) - 1 / 363.15
        k = np.array(K_REF) * np.exp(-np.array(EA) / 8.314462618e-3 * kelvin)
        start = [concentration, concentration * equivalents, 0.0, 0.0, 0.0]
        exact = solve_ivp(rates, (0, 60 * tau), start, "LSODA", args=(k,), rtol=1e-10, atol=1e-13)
        assert outlet(tau, equivalents, concentration, temperature) == pytest.approx(
            exact.y[:, -1], rel=2e-5, abs=1e-8
        )


def test_the_snar_outlet_is_the_fact_sheets():
    assert outlet(1.0, 2.0, 0.3, 90.0)[2:] == pytest.approx((0.2491, 0.0103, 0.0407), abs=6e-5)


def test_the_flare_has_its_published_optimum():
    best = {"magnesium": 0.5233, "nano3": 0.2299, "srno3": 0.1668, "binder": 0.08}
    assert FLARE.truth({"flare": best})["light"] == pytest.approx(397.5, abs=0.1)
    assert reference("flare") == pytest.approx(397.48, rel=1e-3)


def test_the_hidden_peak_is_higher_than_the_hill_that_leads_away_from_it():
    case = CASES["hidden"]
    hill, peak = ((0.30, 0.62, 0.33), (0.74, 0.21, 0.79))
    values = [case.truth(case.problem.scale(np.array(row)))["yield"] for row in (hill, peak)]
    assert 0.55 < values[0] / values[1] < 0.7


def test_the_constrained_optimum_lies_at_the_clog_that_nobody_told_of():
    (point,) = stored()["constrained"]["points"]
    case = CASES["constrained"]
    assert case.truth(point) is not None
    assert case.truth({**point, "temperature": point["temperature"] - 1.0}) is None


def test_area_of_two_points_is_counted_once():
    assert dominated([(1.0, 0.5), (0.5, 1.0)]) == pytest.approx(0.75)
    assert dominated([(0.4, 0.4), (1.0, 0.5), (0.5, 1.0), (-1.0, 3.0)]) == pytest.approx(0.75)
    assert dominated([]) == 0.0


def test_area_counts_from_the_reference_point_and_within_ranges_only():
    merit = Area(("up", 10.0, 20.0), ("down", 5.0, 1.0), {"size": (1.0, 2.0)})
    good = {"up": 15.0, "down": 3.0, "size": 1.5}
    assert merit.of([good]) == pytest.approx(0.25)
    assert merit.of([{**good, "size": 2.5}]) == 0.0
    assert merit.of([good, {"up": 9.0, "down": 1.0, "size": 1.5}]) == pytest.approx(0.25)


def test_nearness_is_that_of_the_worst_response_of_the_best_run():
    merit = Nearness({"a": (1.0, 2.0), "b": (10.0, 12.0)})
    assert merit.of([{"a": 1.5, "b": 12.0}]) == 1.0
    assert merit.of([{"a": 2.25, "b": 9.0}]) == pytest.approx(0.5)
    assert merit.of([{"a": 2.25, "b": 9.0}, {"a": 0.9, "b": 11.0}]) == pytest.approx(0.9)
    assert merit.of([{"a": 7.0, "b": 11.0}]) == 0.0
    assert merit.of([]) == 0.0


def test_greatest_of_nothing_is_nothing():
    assert Greatest("y").of([]) == 0.0
    assert Noise(relative=0.1, absolute=1.0).sd(-20.0) == pytest.approx(3.0)
