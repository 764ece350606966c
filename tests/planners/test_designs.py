"""Classical, optimal and mixture designs: the published tables, feasible, worked off once."""

from functools import partial
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from planners.base import (
    Categorical,
    Composition,
    Constraint,
    Continuous,
    Discrete,
    Observation,
    Problem,
)
from planners.design import Design, coordinate, exchange, optimal
from planners.design.exchange import best_subset, d_score, i_score
from planners.design.feasible import fitted
from planners.design.generators import fraction
from planners.design.model import independent, terms
from planners.design.optimal import candidates
from planners.design.planner import KINDS
from planners.errors import BadOption, CannotSuggest
from planners.fixing import hold
from planners.suggest import ask
from tests.planners.strategies import situations

slow = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def numbers(count):
    return tuple(Continuous(f"x{i}", -1, 1) for i in range(count))


def cube(count, *constraints):
    return Problem(numbers(count), (), constraints)


def table(problem, **options):
    """Return a design's points, in its order, replicates and all."""
    runs, _ = Design(**options).table(problem)
    return [problem.scale(run.row) for run in runs]


def coded(problem, **options):
    return np.array([list(point.values()) for point in table(problem, **options)], dtype=float)


def said(problem, **options):
    return Design(**options).table(problem)[1]


# --- factorials


def test_a_full_factorial_has_every_combination_once():
    problem = Problem((*numbers(2), Discrete("n", (1, 2, 5)), Categorical("c", ("a", "b", "d"))))
    points = table(problem, kind="full", levels=3)
    assert len(points) == len({tuple(p.values()) for p in points}) == 3 * 3 * 3 * 3
    assert {p["x0"] for p in points} == {-1.0, 0.0, 1.0}


def test_middles_lie_on_the_scale_of_the_transform():
    problem = Problem((Continuous("tau", 0.1, 10, "min", "log"),))
    assert sorted(p["tau"] for p in table(problem, kind="full", levels=3)) == pytest.approx(
        [0.1, 1.0, 10.0]
    )


def word_lengths(design):
    """Return the lengths of products of columns that are constant."""
    width = design.shape[1]
    return [
        size
        for size in range(1, width + 1)
        for columns in combinations(range(width), size)
        if abs(design[:, columns].prod(axis=1).sum()) == len(design)
    ]


@pytest.mark.parametrize(
    ("count", "resolution", "runs", "reached", "shortest"),
    [  # Box, Hunter and Hunter, Statistics for Experimenters, table of two-level fractions
        (3, 3, 4, 3, 1),
        (4, 4, 8, 4, 1),
        (5, 5, 16, 5, 1),
        (5, 3, 8, 3, 2),
        (6, 4, 16, 4, 3),
        (7, 3, 8, 3, 7),
        (7, 4, 16, 4, 7),
        (8, 4, 16, 4, 14),
        (8, 5, 64, 5, 2),
        (11, 3, 16, 3, None),
        (15, 3, 16, 3, 35),
    ],
)
def test_fractions_are_those_of_the_book(count, resolution, runs, reached, shortest):
    found = fraction(count, resolution)
    design = found.coded()
    assert design.shape == (runs, count)
    assert found.resolution == reached
    if count <= 8:
        lengths = word_lengths(design)
        assert min(lengths) == reached
        assert lengths.count(reached) == shortest
    assert np.all(design.T @ design == runs * np.eye(count))


def test_the_generators_are_told():
    words = said(cube(5), kind="fractional", resolution="V")
    assert words == "2^(5-1) of x0, x1, x2, x3, x4, resolution V, E=ABCD"
    assert len(table(cube(5), kind="fractional", resolution=5)) == 16


def test_names_of_many_levels_are_crossed_with_the_fraction():
    problem = Problem((*numbers(3), Categorical("c", ("a", "b", "d"))))
    points = table(problem, kind="fractional", resolution="III")
    assert len(points) == 4 * 3
    for level in "abd":
        assert sum(p["c"] == level for p in points) == 4


# --- response surfaces


