"""A hidden peak: a broad hill that every trend points to, and a narrow, higher peak elsewhere.

Made up here, in the manner of optima that an early model talks a planner out of. The peak's edge
(95 % of the optimum) is a ball of 0.03 of the cube's edge around it, its foot about 0.3.
"""

from math import exp

from benchmarks.planners.problems.case import Case, Noise, Truth
from benchmarks.planners.problems.merit import Greatest
from planners.base import Continuous, Point, Problem, Response

FACTORS = (
    Continuous("temperature", 20.0, 120.0, "degC"),
    Continuous("concentration", 0.1, 0.6, "mol/L"),
    Continuous("equivalents", 1.0, 5.0),
)
BROAD, NARROW = (0.30, 0.62, 0.33), (0.74, 0.21, 0.79)  # in the unit cube
WIDE, SLIM = 0.40, 0.12  # standard deviations


def truth(point: Point) -> Truth:
    """Return the yield, %."""
    row = [(float(point[f.name]) - f.low) / (f.high - f.low) for f in FACTORS]
    far = sum((x - c) ** 2 for x, c in zip(row, BROAD, strict=True))
    near = sum((x - c) ** 2 for x, c in zip(row, NARROW, strict=True))
    return {"yield": 5.0 + 55.0 * exp(-far / 2 / WIDE**2) + 85.0 * exp(-near / 2 / SLIM**2)}


HIDDEN = Case(
    "hidden",
    Problem(FACTORS, (Response("yield"),)),
    truth,
    {"yield": Noise(absolute=0.5, relative=0.01)},
    Greatest("yield"),
    runs=60,
)
