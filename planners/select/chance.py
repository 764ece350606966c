"""How well a model fits noise: y-randomisation and the chance-corrected error.

MAEcce = MAE of the fit + MAE of the mean - mean MAE of fits to shuffled responses (the "chance
correlation-excluded mean absolute error" of Kaneko, 2019; paper not re-read). A model that fits
shuffled responses as well has learned nothing.
"""

from dataclasses import dataclass

import numpy as np

from planners.factors import Array
from planners.select.folds import Rows
from planners.select.pool import Kind, predict
from planners.select.validate import tuned

_SEED = 30


@dataclass(frozen=True)
class Chance:
    """All in the response's unit; ``fit`` on the training rows themselves."""

    fit_mae: float
    mean_mae: float
    shuffled_mae: float
    permutations: int

    @property
    def corrected_mae(self) -> float:
        """Return the chance-corrected mean absolute error, MAEcce."""
        return self.fit_mae + self.mean_mae - self.shuffled_mae


def y_randomisation(kind: Kind, x: Array, y: Array, groups: Rows, permutations: int = 30) -> Chance:
    """Return the errors of fits to the response and to its permutations.

    Hyper-parameters are chosen anew for each.
    """
    rng = np.random.default_rng(_SEED)
    shuffled = [_fit_mae(kind, x, rng.permutation(y), groups) for _ in range(permutations)]
    return Chance(
        _fit_mae(kind, x, y, groups),
        float(np.abs(y - y.mean()).mean()),
        float(np.mean(shuffled)),
        permutations,
    )


def _fit_mae(kind: Kind, x: Array, y: Array, groups: Rows) -> float:
    setting = tuned(kind, x, y, groups)
    return float(np.abs(y - predict(kind, x, y, x, setting)).mean())