def test_a_face_centred_composite_is_corners_faces_and_centres():
    design = coded(cube(3), kind="central-composite", order="standard")
    assert len(design) == 8 + 6 + 3
    assert sorted(np.abs(design).sum(axis=1).round(9)) == [0.0] * 3 + [1.0] * 6 + [3.0] * 8


def test_a_rotatable_composite_predicts_equally_well_in_all_directions():
    problem = cube(3)
    design = coded(problem, kind="central-composite", alpha="rotatable", centre_points=4)
    assert np.abs(design).max() == pytest.approx(1.0)
    columns = terms(problem, (design + 1) / 2, "quadratic")
    inverse = np.linalg.inv(columns.T @ columns)
    rng = np.random.default_rng(0)
    ways = rng.normal(size=(50, 3))
    ways = 0.6 * ways / np.linalg.norm(ways, axis=1, keepdims=True)
    asked = terms(problem, (ways + 1) / 2, "quadratic")
    variances = np.sum((asked @ inverse) * asked, axis=1)
    assert np.ptp(variances) < 1e-9


@pytest.mark.parametrize(("count", "runs"), [(3, 12), (4, 24), (5, 40), (6, 48), (7, 56)])
def test_box_behnken_designs_have_the_published_size_and_no_corner(count, runs):
    design = coded(cube(count), kind="box-behnken", centre_points=1)
    assert len(design) == runs + 1
    assert np.abs(design).sum(axis=1).max() <= (3 if count > 5 else 2)
    problem = cube(count)
    columns = terms(problem, (design + 1) / 2, "quadratic")
    assert np.linalg.matrix_rank(columns) == columns.shape[1]


def test_a_discrete_number_with_a_middle_takes_part():
    problem = Problem((*numbers(2), Discrete("n", (1, 2, 4, 7))))
    assert {p["n"] for p in table(problem, kind="box-behnken")} == {1, 4, 7}


def test_box_behnken_of_two_factors_is_refused_with_what_to_use():
    with pytest.raises(CannotSuggest, match=r"needs 3 .* got 2 \(x0, x1\): use central-composite"):
        table(cube(2), kind="box-behnken")


# --- constraints

TIGHT = Constraint({"x0": 1, "x1": 1}, 0.5)


def test_infeasible_corners_move_to_the_edge():
    problem = cube(2, TIGHT)
    points = table(problem, kind="full")
    assert len(points) == 4
    assert all(problem.faults(p) == [] for p in points)
    (moved,) = [p for p in points if p["x0"] + p["x1"] > 0.1]
    assert moved["x0"] + moved["x1"] == pytest.approx(0.5, abs=1e-4)
    assert "1 run that breaks a constraint is moved to its edge" in said(problem, kind="full")


def test_infeasible_corners_can_be_left_out_or_refused():
    problem = cube(2, TIGHT)
    assert len(table(problem, kind="full", infeasible="drop")) == 3
    with pytest.raises(
        CannotSuggest, match=r"1 run of .* breaks the constraint 1 x0 \+ 1 x1 <= 0.5"
    ):
        table(problem, kind="full", infeasible="refuse")


# --- optimal designs


def best_random(columns, n, score):
    rng = np.random.default_rng(11)
    return max(score(columns[rng.permutation(len(columns))[:n]]) for _ in range(1000))


def assert_no_near_copies(problem, points):
    """Assert that points are equal or clearly different; return how many different ones."""
    rows = np.unique(np.array([problem.encode(p) for p in points]).round(9), axis=0)
    gaps = [np.abs(a - b).max() for a, b in combinations(rows, 2)]
    assert min(gaps, default=1.0) > 0.05
    return len(rows)


A4 = [
    cube(3),
    cube(3, Constraint({"x0": 1, "x1": 1, "x2": 1}, 0.5, -0.5)),
    Problem((*numbers(2), Discrete("n", (1, 2, 3, 5)), Categorical("c", ("a", "b", "d")))),
    Problem((Composition("m", ("A", "B", "C")), *numbers(1))),
]


