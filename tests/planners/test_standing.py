"""How a campaign stands after its space was edited: the best may lie outside by now."""

import pytest

from planners.base import Constraint, Continuous, Measured, Observation, Problem, Response
from planners.bayes.standing import standing
from planners.fixing import hold

WHOLE = Problem((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)), (Response("y"),))
NARROWED = {
    "range": Problem((Continuous("a", 0.0, 0.5), Continuous("b", 0.0, 1.0)), (Response("y"),)),
    "constraint": Problem(WHOLE.factors, WHOLE.responses, (Constraint({"a": 1.0}, at_most=0.5),)),
    "held": hold(WHOLE, {"a": 0.4}),
}
PLACES = [(0.4, 0.2), (0.2, 0.8), (0.4, 0.6), (0.9, 0.5), (0.7, 0.1), (0.1, 0.3), (0.95, 0.9)]


def runs():
    return [Observation({"a": a, "b": b}, {"y": Measured(10.0 * a + 2.0 * b)}) for a, b in PLACES]


@pytest.mark.parametrize("how", NARROWED)
def test_the_best_run_is_said_to_lie_outside_and_what_is_left_to_gain_is_told_inside(how):
    stands = standing(NARROWED[how], WHOLE, runs())
    assert stands.best[0].point == {"a": 0.95, "b": 0.9}
    assert stands.to_json()["best"][0]["outside"] is True
    assert 0.1 < stands.regret < 3.0  # inside, 5.2 is known, and 5.9 at most is possible


def test_a_best_run_inside_is_not_said_to_lie_outside():
    stands = standing(WHOLE, WHOLE, runs())
    assert "outside" not in stands.to_json()["best"][0]


def test_replicates_of_one_run_say_nothing_of_what_may_be_gained():
    once = {"a": 0.4, "b": 0.2}
    history = [Observation(once, {"y": Measured(y)}) for y in (404.2, 400.4)]
    assert standing(WHOLE, WHOLE, history).regret is None
    more = [*history, Observation({"a": 0.9, "b": 0.2}, {"y": Measured(410.0)})]
    assert standing(WHOLE, WHOLE, more).regret is not None
