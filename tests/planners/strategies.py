"""Any valid problem, and any history of it, for property tests."""

import numpy as np
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

numbers = st.floats(-1e3, 1e3, allow_nan=False).map(lambda x: round(x, 3))
positive = st.floats(1e-2, 1e3, allow_nan=False).map(lambda x: round(x, 3))
words = st.sampled_from(["P1", "P2", "P3", "P4", "DBU", "Et3N"])


@st.composite
def continuous(draw, name):
    transform = draw(st.sampled_from(["none", "log", "reciprocal_kelvin"]))
    if transform == "log":
        low = draw(positive)
        unit = draw(st.sampled_from(["M", "min", "mL/min"]))
        return Continuous(name, low, low * (1.1 + draw(positive)), unit, "log")
    if transform == "reciprocal_kelvin":
        low = draw(st.floats(-100, 300).map(lambda x: round(x, 1)))
        unit = draw(st.sampled_from(["degC", "", "K"]))
        low += 273.15 if unit == "K" else 0
        return Continuous(name, low, low + draw(st.floats(1, 200)), unit, transform)
    low, unit = draw(numbers), draw(st.sampled_from(["", "degC", "s", "mL/min", "mol/L"]))
    return Continuous(name, low, low + draw(positive), unit)


@st.composite
def discrete(draw, name):
    values = draw(st.lists(st.integers(-20, 20) | numbers, min_size=2, max_size=5, unique=True))
    kept = draw(st.integers(2, len(values)))
    return Discrete(name, tuple(values[:kept]), "", tuple(values[kept:]))


@st.composite
def categorical(draw, name):
    levels = draw(st.lists(words, min_size=2, max_size=5, unique=True))
    keys = draw(st.lists(st.sampled_from(["pKa", "bulk"]), unique=True))
    table = {level: {key: draw(numbers) for key in keys} for level in levels} if keys else {}
    kept = draw(st.integers(2, len(levels)))
    return Categorical(name, tuple(levels[:kept]), table, tuple(levels[kept:]))


@st.composite
def composition(draw, name):
    parts = draw(st.lists(words, min_size=2, max_size=5, unique=True))
    most = draw(st.none() | st.integers(1, len(parts)))
    return Composition(name, tuple(parts), draw(positive), most)


def factor(name):
    return st.one_of(continuous(name), discrete(name), categorical(name), composition(name))


@st.composite
def response(draw, name):
    goal = draw(st.sampled_from(["maximise", "minimise", "target"]))
    if goal == "target":
        low = draw(numbers)
        return Response(name, goal, low, low + draw(positive))
    return Response(name, goal)


@st.composite
def problems(draw, max_factors=4, max_responses=3, max_constraints=2):
    names = [f"x{i}" for i in range(draw(st.integers(1, max_factors)))]
    factors = tuple(draw(factor(name)) for name in names)
    responses = tuple(draw(response(f"y{i}")) for i in range(draw(st.integers(1, max_responses))))
    free = Problem(factors, responses)
    inside = draw(rows(free))  # constraints are drawn around a legal point, so that one exists
    amounts = free.amounts(inside[None])[0]
    constraints = []
    for _ in range(draw(st.integers(0, max_constraints)) if free.terms else 0):
        used = draw(st.lists(st.sampled_from(free.terms), min_size=1, max_size=3, unique=True))
        terms = {name: draw(st.sampled_from([1.0, -1.0, 0.5, 2.0])) for name in used}
        total = sum(c * amounts[free.terms.index(name)] for name, c in terms.items())
        room = draw(st.sampled_from([1e-3, 1.0, 100.0]))
        upper = draw(st.booleans())
        bounds = {"at_most": total + room} if upper else {"at_least": total - room}
        constraints.append(Constraint(terms, **bounds))
    return Problem(factors, responses, tuple(constraints))


def rows(problem):
    """Rows of legal points, constraints aside."""
    seeds = st.integers(0, 2**32 - 1)
    return seeds.map(
        lambda seed: problem.snap(
            problem.spread(np.random.default_rng(seed).random((1, problem.dimension)))
        )[0]
    )


@st.composite
def once_legal(draw, problem):
    """Values that somebody has since taken out of the problem."""
    dropped = {f.name: f.dropped for f in problem.factors if getattr(f, "dropped", ())}
    names = draw(st.lists(st.sampled_from(sorted(dropped)), unique=True)) if dropped else []
    return {name: draw(st.sampled_from(dropped[name])) for name in names}


@st.composite
def observations(draw, problem):
    point = problem.scale(draw(rows(problem))) | draw(once_legal(problem))
    status = draw(st.sampled_from(["ok", "ok", "ok", "suspect", "failed", "pending"]))
    responses = {}
    if status in ("ok", "suspect"):
        for r in problem.responses:
            if draw(st.integers(0, 4)):
                sd = draw(st.none() | st.floats(0, 10))
                responses[r.name] = Measured(draw(st.just(1.0) | numbers), sd)
    achieved = problem.scale(draw(rows(problem))) if draw(st.booleans()) else None
    return Observation(point, responses, status, achieved)


@st.composite
def situations(draw, **limits):
    """A problem and a history of it."""
    problem = draw(problems(**limits))
    return problem, draw(st.lists(observations(problem), max_size=12))