@pytest.mark.no_cover  # thousands of designs
@pytest.mark.parametrize("model", ["linear", "interactions", "quadratic"])
@pytest.mark.parametrize("problem", A4, ids=["cube", "constrained", "mixed", "mixture"])
def test_exchange_scores_at_least_the_best_of_1000_random_subsets(problem, model):
    rows = candidates(problem, np.random.default_rng(11))
    kept = independent(terms(problem, rows, model))
    n = len(kept) + 3
    rivals = terms(problem, rows, model)[:, kept]
    moments = rivals.T @ rivals / len(rivals) + 1e-9 * np.eye(len(kept))
    for kind in ("d-optimal", "i-optimal"):
        points = table(problem, kind=kind, model=model, n_runs=n)
        assert len(points) == n
        assert_no_near_copies(problem, points)
        assert all(problem.faults(p) == [] for p in points)
        own = terms(problem, np.array([problem.encode(p) for p in points]), model)[:, kept]
        score = d_score if kind == "d-optimal" else partial(i_score, weights=moments)
        assert score(own) >= best_random(rivals, n, score)


def test_autoscaled_determinant_beats_1000_random_subsets_of_a_grid_with_a_sum():
    """SCIENCE A4 as it stands: three materials that add up to 1, two more in steps; det(X'X)."""
    problem = Problem(
        (
            Composition("m", ("A", "B", "C")),
            Discrete("temperature", tuple(range(50, 110, 10))),
            Discrete("time", tuple(range(10, 130, 10))),
        )
    )
    rng = np.random.default_rng(11)
    grid = problem.snap(problem.spread(rng.random((10_000, problem.dimension))))
    values = problem.amounts(grid)
    mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)

    def score(rows):
        scaled = ((problem.amounts(rows) - mean) / sd)[:, 1:]  # the three add up: one says nothing
        return np.linalg.det(scaled.T @ scaled)

    rivals = max(score(grid[rng.permutation(len(grid))[:30]]) for _ in range(1000))
    points = table(problem, kind="d-optimal", model="linear", n_runs=30)
    assert score(np.array([problem.encode(p) for p in points])) > rivals


def test_a_d_optimal_linear_design_is_the_factorial():
    design = coded(cube(3), kind="d-optimal", model="interactions", n_runs=8)
    assert {tuple(row) for row in design.round(6)} == set(product((-1.0, 1.0), repeat=3))


def test_too_few_runs_for_the_model_are_refused():
    with pytest.raises(CannotSuggest, match="quadratic model of these factors has 10 terms"):
        table(cube(3), kind="d-optimal", n_runs=9)


def test_exchange_repeats_the_candidates_that_tell_most():
    columns = terms(cube(1), np.linspace(0, 1, 5)[:, None], "linear")
    chosen = best_subset(columns, 4, np.random.default_rng(0))
    assert sorted(chosen.tolist()) == [0, 0, 4, 4]


def test_exchange_repeats_none_where_another_tells_as_much():
    columns = terms(cube(2), np.array(list(product((0.0, 1.0), repeat=2))), "linear")
    chosen = best_subset(columns, 4, np.random.default_rng(0))
    assert sorted(chosen.tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["d-optimal", "i-optimal"])
@pytest.mark.parametrize(
    ("problem", "runs"),
    [
        (Problem((Composition("m", ("A", "B", "C")),)), 10),
        (Problem((Continuous("tau", 1, 16, "min", "log"), Categorical("c", ("a", "b")))), 9),
        (cube(2), 15),
    ],
    ids=["mixture", "number", "square"],
)
def test_spare_runs_of_an_optimal_design_are_replicates_and_no_near_copies(problem, runs, kind):
    points = table(problem, kind=kind, n_runs=runs)
    count = assert_no_near_copies(problem, points)
    assert len(points) == runs > count
    assert f", {runs} runs at {count} points, " in said(problem, kind=kind, n_runs=runs)


def test_points_that_must_lie_close_together_stay_apart():
    narrow = Constraint({"m.A": 1, "m.B": 1}, 0.04)
    problem = Problem((Composition("m", ("A", "B", "C")),), (), (narrow,))
    points = table(problem, kind="d-optimal", model="linear", n_runs=3)
    assert len({repr(point) for point in points}) == 3


