"""A space that was narrowed: what was run outside it teaches where it was."""

import numpy as np
import pytest

from planners.base import Continuous, Measured, Observation, Problem, Response
from planners.bayes.models.coordinates import Coordinates
from planners.bayes.planner import Bayes
from planners.bayes.situation import Situation

YIELD = (Response("yield", unit="%"),)
WIDE = Problem(
    (Continuous("temperature", 30, 120, "degC"), Continuous("time", 1, 20, "min")), YIELD
)
COOL = Problem((Continuous("temperature", 30, 65, "degC"), Continuous("time", 1, 8, "min")), YIELD)


def truth(point):
    """Return the yield of a product that is made, and lost when it is hot."""
    warmth = 1 / 353.15 - 1 / (point["temperature"] + 273.15)
    made = 0.4 * np.exp(55 / 8.314e-3 * warmth) * point["time"]
    lost = 0.05 * np.exp(80 / 8.314e-3 * warmth) * point["time"]
    return 100 * (1 - np.exp(-made)) * np.exp(-lost)


def runs():
    rng = np.random.default_rng(2)
    points = [WIDE.scale(row) for row in rng.random((12, 2))]
    return [Observation(p, {"yield": Measured(truth(p) + rng.normal())}) for p in points]


def expected(problem, points):
    known = Situation(Bayes(), problem, runs())
    (model,) = known.models()
    features = known.space.features(np.array([problem.encode(p) for p in points]))
    return np.array([model.predicted(row).mean for row in features])


def test_runs_beyond_a_narrowed_range_teach_as_much_as_before():
    points = [COOL.scale(row) for row in np.random.default_rng(5).random((60, 2))]
    real = np.array([truth(p) for p in points])
    before, now = (expected(problem, points) - real for problem in (WIDE, COOL))
    assert np.sqrt((now**2).mean()) < 1.5 * np.sqrt((before**2).mean()) + 1.0


def test_a_law_sees_a_run_beyond_its_range_where_it_was():
    hot = {"temperature": 90.0, "time": 12.0}
    told = [
        Coordinates(problem).of(problem.features(problem.encode(hot)[None]))
        - Coordinates(problem).of(problem.features(problem.encode(cold)[None]))
        for problem in (WIDE, COOL)
        for cold in [{"temperature": 40.0, "time": 2.0}]
    ]
    np.testing.assert_allclose(told[0], told[1], rtol=1e-9)


@pytest.mark.parametrize("nonsense", [-1e9, 1e9])
def test_a_law_stands_a_run_without_sense(nonsense):
    rows = np.array([[nonsense, 0.5], [0.5, nonsense]])
    assert np.isfinite(Coordinates(COOL).of(rows)).all()
