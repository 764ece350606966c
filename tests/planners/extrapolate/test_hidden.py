"""Elements that no run has held: what the model says of them, and whether the search finds them."""

import numpy as np
import pytest

from planners.extrapolate import Extrapolate
from planners.extrapolate.lessons import Lessons
from planners.extrapolate.model import Model
from planners.extrapolate.sight import Sight
from planners.extrapolate.smooth import Frame
from planners.suggest import generator
from tests.planners.extrapolate.truth import ELEMENTS, PROBLEM, drawn, measured, rate

HIDDEN = ("Nb", "Ta", "Ti", "Zr", "V", "Al", "Hf")


def errors(form, rows):
    """Return the root mean square error on the mixtures with each element, learned without them."""
    see = Sight(PROBLEM, Extrapolate(descriptors=form))
    frame = Frame.of(see(drawn(1000, np.random.default_rng(9))).smooth)
    nothing = see(np.empty((0, len(ELEMENTS))))
    truth = np.array([rate(PROBLEM.scale(row)) for row in rows])
    found = []
    for column in range(len(ELEMENTS)):
        held = rows[:, column] > 0
        if held.sum() >= 2:
            data = Lessons(PROBLEM, measured(rows[~held]), see).of("rate")
            mean, _ = Model(frame, data, nothing, 0).predict(see(rows[held]))
            found.append(np.sqrt(((mean - truth[held]) ** 2).mean()))
    return np.array(found)


@pytest.mark.parametrize("seed", [0])
def test_properties_know_hidden_elements_better_than_amounts_do(seed):
    rows = drawn(90, np.random.default_rng(seed))
    plain = errors("conventional", rows)
    for form in ("explorative", "exploitative"):
        own = errors(form, rows)
        assert own.mean() < 0.75 * plain.mean(), form
        assert (own < plain).mean() > 0.75, form


def searched(seed, suggest):
    """Return the best of 15 further runs and the first 20, which hold no hidden element."""
    runs = measured(drawn(20, np.random.default_rng([7, seed]), HIDDEN))
    for _ in range(15):
        runs += measured([PROBLEM.encode(suggest(runs))])
    return max(runs, key=lambda run: run.responses["rate"].value)


def test_a_closed_loop_takes_up_hidden_elements_and_beats_random_picks():
    planner, better, taken = Extrapolate(), 0, 0

    def asked(runs):
        return planner.suggest(PROBLEM, runs, 1, generator(0, len(runs)))[0]

    def guessed(runs):
        return PROBLEM.scale(drawn(1, np.random.default_rng([len(runs), 3]))[0])

    for seed in range(2):
        best, chance = searched(seed, asked), searched(seed, guessed)
        better += best.responses["rate"].value > chance.responses["rate"].value
        taken += any(best.point["additive"][element] > 0 for element in HIDDEN)
    assert better == 2
    assert taken >= 1
