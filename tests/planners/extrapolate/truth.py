"""A synthetic catalysis over mixtures of 36 elements: a smooth function of mean properties."""

import numpy as np

from planners.base import Composition, Measured, Observation, Problem, Response
from planners.extrapolate.elements import table

BLOCKS = {
    "s": ["Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba"],
    "early": ["Y", "La", "Ce", "Ti", "Zr", "Hf", "V", "Nb", "Ta", "Cr", "Mo", "W", "Mn", "Re"],
    "late": ["Fe", "Co", "Ni", "Cu", "Ag", "Zn", "Al", "Ga", "In", "Sn", "Ge", "Sb", "Bi"],
}
ELEMENTS = tuple(element for block in BLOCKS.values() for element in block)
WEIGHTS = (0.2, 0.5, 0.7, 1.0, 1.2, 1.5, 2.0)
PROBLEM = Problem((Composition("additive", ELEMENTS, 1.0, 4),), (Response("rate"),))


def rate(point):
    """Return the rate at a point: best for electronegativity 1.35 and melting at 2300 K."""
    held = {e: w / table()[e]["atomic_weight"] for e, w in point["additive"].items() if w > 0}

    def mean(name):
        return sum(m * table()[e][name] for e, m in held.items()) / sum(held.values())

    return float(
        np.exp(-(((mean("electronegativity") - 1.35) / 0.25) ** 2))
        + 0.8 * np.exp(-(((mean("melting_point") - 2300.0) / 800.0) ** 2))
        + 0.4 * np.tanh(3.0 * (mean("covalent_radius") / 100.0 - 1.6))
    )


def drawn(n, rng, hidden=()):
    """Return rows of random mixtures of up to 4 elements, none of them hidden."""
    allowed = [i for i, e in enumerate(ELEMENTS) if e not in hidden]
    rows = np.zeros((n, len(ELEMENTS)))
    for row in rows:
        held = rng.choice(allowed, rng.integers(1, 5), replace=False)
        row[held] = rng.choice(WEIGHTS, len(held))
    return rows / rows.sum(axis=1, keepdims=True)


def measured(rows):
    """Return rows as runs."""
    points = [PROBLEM.scale(row) for row in rows]
    return [Observation(point, {"rate": Measured(rate(point))}) for point in points]
