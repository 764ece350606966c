"""A flow step with known limits on its pumps, and a clog that nobody told of.

Known and linear: the three pumps' total flow, and the share of two of them. Unknown to the
planner: the product's salt falls out and the reactor clogs where more of it forms than the solvent
holds (an ideal solubility line, ln x = -H/R (1/T - 1/T0): Prausnitz, Lichtenthaler and de Azevedo,
"Molecular Thermodynamics of Fluid-Phase Equilibria", 3rd ed. 1999, chapter 11; ISBN
978-0-13-977745-5). Such a run fails and measures nothing. The kinetics, first order in both
reagents, and all numbers are made up here.
"""

from math import exp

from benchmarks.planners.problems.case import Case, Noise, Truth
from benchmarks.planners.problems.merit import Greatest
from planners.base import Constraint, Continuous, Point, Problem, Response

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
VOLUME = 5.0  # mL
STOCK_A, STOCK_B = 1.0, 1.6  # M

FACTORS = (
    Continuous("flow_a", 0.1, 2.0, "mL/min"),
    Continuous("flow_b", 0.1, 2.0, "mL/min"),
    Continuous("flow_solvent", 0.1, 3.0, "mL/min"),
    Continuous("temperature", 25.0, 110.0, "degC"),
    Continuous("cosolvent", 0.0, 0.6),
)
CONSTRAINTS = (
    Constraint({"flow_a": 1.0, "flow_b": 1.0, "flow_solvent": 1.0}, at_most=4.0),
    Constraint({"flow_b": 1.0, "flow_a": -0.5}, at_least=0.0),
)


def _outlet(point: Point) -> tuple[float, float, float]:
    """Return product, mol/L, what the solvent holds of it, mol/L, and the total flow, mL/min."""
    a, b, c = (float(point[n]) for n in ("flow_a", "flow_b", "flow_solvent"))
    total, kelvin = a + b + c, float(point["temperature"]) + 273.15
    a0, b0 = STOCK_A * a / total, STOCK_B * b / total
    water = 1.0 - float(point["cosolvent"])
    k = 0.9 * water**1.5 * exp(-52.0 / GAS_CONSTANT * (1 / kelvin - 1 / 343.15))  # 1/M/min
    met = k * VOLUME / total
    if abs(a0 - b0) < 1e-6:
        product = a0 - a0 / (1 + met * a0)
    else:
        ratio = exp((b0 - a0) * met)
        product = a0 * b0 * (ratio - 1) / (b0 * ratio - a0)
    holds = 0.11 * exp(-24.0 / GAS_CONSTANT * (1 / kelvin - 1 / 343.15)) * (1.0 + 1.8 * (1 - water))
    lost = 1.0 / (1.0 + exp((kelvin - 368.15) / -5.0))  # above 95 degC it decomposes
    return product * (1.0 - 0.6 * lost), holds, total


def truth(point: Point) -> Truth | None:
    """Return the product made per hour, mmol/h, or None where the reactor clogs."""
    product, holds, total = _outlet(point)
    return {"rate": 60.0 * product * total} if product <= holds else None


CONSTRAINED = Case(
    "constrained",
    Problem(FACTORS, (Response("rate"),), CONSTRAINTS),
    truth,
    {"rate": Noise(relative=0.02)},
    Greatest("rate"),
    may_fail=True,
)
