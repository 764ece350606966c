"""Other people's planners: the programs of ``config/planners``, as they are copied and run.

Those that need a library run in environments of their own, below the folder that
``TAYLORD_OTHER_PLANNERS`` names: ``optuna/``, ``baybe/`` and ``ax/``, made as each program says.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planners.base import (
    Categorical,
    Composition,
    Constraint,
    Continuous,
    Discrete,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.errors import PlannerRefused
from planners.external import External
from planners.fixing import hold
from planners.goals import FormulaConstraint
from tests.planners.strategies import situations

PROGRAMS = Path(__file__).parents[2] / "config" / "planners"
LIBRARIES = {"with_optuna": "optuna", "with_baybe": "baybe", "with_ax": "ax"}
WAIT_S = 180.0  # of real time: large libraries take long on a busy machine

pytestmark = pytest.mark.timeout(400)


def python_of(program):
    """Return the interpreter of a program's own environment; skip the test without one."""
    if program not in LIBRARIES:
        return sys.executable
    folder = os.environ.get("TAYLORD_OTHER_PLANNERS")
    if not folder:
        pytest.skip(
            f"TAYLORD_OTHER_PLANNERS names no folder with {LIBRARIES[program]}'s environment"
        )
    python = Path(folder) / LIBRARIES[program] / "bin" / "python"
    assert python.exists(), f"{python}: make it as {program}.py says"
    return str(python)


@pytest.fixture(scope="module", params=["by_hand", *LIBRARIES])
def program(request):
    return request.param


@pytest.fixture(scope="module")
def external(program):
    """The running program, kept for all its tests."""
    with External([python_of(program), str(PROGRAMS / f"{program}.py")], WAIT_S) as running:
        yield running


def test_every_program_is_tested():
    assert {path.stem for path in PROGRAMS.glob("*.py")} == {"by_hand", *LIBRARIES}


MIXED = Problem(
    (
        Continuous("T", 30.0, 120.0, "degC", "reciprocal_kelvin"),
        Continuous("t", 0.5, 10.0, "min", "log"),
        Discrete("eq", (1, 1.5, 3), dropped=(5,)),
        Categorical("base", ("DBU", "Et3N"), dropped=("NaH",)),
    ),
    (Response("yield"),),
)


def run(T, t, eq, base, gained=None, status="ok", achieved=None):  # noqa: N803
    responses = {} if gained is None else {"yield": Measured(gained, 0.01)}
    return Observation({"T": T, "t": t, "eq": eq, "base": base}, responses, status, achieved)


OUTSIDE = {"T": 125.3, "t": 1.97, "eq": 1.55, "base": "Et3N"}
HISTORY = [
    run(40.0, 1.0, 1, "DBU", 0.2),
    run(40.0, 1.0, 1, "DBU", 0.25),  # a replicate
    run(80.0, 2.0, 1.5, "Et3N", 0.5, achieved=OUTSIDE),
    run(90.0, 5.0, 3, "DBU", 0.8),
    run(60.0, 5.0, 5, "NaH", 0.1),  # values dropped since
    run(120.0, 8.0, 3, "DBU", status="failed"),
    run(70.0, 3.0, 3, "Et3N", 9.9, status="suspect"),
    run(75.0, 3.0, 3, "DBU", status="pending"),
    run(75.0, 3.0, 3, "Et3N", status="pending"),
]


def points_of(external, problem, history, n, seed=0):
    answer = external.ask(problem, history, n, seed)
    return [dict(suggestion.point) for suggestion in answer.suggestions]


def test_it_says_where_to_start(external):
    assert len(points_of(external, MIXED, [], 2)) == 2


def test_it_goes_on_beside_runs_of_every_fate(external):
    (point,) = points_of(external, MIXED, HISTORY, 1)
    assert point not in [run.point for run in HISTORY]


def test_it_minds_what_a_person_holds(external):
    held = hold(MIXED, {"T": 61.5, "base": "Et3N", "eq": 1.5})
    (point,) = points_of(external, held, HISTORY, 1)
    assert {**point, "t": 0} == {"T": 61.5, "t": 0, "eq": 1.5, "base": "Et3N"}


