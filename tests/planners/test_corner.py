"""The corner from which the volume that a front dominates is counted."""

import numpy as np
import pytest

from planners.base import Continuous, Problem
from planners.bayes.corner import corner

PLANE = Problem((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)))
NOISE = np.array([0.01, 0.01])


def sloping(rows):
    """Two goals that pull ``a`` apart, both best at ``b`` 1."""
    return np.column_stack([rows[:, 0] + rows[:, 1], 1.0 - rows[:, 0] + rows[:, 1]])


def surely(rows):
    return sloping(rows), np.full((len(rows), 2), 1e-3)


def anywhere(rows):
    return np.ones(len(rows), dtype=bool)


def test_it_lies_a_tenth_below_the_ends_of_the_front():
    rows = np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 1.0]])
    found = corner(PLANE, rows, sloping(rows), surely, NOISE, anywhere)
    np.testing.assert_allclose(found, [0.9, 0.9], atol=0.01)


def test_an_end_that_nobody_has_seen_counts():
    middle = np.array([[0.5, 1.0], [0.55, 1.0]])
    found = corner(PLANE, middle, sloping(middle), surely, NOISE, anywhere)
    assert found.max() < 1.05  # of the known runs alone, it would be 1.44


def test_so_does_one_that_may_be_there():
    """Nothing is expected of ``a`` above 0.6, but it may well be good for the second goal."""

    def unsure(rows):
        means = sloping(rows)
        far = rows[:, 0] > 0.6
        means[far, 1] -= 0.3
        sds = np.full((len(rows), 2), 1e-3)
        sds[far, 1] = 2.0
        return means, sds

    rows = np.array([[0.0, 1.0], [0.5, 1.0]])
    sure = corner(PLANE, rows, sloping(rows), surely, NOISE, anywhere)
    assert corner(PLANE, rows, sloping(rows), unsure, NOISE, anywhere)[1] < sure[1] - 0.2


@pytest.mark.parametrize("lead", [0.005, -0.005])
def test_what_beats_an_end_by_less_than_noise_is_no_end(lead):
    """Far down in the first goal lies what is hardly better in the second one, if at all."""
    rows = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    known = sloping(rows)
    known[2] = [-3.0, known[0, 1] + lead]

    def even(rows):
        return np.minimum(sloping(rows), 1.95), np.full((len(rows), 2), 1e-6)

    assert corner(PLANE, rows, known, even, NOISE, anywhere)[0] > 0.5


def test_it_is_no_better_than_what_the_best_quarter_gives():
    rows = np.array([[0.5, 1.0]])
    found = corner(PLANE, rows, sloping(rows) + 9.0, surely, NOISE, anywhere)
    even = np.random.default_rng(5).random((20_000, 2))
    typical = np.quantile(sloping(even), 0.75, axis=0)
    np.testing.assert_allclose(found, typical, atol=0.05)


def test_rows_that_hardly_meet_the_targets_do_not_count():
    rows = np.array([[0.5, 1.0], [0.5, 0.9]])

    def middle(rows):
        return np.abs(rows[:, 0] - 0.5) < 0.2

    found = corner(PLANE, rows, sloping(rows), surely, NOISE, middle)
    whole = corner(PLANE, rows, sloping(rows), surely, NOISE, anywhere)
    assert np.all(found > whole + 0.1)


def test_where_no_row_is_likely_the_known_runs_tell():
    rows = np.array([[0.0, 1.0], [1.0, 1.0]])
    found = corner(
        PLANE, rows, sloping(rows), surely, NOISE, lambda rows: np.zeros(len(rows), dtype=bool)
    )
    np.testing.assert_allclose(found, [0.9, 0.9])


def test_rows_that_meet_a_narrow_target_are_sought_among_many():
    """Along the diagonal alone targets are met: varying one column at a time leaves it."""
    middle = np.array([[0.5, 0.5], [0.52, 0.52]])

    def across(rows):
        return np.column_stack([rows[:, 0], 1.0 - rows[:, 1]]), np.full((len(rows), 2), 1e-3)

    def diagonal(rows):
        return np.abs(rows[:, 0] - rows[:, 1]) < 0.004

    assert corner(PLANE, middle, across(middle)[0], across, NOISE, diagonal).max() < 0.2


SPACE = Problem(tuple(Continuous(name, 0.0, 1.0) for name in "abc"))
NOISES = np.full(3, 0.01)


def apart(rows):
    """Three goals, each best at a corner of its own, on a flat front from 0 to 1 each."""
    parts = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-9)
    return parts, np.full((len(rows), 3), 1e-3)


def test_of_three_goals_the_worst_on_the_front_counts():
    def cut(rows):
        means, sds = apart(rows)
        return 0.2 + 0.4 * means, sds

    rows = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.3, 0.3, 0.4]])
    found = corner(SPACE, rows, cut(rows)[0], cut, NOISES, anywhere)
    np.testing.assert_allclose(found, 0.2 - 0.1 * 0.4, atol=0.01)


def test_a_payoff_table_would_lose_most_of_a_round_front():
    """On a sphere the best of a goal goes with the best of any other, one at a time."""

    def sphere(rows):
        one, other = 0.5 * np.pi * rows[:, 0], 0.5 * np.pi * rows[:, 1]
        means = np.column_stack(
            [np.cos(one) * np.cos(other), np.cos(one) * np.sin(other), np.sin(one)]
        )
        return means - 1.0, np.full((len(rows), 3), 1e-3)

    rows = np.random.default_rng(0).random((6, 3))
    found = corner(SPACE, rows, sphere(rows)[0], sphere, NOISES, anywhere)
    assert np.all(found < -1.0)


@pytest.mark.parametrize(("gain", "end"), [(0.002, 0.0), (0.05, -0.4)])
def test_of_three_goals_a_gain_within_noise_for_a_loss_beyond_it_is_no_end(gain, end):
    rows = np.vstack([np.eye(3), [[0.3, 0.3, 0.4], [1.0, 0.0, 0.0]]])
    known, _ = apart(rows)
    known[-1] += [gain, -0.4, 0.0]

    def nowhere(rows):
        return np.zeros(len(rows), dtype=bool)

    found = corner(SPACE, rows, known, apart, NOISES, nowhere)
    assert found[1] == pytest.approx(end - 0.1 * (1.0 - end), abs=1e-6)
