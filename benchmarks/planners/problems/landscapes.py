"""Drawn problems that no kinetics explain: several hills, a blend within bounds, a screen of names.

``hills``: six Gaussian hills of different heights and widths in 3 to 5 factors of a reactor, one of
which is the highest. ``blend``: a mixture of 3 to 5 parts, each within bounds, whose response is a
polynomial in pseudo-components (Cornell, "Experiments with Mixtures", 3rd ed. 2002, chapters 2 and
3; ISBN 978-0-471-39367-2). ``screen``: 3 to 5 factors that are names (2 to 24 ligands, bases,
solvents), as plates are screened: a yield whose logit is a sum of what each name and each pair of
names brings.
"""

from collections.abc import Callable, Mapping
from itertools import combinations
from math import prod

import numpy as np

from planners.base import Categorical, Composition, Constraint, Continuous, Factor

Columns = Mapping[str, np.ndarray]
Outcomes = Callable[[Columns], dict[str, np.ndarray]]
Landscape = tuple[tuple[Factor, ...], tuple[Constraint, ...], Outcomes]

_HILLS = 6
_SCREENED = ("ligand", "base", "solvent", "additive", "halide")
_SIZES = (2, 3, 4, 4, 6, 8, 12, 16, 24)
_FEWEST, _MOST = 60, 4000  # combinations of names
_NUMBERS = (
    Continuous("temperature", 20.0, 120.0, "degC"),
    Continuous("residence_time", 1.0, 15.0, "min"),
    Continuous("concentration", 0.05, 0.5, "mol/L"),
    Continuous("equivalents", 1.0, 3.0),
    Continuous("water", 0.0, 0.5),
)


def hills(rng: np.random.Generator) -> Landscape:
    """Return a range of hills, 1 at its foot."""
    factors = _NUMBERS[: int(rng.integers(3, 6))]
    places = rng.random((_HILLS, len(factors)))
    widths, heights = rng.uniform(0.25, 0.6, _HILLS), rng.uniform(20.0, 90.0, _HILLS)

    def outcomes(x: Columns) -> dict[str, np.ndarray]:
        rows = np.column_stack([(x[f.name] - f.low) / (f.high - f.low) for f in factors])
        far = ((rows[:, None] - places) ** 2).sum(axis=2)
        return {"y": 1.0 + np.exp(-far / 2.0 / widths**2) @ heights}

    return factors, (), outcomes


def blend(rng: np.random.Generator) -> Landscape:
    """Return a mixture within bounds, with good and bad pairs and one trio."""
    count = int(rng.integers(3, 6))
    mixture = Composition("blend", tuple("abcde"[:count]))
    low = np.round(rng.random(count) * rng.uniform(0.0, 1.0 / count, count), 2)
    room, high = 1.0 - low.sum(), low
    while high.sum() < 1.1:
        high = np.round(np.minimum(1.0, low + room * rng.uniform(0.15, 0.9, count)), 2)
    constraints = tuple(
        Constraint({name: 1.0}, at_least=float(least), at_most=float(most))
        for name, least, most in zip(mixture.terms, low, high, strict=True)
    )
    alone = rng.uniform(4.0, 40.0, count)
    pairs = np.triu(rng.normal(0.0, 60.0, (count, count)), 1)
    trio = rng.normal(0.0, 150.0)

    def outcomes(x: Columns) -> dict[str, np.ndarray]:
        parts = (np.column_stack([x[name] for name in mixture.terms]) - low) / room
        twos = ((parts @ pairs) * parts).sum(axis=1)
        threes = trio * parts[:, :3].prod(axis=1)
        return {"y": np.maximum(40.0 + parts @ alone + twos + threes, 0.1)}

    return (mixture,), constraints, outcomes


def screen(rng: np.random.Generator) -> Landscape:
    """Return names alone, whose effects on the yield's logit add up, and so do those of pairs."""
    sizes = np.zeros(0, dtype=int)
    while not _FEWEST <= prod(sizes.tolist()) <= _MOST:
        sizes = rng.choice(_SIZES, size=int(rng.integers(3, 6)))
    factors = tuple(
        Categorical(name, tuple(f"{name} {i}" for i in range(size)))
        for name, size in zip(_SCREENED, sizes.tolist(), strict=False)
    )
    alone = [rng.normal(0.0, rng.uniform(0.3, 1.2), size) for size in sizes]
    pairs = list(combinations(range(len(sizes)), 2))
    share = rng.uniform(0.1, 0.6)
    together = [rng.normal(0.0, share, (sizes[a], sizes[b])) for a, b in pairs]
    offset = rng.normal(-0.8, 0.5)

    def outcomes(x: Columns) -> dict[str, np.ndarray]:
        which = [
            np.array([int(str(name).rsplit(" ", 1)[1]) for name in x[f.name]]) for f in factors
        ]
        logits = sum((effects[w] for effects, w in zip(alone, which, strict=True)), offset)
        for (a, b), effects in zip(pairs, together, strict=True):
            logits = logits + effects[which[a], which[b]]
        return {"y": 100.0 / (1.0 + np.exp(-logits))}

    return factors, (), outcomes


LANDSCAPES: Mapping[str, Callable[[np.random.Generator], Landscape]] = {
    "hills": hills,
    "blend": blend,
    "screen": screen,
}
