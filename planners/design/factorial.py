"""Full and fractional factorials, central composites, and Box-Behnken designs.

Factors that the scheme cannot hold (names of more than two levels, mixtures, numbers without a
middle) are crossed with it: every combination of theirs gets the whole scheme.
"""

from itertools import combinations, product

import numpy as np

from planners.base import Problem
from planners.design.coded import (
    coded_piece,
    crossed,
    level_piece,
    names,
    others,
    quantitative,
    two_sided,
)
from planners.design.generators import MAX_FACTORS, fraction
from planners.errors import CannotSuggest
from planners.factors import Array

_ROMAN = {3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII", 8: "VIII"}
_TRIPLES = (6, 7)  # factors whose Box-Behnken design varies three at a time: {0, 1, 3} cyclically
_FULL_CORE = 4  # factors up to which the core of a central composite is complete

Table = tuple[Array, str]  # rows of the unit cube, and what they are in words


def full(problem: Problem, levels: int) -> Table:
    """Return every combination of ``levels`` of each continuous factor and all of the others."""
    pieces = [level_piece(problem, i, levels) for i in range(len(problem.factors))]
    rows = crossed(problem, pieces)
    return rows, f"full factorial, {' x '.join(str(len(p.rows)) for p in pieces)}"


def fractional(problem: Problem, resolution: int) -> Table:
    """Return the smallest two-level fraction of a resolution, and its generators in words."""
    used = two_sided(problem)
    if len(used) < 3:
        rows, _ = full(problem, 2)
        return rows, "full factorial: fewer than 3 factors of two levels leave nothing out"
    if len(used) > MAX_FACTORS:
        raise CannotSuggest(f"a fraction takes up to {MAX_FACTORS} factors, got {len(used)}")
    found = fraction(len(used), resolution)
    rows = crossed(problem, [coded_piece(problem, used, found.coded()), *others(problem, used)])
    if not found.products:
        return rows, f"full factorial: no fraction of {names(problem, used)} has that resolution"
    letters = ", ".join(found.generators)
    roman = _ROMAN.get(found.resolution, str(found.resolution))
    power = f"2^({found.n_factors}-{len(found.products)})"
    return rows, f"{power} of {names(problem, used)}, resolution {roman}, {letters}"


def central_composite(problem: Problem, alpha: str) -> Table:
    """Return corners and stars; ``alpha`` is ``face`` or ``rotatable``.

    A rotatable design (Box and Hunter, 1957) is shrunk until its stars lie on the box, so that no
    run leaves the factors' ranges.
    """
    used = quantitative(problem)
    if not used:
        raise CannotSuggest(
            "central-composite needs a factor with a middle: a continuous one, or three values"
        )
    count = len(used)
    core = _core(count)
    reach = 1.0 if alpha == "face" else len(core) ** 0.25
    stars = np.vstack([reach * np.eye(count), -reach * np.eye(count)])
    coded = np.vstack([core, stars]) / max(reach, 1.0)
    rows = crossed(problem, [coded_piece(problem, used, coded), *others(problem, used)])
    shape = "face-centred" if alpha == "face" else f"rotatable, corners at {1 / reach:.3f}"
    return rows, f"central composite of {names(problem, used)}, {shape}"


def _core(count: int) -> Array:
    if count <= _FULL_CORE:
        return np.array(list(product((-1.0, 1.0), repeat=count)))
    return fraction(count, 5).coded()


def box_behnken(problem: Problem) -> Table:
    """Return a Box-Behnken design (Technometrics 1960): no run at a corner of the box.

    Two factors vary at a time; three with 6 and 7 factors, as in the paper.
    """
    used = quantitative(problem)
    if len(used) < 3:
        raise CannotSuggest(
            f"box-behnken needs 3 factors with a middle or more, got {len(used)}"
            f" ({names(problem, used)}): use central-composite"
        )
    coded = np.vstack([_varied(len(used), block) for block in _bb_blocks(len(used))])
    rows = crossed(problem, [coded_piece(problem, used, coded), *others(problem, used)])
    return rows, f"Box-Behnken design of {names(problem, used)}"


def _bb_blocks(count: int) -> list[tuple[int, ...]]:
    if count in _TRIPLES:
        return [tuple((i + step) % count for step in (0, 1, 3)) for i in range(count)]
    return list(combinations(range(count), 2))


def _varied(count: int, block: tuple[int, ...]) -> Array:
    table = np.zeros((2 ** len(block), count))
    table[:, list(block)] = list(product((-1.0, 1.0), repeat=len(block)))
    return table
