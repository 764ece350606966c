"""A noisy consecutive reaction A -> B -> C: the yield of B, measured with 5 %.

Series reactions in plug flow (Levenspiel, "Chemical Reaction Engineering", 3rd ed. 1999, chapter
8; ISBN 978-0-471-25424-9): with pseudo-first-order constants the intermediate is
k1/(k2 - k1) (exp(-k1 t) - exp(-k2 t)). The constants are made up here; both steps use the reagent,
the second one more so, and the second has the higher activation energy.
"""

from math import exp

from benchmarks.planners.problems.case import Case, Noise, Truth
from benchmarks.planners.problems.merit import Greatest
from planners.base import Continuous, Point, Problem, Response

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
T_REF = 343.15  # K

FACTORS = (
    Continuous("temperature", 20.0, 120.0, "degC"),
    Continuous("residence_time", 0.3, 15.0, "min", "log"),
    Continuous("equivalents", 1.0, 4.0),
)


def truth(point: Point) -> Truth:
    """Return the yield of the intermediate B, %."""
    kelvin = (1.0 / (float(point["temperature"]) + 273.15) - 1.0 / T_REF) / GAS_CONSTANT
    reagent, t = float(point["equivalents"]), float(point["residence_time"])
    first = 0.35 * reagent**0.8 * exp(-48.0 * kelvin)  # 1/min
    second = 0.045 * reagent**1.7 * exp(-76.0 * kelvin)
    if abs(first - second) < 1e-9 * first:
        return {"yield": 100.0 * first * t * exp(-first * t)}
    share = first / (second - first) * (exp(-first * t) - exp(-second * t))
    return {"yield": 100.0 * share}


CONSECUTIVE = Case(
    "consecutive",
    Problem(FACTORS, (Response("yield"),)),
    truth,
    {"yield": Noise(relative=0.05)},
    Greatest("yield"),
)