# --- mixtures

MIXTURE = Problem((Composition("m", ("A", "B", "C")),))


def blends(problem, **options):
    return sorted(tuple(round(v, 4) for v in p["m"].values()) for p in table(problem, **options))


def test_the_lattice_of_degree_2_is_pure_components_and_halves():
    assert blends(MIXTURE, kind="simplex-lattice") == sorted(
        [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    )
    assert len(blends(MIXTURE, kind="simplex-lattice", degree=3)) == 10


def test_the_centroid_design_has_every_even_blend():
    assert len(blends(MIXTURE, kind="simplex-centroid")) == 7
    few = Problem((Composition("m", tuple("ABCDE"), 1.0, 2),))
    assert len(table(few, kind="simplex-centroid")) == 5 + 10


def test_lower_bounds_make_pseudo_components():
    bound = Constraint({"m.A": 1}, None, 0.4)
    found = blends(Problem(MIXTURE.factors, (), (bound,)), kind="simplex-lattice")
    assert (1.0, 0.0, 0.0) in found
    assert (0.4, 0.6, 0.0) in found
    assert min(a for a, _, _ in found) == 0.4


def test_extreme_vertices_are_the_corners_of_what_is_allowed():
    """McLean and Anderson's flare, Technometrics 1966: 8 vertices of bounded mixtures of four."""
    parts = ("Mg", "NaNO3", "SrNO3", "binder")
    bounds = {"Mg": (0.4, 0.6), "NaNO3": (0.1, 0.5), "SrNO3": (0.1, 0.5), "binder": (0.03, 0.08)}
    limits = tuple(Constraint({f"m.{c}": 1}, high, low) for c, (low, high) in bounds.items())
    problem = Problem((Composition("m", parts),), (), limits)
    found = blends(problem, kind="extreme-vertices", degree=1)
    corners = [
        (0.4, 0.1, 0.42, 0.08), (0.4, 0.1, 0.47, 0.03), (0.4, 0.42, 0.1, 0.08),
        (0.4, 0.47, 0.1, 0.03), (0.6, 0.1, 0.22, 0.08), (0.6, 0.1, 0.27, 0.03),
        (0.6, 0.22, 0.1, 0.08), (0.6, 0.27, 0.1, 0.03),
    ]  # fmt: skip
    assert sorted(set(found) - {(0.5, 0.2225, 0.2225, 0.055)}) == sorted(corners)
    assert len(found) == 9
    with_edges = blends(problem, kind="extreme-vertices", degree=2)
    assert len(with_edges) == 9 + 12  # a box in disguise


def test_a_mixture_that_cannot_be_is_refused():
    limits = (Constraint({"m.A": 1, "m.B": 1}, None, 0.8), Constraint({"m.C": 1}, None, 0.3))
    with pytest.raises(CannotSuggest, match="m: no blend keeps its constraints"):
        table(Problem(MIXTURE.factors, (), limits), kind="extreme-vertices")


def test_a_mixture_design_without_mixture_is_refused():
    with pytest.raises(CannotSuggest, match="needs a composition factor"):
        table(cube(2), kind="simplex-lattice")


# --- space-filling


def test_sobol_fills_every_half_quarter_and_eighth_equally():
    design = (coded(cube(3), kind="sobol", n_runs=64) + 1) / 2
    for column in design.T:
        assert np.all(np.bincount((column * 64).astype(int), minlength=64) == 1)
    assert np.all(np.bincount((design * 4).astype(int) @ [1, 4, 16], minlength=64) == 1)


# --- the plan of work


def test_runs_are_ordered_by_temperature_and_random_within():
    problem = Problem((Continuous("temperature", 30, 120), *numbers(3)))
    points = table(problem, kind="full", order="by:temperature")
    assert [p["temperature"] for p in points] == [30.0] * 8 + [120.0] * 8
    halves = [tuple(p[f"x{i}"] for i in range(3)) for p in points]
    assert halves[:8] != sorted(halves[:8])
    assert set(halves[:8]) == set(halves[8:])
    assert halves[:8] != halves[8:]


def test_blocks_do_not_hide_main_effects_or_products_of_two():
    runs, _ = Design(kind="full", blocks=2).table(cube(4))
    rows = np.array([2 * run.row - 1 for run in runs])
    side = np.array([2.0 * run.block - 3 for run in runs])
    assert sorted(np.bincount([run.block for run in runs])[1:]) == [8, 8]
    assert [run.block for run in runs] == sorted(run.block for run in runs)
    for size in (1, 2):
        for columns in combinations(range(4), size):
            assert abs(side @ rows[:, columns].prod(axis=1)) < 1e-9


def test_replicates_and_centre_points_are_asked_for_one_question_after_the_other(rng):
    problem = cube(1)
    planner = Design(kind="full", replicates=2, centre_points=3, order="standard")
    history = []
    while points := planner.suggest(problem, history, 10, rng):
        assert len({p["x0"] for p in points}) == len(points)
        history += [Observation(point) for point in points]
    assert sorted(run.point["x0"] for run in history) == [-1, -1, 0, 0, 0, 1, 1]


def test_rows_of_the_history_are_passed_over_whatever_became_of_them(rng):
    planner = Design(kind="full")
    first = planner.suggest(cube(2), [], 2, rng)
    done = [Observation(first[0], status="failed"), Observation(first[1], status="pending")]
    left = planner.suggest(cube(2), done, 9, rng)
    assert len(left) == 2
    assert all(point not in first for point in left)


def test_the_note_says_what_the_design_is_and_which_run():
    answer = ask(Design(kind="full", blocks=2), cube(3), [], 1, 0)
    assert answer.note == "full factorial, 2 x 2 x 2; run 1 of 8, block 1 of 2"


def test_a_block_begins_when_all_replicates_of_the_one_before_are_done(rng):
    planner, history, asked = Design(kind="full", centre_points=4, blocks=2), [], []
    while answer := planner.propose(cube(3), history, 100, rng):
        asked.append([suggestion.note for suggestion in answer])
        history += [Observation(suggestion.point, {}) for suggestion in answer]
    blocks = [["block 2 of 2" in note for note in notes] for notes in asked]
    assert [len(notes) for notes in asked] == [5, 5, 1, 1]
    assert blocks == [[False] * 5, [False, *[True] * 4], [True], [True]]
    waits = "; 1 replicate of these waits for the next question, and so does block 2"
    assert asked[0][-1].endswith(waits)
    assert asked[1][-1].endswith("; 2 replicates of these wait for the next question")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "fractionl"}, r"kind: must be one of .* \(did you mean 'fractional'\?\)"),
        ({"resolution": "VI"}, "resolution: must be III, IV or V, got 'VI'"),
        ({"levels": 1}, "levels: must be 2 to 20, got 1"),
        ({"blocks": 0}, "blocks: must be 1 to 100, got 0"),
        ({"order": "sorted"}, "order: must be one of random, standard, by:FACTOR"),
        ({"alpha": "far"}, "alpha: must be one of face, rotatable"),
        ({"model": "cubic"}, "model: must be one of linear, interactions, quadratic"),
        ({"infeasible": "ignore"}, "infeasible: must be one of replace, drop, refuse"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(BadOption, match=sentence):
        Design(**options)


def test_an_order_by_a_factor_that_is_not_there_is_named():
    with pytest.raises(BadOption, match=r"order: no factor 'x9' .*the factors are x0, x1"):
        table(cube(2), kind="full", order="by:x9")


def test_a_design_nobody_can_run_is_refused():
    with pytest.raises(CannotSuggest, match="would take 16384 runs, more than 4096"):
        table(cube(14), kind="full")


@slow
@given(
    situation=situations(),
    kind=st.sampled_from(KINDS),
    n=st.integers(1, 4),
    blocks=st.integers(1, 3),
    replicates=st.integers(1, 2),
)
def test_any_problem_and_history_get_feasible_different_points_or_a_refusal(
    situation, kind, n, blocks, replicates
):
    problem, history = situation
    planner = Design(kind=kind, blocks=blocks, replicates=replicates)
    try:
        answer = ask(planner, problem, history, n, 0)  # checks that they are feasible, different
    except CannotSuggest:
        assert kind == "box-behnken" or kind == "central-composite" or kind in KINDS[-3:]
        return
    assert len(answer.suggestions) <= n
    assert ask(planner, problem, history, n, 1) == answer


def test_the_blocks_of_a_very_large_design_are_shared_out_as_well():
    problem = Problem(tuple(Categorical(f"x{i}", tuple("abcdefgh")) for i in range(4)))
    runs, _ = Design(kind="full", blocks=3).table(problem)
    sizes = [sum(run.block == block for run in runs) for block in (1, 2, 3)]
    assert sum(sizes) == 4096
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("factors", "runs"), [(7, 8), (11, 12)])
def test_a_d_optimal_screening_is_as_good_as_plackett_and_burman(factors, runs):
    told = said(cube(factors), kind="d-optimal", model="linear", n_runs=runs)
    assert told.endswith("D-efficiency 100.0 %")


