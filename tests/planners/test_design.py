"""First designs: even, feasible, the same at every call."""

import tracemalloc

import numpy as np
import pytest
from scipy.stats import qmc

from planners.base import Categorical, Constraint, Continuous, Discrete, Observation, Problem
from planners.design import LatinHypercube, design_rows
from planners.design.hypercube import _closest, _filled, _thinned
from planners.errors import BadOption

CUBE = Problem(tuple(Continuous(f"x{i}", 0, 1) for i in range(3)))


def test_every_stratum_of_every_factor_is_visited_once():
    rows = design_rows(CUBE, 10, np.random.default_rng(0))
    for column in rows.T:
        assert sorted(np.floor(column * 10)) == list(range(10))


def test_the_closest_pair_is_further_apart_than_in_plain_hypercubes():
    def closest(rows):
        gaps = np.linalg.norm(rows[:, None] - rows[None], axis=2)
        return gaps[np.triu_indices(len(rows), 1)].min()

    plain = [closest(qmc.LatinHypercube(3, seed=i).random(10)) for i in range(20)]
    ours = [closest(design_rows(CUBE, 10, np.random.default_rng(i))) for i in range(20)]
    assert np.mean(ours) > 1.3 * np.mean(plain)


def test_the_table_goes_on_after_the_runs_already_done(rng):
    planner = LatinHypercube(n_runs=6, seed=3)
    table = planner.suggest(CUBE, [], 10, rng)
    assert len(table) == 6
    done = [
        Observation(point, status=s)
        for point, s in zip(table, ["ok", "failed", "pending"], strict=False)
    ]
    assert planner.suggest(CUBE, done, 2, rng) == table[3:5]
    assert planner.suggest(CUBE, [Observation(p) for p in table], 2, rng) == []


def test_runs_written_with_few_digits_are_recognised(rng):
    planner = LatinHypercube(n_runs=6)
    table = planner.suggest(CUBE, [], 6, rng)
    rounded = [Observation({n: round(v, 4) for n, v in point.items()}) for point in table[:4]]
    assert planner.suggest(CUBE, rounded, 6, rng) == table[4:]


def test_runs_from_elsewhere_do_not_shorten_the_table(rng):
    elsewhere = [Observation({"x0": 0.5, "x1": 0.5, "x2": 0.123456})]
    assert len(LatinHypercube(n_runs=6).suggest(CUBE, elsewhere, 9, rng)) == 6


def test_a_small_finite_problem_is_listed_completely(rng):
    problem = Problem((Discrete("e", (1, 2, 3)), Categorical("c", ("a", "b"))))
    points = LatinHypercube(n_runs=12).suggest(problem, [], 12, rng)
    assert len({(p["e"], p["c"]) for p in points}) == len(points) == 6


def test_a_finite_problem_larger_than_the_table_gets_different_points(rng):
    problem = Problem((Discrete("e", (1, 2, 3)), Categorical("c", ("a", "b", "d"))))
    points = LatinHypercube(n_runs=8).suggest(problem, [], 12, rng)
    assert len({(p["e"], p["c"]) for p in points}) == 8


def test_every_level_is_used_about_equally(rng):
    problem = Problem((Continuous("x", 0, 1), Categorical("c", ("a", "b", "d"))))
    points = LatinHypercube(n_runs=9).suggest(problem, [], 9, rng)
    assert sorted(p["c"] for p in points) == ["a"] * 3 + ["b"] * 3 + ["d"] * 3


def test_a_constrained_design_is_complete_and_spread_over_what_is_left(rng):
    factors = (Continuous("a", 0, 1), Continuous("b", 0, 1))
    problem = Problem(factors, (), (Constraint({"a": 1, "b": 1}, 0.6),))
    points = LatinHypercube(n_runs=10).suggest(problem, [], 10, rng)
    assert len(points) == 10
    assert max(p["a"] for p in points) > 0.35
    assert max(p["b"] for p in points) > 0.35


def test_another_seed_is_another_table(rng):
    first, second = (LatinHypercube(seed=s).suggest(CUBE, [], 1, rng) for s in (0, 1))
    assert first != second


@pytest.mark.parametrize("options", [{"n_runs": 0}, {"seed": -1}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(BadOption, match="must be at least"):
        LatinHypercube(**options)


def _distances(rows):
    """Return the distances between rows, infinite from each to itself, ``(n, n)``."""
    gaps = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    return gaps


@pytest.mark.parametrize("width", [1, 3])
def test_the_least_distance_is_that_of_all_pairs(width, rng):
    for n in (2, 3, 40):
        rows = rng.random((n, width))
        assert _closest(rows) == pytest.approx(_distances(rows).min(), rel=1e-12)
    assert _closest(rows[:1]) == np.inf
    assert _closest(np.vstack([rows, rows[5]])) == 0.0


@pytest.mark.parametrize("kind", ["scattered", "grid", "clustered", "in eight columns"])
@pytest.mark.parametrize("n", [1, 40, 119])
def test_thinning_gives_up_one_of_the_closest_pair_again_and_again(kind, n, rng):
    rows = rng.random((120, 8 if kind == "in eight columns" else 2))
    if kind == "grid":
        rows = rng.permutation(np.indices((12, 10)).reshape(2, -1).T / 16.0)  # exact: many ties
    elif kind == "clustered":
        rows[:60] = rows[0] + 1e-3 * rows[:60]
    left = rows
    while len(left) > n:
        left = np.delete(left, np.argmin(_distances(left).min(axis=1)), axis=0)
    assert np.array_equal(_thinned(rows, n), left)
    assert np.array_equal(_thinned(left, n), left)


def test_filling_takes_what_lies_furthest_from_all_before(rng):
    rows, pool = rng.random((5, 2)), rng.random((60, 2))
    found = rows
    while len(found) < 12:
        gaps = np.linalg.norm(pool[:, None] - found[None], axis=2).min(axis=1)
        found = np.vstack([found, pool[np.argmax(gaps)]])
    assert np.array_equal(_filled(rows, pool, 12), found)
    assert np.array_equal(_filled(rows, rows, 12), rows)  # nothing is new
    assert np.array_equal(_filled(rows[:0], pool[:1], 12), pool[:1])


@pytest.mark.parametrize("at_most", [2.0, 1.0])
def test_a_table_of_thousands_of_runs_takes_little_memory(at_most):
    factors = Continuous("a", 0, 1), Continuous("b", 0, 1)
    limit = () if at_most == 2.0 else (Constraint({"a": 1, "b": 1}, at_most=at_most),)
    problem = Problem(factors, constraints=limit)
    tracemalloc.start()
    try:
        assert len(design_rows(problem, 1500, np.random.default_rng(0))) == 1500
        assert tracemalloc.get_traced_memory()[1] < 8e6  # no distances of all pairs
    finally:
        tracemalloc.stop()
