"""How a response is looked at: plainly, and with what else is known of it.

Where the residence time or a temperature is a factor, responses that are made and lost by a
reaction are expected to follow a kinetic law, and more likely so than not, unless names or mixtures
are among the factors, of which the law knows nothing. Elsewhere numbers may act together, so that
good runs lie on a ridge across them; each of a ridge's weights is one more thing to get wrong.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planners.base import Response
from planners.bayes.models.blend import blended
from planners.bayes.models.coordinates import Coordinates
from planners.bayes.models.law import Law
from planners.bayes.models.measure import ANY, measure
from planners.bayes.models.priors import Priors
from planners.bayes.models.process import GaussianProcess, Process, fit
from planners.bayes.models.scale import Scale
from planners.bayes.models.trend import follow
from planners.factors import Array

_LAWFUL = 2.0  # nats: seven reactions of eight that a reactor is built for follow their kinetics
_WARMED = 1.0  # nats, of a temperature without a time: much else depends on it as well
_LEAST = 1e-300  # a response that has a reciprocal
_FEWEST_FOR_LAW = 4  # runs without which a law says only what was believed before
_SLANTED = Priors(length=(-0.8, 0.9))  # the ridge explains what would else need short lengths
_RARE = 2.0  # nats by which each weight of a ridge must raise the density: Occam's factor


def with_law(plain: GaussianProcess, surprise: float, laws: list[Law]) -> Process:
    """Return a fitted process together with the law that its runs follow best.

    ``surprise`` is minus the log posterior density of the plain one.
    """
    trend, other = follow(plain.x, plain.y, plain.known_variance, plain.layout, laws)
    return blended(plain, trend, surprise - other + _favour(trend.law.coordinates))


def _favour(coordinates: Coordinates) -> float:
    """Return the logarithm of the odds that a response follows a law, before any run."""
    if not coordinates.whole:
        return 0.0
    return _LAWFUL if coordinates.timed else _WARMED


def with_ridge(plain: GaussianProcess, surprise: float, ridge: NDArray[np.intp]) -> Process:
    """Return a fitted process together with its slanted fellow.

    ``ridge`` are the feature columns that may act together; fewer than two cannot.
    """
    if len(ridge) < 2:
        return plain
    layout = replace(plain.layout, ridge=ridge)
    slanted, other = fit(plain.x, plain.y, plain.known_variance, layout, _SLANTED)
    return blended(plain, slanted, surprise - other - _RARE * len(ridge))


def laws(
    coordinates: Coordinates, response: Response, scale: Scale, runs: tuple[Array, Array]
) -> list[Law]:
    """Return the laws that a response may follow; none for most kinds.

    ``runs`` are feature rows ``(n, f)`` and the values there, ``(n,)``.
    """
    _, values = runs
    kinetic = coordinates.timed or coordinates.heated
    if not kinetic or len(values) < _FEWEST_FOR_LAW or values.min() < 0.0:
        return []
    if len(coordinates.effects) < 2 or values.max() <= 0.0:
        return []
    found = [Law(coordinates, scale, coordinates.amounts(measure(response)), runs)]
    if response.goal == "minimise" and values.min() > _LEAST:
        found.append(Law(coordinates, scale, coordinates.amounts(ANY), runs, power=-1.0))
    return found