BOX = Problem((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)), (Response("y"),))
TWO = Problem(BOX.factors, (Response("y"), Response("z", "minimise")))
FINITE = Problem((Discrete("a", (1, 2)), Categorical("b", ("P", "Q"))), (Response("y"),))
SOME = [
    Observation({"a": 0.1, "b": 0.2}, {"y": Measured(1.0), "z": Measured(5.0)}),
    Observation({"a": 0.8, "b": 0.4}, {"y": Measured(2.0), "z": Measured(7.0)}),
    Observation({"a": 0.5, "b": 0.9}, {"y": Measured(4.0), "z": Measured(6.0)}),
    Observation({"a": 0.6, "b": 0.7}, {"y": Measured(3.5)}),  # z is still to come
    Observation({"a": 0.4, "b": 0.6}, status="pending"),
]


def test_it_goes_on_with_two_goals_and_a_result_still_to_come(external):
    (point,) = points_of(external, TWO, SOME, 1)
    assert point not in [run.point for run in SOME]


def test_a_restart_changes_nothing(external):
    first = points_of(external, BOX, SOME, 2)
    external.close()
    again = points_of(external, BOX, SOME, 2)
    for point, same in zip(first, again, strict=True):
        assert point == pytest.approx(same, abs=1e-3)
    assert first[0] != pytest.approx(first[1], abs=1e-3)


AWKWARD = {
    "nothing but failures": [
        Observation({"a": 0.1 * i, "b": 0.5}, status="failed") for i in (1, 4)
    ],
    "one run": SOME[:1],
    "all alike": [Observation(run.point, {"y": Measured(1.0)}) for run in SOME],
    "a huge one": [*SOME, Observation({"a": 0.3, "b": 0.3}, {"y": Measured(1e12)})],
}


@pytest.mark.parametrize("history", AWKWARD.values(), ids=AWKWARD)
def test_it_goes_on_from_an_awkward_history(external, history):
    (point,) = points_of(external, BOX, history, 1)
    assert point not in [run.point for run in history]


MIXTURE = Problem(
    (
        Composition("ratio", ("Pt", "Mo", "Nb"), 2.0),
        Continuous("T", 30.0, 120.0, "degC", "log"),
    ),
    (Response("ph", "target", 6.8, 7.2),),
    (
        Constraint({"T": 1.0, "ratio.Pt": 10.0}, at_most=100.0),
        Constraint({"ratio.Nb": 1.0}, at_least=0.5),
    ),
)
FORMULA = Problem(
    MIXTURE.factors, MIXTURE.responses, (FormulaConstraint("T / ratio.Pt", at_most=100.0),)
)


def mixture(pt, mo, nb, T, ph, achieved=None):  # noqa: N803
    point = {"ratio": {"Pt": pt, "Mo": mo, "Nb": nb}, "T": T}
    return Observation(point, {"ph": Measured(ph)}, achieved=achieved)


MIXED_RUNS = [
    mixture(0.5, 0.5, 1.0, 80.0, 6.0),
    mixture(1.0, 0.2, 0.8, 60.0, 7.5),
    mixture(0.0, 1.0, 1.0, 70.0, 7.1),
    mixture(0.0, 0.1, 1.9, 90.0, 5.0),
    mixture(1.5, 0.0, 0.5, 80.0, 7.0, {"ratio": {"Pt": 1.53, "Mo": 0.01, "Nb": 0.46}, "T": 85.9}),
    mixture(2.0, 0.0, 0.0, 110.0, 7.0),  # a person's own: beyond the constraints
    mixture(0.0, 1.4, 0.6, 35.0, 8.0),
]


@pytest.mark.parametrize("history", [[], MIXED_RUNS], ids=["at first", "later"])
def test_it_keeps_mixtures_and_constraints(external, history):
    (point,) = points_of(external, MIXTURE, history, 1)
    assert MIXTURE.faults(point) == []


