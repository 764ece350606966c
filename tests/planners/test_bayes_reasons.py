"""What Bayesian optimisation says of its points, and of the best so far."""

import numpy as np
import pytest

from planners.base import Categorical, Continuous, Measured, Observation, Problem, Response
from planners.bayes import Bayes
from planners.bayes import best as module
from planners.bayes.acquisition import unbeaten, volume_growth
from planners.bayes.best import best_runs
from planners.bayes.fill import emptiest
from planners.bayes.growth import front
from planners.bayes.models.space import Space
from planners.bayes.picker import Picker
from planners.bayes.reasons import hopeless, why
from planners.bayes.situation import Situation
from planners.bayes.worth import Worth
from planners.sampling import all_rows
from planners.suggest import ask, generator
from tests.planners.test_bayes import campaign, hill

PAIR = (Response("gain"), Response("cost", "minimise"))


def notes(problem, truth, runs, noise=0.01):
    history = campaign(problem, truth, runs, noise)
    return Bayes().propose(problem, history, 1, generator(0, runs))[0].note


def test_a_point_says_why_and_how_far_the_best_is_from_the_best_possible(plane):
    note = notes(plane, hill, 6)
    assert note.startswith(("explore: ", "exploit: "))
    assert "the best known run is expected" in note
    assert "from the best possible y" in note


def test_nothing_worth_more_than_noise_is_said_once_the_top_is_known(plane):
    assert "stop here" not in notes(plane, hill, 5)
    assert "stop here" in notes(plane, hill, 20, noise=0.02)


def test_nobody_is_told_to_stop_for_what_runs_under_way_may_bring(plane):
    history = campaign(plane, hill, 20, 0.02)
    first, *others = Bayes().propose(plane, history, 3, generator(0, 20))
    assert "stop here" in first.note
    for found in others:
        assert "stop here" not in found.note
        assert "would be left if the runs before it come out as expected" in found.note
    waiting = Observation(first.point, status="pending")
    (alone,) = Bayes().propose(plane, [*history, waiting], 1, generator(0, 21))
    assert "stop here" not in alone.note


def test_who_goes_on_after_that_looks_into_gaps_and_doubts_the_model_in_turn(plane):
    found = [notes(plane, hill, runs, noise=0.02) for runs in (20, 21)]
    assert found[0].startswith("fill: nothing promises more than noise here, looking elsewhere")
    assert found[1].startswith("fill: between the runs")


def test_it_does_so_also_where_the_model_could_still_learn(plane, monkeypatch):
    monkeypatch.setattr(Picker, "_exhausted", lambda *_: False)
    assert notes(plane, hill, 20, noise=0.02).startswith("fill: nothing promises more than noise")
    assert notes(plane, hill, 6).startswith(("explore: ", "exploit: "))


def test_the_expected_regret_is_in_the_responses_own_unit(plane):
    note = notes(plane, lambda p: {"y": 1e4 * hill(p)["y"]}, 6, noise=10.0)
    regret = float(note.split("is expected ")[1].split()[0])
    assert 1.0 < regret < 1e4


def test_several_goals_say_what_the_front_gains(plane):
    problem = Problem(plane.factors, PAIR)
    note = notes(problem, lambda p: {"gain": p["a"], "cost": p["a"] ** 2 + p["b"] / 10}, 8)
    assert "the front" in note
    assert "grow" in note


def test_a_goal_that_never_varies_leaves_the_choice_to_the_others(plane):
    both = Problem(plane.factors, (Response("y"), Response("impurity", "minimise")))
    grid = [{"a": a, "b": b} for a in (0.1, 0.4, 0.9) for b in (1.0, 4.0, 8.0)]
    values = [{"y": Measured(hill(p)["y"]), "impurity": Measured(5.0)} for p in grid]
    history = [Observation(p, v) for p, v in zip(grid, values, strict=True)]
    (found, *_) = ask(Bayes(), both, history, 1, 0).suggestions
    (alone, *_) = ask(Bayes(), plane, history, 1, 0).suggestions
    assert hill(found.point)["y"] == pytest.approx(hill(alone.point)["y"], abs=0.1)
    assert found.note.endswith("impurity never varied, so that the other goals decide")
    assert "front" not in found.note
    assert found.predicted["impurity"].mean == pytest.approx(5.0)
    varied = Observation({"a": 0.5, "b": 9.0}, {"y": Measured(0.9), "impurity": Measured(4.0)})
    assert "never varied" not in ask(Bayes(), both, [*history, varied], 1, 0).note


