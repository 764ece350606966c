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


def _solids(point: Point) -> tuple[float, float]:
    """Return the volume fraction of polymer at the outlet, and 1/T against 70 degC."""
    kelvin = 1 / (float(point["temperature"]) + 273.15) - 1 / 343.15
    growth = float(point["initiator"]) ** 0.5 * exp(-85.0 / GAS_CONSTANT * kelvin)
    return float(point["monomer"]) * (1 - exp(-7.0 * growth / float(point["flow"]))), kelvin


def size(point: Point) -> float:
    """Return the particles' size, nm."""
    solids, _ = _solids(point)
    surfactant, flow = float(point["surfactant"]), float(point["flow"])
    return 60.0 + 330.0 * (0.2 + solids) / surfactant**0.45 / (1 + 0.04 * flow)


def truth(point: Point) -> Truth:
    """Return size, nm; molar mass, kg/mol; viscosity, mPa s."""
    solids, kelvin = _solids(point)
    mass = 620.0 * float(point["monomer"]) / float(point["initiator"]) ** 0.5
    viscosity = 0.9 * (1 - solids / 0.63) ** -1.9 * (1 + 0.05 * float(point["surfactant"]))
    return {
        "size": size(point),
        "molar_mass": mass * exp(42.0 / GAS_CONSTANT * kelvin),
        "viscosity": viscosity,
    }


def window_truth(point: Point) -> Truth:
    """Return size, nm; polymer made, mL/h; what is not polymer in the product, g/L."""
    solids, _ = _solids(point)
    additives = 1.4 * float(point["surfactant"]) + 0.9 * float(point["initiator"])
    return {
        "size": size(point),
        "output": 60.0 * float(point["flow"]) * solids,
        "residue": additives + 60.0 * (float(point["monomer"]) - solids),
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
            Response("output"),
            Response("residue", "minimise"),
        ),
    ),
    window_truth,
    {name: Noise(relative=0.01) for name in ("size", "output", "residue")},
    Area(("output", 50.0, 360.0), ("residue", 10.0, 1.25), {"size": RANGES["size"]}),
    runs=60,
)
