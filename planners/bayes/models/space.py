"""From rows of the unit cube to the columns that models see.

Length-scales have priors, which are made for columns that span about 1. The parts of a mixture with
bounds may span far less: 3 to 8 % of a binder make as much of a difference as 10 to 50 % of a salt.
Each is counted by the range that the bounds leave it (pseudo-components: Cornell, "Experiments with
Mixtures", 3rd ed. 2002, chapter 3; ISBN 978-0-471-39367-2), but only half of the way, by the root
of the range: within bounds a response is smoother than over all blends.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planners.base import Constraint, Problem
from planners.bayes.models.priors import Layout
from planners.factors import Array, Composition, Continuous, Discrete, Factor

_LEAST = 0.02  # of a mixture: parts that vary less are not stretched any further


@dataclass(frozen=True)
class Space:
    """How rows of the unit cube become what models see: columns that span about 1, or less.

    With runs of an earlier campaign, one more column says whose a run is; its length-scale says
    how alike both are, and is learned like any other (a task factor).
    """

    problem: Problem
    transfer: bool = False

    def features(self, rows: Array, *, earlier: bool = False) -> Array:
        """Return features of snapped rows ``(m, dimension)``."""
        own = self.problem.features(rows) / self._spans
        if not self.transfer:
            return own
        return np.column_stack([own, np.full(len(rows), 1.0 if earlier else 0.0)])

    @cached_property
    def _spans(self) -> Array:
        """Return by what each feature column is divided, ``(f,)``."""
        return np.concatenate([_stretch(factor, self.problem) for factor in self.problem.factors])

    @property
    def layout(self) -> Layout:
        """Return what each feature column is."""
        groups = self.problem.groups
        return Layout(np.append(groups, groups.max() + 1) if self.transfer else groups)

    @property
    def numbers(self) -> NDArray[np.intp]:
        """Return the feature columns that may act together: those of numbers that vary."""
        numbers = [
            isinstance(factor, Continuous | Discrete) and factor.n_levels > 1
            for factor in self.problem.factors
        ]
        widths = [len(factor.groups) for factor in self.problem.factors]
        return np.flatnonzero(np.repeat(numbers, widths))


def _stretch(factor: Factor, problem: Problem) -> Array:
    """Return by what its columns are divided: 1, but for mixtures with bounds."""
    whole = np.ones(len(factor.groups))
    if not isinstance(factor, Composition):
        return whole
    low, high = np.zeros(len(whole)), np.ones(len(whole))
    for constraint in problem.linear:
        if bounds := _alone(constraint, factor):
            place, least, most = bounds
            low[place], high[place] = max(low[place], least), min(high[place], most)
    most = np.minimum(high, 1.0 - (low.sum() - low))
    least = np.maximum(low, 1.0 - (high.sum() - high))
    return np.sqrt(np.clip(most - least, _LEAST, 1.0))


def _alone(constraint: Constraint, mixture: Composition) -> tuple[int, float, float] | None:
    """Return the part that a constraint bounds alone, and the bounds as fractions; or None."""
    if len(constraint.terms) != 1:
        return None
    (name, coefficient), *_ = constraint.terms.items()
    if name not in mixture.terms or coefficient == 0.0:
        return None
    one, other = (end / coefficient / mixture.total for end in (constraint.low, constraint.high))
    return mixture.terms.index(name), min(one, other), max(one, other)
