"""A Suzuki-type coupling with mixed factors: ligand, base, equivalents, temperature, time, loading.

The factors are those of Reizman, Wang, Buchwald and Jensen, "Suzuki-Miyaura cross-coupling
optimization enabled by automated feedback", React. Chem. Eng. 2016, 1, 658 (10.1039/C6RE00153J):
a categorical catalyst system, 30-110 degC, 1-10 min, 0.5-2.5 mol%. The paper gives no rate
constants; the network is the textbook one and its numbers are made up here: coupling of the halide
with the boronate, first order in both and saturating in palladium, protodeboronation of the boronic
acid (faster with strong base and heat), and first-order death of the catalyst.
"""

from math import exp

from scipy.integrate import solve_ivp

from benchmarks.planners.problems.case import Case, Noise, Truth
from benchmarks.planners.problems.merit import Area, Greatest
from planners.base import Categorical, Continuous, Discrete, Point, Problem, Response

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
T_REF = 353.15  # K
LIGANDS = {  # rate 1/M/s at 80 degC and 1 mol%, its kJ/mol, death 1/s at 80 degC, its kJ/mol
    "L1": (0.006, 62.0, 0.0006, 80.0),
    "L2": (0.050, 68.0, 0.0100, 95.0),
    "L3": (0.025, 58.0, 0.0012, 85.0),
    "L4": (0.012, 80.0, 0.0005, 110.0),
    "L5": (0.002, 60.0, 0.0005, 75.0),
    "L6": (0.036, 60.0, 0.0045, 100.0),
    "L7": (0.016, 66.0, 0.0008, 90.0),
}
BASES = {  # share of the boronate that is ready to react, and protodeboronation's factor
    "DBU": (0.55, 0.6),
    "K3PO4": (0.85, 1.0),
    "CsF": (0.70, 0.5),
    "KOtBu": (1.00, 3.5),
}
HALIDE = 0.20  # M

FACTORS = (
    Categorical("ligand", tuple(LIGANDS)),
    Categorical("base", tuple(BASES)),
    Discrete("equivalents", (1.0, 1.25, 1.5, 2.0)),
    Continuous("temperature", 30.0, 110.0, "degC"),
    Continuous("residence_time", 1.0, 10.0, "min", "log"),
    Continuous("loading", 0.5, 2.5, "mol%"),
)


def truth(point: Point) -> Truth:
    """Return yield, %, less impurities of excess reagents, and turnovers of the palladium."""
    rate, rate_ea, death, death_ea = LIGANDS[str(point["ligand"])]
    ready, deboronation = BASES[str(point["base"])]
    kelvin = (1.0 / (float(point["temperature"]) + 273.15) - 1.0 / T_REF) / GAS_CONSTANT
    loading, equivalents = float(point["loading"]), float(point["equivalents"])
    k = rate * 60 * ready * 2.0 * loading / (1.0 + loading) * exp(-rate_ea * kelvin)
    dying = death * 60 * exp(-death_ea * kelvin)
    losing = 0.05 * deboronation * exp(-90.0 * kelvin)  # 1/min

    def rates(t: float, c: list[float]) -> tuple[float, float]:
        coupling = k * exp(-dying * t) * c[0] * c[1]
        return -coupling, -coupling - losing * c[1]

    start, end = [HALIDE, HALIDE * equivalents], float(point["residence_time"])
    solved = solve_ivp(rates, (0, end), start, method="LSODA", rtol=1e-8, atol=1e-11)
    left = float(solved.y[0, -1]) / HALIDE
    pure = 1.0 - 0.05 * (equivalents - 1.0) - 0.008 * loading
    percent = 100.0 * (1.0 - left) * pure
    return {"yield": percent, "turnovers": percent / loading}


SUZUKI = Case(
    "suzuki",
    Problem(FACTORS, (Response("yield"),)),
    truth,
    {"yield": Noise(absolute=0.5, relative=0.015)},
    Greatest("yield"),
)

SUZUKI_TWO = Case(
    "suzuki_two",
    Problem(FACTORS, (Response("yield"), Response("turnovers"))),
    truth,
    {name: Noise(relative=0.02) for name in ("yield", "turnovers")},
    Area(("yield", 20.0, 90.0), ("turnovers", 15.0, 145.0)),
)
