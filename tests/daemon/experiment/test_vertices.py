"""Small linear programmes agree with a solver library."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from daemon.experiment.vertices import cheapest


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(0, 3), st.integers(0, 2**31))
def test_the_cheapest_vertex_is_the_optimum(n, extra, seed):
    rng = np.random.default_rng(seed)
    a = np.vstack([np.ones(n), rng.normal(size=(min(extra, n), n)).round(1)])
    inside = rng.dirichlet(np.ones(n))
    b = a @ (inside if rng.random() < 0.7 else rng.normal(size=n))
    cost = rng.normal(size=n)
    mine, theirs = cheapest(cost, a, b), linprog(cost, A_eq=a, b_eq=b, method="highs")
    assert (mine is not None) == (theirs.status == 0)
    if mine is not None:
        assert np.all(mine >= 0)
        assert a @ mine == pytest.approx(b, abs=1e-7)
        assert cost @ mine == pytest.approx(theirs.fun, abs=1e-6)


def test_equations_that_contradict_each_other_have_no_solution():
    assert cheapest(np.ones(2), np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([1.0, 2.0])) is None


def test_a_repeated_equation_does_no_harm():
    x = cheapest(np.array([2.0, 1.0]), np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([1.0, 2.0]))
    assert x == pytest.approx([0.0, 1.0])