def test_an_optimal_design_of_few_points_repeats_them():
    problem = Problem((Categorical("a", ("u", "v", "w")), Categorical("b", ("x", "y"))))
    points = [
        tuple(p.values()) for p in table(problem, kind="d-optimal", model="linear", n_runs=14)
    ]
    assert len(points) == 14
    assert sorted({points.count(point) for point in points}) == [2, 3]
    with pytest.raises(CannotSuggest, match="needs at least as many runs, got 3"):
        table(problem, kind="d-optimal", model="linear", n_runs=3)


def test_centre_points_stay_replicates_where_a_constraint_forbids_the_middle():
    low = Constraint({"x0": 1.0, "x1": 1.0}, at_most=-0.4)
    runs, words = Design(kind="full", centre_points=3).table(cube(2, low))
    centres = np.array([run.row for run in runs if run.label == ", centre point"])
    assert len(np.unique(centres, axis=0)) == 1
    assert (2 * centres - 1).sum(axis=1).max() < -0.6  # well inside, not at the edge
    assert "centre points stand in the middle of what the constraints leave" in words


def test_centre_points_of_a_finite_problem_keep_their_names_where_they_can():
    problem = Problem(
        (Discrete("n", (1, 2, 3, 4, 5)), Categorical("c", ("a", "b"))),
        (),
        (Constraint({"n": 1.0}, at_most=2.0),),
    )
    rows = [(p["n"], p["c"]) for p in table(problem, kind="sobol", n_runs=1, centre_points=4)]
    assert [rows.count((2, "a")) >= 1, rows.count((2, "b")) >= 1] == [True, True]


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ({"kind": "box-behnken", "centre_points": 3}, 27),
        ({"kind": "central-composite", "centre_points": 1}, 25),
        ({"kind": "fractional", "resolution": "IV"}, 8),
        ({"kind": "full"}, 16),
    ],
)
def test_a_factor_that_is_held_takes_no_part_in_the_scheme(options, runs):
    points = table(hold(cube(5), {"x0": 0.5}), **options)
    assert len(points) == runs
    assert {point["x0"] for point in points} == {0.5}


