"""The first design: how many runs, and where."""

import numpy as np
import pytest

from planners.base import (
    Categorical,
    Composition,
    Constraint,
    Continuous,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.bayes import Bayes
from planners.bayes.first import first_rows, first_runs
from planners.fixing import hold
from planners.suggest import ask

NUMBERS = (Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0))
NAMES = Categorical("name", ("p", "q", "r", "s", "t", "u"))
DESCRIBED = Categorical("name", ("p", "q"), {"p": {"size": 1.0}, "q": {"size": 2.0}})
MANY = Categorical("additive", tuple(f"A{i}" for i in range(11)))
MIXTURE = Composition("mix", ("x", "y", "z"))
ONE, TWO = (Response("y"),), (Response("y"), Response("z"))
TARGET = (Response("y", "target", 1.0, 2.0),)
TARGETS = (*TARGET, Response("z", "target", 1.0, 2.0))


def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize(
    ("factors", "responses", "runs"),
    [
        (NUMBERS, ONE, 3),
        (NUMBERS, TWO, 4),
        ((*NUMBERS, NAMES), ONE, 6),
        ((*NUMBERS, DESCRIBED), ONE, 3),
        ((MIXTURE,), ONE, 1),
        ((MIXTURE, *NUMBERS), ONE, 1),
        ((MIXTURE,), TWO, 4),
        ((MIXTURE, NAMES), ONE, 6),
        ((MANY, NAMES), ONE, 6),
        ((MANY, DESCRIBED), ONE, 4),
        (NUMBERS, TARGET, 2),
        ((*NUMBERS, NAMES), TARGET, 2),
        ((MIXTURE, *NUMBERS), TARGET, 2),
        (NUMBERS, TARGETS, 4),
        ((*NUMBERS, NAMES), TARGETS, 6),
    ],
)
def test_how_many_runs_come_first(factors, responses, runs):
    problem = Problem(factors, responses)
    assert first_runs(problem) == len(first_rows(problem, None, rng())) == runs


def test_names_are_compared_each_once_nearer_to_the_middle():
    problem = Problem((*NUMBERS, NAMES), ONE)
    rows = first_rows(problem, None, rng())
    assert {problem.scale(row)["name"] for row in rows} == set(NAMES.levels)
    assert np.abs(rows[:, :2] - 0.5).max() <= 0.25
    assert np.ptp(rows[:, :2], axis=0).min() > 0.3


@pytest.mark.parametrize(
    ("factors", "responses", "asked"),
    [(NUMBERS, ONE, None), ((*NUMBERS, NAMES), TWO, None), ((*NUMBERS, NAMES), ONE, 8)],
)
def test_others_and_asked_ones_are_spread_over_all(factors, responses, asked):
    rows = first_rows(Problem(factors, responses), asked, rng())
    assert np.ptp(rows[:, :2], axis=0).min() > 0.6


def test_what_a_constraint_forbids_stays_where_it_was():
    problem = Problem((*NUMBERS, NAMES), ONE, (Constraint({"a": 1.0, "b": 1.0}, at_most=0.6),))
    rows = first_rows(problem, None, rng())
    assert len(rows) == 6
    assert problem.keeps_constraints(rows).all()


@pytest.mark.parametrize(
    ("limits", "middle"),
    [((), (1 / 3, 1 / 3, 1 / 3)), ((Constraint({"mix.x": 1.0}, at_least=0.7),), (0.8, 0.1, 0.1))],
)
def test_a_mixture_starts_in_the_middle_of_what_is_feasible(limits, middle):
    problem = Problem((MIXTURE, NUMBERS[0]), ONE, limits)
    (row,) = first_rows(problem, None, rng())
    assert row == pytest.approx([*middle, 0.5], abs=0.06)
    assert row[:3].sum() == pytest.approx(1.0)


def test_where_the_middle_is_forbidden_the_feasible_row_next_to_it_comes_first():
    pair = Composition("mix", ("x", "y", "z"), max_components=1)
    problem = Problem((pair,), ONE, (Constraint({"mix.x": 1.0}, at_most=0.5),))
    (row,) = first_rows(problem, None, rng())
    assert problem.feasible(problem.scale(row))


def test_a_mixture_with_asked_runs_is_spread():
    rows = first_rows(Problem((MIXTURE,), ONE), 4, rng())
    assert len(rows) == 4
    assert np.ptp(rows, axis=0).min() > 0.4


@pytest.mark.parametrize("achieved", [{}, {"a": 0.52}])
def test_replicates_of_the_middle_stand_for_one_run_of_the_first_design(achieved):
    middle = {"a": 0.5, "b": 0.5}
    history = [
        Observation(middle, {"y": Measured(y)}, achieved={**middle, **achieved} if k else None)
        for k, y in enumerate((0.4, 0.42, 0.39, 0.41))
    ]
    answer = ask(Bayes(), Problem(NUMBERS, ONE), history, 3, 0)
    notes = [s.note for s in answer.suggestions]
    assert [note.startswith("first design") for note in notes] == [True, True, False]


def test_a_point_asked_for_again_with_a_factor_fixed_looks_elsewhere_in_the_others():
    free = Problem((*NUMBERS, Continuous("c", 0.0, 1.0)), ONE)
    first = ask(Bayes(), free, [], 3, 0).suggestions
    states = ("pending", "failed", "pending")  # the second was rejected
    history = [Observation(s.point, {}, state) for s, state in zip(first, states, strict=True)]
    (again,) = ask(Bayes(), hold(free, {"c": 0.5}), history, 1, 0).suggestions
    for run in first:
        assert max(abs(again.point[name] - run.point[name]) for name in ("a", "b")) > 0.1
