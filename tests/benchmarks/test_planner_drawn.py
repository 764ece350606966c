"""Problems drawn at random: their chemistry, what can be reached on them, and the comparison."""

import json
import sys

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

from benchmarks.planners import drawn as runner
from benchmarks.planners.problems.classic import FUNCTIONS
from benchmarks.planners.problems.drawn import KINDS, Network, draw
from benchmarks.planners.problems.landscapes import blend, hills
from benchmarks.planners.problems.merit import Volume
from benchmarks.planners.problems.trio import Trio
from planners.base import Problem
from planners.sampling import feasible_rows

EVERY = pytest.mark.parametrize("kind", KINDS)


def points_of(problem, n):
    rows = feasible_rows(problem, n, np.random.default_rng(3))[:n]
    return [problem.scale(row) for row in rows]


def test_the_yield_is_that_of_the_rate_equations():
    network = Network(np.random.default_rng(5), 5)
    rng = np.random.default_rng(6)
    for _ in range(10):
        x = {f.name: np.array([rng.uniform(f.low, f.high)]) for f in network.factors}
        first, second, aside = network.rates(x)[:, 0]

        def slopes(_, y, first=first, second=second, aside=aside):
            return [-(first + aside) * y[0], first * y[0] - second * y[1]]

        end = float(x["residence_time"][0])
        known = solve_ivp(slopes, (0, end), [1.0, 0.0], "LSODA", rtol=1e-10, atol=1e-12)
        assert network.yields(x)[0] == pytest.approx(100.0 * known.y[1, -1], abs=1e-4)


def test_hills_stand_on_a_plain_of_one():
    factors, _, outcomes = hills(np.random.default_rng(2))
    rows = np.random.default_rng(3).random((5000, len(factors)))
    heights = outcomes(
        {f.name: f.low + c * (f.high - f.low) for f, c in zip(factors, rows.T, strict=True)}
    )["y"]
    assert heights.min() > 1.0
    far = outcomes({f.name: np.array([f.low + 50.0 * (f.high - f.low)]) for f in factors})["y"]
    assert far[0] == pytest.approx(1.0)


def test_a_blend_is_a_polynomial_of_what_its_bounds_leave():
    (mixture,), constraints, outcomes = blend(np.random.default_rng(4))
    low = np.array([constraint.low for constraint in constraints])
    pure = low + np.eye(len(low)) * (1.0 - low.sum())
    middle = pure[:2].mean(axis=0)
    ends = outcomes(dict(zip(mixture.terms, pure.T, strict=True)))["y"]
    assert ends.min() >= 44.0
    between = outcomes({t: np.array([v]) for t, v in zip(mixture.terms, middle, strict=True)})["y"]
    assert between[0] != pytest.approx(ends[:2].mean(), rel=1e-3)  # pairs count
    assert all(c.high - c.low > 0.0 for c in constraints)


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_a_classic_functions_top_is_the_published_one(number):
    function, width, top = FUNCTIONS[number]
    starts = np.random.default_rng(1).random((4000, width))
    best = starts[np.argsort(-function(starts))[:5]]
    bounds = [(0.0, 1.0)] * width
    found = [minimize(lambda u: -float(function(u[None])[0]), at, bounds=bounds) for at in best]
    assert max(-result.fun for result in found) == pytest.approx(top, abs=1e-3)


@EVERY
def test_a_number_stands_for_one_problem(kind):
    (case, most), (again, same), (other, _) = draw(kind, 3), draw(kind, 3), draw(kind, 4)
    assert case.problem == again.problem
    assert most == same
    points = points_of(case.problem, 20)
    assert [case.truth(p) for p in points] == [again.truth(p) for p in points]
    assert case.problem != other.problem
    assert Problem.from_json(case.problem.to_json()) == case.problem


@EVERY
def test_no_random_points_reach_more_than_what_can_be_reached(kind):
    many = 28 if kind == "trio" else 1000  # there, "can" is what so many runs reach at best
    for number in range(3):
        case, most = draw(kind, number)
        assert 0.0 < case.worth(points_of(case.problem, many)) <= most


def told(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["drawn", *arguments])
    runner.main()
    return json.loads(capsys.readouterr().out)


def test_planners_are_compared_on_the_same_problems(monkeypatch, capsys, tmp_path):
    out = tmp_path / "drawn.json"
    arguments = ("--problems", "3", "--kinds", "output", "--planners", "bayes,lhs")
    found = told(monkeypatch, capsys, *arguments, "--out", str(out))
    assert found == json.loads(out.read_text())
    of = found["kinds"]["output"]
    ours, theirs = of["bayes"]["experiments"], of["lhs"]["experiments"]
    ratio = np.exp(np.mean(np.log(np.array(ours) / np.array(theirs))))
    assert of["lhs"]["bayes_to_it"]["ratio"] == pytest.approx(ratio, abs=1e-3)
    assert of["lhs"]["bayes_to_it"]["fewer"] == sum(
        a < b for a, b in zip(ours, theirs, strict=True)
    )
    assert of["bayes"]["median"] == np.median(ours)


def test_a_peer_without_its_environment_is_an_error(monkeypatch, capsys):
    monkeypatch.delenv("TAYLORD_PEERS", raising=False)
    with pytest.raises(SystemExit):
        told(monkeypatch, capsys, "--planners", "bayes,optuna")
    assert "optuna: needs --peers" in capsys.readouterr().err


def test_runs_elsewhere_reach_less_than_as_many_between_three_hills():
    trio = Trio(np.random.default_rng(3))
    rows = np.random.default_rng(4).random((28, len(trio.factors)))
    pulled = 0.8 * rows + 0.2 * trio.places.mean(axis=0)  # nearer to the triangle
    assert 0.0 < trio.merit.of(trio.truth(rows)) < trio.merit.of(trio.truth(pulled)) < trio.most
    assert trio.heights(trio.places).diagonal() == pytest.approx(100.0)


def test_a_volume_is_that_of_boxes():
    merit = Volume(tuple((name, 0.0, 1.0) for name in "abc"))
    boxes = [(1.0, 1.0, 3.0), (3.0, 1.0, 1.0), (1.0, 3.0, 1.0), (-1.0, 9.0, 9.0)]
    truths = [dict(zip("abc", box, strict=True)) for box in boxes]
    assert merit.of(truths) == pytest.approx(7.0)
    assert merit.of([*truths, {"a": 0.9, "b": 0.9, "c": 2.9}]) == pytest.approx(7.0)
    assert merit.of([]) == 0.0