def test_a_mixture_that_is_held_is_one_blend():
    problem = Problem((Composition("r", ("A", "B")), Composition("s", ("C", "D")), *numbers(1)))
    held = hold(problem, {"r": {"A": 0.25, "B": 0.75}})
    points = table(held, kind="simplex-lattice", degree=1)
    assert len(points) == 4
    assert all(point["r"] == {"A": 0.25, "B": 0.75} for point in points)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "full", "n_runs": 8}, "n_runs: kind full does not take it, only latin-hypercube"),
        ({"kind": "box-behnken", "levels": 3}, "levels: kind box-behnken does not take it, only"),
        ({"kind": "full", "resolution": "V"}, "resolution: .*, only fractional$"),
        ({"kind": "box-behnken", "alpha": "rotatable"}, "alpha: .*, only central-composite$"),
        ({"kind": "simplex-centroid", "degree": 3}, "degree: .*, only simplex-lattice, extreme"),
        ({"kind": "full", "model": "linear"}, "model: .*, only d-optimal, i-optimal$"),
        ({"infeasible": "drop"}, "infeasible: kind latin-hypercube does not take it, only full"),
    ],
)
def test_options_that_a_kind_would_pass_over_are_refused(options, sentence):
    with pytest.raises(BadOption, match=sentence):
        Design(**options)


