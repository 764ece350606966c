"""How a point becomes what the model sees (Mine et al., doi:10.1038/s41467-023-41341-3).

With amounts w_e, atomic weights A_e and property vectors D_e of the elements e of a composition:

- conventional: the amounts, one column per component;
- explorative: the sum over e of D_e w_e / A_e. It knows no order and no names, so a run with one
  element says something about every other;
- exploitative: both;
- swed (sorted weighted elemental descriptors; Suzuki et al., ChemCatChem 2019, not re-read: that
  they are sorted by amount is unverified): D_e w_e / A_e of each element in a slot of its own, the
  largest amount first, empty slots zero.

Amounts that are moles already are not divided. Components without properties (a support, a
ligand) have a column of their amount in every form. Other factors keep the columns that other
planners' models see.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from planners.base import Composition, Problem
from planners.extrapolate.elements import Elements, described
from planners.factors import Array

Form = Literal["conventional", "explorative", "exploitative", "swed"]
FORMS: tuple[Form, ...] = get_args(Form)

_SLOTS = 8  # of swed: amounts after the eighth largest change little


class Descriptors:
    """What the model sees of rows of a problem's unit cube."""

    def __init__(
        self,
        problem: Problem,
        form: Form,
        own: Mapping[str, Mapping[str, float]] | None = None,
        *,
        moles: bool = False,
    ) -> None:
        self._problem, self._form, self._moles = problem, form, moles
        self._elements = {
            factor.name: described(factor.components, own)
            for factor in problem.factors
            if isinstance(factor, Composition)
        }

    @property
    def any_elements(self) -> bool:
        """Return whether a component of any composition has properties."""
        return any(len(known.columns) for known in self._elements.values())

    def __call__(self, rows: Array) -> Array:
        """Return the columns of snapped rows ``(m, dimension)``, shape ``(m, f)``."""
        pieces: list[Array] = []
        for factor, columns in zip(self._problem.factors, self._problem.slices, strict=True):
            part = rows[:, columns]
            if isinstance(factor, Composition):
                known = self._elements[factor.name]
                amounts = factor.amounts(part)
                pieces += self._mixture(amounts, known, min(factor.most, _SLOTS))
            else:
                pieces.append(factor.features(part))
        return np.concatenate(pieces, axis=1)

    def _mixture(self, amounts: Array, known: Elements, slots: int) -> list[Array]:
        if self._form == "conventional" or not len(known.columns):
            return [amounts]
        parts = amounts[:, known.columns] / (1.0 if self._moles else known.weights)
        if self._form == "swed":
            found = [_slotted(amounts[:, known.columns], parts, known.values, slots)]
        else:
            found = [parts @ known.values]
        if self._form == "exploitative":
            return [amounts, *found]
        return [np.delete(amounts, known.columns, axis=1), *found]


def _slotted(amounts: Array, parts: Array, values: Array, slots: int) -> Array:
    """Return the weighted properties by descending amount, shape ``(m, slots * f)``.

    Equal amounts come in the order of their share and then of their first property, so that the
    order in which components were listed does not matter.
    """
    order = np.lexsort((np.broadcast_to(-values[:, 0], amounts.shape), -parts, -amounts), axis=1)
    order = order[:, :slots]
    weighted = np.take_along_axis(parts, order, axis=1)[:, :, None] * values[order]
    flat = weighted.reshape(len(amounts), order.shape[1] * values.shape[1])
    return np.pad(flat, ((0, 0), (0, slots * values.shape[1] - flat.shape[1])))