def test_three_goals_say_what_the_front_gains_and_stop_when_it_is_known(plane):
    problem = Problem(plane.factors, (*PAIR, Response("pure")))

    def truth(p):
        return {"gain": p["a"], "cost": p["a"] ** 2, "pure": 1 - (p["b"] / 10 - 0.5) ** 2}

    early = notes(problem, truth, 5, noise=0.001)
    late = notes(problem, truth, 30, noise=0.001)
    growth = [float(n.split("expected to grow by ")[1].split()[0]) for n in (early, late)]
    assert "the front's volume" in early
    assert growth[1] < growth[0]
    assert "stop here" not in early


def test_the_growth_of_the_dominated_volume_is_that_of_the_area():
    rng = np.random.default_rng(3)
    known, new = rng.random((6, 2)), np.array([[0.9, 0.8]])
    reference = np.array([0.0, 0.0])
    angles = (np.arange(4000) + 0.5) / 4000 * np.pi / 2
    directions = np.column_stack([np.cos(angles), np.sin(angles)])

    def area(points):
        edge = points[front(points)]
        floors = np.concatenate([[0.0], edge[:-1, 1]])
        return float((edge[:, 0] * (edge[:, 1] - floors)).sum())

    exact = area(np.vstack([known, new])) / area(known) - 1
    assert volume_growth(known, new, reference, directions) == pytest.approx(exact, rel=1e-3)


def test_a_front_is_counted_from_what_is_typical_however_many_runs_crowd_its_middle(plane):
    problem = Problem(plane.factors, (Response("u"), Response("v")))

    def observed(a, b):
        share = 1 - 3 * (b / 10 - 0.5) ** 2
        values = {"u": Measured(a * share), "v": Measured((1 - a) * share)}
        return Observation({"a": a, "b": b}, values)

    early = [observed(a, b) for a in (0.0, 0.5, 1.0) for b in (0.0, 10.0)]
    crowd = [observed(0.5 + 0.01 * k, 5.0 + 0.1 * k) for k in range(-6, 7)]

    def corner(history):
        known = Situation(Bayes(), problem, history)
        worth = Worth(known.space, known.models(), known.good, np.random.default_rng(0))
        assert worth.reference is not None
        return [worth.goals[k].scale.plain(worth.reference[k]) for k in (0, 1)]

    assert max(corner([*early, *crowd])) < 0.4  # the crowd's own median is 0.5
    assert max(corner([*early, *crowd, *crowd])) < 0.4


def test_a_front_is_counted_from_where_a_target_may_be_met(plane):
    """A few runs in its middle meet the target; it is met all along the diagonal."""
    target = Response("size", "target", 0.45, 0.55)
    problem = Problem(plane.factors, (Response("u"), Response("v"), target))

    def observed(a, b):
        values = {"u": a, "v": 1 - a, "size": 0.5 + (a - b / 10)}
        return Observation({"a": a, "b": b}, {k: Measured(v) for k, v in values.items()})

    places = [(0.4, 4.0), (0.5, 5.1), (0.6, 5.9), (0.2, 6.0), (0.8, 5.0), (0.5, 8.0), (0.4, 1.0)]
    known = Situation(Bayes(), problem, [observed(a, b) for a, b in places])
    worth = Worth(known.space, known.models(), known.good, np.random.default_rng(0))
    assert worth.reference is not None
    assert worth.likely.sum() == 3
    found = [worth.goals[k].scale.plain(worth.reference[k]) for k in (0, 1)]
    assert max(found) < 0.2  # the known runs end at 0.4


@pytest.mark.parametrize("seed", [2, 5])
def test_nobody_is_told_to_stop_before_a_better_point_that_may_fail(plane, seed):
    """The best lies where runs begin to fail."""
    history: list[Observation] = []
    for i in range(17):
        (found,) = Bayes(seed=seed).propose(plane, history, 1, generator(seed, i))
        best = max((run.responses["y"].value for run in history if run.responses), default=0.0)
        assert "stop here" not in found.note or best > 1.95
        a, b = found.point["a"], found.point["b"] / 10.0
        fails = a + b > 1.0
        values = {} if fails else {"y": Measured(2.0 * a + b)}
        history.append(Observation(found.point, values, "failed" if fails else "ok"))
    assert best > 1.95


