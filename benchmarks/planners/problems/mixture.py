"""Mixtures: a blend of five solvents, and the published flare with bounds on its components.

Both truths are mixture polynomials (Scheffé, "Experiments with mixtures", J. R. Stat. Soc. B 1958,
20, 344; 10.1111/j.2517-6161.1958.tb00299.x). The flare's is the one fitted by McLean and Anderson,
"Extreme vertices design of mixture experiments", Technometrics 1966, 8, 447
(10.1080/00401706.1966.10490377), to the light of flares of magnesium, sodium nitrate, strontium
nitrate and binder; its published optimum is 397.5 at 0.5233, 0.2299, 0.1668, 0.08. The solvent
blend's coefficients are made up here: two good pairs, one better trio and a pair that does not mix.
"""

from collections.abc import Mapping

from benchmarks.planners.problems.case import Case, Noise, Truth
from benchmarks.planners.problems.merit import Greatest
from planners.base import Composition, Constraint, Point, Problem, Response

COMPONENTS = ("water", "MeCN", "EtOH", "dioxane", "toluene")
PURE = {"water": 2.0, "MeCN": 14.0, "EtOH": 10.0, "dioxane": 17.0, "toluene": 6.0}
PAIRS = {
    ("water", "MeCN"): 60.0,
    ("water", "EtOH"): 24.0,
    ("water", "dioxane"): 70.0,
    ("water", "toluene"): -30.0,
    ("MeCN", "EtOH"): 15.0,
    ("MeCN", "dioxane"): 10.0,
    ("EtOH", "dioxane"): 38.0,
    ("EtOH", "toluene"): 66.0,
    ("dioxane", "toluene"): 12.0,
}
TRIOS = {("water", "EtOH", "dioxane"): 480.0, ("MeCN", "EtOH", "toluene"): -150.0}

FLARE_LOW = {"magnesium": 0.40, "nano3": 0.10, "srno3": 0.10, "binder": 0.03}
FLARE_HIGH = {"magnesium": 0.60, "nano3": 0.50, "srno3": 0.50, "binder": 0.08}
FLARE_PURE = {"magnesium": -1558.0, "nano3": -2351.0, "srno3": -2426.0, "binder": 14372.0}
FLARE_PAIRS = {
    ("magnesium", "nano3"): 8300.0,
    ("magnesium", "srno3"): 8076.0,
    ("magnesium", "binder"): -6625.0,
    ("nano3", "srno3"): 3213.0,
    ("nano3", "binder"): -16998.0,
    ("srno3", "binder"): -17127.0,
}


def _blend(x: Mapping[str, float], pure: Mapping[str, float], pairs: Mapping) -> float:
    linear = sum(c * x[name] for name, c in pure.items())
    return linear + sum(c * x[a] * x[b] for (a, b), c in pairs.items())


def solvent_truth(point: Point) -> Truth:
    """Return the rate in a blend of solvents, relative units."""
    x = point["blend"]
    trios = sum(c * x[a] * x[b] * x[d] for (a, b, d), c in TRIOS.items())
    return {"rate": max(0.0, _blend(x, PURE, PAIRS) + trios)}


def flare_truth(point: Point) -> Truth:
    """Return the illumination, 1000 candles."""
    return {"light": _blend(point["flare"], FLARE_PURE, FLARE_PAIRS)}


SOLVENTS = Case(
    "solvents",
    Problem((Composition("blend", COMPONENTS),), (Response("rate"),)),
    solvent_truth,
    {"rate": Noise(relative=0.02)},
    Greatest("rate"),
)

FLARE = Case(
    "flare",
    Problem(
        (Composition("flare", tuple(FLARE_PURE)),),
        (Response("light"),),
        tuple(
            Constraint({f"flare.{name}": 1.0}, at_most=FLARE_HIGH[name], at_least=low)
            for name, low in FLARE_LOW.items()
        ),
    ),
    flare_truth,
    {"light": Noise(absolute=8.0)},
    Greatest("light"),
)
