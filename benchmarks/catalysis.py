"""Synthetic catalysis over mixtures of 36 elements: truths that know nothing of taylord's models.

Rates are functions of the elements' properties and amounts, over the full composition space, so
that closed loops may be run on them. Some elements are hidden: no first run holds them. Properties
are those of ``elements.toml``; two truths depend on things that are in no table.
"""

from dataclasses import dataclass, field
from functools import cached_property

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
MOST = 4  # elements in a mixture
PROBLEM = Problem((Composition("additive", ELEMENTS, 1.0, MOST),), (Response("rate"),))


def _property(name):
    return np.array([table()[element][name] for element in ELEMENTS])


ATOMIC, EN, MELTING, RADIUS, GROUP, DENSITY = map(
    _property,
    (
        "atomic_weight",
        "electronegativity",
        "melting_point",
        "covalent_radius",
        "group",
        "density",
    ),
)


def bell(values, middle, width):
    return np.exp(-(((values - middle) / width) ** 2))


def smooth(parts):
    """Mean properties: best for electronegativity 1.35 and melting at 2300 K."""
    return (
        bell(parts @ EN, 1.35, 0.25)
        + 0.8 * bell(parts @ MELTING, 2300.0, 800.0)
        + 0.4 * np.tanh(3.0 * (parts @ RADIUS / 100.0 - 1.6))
    )


def synergy(parts):
    """A base beside a refractory metal: neither does anything alone."""
    base = parts @ (1.0 / (1.0 + np.exp((EN - 1.1) / 0.06)))
    metal = parts @ bell(MELTING, 2700.0, 350.0)
    return 4.0 * base * metal + 0.3 * base + 0.2 * metal


def volcano(parts):
    """Each element by its group, as over the d block, with heavier ones better; beside a base."""
    active = parts @ (bell(GROUP, 5.0, 0.8) * np.sqrt(DENSITY / 10.0))
    base = parts @ (EN < 1.1)
    return active * (1.0 + 1.5 * base)


def peak(parts):
    """A narrow peak at a third each of niobium, barium and rubidium, on a gentle slope."""
    sight = np.column_stack([EN / 0.35, MELTING / 900.0, RADIUS / 35.0])
    home = np.zeros(len(ELEMENTS))
    home[[ELEMENTS.index(e) for e in ("Nb", "Ba", "Rb")]] = 1.0 / 3.0
    apart = np.square(parts @ sight - home @ sight).sum(axis=1)
    hidden = parts @ bell(MELTING, 2750.0, 350.0)
    return 2.0 * np.exp(-apart / 0.25**2) * hidden / hidden_of(home) + 0.5 * np.exp(-apart / 9.0)


def hidden_of(home):
    return float(home @ bell(MELTING, 2750.0, 350.0))


def personal(parts):
    """Smooth, and a number for each element that no property knows of."""
    own = np.random.default_rng(11).normal(size=len(ELEMENTS))
    return smooth(parts) + 0.35 * parts @ own


TRUTHS = {  # law, whether it goes by moles (or by weight), elements that no first run holds
    "smooth": (smooth, True, ("Nb", "Ta", "Ti", "Zr", "V", "Al", "Hf")),
    "synergy": (synergy, False, ("Nb", "Mo", "Ta", "Hf", "Rb", "Ba", "Sr")),
    "volcano": (volcano, True, ("Nb", "Ta", "V", "Cs", "K", "Al", "Sn")),
    "peak": (peak, True, ("Nb", "Ta", "Mo", "Hf", "Zr", "V", "Al")),
    "personal": (personal, False, ("Nb", "Ta", "Ti", "Zr", "V", "Al", "Hf")),
}


@dataclass(frozen=True)
class Truth:
    """One of ``TRUTHS``; ``rate`` of rows of the unit cube ``(n, 36)``."""

    name: str
    hidden: tuple = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "hidden", TRUTHS[self.name][2])

    def rate(self, rows):
        law, by_mole, _ = TRUTHS[self.name]
        parts = rows / ATOMIC if by_mole else rows
        return law(parts / parts.sum(axis=1, keepdims=True))

    @cached_property
    def best(self):
        """Return the greatest rate that a long search finds, and that without hidden elements."""
        return self._searched(()), self._searched(self.hidden)

    def _searched(self, hidden):
        rng = np.random.default_rng(5)
        rows = drawn(40_000, rng, hidden)
        for _ in range(25):
            rows = rows[np.argsort(-self.rate(rows))[:200]]
            rows = np.vstack([rows, *[_varied(rows, rng, hidden) for _ in range(10)]])
        return float(self.rate(rows).max())

    def measured(self, rows):
        """Return rows as runs."""
        rates = self.rate(rows)
        return [
            Observation(PROBLEM.scale(row), {"rate": Measured(float(rate))})
            for row, rate in zip(rows, rates, strict=True)
        ]


def drawn(n, rng, hidden=()):
    """Return rows of random mixtures of up to 4 elements, none of them hidden."""
    allowed = np.array([i for i, e in enumerate(ELEMENTS) if e not in hidden])
    order = np.argsort(rng.random((n, len(allowed))), axis=1)[:, :MOST]
    amounts = rng.choice(WEIGHTS, (n, MOST)) * (np.arange(MOST) < rng.integers(1, 5, n)[:, None])
    rows = np.zeros((n, len(ELEMENTS)))
    np.put_along_axis(rows, allowed[order], amounts, axis=1)
    return rows / rows.sum(axis=1, keepdims=True)


def _varied(rows, rng, hidden):
    """Return rows with other amounts, some with one element for another."""
    found = rows * np.exp(0.3 * rng.normal(size=rows.shape))
    allowed = np.array([i for i, e in enumerate(ELEMENTS) if e not in hidden])
    for i in np.flatnonzero(rng.random(len(rows)) < 0.3):
        held = np.flatnonzero(found[i] > 0)
        gone, new = rng.choice(held), rng.choice(allowed)
        amount, found[i, gone] = max(found[i, gone], 0.1), 0.0
        found[i, new] = amount
    many = (found > 0).sum(axis=1) > MOST
    return found[~many] / found[~many].sum(axis=1, keepdims=True)