def test_targets_alone_stop_when_they_are_met(plane):
    problem = Problem(plane.factors, (Response("y", "target", 0.5, 0.9),))
    assert "stop here" in notes(problem, hill, 12, noise=0.001)


def test_a_chance_of_failure_is_told(plane):
    history = campaign(plane, hill, 10)
    (wanted,) = Bayes().suggest(plane, history, 1, generator(0, 10))
    near = [{"a": wanted["a"] + d, "b": wanted["b"] + e} for d in (0, 0.02) for e in (0, 0.3)]
    failures = [Observation(point, status="failed") for point in near]
    found = [
        Bayes().propose(plane, [*history, *failures], 1, generator(seed, 14))[0].note
        for seed in range(3)
    ]
    assert all("first design" not in note for note in found)


def reaction(p):
    """Yield of the intermediate of A -> B -> C, %, from temperature in degC and time in min."""
    heat = (1 / 343.15 - 1 / (p["temperature"] + 273.15)) / 8.314462618e-3
    made, lost = 0.4 * np.exp(60 * heat), 0.05 * np.exp(90 * heat)
    kept = np.exp(-made * p["residence_time"]), np.exp(-lost * p["residence_time"])
    return {"y": 100 * made / (lost - made) * (kept[0] - kept[1])}


def unaware(p):
    return {"y": 50 + 20 * np.sin(p["temperature"] / 12) + 20 * np.cos(p["residence_time"])}


@pytest.mark.parametrize(("truth", "told"), [(reaction, True), (unaware, False)])
def test_kinetics_are_told_as_far_as_they_are_believed(truth, told):
    factors = (
        Continuous("temperature", 20.0, 120.0, "degC"),
        Continuous("residence_time", 1.0, 10.0, "min", "log"),
    )
    problem = Problem(factors, (Response("y"),))
    rows = np.random.default_rng(3).random((20, 2))
    points = [problem.scale(row) for row in rows]
    history = [Observation(p, {"y": Measured(float(truth(p)["y"]))}) for p in points]
    known = Situation(Bayes(), problem, history)
    note = why(Worth(known.space, known.models(), known.good, generator(0, 0)), rows[0], 1.0)
    assert ("kinetics believed for y with" in note) is told


def test_the_most_probable_best_is_not_the_luckiest_reading():
    problem = Problem((Continuous("a", 0, 1),), (Response("y"),))
    errors = np.random.default_rng(2)
    history = [
        Observation({"a": a}, {"y": Measured(1 - 3 * (a - 0.5) ** 2 + 0.03 * errors.normal())})
        for a in np.linspace(0, 1, 21)
    ]
    history[2] = Observation(history[2].point, {"y": Measured(1.15)})  # truth 0.52
    history.insert(0, Observation({"a": 0.77}, status="pending"))
    (best,) = best_runs(problem, history)
    assert abs(best.point["a"] - 0.5) < 0.15
    assert history[best.index].point == best.point
    assert best.predicted["y"].mean == pytest.approx(1.0, abs=0.1)
    assert 0.0 < best.probability <= 1.0
    assert best.to_json()["index"] == best.index


def test_the_best_of_several_goals_is_the_front(plane):
    problem = Problem(plane.factors, PAIR)
    history = campaign(
        problem, lambda p: {"gain": p["a"], "cost": p["a"] ** 2 + p["b"] / 10}, 12, noise=0.001
    )
    front = best_runs(problem, history)
    gains = [run.predicted["gain"].mean for run in front]
    costs = [run.predicted["cost"].mean for run in front]
    assert len(front) > 1
    assert gains == sorted(gains, reverse=True)
    assert costs == sorted(costs, reverse=True)


def test_the_best_meets_the_targets_where_any_run_does(plane):
    problem = Problem(plane.factors, (Response("y"), Response("ph", "target", 0.0, 0.2)))
    history = campaign(problem, lambda p: hill(p) | {"ph": p["a"]}, 14, noise=0.001)
    (best,) = best_runs(problem, history)
    assert best.point["a"] < 0.25


def test_targets_alone_name_the_likeliest_run(plane):
    problem = Problem(plane.factors, (Response("y", "target", 0.6, 0.7),))
    history = campaign(problem, hill, 10, noise=0.001)
    (best,) = best_runs(problem, history)
    assert hill(best.point)["y"] == pytest.approx(0.65, abs=0.06)