def test_options_that_a_kind_would_pass_over_are_refused_all_at_once():
    with pytest.raises(BadOption) as caught:
        Design(kind="full", n_runs=8, degree=3)
    assert len(caught.value.faults) == 2


@pytest.mark.parametrize(("blocks", "centres"), [(3, 6), (2, 5), (4, 3)])
def test_blocks_have_equally_many_centre_points(blocks, centres):
    for count in (2, 3):
        design = Design(kind="central-composite", blocks=blocks, centre_points=centres)
        runs, _ = design.table(cube(count))
        for some in (runs, [run for run in runs if run.label == ", centre point"]):
            sizes = [sum(run.block == block + 1 for run in some) for block in range(blocks)]
            assert max(sizes) - min(sizes) <= 1


def test_centre_points_of_both_names_stand_in_every_block():
    problem = Problem((*numbers(2), Categorical("c", ("a", "b"))))
    runs, _ = Design(kind="central-composite", blocks=2, centre_points=4).table(problem)
    middles = [(run.block, run.row[2]) for run in runs if run.label == ", centre point"]
    assert len(set(middles)) == 4


def criterion(columns, weights):
    """Return what an exchange improves: the determinant, or the inverse of the mean variance."""
    information = columns.T @ columns
    if weights is None:
        return np.linalg.det(information)
    return -np.trace(np.linalg.solve(information, weights))


