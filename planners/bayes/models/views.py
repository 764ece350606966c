"""How a response is looked at: plainly, and with what else is known of it.

Where the residence time or a temperature is a factor, responses that are made and lost by a
reaction are expected to follow a kinetic law, and more likely so than not, unless names or mixtures
are among the factors, of which the law knows nothing. Elsewhere numbers may act together, so that
good runs lie on a ridge across them; each of a ridge's weights is one more thing to get wrong. And
they may make one smooth hill, a surface of second order.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planners.base import Response
from planners.bayes.models.blend import blended
from planners.bayes.models.coordinates import Coordinates
from planners.bayes.models.law import Law
from planners.bayes.models.priors import Priors
from planners.bayes.models.process import GaussianProcess, Process, fit
from planners.bayes.models.quadratic import Quadratic
from planners.bayes.models.scale import Scale
from planners.bayes.models.surface import curved
from planners.bayes.models.trend import follow
from planners.factors import Array
from planners.measure import ANY, measure

_LAWFUL = 2.0  # nats: seven reactions of eight that a reactor is built for follow their kinetics
_WARMED = 1.0  # nats, of a temperature without a time: much else depends on it as well
_LEAST = 1e-300  # a response that has a reciprocal
_FEWEST = 4  # runs without which laws and surfaces say only what was believed before
_SLANTED = Priors(length=(-0.8, 0.9))  # the ridge explains what would else need short lengths
_RARE = 2.0  # nats by which each weight of a ridge must raise the density: Occam's factor
_CURVED = 1.0  # nats: of four landscapes, one is a surface of second order and a little more
_HARDLY = 2.0  # nats by which that is less likely than a plain one where a law may be at work


def viewed(
    plain: GaussianProcess, surprise: float, laws: Sequence[Law], numbers: NDArray[np.intp]
) -> Process:
    """Return a fitted process together with its other views, each as probable as runs make it.

    ``surprise`` is minus the log posterior density of the plain one, ``numbers`` are the feature
    columns of numbers that vary.
    """
    views: list[tuple[Process, float]] = [(plain, -surprise)]
    if laws:
        views.append(_lawful(plain, laws))
    elif len(numbers) > 1:
        views.append(_slanted(plain, numbers))
    handicap = _handicap(laws)
    if len(numbers) and len(plain.x) >= _FEWEST and handicap is not None:
        surface, other = curved(plain, Quadratic(numbers))
        views.append((surface, -other - handicap))
    return blended(views)


def _lawful(plain: GaussianProcess, laws: Sequence[Law]) -> tuple[Process, float]:
    """Return the law that the runs follow best, and the logarithm of its weight."""
    trend, surprise = follow(plain.x, plain.y, plain.known_variance, plain.layout, laws)
    return trend, _favour(trend.law.coordinates) - surprise


def _favour(coordinates: Coordinates) -> float:
    """Return the logarithm of the odds that a response follows a law, before any run."""
    if not coordinates.whole:
        return 0.0
    return _LAWFUL if coordinates.timed else _WARMED


def _handicap(laws: Sequence[Law]) -> float | None:
    """Return the nats by which a surface of second order is less likely than the plain view.

    None where it is left out: a law and a surface beside names would be two guesses too many.
    """
    if not laws:
        return _CURVED
    return _HARDLY if laws[0].coordinates.whole else None


def _slanted(plain: GaussianProcess, ridge: NDArray[np.intp]) -> tuple[Process, float]:
    """Return the process with a ridge across some columns, and the logarithm of its weight."""
    layout = replace(plain.layout, ridge=ridge)
    slanted, surprise = fit(plain.x, plain.y, plain.known_variance, layout, _SLANTED)
    return slanted, -surprise - _RARE * len(ridge)


def laws(
    coordinates: Coordinates, response: Response, scale: Scale, runs: tuple[Array, Array]
) -> list[Law]:
    """Return the laws that a response may follow; none for most kinds.

    ``runs`` are feature rows ``(n, f)`` and the values there, ``(n,)``.
    """
    _, values = runs
    kinetic = coordinates.timed or coordinates.heated
    if not kinetic or len(values) < _FEWEST or values.min() < 0.0:
        return []
    if len(coordinates.effects) < 2 or values.max() <= 0.0:
        return []
    found = [Law(coordinates, scale, coordinates.amounts(measure(response)), runs)]
    if response.goal == "minimise" and values.min() > _LEAST:
        found.append(Law(coordinates, scale, coordinates.amounts(ANY), runs, power=-1.0))
    return found