@pytest.mark.parametrize(
    "responses",
    [
        (Response("gain"),),
        (Response("gain"), Response("cost", "minimise")),
        (Response("gain"), Response("cost", "target", 0.0, 0.6)),
    ],
)
def test_runs_that_cannot_be_the_best_are_left_out_of_the_draws_alone(
    plane, responses, monkeypatch
):
    problem, drawn = Problem(plane.factors, responses), []
    history = campaign(
        problem, lambda p: {"gain": p["a"], "cost": p["a"] ** 2 + p["b"] / 10}, 24, noise=0.01
    )
    shares = module._shares

    def counting(worth, features):
        drawn.append(len(features))
        return shares(worth, features)

    monkeypatch.setattr(module, "_shares", counting)
    found = best_runs(problem, history)
    monkeypatch.setattr(module, "_able", lambda _, features: np.ones(len(features), dtype=bool))
    every = best_runs(problem, history)
    assert drawn[0] < drawn[1]
    assert [run.index for run in found] == [run.index for run in every]
    for run, same in zip(found, every, strict=True):
        assert run.probability == pytest.approx(same.probability, abs=0.1)


@pytest.mark.parametrize("runs", [0, 1])
def test_too_few_runs_have_no_best(plane, runs):
    history = [Observation({"a": 0.1, "b": 1.0}, {"y": Measured(1.0)})] * runs
    assert best_runs(plane, history) == []


def at_random(rows):
    return np.random.default_rng(1).random(len(rows))


def test_the_emptiest_place_is_the_middle_of_the_largest_hole(plane):
    tried = np.array([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.2, 0.5]])
    grid = np.array([[x, y] for x in np.linspace(0, 1, 41) for y in np.linspace(0, 1, 41)])
    found = emptiest(Space(plane), grid, tried, at_random)
    assert 0.55 < found[0] < 0.85
    assert 0.55 < found[1] < 0.85


def test_the_emptiest_place_is_not_worth_any_price(plane):
    tried, pool = np.array([[0.5, 0.5]]), np.array([[0.1, 0.5], [0.5, 0.9], [0.5, 0.7]])
    found = emptiest(Space(plane), pool, tried, at_random, np.array([5.0, 3.0, 1.0]))
    assert list(found) == [0.5, 0.7]


@pytest.mark.parametrize("described", [False, True])
def test_of_names_equally_far_from_all_runs_the_most_promising_one_is_taken(described):
    bulk = {"p": {"bulk": 1.0}, "q": {"bulk": 60.0}, "r": {"bulk": 2.0}, "s": {"bulk": 3.0}}
    first = Categorical("a", ("p", "q", "r", "s"), bulk if described else {})
    problem = Problem((first, Categorical("b", ("v", "w", "x"))))
    rows = all_rows(problem)
    tried = rows[[0]]

    def worth(far):
        return -np.abs(far - rows[7]).sum(axis=1)

    assert list(emptiest(Space(problem), rows[1:], tried, worth)) == list(rows[7])


@pytest.mark.parametrize(("best", "little"), [(1.03, False), (30.0, True)])
def test_only_a_small_chance_to_beat_the_best_is_hopeless(plane, best, little):
    rows = [(a, b) for a in np.linspace(0.0, 0.8, 5) for b in np.linspace(0.0, 10.0, 5)]
    history = [Observation({"a": a, "b": b}, {"y": Measured(1.0 + 0.1 * a)}) for a, b in rows]
    history.append(Observation({"a": 0.3, "b": 5.0}, {"y": Measured(best)}))
    known = Situation(Bayes(), plane, history)
    worth = Worth(known.space, known.models(), known.good, np.random.default_rng(0))
    assert hopeless(worth, np.array([1.0, 1.0])) is little


@pytest.mark.parametrize("goals", [1, 2, 3])
def test_unbeaten_draws_are_those_no_other_draw_beats(goals):
    values = np.random.default_rng(goals).normal(size=(20, 9, goals))
    for found, draw in zip(unbeaten(values), values, strict=True):
        beaten = [
            any(np.all(other >= own) and np.any(other > own) for other in draw) for own in draw
        ]
        assert list(found) == [not b for b in beaten]


