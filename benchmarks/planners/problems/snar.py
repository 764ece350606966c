"""SnAr in a flow reactor: 2,4-difluoronitrobenzene and pyrrolidine, one and two objectives.

Network and constants: Hone, Holmes, Akien, Bourne and Muller, "Rapid multistep kinetic model
generation from transient flow data", React. Chem. Eng. 2017, 2, 103 (10.1039/C6RE00109B): A + B ->
ortho, A + B -> para, ortho or para + B -> bis, in ethanol and an ideal plug-flow reactor. Factors,
ranges and the two objectives (space-time yield of ortho up, E-factor down) are those of
Schweidtmann et al., Chem. Eng. J. 2018, 352, 277 (10.1016/j.cej.2018.07.031).
"""

from math import exp

from benchmarks.planners.problems.case import Case, Noise, Truth
from benchmarks.planners.problems.merit import Area, Greatest
from planners.base import Continuous, Point, Problem, Response

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
K_REF = (0.579, 0.0270, 0.00865, 0.0163)  # 1/M/s at 90 degC: to ortho, to para, ortho on, para on
EA = (33.3, 35.3, 38.9, 44.8)  # kJ/mol
MASSES = (159.09, 71.12, 210.21, 210.21, 261.33)  # g/mol: A, B, ortho, para, bis
ETHANOL = 789.0  # g/L
STEPS = 80  # of the integration; 1e-7 of the outlet against an adaptive solver

FACTORS = (
    Continuous("residence_time", 0.5, 2.0, "min"),
    Continuous("equivalents", 1.0, 5.0),
    Continuous("concentration", 0.1, 0.5, "mol/L"),
    Continuous("temperature", 30.0, 120.0, "degC"),
)


def outlet(
    tau_min: float, equivalents: float, concentration: float, temperature: float
) -> tuple[float, float, float, float, float]:
    """Return A, B, ortho, para and bis at the outlet, mol/L.

    Over the amine met, ``s`` with ``ds = [B] dt``, the aromatic species form a linear chain with a
    closed solution, and B follows from the balance; ``s`` alone is integrated over time.
    """
    kelvin = 1.0 / (temperature + 273.15) - 1.0 / 363.15
    k1, k2, k3, k4 = (k * exp(-e / GAS_CONSTANT * kelvin) for k, e in zip(K_REF, EA, strict=True))
    both = k1 + k2

    def species(s: float) -> tuple[float, float, float, float, float]:
        left = exp(-both * s)
        a = concentration * left
        ortho = concentration * k1 / (both - k3) * (exp(-k3 * s) - left)
        para = concentration * k2 / (both - k4) * (exp(-k4 * s) - left)
        bis = concentration - a - ortho - para
        return a, concentration * equivalents - (ortho + para) - 2 * bis, ortho, para, bis

    met, end = 0.0, 60.0 * tau_min
    for i in range(STEPS):  # steps grow: the beginning is the fast part
        h = end * (2 * i + 1) / STEPS**2
        b1 = species(met)[1]
        b2 = species(met + h / 2 * b1)[1]
        b3 = species(met + h / 2 * b2)[1]
        b4 = species(met + h * b3)[1]
        met += h / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
    return species(met)


def truth(point: Point) -> Truth:
    """Return space-time yield of ortho (g/L/h) and E-factor (g waste per g of ortho)."""
    values = [float(point[factor.name]) for factor in FACTORS]
    species = outlet(*values)
    masses = [m * c for m, c in zip(MASSES, species, strict=True)]
    product = max(masses[2], 1e-9)
    waste = ETHANOL + sum(masses) - masses[2]
    return {"space_time_yield": 60.0 * product / values[0], "e_factor": waste / product}


SNAR = Case(
    "snar",
    Problem(FACTORS, (Response("space_time_yield"),)),
    truth,
    {"space_time_yield": Noise(relative=0.02)},
    Greatest("space_time_yield"),
)

SNAR_TWO = Case(
    "snar_two",
    Problem(FACTORS, (Response("space_time_yield"), Response("e_factor", "minimise"))),
    truth,
    {"space_time_yield": Noise(relative=0.02), "e_factor": Noise(relative=0.02)},
    Area(("space_time_yield", 2100.0, 11600.0), ("e_factor", 20.0, 8.5)),
)
