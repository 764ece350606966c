"""A kinetic law of one response: it is made, and it is lost again.

``response = amount * (1 - exp(-made)) * exp(-lost)``, where ``made`` and ``lost`` are Damkohler
numbers, rate constant times residence time: the conversion of a first-order reaction in plug flow,
and what survives of its product (Levenspiel, "Chemical Reaction Engineering", 3rd ed. 1999,
chapters 5 and 8; ISBN 978-0-471-25424-9). The logarithms of all three are linear in the coordinates
of ``planners.bayes.models.coordinates``, so that reagents, catalysts and concentrations count with
their orders and temperature with activation energies. It is the product of the two limiting cases
of A -> B -> C, not its solution; what it misses is left to a Gaussian process around it.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from planners.bayes.models.coordinates import Coordinates
from planners.bayes.models.scale import Scale
from planners.factors import Array
from planners.measure import Believed

_AMOUNT_SD = 0.7  # of the logarithm, around what the best run so far lets expect in the middle
_KNOWN = 0.2  # sd of how an amount goes with a coordinate, up to which that is known beforehand
_MADE = (0.5, 1.2)  # logarithm of the Damkohler number in the middle: mean and sd
_LOST = (-2.5, 1.5)
_MADE_STARTS, _LOST_STARTS = (-1.0, 0.5), (-1.0, 1.0)  # sds from the means
_COMPLETE, _NOTHING_LEFT = 30.0, 6.0  # logarithms of Damkohler numbers beyond which none matters
_EVER = 4.0  # of the amount's logarithm above its mean: no response is greater
_LEAST = 1e-12


class Law:
    """The law on one response's scale; of a waste that falls as product rises, its reciprocal.

    Its constants are listed as logarithm of amount, of ``made`` and of ``lost``, each followed by
    its slopes over the coordinates; ``means`` and ``sds`` ``(p,)`` are those of normal priors.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        scale: Scale,
        amounts: Sequence[Believed],
        runs: tuple[Array, Array],
        power: float = 1.0,
    ) -> None:
        """Take what each coordinate does to the amount, and the runs' features and responses.

        With ``power`` -1 the response is the reciprocal of what the law gives.
        """
        self.coordinates, self.scale, self.power = coordinates, scale, power
        features, values = runs
        logs = power * np.log(np.maximum(values, _LEAST * values.max()))
        self._top = power * float(logs.max()) + _EVER
        known = [mean if sd <= _KNOWN else 0.0 for mean, sd in amounts]
        there = coordinates.of(features)[:, 1:] @ np.array(known)
        effects = coordinates.effects
        amount = ((float((logs - there).max()), _AMOUNT_SD), *amounts)
        made = (_MADE, *(e.makes for e in effects))
        lost = (_LOST, *(e.loses for e in effects))
        self.means, self.sds = np.array([*amount, *made, *lost]).T

    @property
    def starts(self) -> list[Array]:
        """Return constants from which to search: of slow and fast making and losing."""
        third, found = len(self.means) // 3, list[Array]()
        for made, lost in product(_MADE_STARTS, _LOST_STARTS):
            start = self.means.copy()
            start[[third, 2 * third]] += self.sds[[third, 2 * third]] * [made, lost]
            found.append(start)
        return found

    def offsets(self, constants: Array) -> Array:
        """Return how many sds of their priors constants are from the means, ``(p,)``."""
        return (constants - self.means) / self.sds

    def expected(self, constants: Array, terms: Array) -> tuple[Array, Array]:
        """Return what is expected in the model's units ``(m,)``, and its slopes ``(m, p)``.

        ``terms`` ``(m, k + 1)`` are the coordinates with a leading 1.
        """
        amount, made, lost = constants.reshape(3, -1) @ terms.T
        making = np.exp(np.minimum(made, _COMPLETE))
        losing = np.exp(np.minimum(lost, _NOTHING_LEFT))
        done = np.maximum(-np.expm1(-making), _LEAST)
        log = self.power * (amount + np.log(done) - losing)
        slope = np.where(log > self._top, 0.0, self.power)
        values = np.exp(np.minimum(log, self._top))
        slope = slope * self.scale.slopes(values)
        still = making * np.exp(-making) / done
        fading = np.where(lost < _NOTHING_LEFT, losing, 0.0)
        slopes = [terms * (slope * by)[:, None] for by in (1.0, still, -fading)]
        return self.scale.forward(values), np.hstack(slopes)
