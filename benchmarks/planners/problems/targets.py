"""Targets: particles that must meet three ranges at once, and a range with two objectives.

Polymer particles from a flow emulsion: size from a power law in shear and surfactant, molar mass
from initiator and temperature (chain length ~ [M]/sqrt([I]), Odian, "Principles of
Polymerization", 4th ed. 2004, chapter 3; ISBN 978-0-471-27400-1), and viscosity with the solids
(Krieger and Dougherty, Trans. Soc. Rheol. 1959, 3, 137; 10.1122/1.548848). All numbers are made up
here.
"""

from math import exp

from benchmarks.planners.problems.case import Case, Noise, Truth
from benchmarks.planners.problems.merit import Area, Nearness
from planners.base import Continuous, Point, Problem, Response

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K

FACTORS = (
    Continuous("monomer", 0.10, 0.50),  # volume fraction
    Continuous("initiator", 0.2, 4.0, "mM", "log"),
    Continuous("surfactant", 0.5, 5.0, "g/L"),
    Continuous("flow", 1.0, 12.0, "mL/min"),
    Continuous("temperature", 50.0, 90.0, "degC"),
)
RANGES = {"size": (150.0, 165.0), "molar_mass": (180.0, 210.0), "viscosity": (4.0, 4.8)}


def truth(point: Point) -> Truth:
    """Return size, nm; molar mass, kg/mol; viscosity, mPa s; residue, g/L."""
    monomer, initiator = float(point["monomer"]), float(point["initiator"])
    surfactant, flow = float(point["surfactant"]), float(point["flow"])
    kelvin = 1 / (float(point["temperature"]) + 273.15) - 1 / 343.15
    growth = initiator**0.5 * exp(-85.0 / GAS_CONSTANT * kelvin)
    conversion = 1 - exp(-7.0 * growth / flow)
    solids = monomer * conversion
    size = 60.0 + 330.0 * (0.2 + solids) / surfactant**0.45 / (1 + 0.04 * flow)
    mass = 620.0 * monomer / initiator**0.5 * exp(42.0 / GAS_CONSTANT * kelvin)
    viscosity = 0.9 * (1 - solids / 0.63) ** -1.9 * (1 + 0.05 * surfactant)
    return {
        "size": size,
        "molar_mass": mass,
        "viscosity": viscosity,
        "residue": 1.4 * surfactant + 0.9 * initiator + 60.0 * (monomer - solids),
    }


TARGETS = Case(
    "targets",
    Problem(FACTORS, tuple(Response(n, "target", *bounds) for n, bounds in RANGES.items())),
    truth,
    {name: Noise(relative=0.01) for name in RANGES},
    Nearness(RANGES),
)

WINDOW = Case(
    "window",
    Problem(
        FACTORS,
        (
            Response("size", "target", *RANGES["size"]),
            Response("molar_mass"),
            Response("residue", "minimise"),
        ),
    ),
    truth,
    {name: Noise(relative=0.01) for name in ("size", "molar_mass", "residue")},
    Area(("molar_mass", 190.0, 1250.0), ("residue", 10.0, 1.25), {"size": RANGES["size"]}),
)
