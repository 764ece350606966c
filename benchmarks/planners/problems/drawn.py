"""Problems drawn at random: reaction networks, and what no kinetics explain.

A network has A -> B -> C and A -> D, first order in plug flow (Levenspiel, "Chemical Reaction
Engineering", 3rd ed. 1999, chapter 8; ISBN 978-0-471-25424-9), with constants of Arrhenius and
orders in reagent, catalyst and concentration that are drawn by a seed, as are the ranges of the 3
to 5 factors and the noise of 1 to 4 %. Kinds: ``yield`` of B; ``output`` of B, mol/L/h; ``names``,
the yield with one of 4 to 8 catalysts; ``front``, yield and output at once, and ``names_front``
with such catalysts; ``still``, the yield at one residence time, over the other 3 or 4 factors.
``hills``, ``blend`` and ``screen`` (names alone) are those of landscapes.py, ``classic`` the test
functions of classic.py with a noise of 1 % of their range, and ``trio`` the three goals of trio.py.
``range`` asks of ``hills`` for a value in a narrow range that lies somewhere in what there is.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np

from benchmarks.planners.problems.case import Case, Noise, Truth
from benchmarks.planners.problems.classic import classic
from benchmarks.planners.problems.landscapes import LANDSCAPES, Columns, Outcomes
from benchmarks.planners.problems.merit import Area, Greatest, Nearness
from benchmarks.planners.problems.trio import NAMES, Trio
from planners.base import Categorical, Composition, Continuous, Point, Problem, Response
from planners.history import cells
from planners.sampling import all_rows, feasible_rows

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
KINDS = (
    "yield",
    "output",
    "names",
    "front",
    "hills",
    "blend",
    "still",
    "classic",
    "names_front",
    "trio",
    "screen",
    "range",
)
_SEEN = 4_000  # random rows, of whose values a range is drawn: from 3 % to 97 % of them are below
_NARROW = 0.08  # of their standard deviation, to both sides
_ROWS, _TOP, _NEAR = 20_000, 60, 40  # of the search for what can be reached
_RADII = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


class Network:
    """Rate constants and factors of one drawn reaction."""

    def __init__(self, rng: np.random.Generator, n_factors: int) -> None:
        longest = float(rng.choice([5.0, 10.0, 20.0]))
        cold, hot = float(rng.choice([0.0, 20.0, 30.0])), float(rng.choice([90.0, 110.0, 140.0]))
        scale = "log" if rng.random() < 0.7 else "none"
        shortest = longest / float(rng.choice([4.0, 10.0, 30.0]))
        self.factors = (
            Continuous("temperature", cold, hot, "degC"),
            Continuous("residence_time", shortest, longest, "min", scale),
            Continuous("equivalents", 1.0, float(rng.choice([2.0, 3.0, 5.0]))),
            Continuous("loading", 0.5, float(rng.choice([2.5, 5.0, 10.0])), "mol%"),
            Continuous("concentration", 0.05, 0.5, "mol/L"),
        )[:n_factors]
        self.energies = rng.uniform([35.0, 55.0, 40.0], [75.0, 110.0, 100.0])  # kJ/mol
        self.middle = 273.15 + cold + float(rng.uniform(0.35, 0.8)) * (hot - cold)  # K
        self.constants = rng.uniform([1.4, 0.1, 0.05], [8.0, 1.2, 0.6]) / longest  # 1/min
        low = [[0.4, 0.0, 0.0], [0.3, 0.0, 0.0], [-0.2, -0.2, -0.2]]
        high = [[1.1, 2.0, 1.0], [1.0, 0.8, 0.4], [0.8, 1.0, 0.8]]
        self.orders = rng.uniform(low, high)  # of equivalents, loading, concentration

    def rates(self, x: Columns) -> np.ndarray:
        """Return the three constants at rows of factors, 1/min, ``(3, m)``."""
        inverse = (1.0 / (x["temperature"] + 273.15) - 1.0 / self.middle) / GAS_CONSTANT
        found = self.constants[:, None] * np.exp(-self.energies[:, None] * inverse)
        typical = {"equivalents": 1.7, "loading": 2.0, "concentration": 0.2}
        for orders, (name, value) in zip(self.orders, typical.items(), strict=True):
            if name in x:
                found = found * (x[name] / value) ** orders[:, None]
        return found

    def yields(self, x: Columns, times: np.ndarray | float = 1.0) -> np.ndarray:
        """Return the yield of B, %; ``times`` ``(3, m)`` multiplies the constants."""
        first, second, aside = self.rates(x) * times
        away, t = first + aside, x["residence_time"]
        gap = second - away
        gap = np.where(np.abs(gap) < 1e-9 * away, 1e-9 * away, gap)
        return 100.0 * first / gap * (np.exp(-away * t) - np.exp(-second * t))


def draw(kind: str, number: int) -> tuple[Case, float]:
    """Return a drawn problem, and the merit that can be reached."""
    if kind == "classic":
        return _test_function(number)
    rng = np.random.default_rng([KINDS.index(kind), number])
    if kind == "trio":
        return _three_hills(number, rng)
    if kind == "range":
        return _within_range(number, rng)
    if kind in LANDSCAPES:
        factors, constraints, outcomes = LANDSCAPES[kind](rng)
        problem = Problem(factors, (Response("y"),), constraints)
        return _case(f"{kind} {number}", problem, outcomes, float(rng.choice([0.01, 0.02, 0.04])))
    network = Network(rng, int(rng.integers(4 if kind == "still" else 3, 6)))
    noise, factors = float(rng.choice([0.01, 0.02, 0.04])), network.factors
    outcomes: Outcomes = lambda x: _both(network.yields(x), x)  # noqa: E731
    if kind.startswith("names"):
        factors, outcomes = _with_catalysts(network, rng)
    elif kind == "still":
        factors, outcomes = _at_one_time(network, rng)
    both = kind.endswith("front")
    responses = ("yield", "output") if both else ("output" if kind == "output" else "yield",)
    problem = Problem(factors, tuple(Response(name) for name in responses))
    return _case(f"{kind} {number}", problem, outcomes, noise)


def _test_function(number: int) -> tuple[Case, float]:
    factors, share = classic(number)
    problem = Problem(factors, (Response("y"),))
    truth = lambda point: {"y": float(share(problem.encode(point)[None])[0])}  # noqa: E731
    noise = {"y": Noise(absolute=1.0)}
    return Case(f"classic {number}", problem, truth, noise, Greatest("y")), 100.0


def _within_range(number: int, rng: np.random.Generator) -> tuple[Case, float]:
    factors, _, outcomes = LANDSCAPES["hills"](rng)
    problem = Problem(factors, (Response("y"),))
    seen = outcomes(_columns(problem, rng.random((_SEEN, problem.dimension))))["y"]
    middle, half = float(np.quantile(seen, rng.uniform(0.03, 0.97))), _NARROW * float(seen.std())
    low, high = middle - half, middle + half
    problem = Problem(factors, (Response("y", "target", low, high),))
    truth, noise = _truth(problem, outcomes), {"y": Noise(relative=0.01)}
    return Case(f"range {number}", problem, truth, noise, Nearness({"y": (low, high)})), 1.0


def _three_hills(number: int, rng: np.random.Generator) -> tuple[Case, float]:
    trio = Trio(rng)
    problem = Problem(trio.factors, tuple(Response(name) for name in NAMES))
    truth = lambda point: trio.truth(problem.encode(point)[None])[0]  # noqa: E731
    noises = {name: Noise(relative=float(rng.choice([0.01, 0.02]))) for name in NAMES}
    return Case(f"trio {number}", problem, truth, noises, trio.merit), trio.most


def _case(name: str, problem: Problem, outcomes: Outcomes, noise: float) -> tuple[Case, float]:
    responses = tuple(response.name for response in problem.responses)
    merit, most = _reachable(problem, outcomes, responses)
    noises = {response: Noise(relative=noise) for response in responses}
    return Case(name, problem, _truth(problem, outcomes), noises, merit), most


def _truth(problem: Problem, outcomes: Outcomes) -> Callable[[Point], Truth]:
    def truth(point: Point) -> Truth:
        found = outcomes({k: np.array([v]) for k, v in cells(problem, point).items()})
        return {response.name: float(found[response.name][0]) for response in problem.responses}

    return truth


def _both(yields: np.ndarray, x: Columns) -> dict[str, np.ndarray]:
    made = yields / 100.0 * x.get("concentration", np.array(0.2)) / x["residence_time"] * 60.0
    return {"yield": yields, "output": made}


def _with_catalysts(network: Network, rng: np.random.Generator):
    count = int(rng.integers(4, 9))
    factors = (*network.factors[:3], Categorical("catalyst", tuple(f"P{i}" for i in range(count))))
    times = np.exp(rng.normal(0.0, [0.7, 0.7, 0.5], size=(count, 3))).T
    most = np.clip(1.0 - rng.exponential(0.25, count), 0.05, 1.0)  # the rest of A is lost to it

    def outcomes(x: Columns) -> dict[str, np.ndarray]:
        which = np.array([int(str(name)[1:]) for name in x["catalyst"]])
        return _both(network.yields(x, times[:, which]) * most[which], x)

    return factors, outcomes


def _at_one_time(network: Network, rng: np.random.Generator):
    longest = network.factors[1].high
    time = float(np.exp(rng.uniform(np.log(longest / 5.0), np.log(longest))))

    def outcomes(x: Columns) -> dict[str, np.ndarray]:
        return {"yield": network.yields({**x, "residence_time": np.array(time)})}

    return tuple(f for f in network.factors if f.name != "residence_time"), outcomes


def _columns(problem: Problem, rows: np.ndarray) -> Columns:
    found: dict[str, np.ndarray] = {}
    for factor, part in zip(problem.factors, problem.slices, strict=True):
        values = factor.snap(rows[:, part])
        if isinstance(factor, Composition):
            found |= dict(zip(factor.terms, factor.amounts(values).T, strict=True))
        elif isinstance(factor, Continuous):
            found[factor.name] = factor.amounts(values)[:, 0]
        else:
            level = (values[:, 0] * factor.n_levels).astype(int)
            found[factor.name] = np.array(factor.levels)[level]
    return found


def _reachable(problem: Problem, outcomes: Outcomes, responses: tuple[str, ...]):
    """Return the merit, and how much of it a heavy search without any model finds."""
    rng = np.random.default_rng(0)
    if (every := all_rows(problem)) is not None:
        rows = every
    elif problem.constraints:
        rows = feasible_rows(problem, _ROWS, rng)
    else:
        rows = rng.random((_ROWS, problem.dimension))
    values = outcomes(_columns(problem, rows))
    typical = {name: float(np.median(values[name])) for name in responses}
    for radius in _RADII:
        best = rows[_leading([values[name] for name in responses])]
        near = np.repeat(best, _NEAR, axis=0)
        moves = radius * rng.normal(size=near.shape) * (rng.random(near.shape) < 0.6)
        for factor, part in zip(problem.factors, problem.slices, strict=True):
            moves[:, part] *= isinstance(factor, Continuous | Composition)
        moved = problem.snap(np.clip(near + moves, 0.0, 1.0))
        rows = np.vstack([best, moved[problem.keeps_constraints(moved)]])
        values = outcomes(_columns(problem, rows))
    greatest = {name: float(values[name].max()) for name in responses}
    if len(responses) == 1:
        return Greatest(responses[0]), greatest[responses[0]]
    one, other = ((name, typical[name], greatest[name]) for name in responses)
    merit = Area(one, other)
    found = [dict(zip(responses, pair, strict=True)) for pair in zip(*values.values(), strict=True)]
    return merit, merit.of(found)


def _leading(values: list[np.ndarray]) -> np.ndarray:
    """Return the indices of the best rows, or of those on the front, evenly along it."""
    order = np.argsort(-values[0], kind="stable")
    if len(values) == 1:
        return order[:_TOP]
    second = values[1][order]
    front = order[second >= np.maximum.accumulate(second)]
    return front[
        np.linspace(0, len(front) - 1, min(len(front), _TOP * int(sqrt(_TOP)))).astype(int)
    ]