AT_MOST_TWO = Problem((Composition("m", ("A", "B", "C"), 1.0, 2),), (Response("y"),))
FEW = [
    Observation({"m": {"A": 0.4, "B": 0.6, "C": 0.0}}, {"y": Measured(1.0)}),
    Observation(
        {"m": {"A": 0.0, "B": 0.5, "C": 0.5}},
        {"y": Measured(2.0)},
        achieved={"m": {"A": 0.01, "B": 0.5, "C": 0.49}},
    ),
]


def test_it_keeps_to_a_number_of_components_or_says_that_it_cannot(external, program):
    if program == "with_ax":
        with pytest.raises(PlannerRefused, match="m: Ax cannot keep to a number of components"):
            external.ask(AT_MOST_TWO, FEW, 1, 0)
        return
    (point,) = points_of(external, AT_MOST_TWO, FEW, 1)
    assert AT_MOST_TWO.faults(point) == []


LISTED = Problem(
    (Discrete("eq", (1, 2, 3)), Continuous("T", 30.0, 120.0)),
    (Response("y"),),
    (Constraint({"eq": 10.0, "T": 1.0}, at_most=100.0),),
)
NEEDLE = Problem(
    tuple(Continuous(name, 0.0, 1.0) for name in "abcd"),
    (Response("y"),),
    (Constraint(dict.fromkeys("abcd", 1.0), at_most=0.001),),
)
REFUSED = [
    ("by_hand", FORMULA, "linear constraints only"),
    ("by_hand", NEEDLE, "none of 3000 random points keeps the constraints"),
    ("with_optuna", FORMULA, "linear constraints only"),
    ("with_optuna", NEEDLE, "none of 200 points of Optuna's is new and keeps the constraints"),
    ("with_optuna", Problem(LISTED.factors), "Optuna needs a response to improve"),
    ("with_baybe", FORMULA, "BayBE takes linear constraints only: T / ratio.Pt"),
    ("with_baybe", LISTED, "BayBE takes no constraint that mixes stepless and other factors"),
    ("with_baybe", Problem(LISTED.factors), "BayBE needs a response to improve"),
    ("with_ax", FORMULA, "Ax takes linear constraints only: T / ratio.Pt"),
    ("with_ax", LISTED, "eq: Ax takes no constraint on listed numbers"),
    ("with_ax", Problem(LISTED.factors), "Ax needs a response to improve"),
]


def test_what_it_cannot_do_it_says(external, program):
    for _, problem, sentence in [row for row in REFUSED if row[0] == program]:
        with pytest.raises(PlannerRefused) as caught:
            external.ask(problem, [], 1, 0)
        assert sentence in str(caught.value)


@pytest.mark.parametrize("program", ["by_hand", "with_optuna"], scope="module")
def test_it_climbs(external):
    def height(point):
        return 1.0 - (point["a"] - 0.3) ** 2 - (point["b"] - 0.8) ** 2

    for seed in range(3):
        history = []
        for _ in range(30):
            (point,) = points_of(external, BOX, history, 1, seed)
            history.append(Observation(point, {"y": Measured(height(point))}))
        found = [run.responses["y"].value for run in history]
        assert max(found) > 0.995  # a random point does it with a chance of 1.6 %
        assert max(found[20:]) > max(found[:4])


@pytest.mark.parametrize("program", ["by_hand", "with_optuna"], scope="module")
def test_it_ends_when_all_points_have_been_tried(external):
    history = []
    for _ in range(4):
        (point,) = points_of(external, FINITE, history, 1)
        assert point not in [run.point for run in history]
        history.append(Observation(point, {"y": Measured(1.0)}))
    assert points_of(external, FINITE, history, 1) == []


@pytest.mark.parametrize("program", ["by_hand", "with_optuna"], scope="module")
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(situation=situations(), n=st.integers(1, 3), seed=st.integers(0, 2**53))
def test_any_problem_and_history_gives_legal_points_or_a_sentence(external, situation, n, seed):
    with suppress(PlannerRefused):
        external.ask(*situation, n, seed)  # which checks the points