def test_a_logarithm_with_an_offset_comes_back_as_it_was():
    from planners.bayes.models.scale import Scale

    scale = Scale(True, 0.5, 2.0, 1.0, 0.1)
    for value in (0.0, 1e-9, 3.0):
        assert scale.plain(float(scale.forward(np.array([value]))[0])) == pytest.approx(value)


def test_of_a_logarithm_what_is_more_likely_than_not_is_told():
    from planners.bayes.models.scale import Scale

    scale = Scale(True, np.log(40.0), 1.5, 1.0)
    unsure = scale.back(0.0, 1.0)  # a mean of 123
    assert unsure.mean == pytest.approx(40.0)
    assert unsure.sd == pytest.approx(40.0 * (np.exp(1.5) - np.exp(-1.5)) / 2)
    sure = scale.back(0.0, 0.01)
    assert sure.sd == pytest.approx(40.0 * 0.015, rel=1e-3)


@pytest.mark.parametrize("goal", ["maximise", "minimise"])
def test_what_is_expected_agrees_with_the_reason_beside_one_absurd_reading(plane, goal):
    problem = Problem(plane.factors, (Response("rate", goal),))
    history = campaign(problem, lambda p: {"rate": 20 + 10 * p["a"] + p["b"]}, 9, 0.5)
    history[4] = Observation(history[4].point, {"rate": Measured(1e9)})
    (found,) = ask(Bayes(), problem, history, 1, 0).suggestions
    (best,) = best_runs(problem, history)
    least, most = sorted([found.predicted["rate"].mean, best.predicted["rate"].mean])
    better = most if goal == "maximise" else least
    assert found.note.startswith("exploit") == (found.predicted["rate"].mean == better)


def test_one_target_is_neared_and_several_are_met():
    factors = (Continuous("a", 0, 1), Continuous("b", 0, 1))
    one, other = Response("ph", "target", 8.0, 8.2), Response("colour", "target", 2.0, 2.1)

    def measured(p):
        return {"ph": 3.0 + 8.0 * p["a"], "colour": 1.0 + 2.0 * p["b"]}

    alone = notes(Problem(factors, (one,)), measured, 3, 0.0)
    both = notes(Problem(factors, (one, other)), measured, 5, 0.0)
    assert "expected to come nearest to the target" in alone
    assert "most likely to meet the targets" in both


def test_a_target_out_of_reach_is_said_to_be():
    problem = Problem((Continuous("a", 0, 1),), (Response("ph", "target", 20, 21),))
    early, late = (notes(problem, lambda p: {"ph": 3.0 + 8.0 * p["a"]}, n, 0.0) for n in (4, 6))
    assert early.startswith("feasibility: ")
    assert late.startswith("feasibility: no conditions are expected to meet the targets")


def test_what_misses_the_targets_is_nothing_to_be_gained(plane):
    problem = Problem(plane.factors, (Response("y"), Response("ph", "target", 6.9, 7.1)))

    def truth(p):
        return {"y": p["a"] - p["b"] / 10, "ph": 3.0 + 0.8 * p["a"] * p["b"]}

    note = notes(problem, truth, 14)  # the best is 0.51, at the edge of what meets the target
    regret = float(note.split("the best known run is expected ")[1].split()[0])
    assert regret < 0.05
    assert "stop here" in note


def test_a_front_that_is_hardly_one_yet_is_not_told_to_grow_a_thousandfold(plane):
    problem = Problem(plane.factors, (Response("y"), Response("purity")))
    rows = ((0.02, 7.1), (0.45, 3.1), (0.97, 0.1), (0.58, 7.9), (0.3, 5.0))
    history = [
        Observation({"a": a, "b": b}, {"y": Measured(a * (1 - b / 10)), "purity": Measured(99.0)})
        for a, b in rows
    ]
    (found,) = ask(Bayes(), problem, history, 1, 0).suggestions
    assert found.note.endswith("the front's area is expected to more than double with this run")


def test_how_far_the_best_is_from_the_best_possible_is_told_without_an_exponent():
    problem = Problem((Continuous("T", 20, 150, "degC"),), (Response("sty"),))
    readings = ((20, 1000.0), (100, 120000.0), (150, 30000.0))
    history = [Observation({"T": t}, {"sty": Measured(y)}) for t, y in readings]
    (found,) = ask(Bayes(), problem, history, 1, 0).suggestions
    assert "from the best possible sty" in found.note
    assert "e+" not in found.note
