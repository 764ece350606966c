"""Elements that no run has held: what the model says of them, and whether the search finds them."""

import numpy as np
import pytest

from benchmarks.catalysis import ELEMENTS, PROBLEM, Truth, drawn
from planners.extrapolate import Extrapolate
from planners.extrapolate.lessons import Lessons
from planners.extrapolate.model import Model
from planners.extrapolate.sight import Sight
from planners.suggest import generator

pytestmark = pytest.mark.no_cover  # thousands of suggestions; other tests measure these lines

SMOOTH = Truth("smooth")


def errors(form, rows, columns):
    """Return the root mean square error on the mixtures with each element, learned without them."""
    see = Sight(PROBLEM, Extrapolate(descriptors=form))
    views = see.views(drawn(1000, np.random.default_rng(9)))
    nothing = see(np.empty((0, len(ELEMENTS))))
    truth = SMOOTH.rate(rows)
    found = []
    for column in columns:
        held = rows[:, column] > 0
        if held.sum() >= 2:
            data = Lessons(PROBLEM, SMOOTH.measured(rows[~held]), see).of("rate")
            mean, _ = Model(views, data, nothing, 0).predict(see(rows[held]))
            found.append(np.sqrt(((mean - truth[held]) ** 2).mean()))
    return np.array(found)


@pytest.mark.parametrize("seed", [0, 1])
def test_properties_know_hidden_elements_better_than_amounts_do(seed):
    rows = drawn(90, np.random.default_rng(seed))
    columns = range(seed, len(ELEMENTS), 2)  # each element is hidden in one of the two
    plain = errors("conventional", rows, columns)
    for form in ("explorative", "exploitative"):
        own = errors(form, rows, columns)
        assert own.mean() < 0.75 * plain.mean(), form
        assert (own < plain).mean() > 0.75, form


def searched(truth, seed, suggest, n_runs=20, batch=4):
    """Return the best of further runs and the first 20, which hold no hidden element."""
    runs = truth.measured(drawn(20, np.random.default_rng([7, seed]), truth.hidden))
    while len(runs) < 20 + n_runs:
        runs += truth.measured(suggest(runs, min(batch, 20 + n_runs - len(runs))))
    return max(runs, key=lambda run: run.responses["rate"].value)


def asked(planner):
    """Return a way of asking a planner for rows."""

    def suggest(runs, n):
        points = planner.suggest(PROBLEM, runs, n, generator(0, len(runs)))
        return np.array([PROBLEM.encode(point) for point in points])

    return suggest


def guessed(runs, n):
    """Return random rows."""
    return drawn(n, np.random.default_rng([len(runs), 3]))


def value(run):
    return run.responses["rate"].value


def test_a_closed_loop_takes_up_hidden_elements_and_beats_random_picks():
    better, taken = 0, 0
    for seed in range(3):
        best = searched(SMOOTH, seed, asked(Extrapolate()), batch=1)
        better += value(best) > value(searched(SMOOTH, seed, guessed, batch=1))
        taken += any(best.point["additive"][element] > 0 for element in SMOOTH.hidden)
    assert better >= 2
    assert taken >= 2


@pytest.mark.parametrize("name", ["volcano", "peak"])
def test_a_peak_that_only_hidden_elements_have_is_climbed(name):
    truth, better, beyond = Truth(name), 0, 0
    for seed in range(3):
        best = searched(truth, seed, asked(Extrapolate()), n_runs=24)
        better += value(best) > value(searched(truth, seed, guessed, n_runs=24))
        beyond += value(best) > 1.2 * truth.best[1]  # more than all mixtures of the others give
        assert any(best.point["additive"][element] > 0 for element in truth.hidden)
    assert better >= 2
    assert beyond >= 2


def test_every_other_run_holds_a_new_element_while_there_are_any():
    runs = SMOOTH.measured(drawn(20, np.random.default_rng(1), SMOOTH.hidden))
    batch = Extrapolate().propose(PROBLEM, runs, 4, generator(0, 20))
    turns = [s for s in batch if "every other run tries" in s.note]
    assert len(turns) == 2
    for suggestion in turns:
        assert any(suggestion.point["additive"][element] > 0 for element in SMOOTH.hidden)
    everything = drawn(60, np.random.default_rng(2))
    assert (everything > 0).any(axis=0).all()
    batch = Extrapolate().propose(PROBLEM, SMOOTH.measured(everything), 4, generator(0, 60))
    assert not any("every other run tries" in s.note for s in batch)
