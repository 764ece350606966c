"""How alike two mixtures are: views between the names of their elements and their mean properties.

Two elements are alike by exp(-d^2 / 2 l^2) of their distance d in the table of properties, two
mixtures by the elements they hold: a mixture is the sum of its amounts times the images of its
elements (a mean embedding of kernels; Smola, Gretton, Song and Schoelkopf, "A Hilbert space
embedding for distributions", 2007). With l of 0 no two elements are alike, and the image of a
mixture is its amounts; with a very long one it is the mean of the properties; between them, each
element counts by a smooth function of its properties. Amounts are as given, or by mole. Which view
suits a response is not known beforehand: the runs tell.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from planners.base import Composition, Problem
from planners.extrapolate.descriptors import Form
from planners.extrapolate.elements import Elements, described
from planners.extrapolate.planner import Extrapolate
from planners.factors import Array

_NAMES, _MEANS = 0.0, float("inf")
_LIKENESSES: dict[Form, tuple[float, ...]] = {  # lengths, of the usual distance of two elements
    "conventional": (_NAMES,),
    "explorative": (0.5, 1.0, _MEANS),
    "exploitative": (_NAMES, 0.25, 0.5, 1.0, _MEANS),
    "swed": (0.5, 1.0, _MEANS),
}
_SIZE = 3.0  # a mixture weighs as much as so many other columns


@dataclass(frozen=True, slots=True)
class Block:
    """The columns of one mixture in ``parts``, and its elements."""

    columns: slice
    elements: Elements


class Parts:
    """What views are made of: amounts of elements by mixture, then all other columns."""

    def __init__(self, problem: Problem, options: Extrapolate) -> None:
        self._problem = problem
        self._known = {
            f.name: described(f.components, options.table)
            for f in problem.factors
            if isinstance(f, Composition)
        }
        self.blocks: list[Block] = []
        end = 0
        for known in self._known.values():
            if len(known.columns):
                self.blocks.append(Block(slice(end, end + len(known.columns)), known))
                end += len(known.columns)
        self.others = slice(end, None)

    def described(self, name: str) -> NDArray[np.intp]:
        """Return which components of a composition have properties, ``(c,)``."""
        return self._known[name].columns

    def __call__(self, rows: Array) -> Array:
        """Return the columns of snapped rows ``(m, dimension)``, ``(m, f)``."""
        amounts: list[Array] = []
        others: list[Array] = [np.empty((len(rows), 0))]
        for factor, columns in zip(self._problem.factors, self._problem.slices, strict=True):
            part = rows[:, columns]
            if isinstance(factor, Composition):
                held, known = factor.amounts(part) / factor.total, self._known[factor.name]
                amounts.append(held[:, known.columns])
                others.append(np.delete(held, known.columns, axis=1))
            else:
                others.append(factor.features(part))
        return np.concatenate([*amounts, *others], axis=1)


@dataclass(frozen=True, slots=True)
class _Image:
    """One mixture's part of a view: ``(amounts / weights) @ root``."""

    columns: slice
    weights: Array | None  # atomic, when amounts are taken by mole
    root: Array

    def __call__(self, parts: Array) -> Array:
        held = parts[:, self.columns]
        if self.weights is not None:
            whole, moles = held.sum(axis=1, keepdims=True), held / self.weights
            total = moles.sum(axis=1, keepdims=True)
            held = moles * np.where(total > 0, whole / np.where(total > 0, total, 1.0), 0.0)
        return held @ self.root


@dataclass(frozen=True, slots=True)
class View:
    """How rows are seen: images of mixtures, scaled, beside other columns in their spread."""

    images: tuple[_Image, ...]
    sizes: tuple[float, ...]
    others: slice
    spread: Array

    def __call__(self, parts: Array) -> Array:
        """Return the view's columns of ``parts`` ``(m, f)``, ``(m, g)``."""
        seen = [image(parts) * size for image, size in zip(self.images, self.sizes, strict=True)]
        return np.concatenate([*seen, parts[:, self.others] / self.spread], axis=1)


def views(parts: Parts, form: Form, pool: Array, *, moles: bool) -> list[View]:
    """Return the views of a form; ``pool`` ``(m, f)`` are the parts of what may be chosen.

    With ``moles``, amounts are moles already.
    """
    spread = pool[:, parts.others].std(axis=0)
    spread = np.where(spread > 1e-12, spread, np.inf)
    if not parts.blocks:
        return [View((), (), parts.others, spread)]
    found: list[View] = []
    for by_mole in (False,) if moles or form == "conventional" else (False, True):
        for likeness in _LIKENESSES[form]:
            images = tuple(_image(block, likeness, by_mole=by_mole) for block in parts.blocks)
            sizes = tuple(_size(image(pool)) for image in images)
            found.append(View(images, sizes, parts.others, spread))
    return found


def _image(block: Block, likeness: float, *, by_mole: bool) -> _Image:
    known = block.elements
    weights = known.weights if by_mole else None
    return _Image(block.columns, weights, _root(known.values, likeness))


def _root(values: Array, likeness: float) -> Array:
    """Return the images of elements with properties ``(c, f)``, ``(c, k)``."""
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 1e-12, spread, np.inf)
    squares = cdist(scaled, scaled, "sqeuclidean")
    apart = squares[squares > 1e-12]
    if likeness == _NAMES or not len(apart):
        return np.eye(len(values))
    if likeness == _MEANS:
        return scaled
    sizes, axes = np.linalg.eigh(np.exp(-squares / (2.0 * likeness**2 * float(np.median(apart)))))
    kept = sizes > 1e-9 * sizes.max()
    return axes[:, kept] * np.sqrt(sizes[kept])


def _size(image: Array) -> float:
    total = float(np.square(image - image.mean(axis=0)).sum(axis=1).mean()) if len(image) else 0.0
    return float(np.sqrt(_SIZE / total)) if total > 1e-24 else 0.0