@pytest.mark.parametrize("kind", ["d-optimal", "i-optimal"])
def test_gains_are_what_the_criterion_gains_also_after_exchanges(kind, rng):
    columns = terms(cube(2), rng.random((40, 2)), "quadratic")
    weights = columns.T @ columns / 40 if kind == "i-optimal" else None
    state = exchange._State(columns, weights, np.arange(9))
    for place, new in ((0, 20), (3, 30), (8, 20)):
        state.exchange(place, new)
    before = criterion(columns[state.chosen], weights)
    for new, gain in enumerate(state.gains(4)):
        other = state.chosen.copy()
        other[4] = new
        after = criterion(columns[other], weights)
        assert gain == pytest.approx((after - before) / abs(before), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("kind", ["d-optimal", "i-optimal"])
@pytest.mark.parametrize(
    ("problem", "options"),
    [
        (Problem(numbers(3)), {}),
        (Problem(numbers(2)), {"n_runs": 9, "replicates": 2, "centre_points": 3}),
        (Problem((Categorical("base", ("a", "b", "c")),)), {"n_runs": 7, "model": "linear"}),
        (Problem((*numbers(2), Discrete("n", (1.0, 2.0)))), {"model": "interactions"}),
        (Problem(numbers(2), constraints=(Constraint({"x0": 1, "x1": 1}, at_most=0.5),)), {}),
    ],
    ids=["numbers", "replicates and centres", "names", "a list", "a constraint"],
)
def test_the_size_of_an_optimal_design_is_told_without_looking_for_it(
    monkeypatch, kind, problem, options
):
    design = Design(kind=kind, **options)
    runs = len(design.table(problem)[0])
    monkeypatch.setattr(optimal, "best_subset", None)
    assert design.size(problem) == runs


def test_an_optimal_design_of_too_many_replicates_has_no_size():
    design = Design(kind="d-optimal", n_runs=1000, replicates=100)
    with pytest.raises(CannotSuggest, match="the design would take 100000 runs"):
        design.size(Problem(numbers(2)))


def test_an_optimal_design_takes_one_thread(monkeypatch):
    taken = []

    def spied(*args):
        taken.extend(pool["num_threads"] for pool in threadpool_info())
        return best_subset(*args)

    monkeypatch.setattr("planners.design.optimal.best_subset", spied)
    with threadpool_limits(limits=2):
        table(cube(2), kind="d-optimal")
    assert set(taken) == {1}


def test_an_i_optimal_design_tells_every_term_where_edges_leave_a_component_no_room():
    factors = (
        Composition("m", ("a", "b", "c"), 1.0, 2),
        Discrete("n", (0, 1, 2)),
        Continuous("t", 0, 1),
        Discrete("two", (0, 1)),
        Categorical("k", ("p", "q", "r")),
    )
    edges = (  # no b beside the highest n that is left, no a beside the lower two
        Constraint({"n": 1.0, "m.b": 0.001}, at_most=1.0),
        Constraint({"two": -10.0, "m.a": 2.5}, at_most=0.0),
    )
    told = said(Problem(factors, (), edges), kind="i-optimal", seed=0)
    variance = float(told.partition("mean variance of prediction ")[2].split()[0])
    assert 0 < variance < 2


def test_no_more_blocks_are_told_than_there_are_runs():
    (found,) = ask(Design(kind="full", blocks=9), cube(2), [], 1, 0).suggestions
    assert found.note.endswith("4 runs are too few for 9 blocks; run 1 of 4, block 1 of 4")


def test_terms_that_hardly_vary_between_two_constraints_are_told():
    factors = (
        Continuous("p", 433.196, 412318.11878, "", "log"),
        Composition("m", ("a", "b", "c", "d", "e"), 47.369),
    )
    tied = {"p": 1.0, "m.a": 1.0, "m.b": 1.0}  # what a and b make, p makes up for
    needle = (Constraint(tied, at_least=196964.14624), Constraint(tied, at_most=196964.14824))
    told = said(Problem(factors, (), needle), kind="i-optimal")
    assert told.endswith("some terms of which hardly vary where the constraints leave room")


def test_moves_along_one_factor_are_worth_what_the_criterion_says():
    problem, rng = Problem(numbers(3)), np.random.default_rng(5)
    kept = independent(terms(problem, rng.random((99, 3)), "quadratic"))

    def columns(rows):
        return terms(problem, rows, "quadratic")[:, kept]

    region = columns(rng.random((500, 3)))
    weights, rows = region.T @ region / len(region), rng.random((14, 3))
    for aim, score in ((None, d_score), (weights, lambda table: i_score(table, weights))):
        known = coordinate.Information(columns(rows), aim, 0.0)
        near, along = optimal.beside(problem, rows[0], [0, 1, 2])
        gains = coordinate.gains(known, columns(rows[:1])[0], columns(near), along)
        trials = [score(columns(np.vstack([one, rows[1:]]))) for one in near]
        before = score(columns(rows))
        exact = (
            np.expm1(np.array(trials) - before) if aim is None else 1 - np.array(trials) / before
        )
        np.testing.assert_allclose(gains, exact, rtol=1e-6, atol=1e-9)


def test_a_design_of_hundreds_of_terms_is_searched_run_by_run(monkeypatch):
    tables = []
    searched = optimal.climbed
    monkeypatch.setattr(optimal, "climbed", lambda *given: tables.append(given) or searched(*given))
    told = said(cube(14), kind="i-optimal", seed=0)
    assert "quadratic model of 120 terms" in told
    assert tables == []  # no pool of all points near all runs
    assert float(told.rsplit(" ", 4)[-4]) < 0.7  # a pool of them gave 0.88


def test_moving_a_thousand_runs_to_an_edge_asks_of_all_at_once(monkeypatch):
    edge = Constraint({"x0": 1, "x1": 1}, at_most=-0.5)
    problem, asked = cube(6, edge), []
    keeps = Problem.keeps_constraints
    monkeypatch.setattr(
        Problem, "keeps_constraints", lambda self, rows: asked.append(rows) or keeps(self, rows)
    )
    rows = np.random.default_rng(0).random((1000, 6))
    fitted(problem, rows, "replace", np.random.default_rng(0))
    assert len(asked) < 120
