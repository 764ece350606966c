"""Rows as the two parts of the model see them."""

from planners.base import Problem
from planners.extrapolate.descriptors import Descriptors
from planners.extrapolate.model import Seen
from planners.extrapolate.planner import Extrapolate
from planners.factors import Array


class Sight:
    """Trees see the descriptors asked for, the smooth function the fewest that say the same.

    One length for all columns suits a few properties, not dozens of amounts: with descriptors of
    elements it sees their sums alone.
    """

    def __init__(self, problem: Problem, options: Extrapolate) -> None:
        moles, form = options.amounts == "mole", options.form
        self._trees = Descriptors(problem, form, options.table, moles=moles)
        few = form if form == "conventional" else "explorative"
        self._smooth = Descriptors(problem, few, options.table, moles=moles)

    def __call__(self, rows: Array) -> Seen:
        """Return what both see of snapped rows ``(m, dimension)``."""
        return Seen(self._trees(rows), self._smooth(rows))
