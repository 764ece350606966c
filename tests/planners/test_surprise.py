"""Bayesian optimisation looks around a run that came out better than the others let expect."""

import numpy as np
import pytest

from planners.base import (
    Categorical,
    Constraint,
    Continuous,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.bayes import Bayes
from planners.bayes.search import Domain
from planners.bayes.situation import Situation
from planners.bayes.surprise import surprise
from planners.suggest import generator

FLANK = {"a": 0.78, "b": 2.2}  # beside a narrow peak at a 0.85, b 1.5 that no other run shows
NUMBERS = (Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 10.0))


def hill(point):
    """Return the height of a broad hill with its top at a 0.3, b 7."""
    return 60 - 90 * (point["a"] - 0.3) ** 2 - 60 * (point["b"] / 10 - 0.7) ** 2


def known(sign=1.0, more=(), **others):
    """Return runs that know the broad hill, and one beside the narrow peak."""
    errors = np.random.default_rng(3)
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    points = [{"a": a, "b": 10 * b} for a in ticks for b in ticks]
    points += [{"a": 0.3 + 0.05 * k, "b": 7.0 + 0.3 * k} for k in (-1, 0, 1)]
    values = [hill(point) + 0.1 * errors.normal() for point in points]
    points, values = [*points, FLANK], [*values, hill(FLANK) + 14.0]
    for point in more:
        points.append(point)
        values.append(hill(point))
    return [
        Observation({**p, **others}, {"y": Measured(sign * v)})
        for p, v in zip(points, values, strict=True)
    ]


def asked(problem, history, planner=None):
    return (planner or Bayes()).propose(problem, history, 1, generator(0, len(history)))[0]


def far(point, other=FLANK):
    return max(abs(point["a"] - other["a"]), abs(point["b"] - other["b"]) / 10)


@pytest.mark.parametrize(("goal", "sign"), [("maximise", 1.0), ("minimise", -1.0)])
def test_it_looks_around_a_run_that_nothing_explains(goal, sign):
    problem = Problem(NUMBERS, (Response("y", goal),))
    found = asked(problem, known(sign))
    assert 0.03 < far(found.point) <= 0.1
    value, foretold = (sign * (hill(FLANK) + more) for more in (14.0, 0.0))
    said = found.note.removeprefix("explore: around a run with y ").split(", where the others")
    assert float(said[0]) == pytest.approx(value, rel=0.01)
    expected = float(said[1].removeprefix(" let expect ").split(";")[0])
    assert expected == pytest.approx(foretold, abs=3.0)


def test_it_finds_the_peak_that_begins_there():
    """The peak is 0.06 of the cube wide; it stands 40 above the broad hill."""
    problem = Problem(NUMBERS, (Response("y"),))

    def truth(point):
        gap = (point["a"] - 0.85) ** 2 + (point["b"] / 10 - 0.15) ** 2
        return hill(point) + 90 * np.exp(-gap / 2 / 0.06**2)

    history = [Observation(run.point, {"y": Measured(float(truth(run.point)))}) for run in known()]
    for _ in range(12):
        point = asked(problem, history).point
        history.append(Observation(point, {"y": Measured(float(truth(point)))}))
    assert max(truth(run.point) for run in history) > 90  # the broad hill has 60


def test_without_the_surprise_it_looks_elsewhere():
    problem = Problem(NUMBERS, (Response("y"),))
    note = asked(problem, [run for run in known() if run.point != FLANK]).note
    assert "around a run" not in note


def test_a_run_that_was_looked_around_is_left_alone():
    problem = Problem(NUMBERS, (Response("y"),))
    steps = [(0.05, 0.0), (-0.05, 0.3), (0.0, 0.6), (0.0, -0.6), (0.08, 0.8)]
    steps += [(0.06, -0.7), (-0.06, 0.7), (-0.07, -0.6)]
    around = [{"a": FLANK["a"] + a, "b": FLANK["b"] + b} for a, b in steps]
    assert asked(problem, known(more=around[:3])).note.startswith("explore: around a run")
    assert "around a run" not in asked(problem, known(more=around)).note


def test_what_noise_does_at_the_top_of_the_hill_is_no_news(plane):
    """A reading 4 sds of the noise too high, which is little of all that was seen."""
    history = [run for run in known() if run.point != FLANK]
    history.append(Observation({"a": 0.32, "b": 7.2}, {"y": Measured(60.4)}))
    assert "around a run" not in asked(plane, history).note


def test_what_noise_does_anywhere_is_no_news_either(plane):
    """Twice the noise above what is foretold, and more than 0.3 of the sd of all readings."""
    errors = np.random.default_rng(11)
    history = [
        Observation(run.point, {"y": Measured(hill(run.point) + 6 * errors.normal())})
        for run in known()
        if run.point != FLANK
    ]
    history.append(Observation(FLANK, {"y": Measured(hill(FLANK) + 12.0)}))
    assert surprise(plane, *known_of(plane, history)) is None


def test_several_goals_are_left_alone():
    """A front has many ends."""
    pair = (Response("y"), Response("cost", "minimise"))
    history = [
        Observation(run.point, {**run.responses, "cost": Measured(run.point["a"])})
        for run in known()
    ]
    assert "around a run" not in asked(Problem(NUMBERS, pair), history).note


def test_bad_luck_is_none(plane):
    """A run that came out worse than foretold is no reason to look there."""
    history = known()
    history[-1] = Observation(FLANK, {"y": Measured(hill(FLANK) - 14.0)})
    assert "around a run" not in asked(plane, history).note


def test_it_stays_at_the_names_of_that_run_and_within_limits():
    factors = (*NUMBERS, Categorical("c", ("x", "z")))
    limit = Constraint({"b": 1.0}, at_most=2.25)
    problem = Problem(factors, (Response("y"),), (limit,))
    found = surprise(problem, *known_of(problem, known(c="x")))
    assert found is not None
    rows = found.around(Domain(problem), np.random.default_rng(0))
    assert len(rows)
    assert np.all(problem.keeps_constraints(rows))
    assert {problem.scale(row)["c"] for row in rows} == {"x"}


def known_of(problem, history):
    situation = Situation(Bayes(), problem, history)
    (goal,) = situation.models()
    return goal, situation.stood(goal.response.name), situation.tried


def test_where_no_number_varies_there_is_no_around():
    problem = Problem((Categorical("c", ("x", "z")),), (Response("y"),))
    history = [Observation({"c": "x"}, {"y": Measured(float(v))}) for v in (1, 1, 1, 1, 1, 9)]
    assert surprise(problem, *known_of(problem, history)) is None


def test_a_run_outside_the_ranges_is_not_looked_around():
    narrow = (Continuous("a", 0.0, 0.7), NUMBERS[1])
    problem = Problem(narrow, (Response("y"),))
    assert surprise(problem, *known_of(problem, known())) is None


def test_nothing_is_left_to_look_at_where_a_shared_value_is_held():
    """A point in flight holds ``a`` far from the surprise: the next one keeps its value."""
    problem = Problem(NUMBERS, (Response("y"),))
    history = [*known(), Observation({"a": 0.2, "b": 5.0}, status="pending")]
    found = asked(problem, history, Bayes(shared=("a",)))
    assert found.point["a"] == 0.2
    assert "around a run" not in found.note
