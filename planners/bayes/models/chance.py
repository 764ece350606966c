"""How likely an experiment succeeds, learned from the runs that failed.

One or two failures are an anecdote: a kernel vote makes their surroundings doubtful, and no more.
With several, success is a response of its own, and a Gaussian-process classifier learns where the
chemistry clogs, boils or precipitates (Gelbart, Snoek and Adams, "Bayesian optimization with
unknown constraints", 2014).
"""

from collections.abc import Callable

import numpy as np

from planners.bayes.models.priors import Priors
from planners.bayes.models.process import classified
from planners.bayes.models.space import Space
from planners.factors import Array
from planners.sampling import n_different

_REACH = 0.15  # how far, in the unit cube, one failure casts doubt
_FEWEST = 3  # different failures, and successes, that a model needs
_PRIORS = Priors(variance=(2.5, 1.0), noise=(-2.0, 1.0))
_LEAST = 1e-9

Chance = Callable[[Array], Array]  # rows (m, dimension) -> ln of the chance of success, (m,)


def chance(space: Space, good: Array, failed: Array) -> Chance:
    """Return the log chance of success by rows ``(k, dimension)`` that went well, and did not."""
    if not len(failed):
        return lambda rows: np.zeros(len(rows))
    if min(n_different(good), n_different(failed)) < _FEWEST:
        return lambda rows: vote(rows, good, failed)
    rows = np.vstack([good, failed])  # where they were, perhaps outside what is asked for now
    fates = np.arange(len(rows)) < len(good)
    probability = classified(space.features(rows), fates, space.layout, _PRIORS)
    return lambda rows: np.log(np.maximum(probability(space.features(rows)), _LEAST))


def vote(rows: Array, good: Array, failed: Array) -> Array:
    """Return ln of the chance of success by the neighbours' fates, ``(m,)``.

    One success in advance everywhere, so that far from any run all is well.
    """

    def votes(others: Array) -> Array:
        gaps = ((rows[:, None, :] - others[None, :, :]) ** 2).sum(axis=2)
        return np.exp(-0.5 * gaps / _REACH**2).sum(axis=1)

    successes = 1.0 + votes(good)
    return np.log(successes / (successes + 2.0 * votes(failed)))
