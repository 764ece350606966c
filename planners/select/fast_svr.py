"""Fast search of support vector regression: gamma, then epsilon, C and gamma again, one by one.

Gamma starts where the entries of the Gram matrix vary most (on squared Euclidean distances), so
that the kernel tells rows apart; then each of the others is chosen by cross-validation with the
rest held (Kaneko and Funatsu, Chemom. Intell. Lab. Syst. 2015, 142, 64,
doi:10.1016/j.chemolab.2015.01.001).
"""

from collections.abc import Callable, Sequence

import numpy as np

from planners.factors import Array
from planners.select.distances import squared_distances
from planners.select.folds import Setting

GAMMAS = 2.0 ** np.arange(-20.0, 11.0)
EPSILONS = 2.0 ** np.arange(-10.0, 1.0)
COSTS = 2.0 ** np.arange(-5.0, 11.0)
LINEAR_COSTS = 2.0 ** np.arange(-5.0, 5.0)  # beyond, a linear one takes long and gains nothing

# settings -> mean squared error of each, by cross-validation
Judge = Callable[[Sequence[Setting]], Array]


def widest_gamma(x: Array) -> float:
    """Return the gamma of most varied Gram entries ``exp(-gamma d^2)`` of rows ``(n, f)``."""
    distances = squared_distances(x, x)
    spreads = [float(np.exp(-gamma * distances).var()) for gamma in GAMMAS]
    return float(GAMMAS[int(np.argmax(spreads))])


def search(judge: Judge, gamma: float | None) -> Setting:
    """Return the setting found; of a linear kernel without ``gamma``."""
    setting: Setting = {"C": 1.0, "epsilon": 0.0625}
    if gamma is not None:
        setting = {"C": 4.0, "epsilon": 0.0625, "gamma": gamma}
    setting = _along("epsilon", EPSILONS, setting, judge)
    setting = _along("C", LINEAR_COSTS if gamma is None else COSTS, setting, judge)
    return setting if gamma is None else _along("gamma", GAMMAS, setting, judge)


def _along(name: str, values: Array, setting: Setting, judge: Judge) -> Setting:
    tried = [{**setting, name: float(value)} for value in values]
    return tried[int(np.argmin(judge(tried)))]
