"""Fractions of two-level factorials: generators with the wanted resolution.

Factors beyond the ``p`` basic ones are products of basic columns (their generators). A word of the
defining relation is a product of columns that is constant; the resolution is the length of the
shortest (Box, Hunter and Hunter, Statistics for Experimenters, chapter 6). The search takes the
fewest runs, and among the fractions of that size one with few shortest words (minimum aberration,
Fries and Hunter, Technometrics 1980).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

import numpy as np

from planners.factors import Array

_LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"  # without I, the identity
MAX_FACTORS = len(_LETTERS)
_TRIED = 200  # complete fractions compared
_VISITED = 20_000  # steps of the search


@dataclass(frozen=True)
class Fraction:
    """A fraction: ``n_basic`` full columns, and a product of them (bit mask) for each more."""

    n_basic: int
    products: tuple[int, ...]

    @property
    def n_factors(self) -> int:
        """Return the number of columns."""
        return self.n_basic + len(self.products)

    @property
    def generators(self) -> tuple[str, ...]:
        """Return the generators in letters, as ``E=ABCD``."""
        return tuple(
            f"{_LETTERS[self.n_basic + k]}={_word(mask)}" for k, mask in enumerate(self.products)
        )

    @property
    def resolution(self) -> int:
        """Return the length of the shortest word; 0 stands for a full factorial."""
        lengths = [
            len(chosen) + _xor(chosen).bit_count()
            for chosen in _subsets(self.products, min(len(self.products), 6))
        ]
        return min(lengths, default=0)

    def coded(self) -> Array:
        """Return the table of -1 and +1, shape ``(2**n_basic, n_factors)``, in standard order."""
        basic = np.array(list(product((-1.0, 1.0), repeat=self.n_basic)))[:, ::-1]
        more = [
            np.prod([basic[:, b] for b in range(self.n_basic) if mask >> b & 1], axis=0)
            for mask in self.products
        ]
        return np.column_stack([basic, *more])


def _word(mask: int) -> str:
    return "".join(_LETTERS[b] for b in range(mask.bit_length()) if mask >> b & 1)


def _xor(masks: tuple[int, ...]) -> int:
    result = 0
    for mask in masks:
        result ^= mask
    return result


def _subsets(masks: tuple[int, ...], most: int) -> Iterator[tuple[int, ...]]:
    from itertools import combinations

    for size in range(1, most + 1):
        yield from combinations(masks, size)


def fraction(n_factors: int, resolution: int) -> Fraction:
    """Return the smallest fraction of at least this resolution; a full factorial if need be."""
    for n_basic in range(1, n_factors):
        masks = [m for m in range(1, 1 << n_basic) if m.bit_count() >= resolution - 1]
        if len(masks) < n_factors - n_basic:
            continue
        masks.sort(key=lambda m: (-m.bit_count(), m))
        found = list(islice(_search(masks, n_factors - n_basic, resolution), _TRIED))
        if found:
            best = min(found, key=lambda products: _n_words(products, resolution))
            return Fraction(n_basic, best)
    return Fraction(n_factors, ())


def _search(masks: list[int], wanted: int, resolution: int) -> Iterator[tuple[int, ...]]:
    """Give sets of generators none of whose products makes a word that is too short."""
    visited = 0
    stack: list[tuple[int, tuple[int, ...], list[tuple[int, int]]]] = [(0, (), [(0, 0)])]
    while stack and visited < _VISITED:
        first, chosen, sums = stack.pop()
        if len(chosen) == wanted:
            yield chosen
            continue
        for k in range(len(masks) - 1, first - 1, -1):
            visited += 1
            fresh = [(s ^ masks[k], size + 1) for s, size in sums if size < resolution - 1]
            if all(size + s.bit_count() >= resolution for s, size in fresh):
                stack.append((k + 1, (*chosen, masks[k]), sums + fresh))


def _n_words(products: tuple[int, ...], resolution: int) -> tuple[int, int]:
    """Return how many words have the least length allowed, and how many one more."""
    counts = [0, 0]
    for chosen in _subsets(products, min(len(products), resolution)):
        excess = len(chosen) + _xor(chosen).bit_count() - resolution
        if excess in (0, 1):
            counts[excess] += 1
    return counts[0], counts[1]
