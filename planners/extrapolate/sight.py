"""Rows as the parts of the model see them, and as places far from or near to each other."""

import numpy as np
from numpy.typing import NDArray

from planners.base import Composition, Problem
from planners.extrapolate.descriptors import Descriptors, Form
from planners.extrapolate.model import Seen
from planners.extrapolate.planner import Extrapolate
from planners.extrapolate.views import Parts, View, views
from planners.factors import Array


class Sight:
    """Trees see the descriptors asked for, smooth functions the views of the same form."""

    def __init__(self, problem: Problem, options: Extrapolate) -> None:
        moles, form = options.amounts == "mole", options.form
        self._moles = moles
        self._form: Form = options.form
        self._trees = Descriptors(problem, form, options.table, moles=moles)
        self._parts = Parts(problem, options)
        few: Form = form if form == "conventional" else "explorative"
        self._places = Descriptors(problem, few, options.table, moles=moles)

    def __call__(self, rows: Array) -> Seen:
        """Return what the parts of the model see of snapped rows ``(m, dimension)``."""
        return Seen(self._trees(rows), self._parts(rows))

    def described(self, name: str) -> NDArray[np.intp]:
        """Return which components of a composition have properties, ``(c,)``."""
        return self._parts.described(name)

    def bare(self, factor: Composition) -> list[int]:
        """Return which components of a mixture of elements are none, or none that is known."""
        known = set(self.described(factor.name).tolist())
        return [i for i in range(factor.width) if i not in known] if known else []

    def places(self, rows: Array) -> Array:
        """Return where rows lie, by the fewest columns that tell the same, ``(m, g)``."""
        return self._places(rows)

    def views(self, pool: Array) -> list[View]:
        """Return the views of smooth functions, scaled by rows that may be chosen."""
        return views(self._parts, self._form, self._parts(pool), moles=self._moles)
