"""Catalyst choice in droplets: eight catalysts, temperature, time and loading.

Baumgartner, Coley, Reizman, Gao and Jensen, "Optimum catalyst selection over continuous and
discrete process variables with a single droplet microfluidic reaction platform", React. Chem. Eng.
2018, 3, 301 (10.1039/C8RE00032H): A (0.167 M) + B (0.250 M) -> R, with rate
sqrt(c_cat) 3.1e7 exp(-(55 + E_i)/RT) [A][B] (M, s, kJ/mol), and B + R -> S (3.1e5, 50). Their case
studies are joined here: over-reaction, and one catalyst 5 kJ/mol better than the rest that loses
0.3 kJ/mol per K above 80 degC. Levels are in no order.
"""

from math import exp

from scipy.integrate import solve_ivp

from benchmarks.planners.problems.case import Case, Noise, Truth
from benchmarks.planners.problems.merit import Greatest
from planners.base import Categorical, Continuous, Point, Problem, Response

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
BARRIERS = {  # kJ/mol above 55
    "C1": 0.7, "C2": 2.2, "C3": -5.0, "C4": 0.3, "C5": 7.3, "C6": 0.3, "C7": 3.8, "C8": 0.7,
}  # fmt: skip
SPECIAL, LOSS_FROM, LOSS = "C3", 80.0, 0.3  # catalyst, degC, kJ/mol/K
A0, B0 = 0.167, 0.250  # M

FACTORS = (
    Categorical("catalyst", tuple(BARRIERS)),
    Continuous("temperature", 30.0, 110.0, "degC"),
    Continuous("residence_time", 1.0, 10.0, "min"),
    Continuous("loading", 0.835, 4.175, "mM"),
)


def truth(point: Point) -> Truth:
    """Return the yield of R on A, %."""
    name, temperature = str(point["catalyst"]), float(point["temperature"])
    barrier = 55.0 + BARRIERS[name]
    if name == SPECIAL:
        barrier += LOSS * max(0.0, temperature - LOSS_FROM)
    heat = GAS_CONSTANT * (temperature + 273.15)
    k = (float(point["loading"]) / 1000) ** 0.5 * 3.1e7 * exp(-barrier / heat)
    over = 3.1e5 * exp(-50.0 / heat)

    def rates(_: float, c: list[float]) -> tuple[float, float, float]:
        main, side = k * c[0] * c[1], over * c[1] * c[2]
        return -main, -main - side, main - side

    end = 60.0 * float(point["residence_time"])
    solved = solve_ivp(rates, (0, end), [A0, B0, 0.0], method="LSODA", rtol=1e-8, atol=1e-11)
    return {"yield": 100.0 * float(solved.y[2, -1]) / A0}


CATALYST = Case(
    "catalyst",
    Problem(FACTORS, (Response("yield"),)),
    truth,
    {"yield": Noise(absolute=0.5, relative=0.01)},
    Greatest("yield"),
)
