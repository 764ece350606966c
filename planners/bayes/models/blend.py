"""Two views of one response, believed as far as the runs make them probable.

The plain view knows factors one by one. Another one knows more of how they act together, and may be
wrong: a kinetic law, or that good runs lie on a ridge across numbers. Which of them is right, a few
runs cannot tell; what both expect is averaged, each with its probability (Hoeting, Madigan, Raftery
and Volinsky, "Bayesian model averaging: a tutorial", Statistical Science 1999, 14, 382;
10.1214/ss/1009212519).
"""

import numpy as np
from scipy.special import expit

from planners.bayes.models.process import Process
from planners.factors import Array

_NEGLIGIBLE = 0.05  # probability below which a view is not worth its time


class Blend(Process):
    """Two processes of the same runs; ``share`` is the probability of the second one.

    It has the mean and sd of both together.
    """

    def __init__(self, plain: Process, second: Process, share: float) -> None:
        """Take both views, and the second one's probability."""
        super().__init__(plain.x, plain.y, plain.known_variance)
        self.plain, self.second, self.share = plain, second, share

    @property
    def noise_variance(self) -> float:
        """Return the expected variance of noise."""
        one, other = self.plain.noise_variance, self.second.noise_variance
        return (1.0 - self.share) * one + self.share * other

    @property
    def lawful(self) -> float:
        """Return the probability that the response follows a kinetic law."""
        return self.share * self.second.lawful

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        return self._pooled(self.plain.predict(x), self.second.predict(x))

    def _pooled(self, one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
        share = self.share
        mean = (1.0 - share) * one[0] + share * other[0]
        apart = share * (1.0 - share) * (one[0] - other[0]) ** 2
        variance = (1.0 - share) * one[1] ** 2 + share * other[1] ** 2 + apart
        return mean, np.sqrt(variance)

    def draws(self, x: Array, normals: Array) -> Array:
        """Return joint draws (without noise) at rows ``x`` ``(m, f)``, shape of ``normals``.

        Each view gives its share of the ``(s, m)`` draws.
        """
        count = round(len(normals) * self.share)
        return np.vstack(
            [self.second.draws(x, normals[:count]), self.plain.draws(x, normals[count:])]
        )

    def rescaled(self, factor: float) -> "Blend":
        """Return the blend with every length-scale times ``factor``."""
        return Blend(self.plain.rescaled(factor), self.second.rescaled(factor), self.share)

    def given(self, x: Array, y: Array, known_variance: Array) -> "Blend":
        """Return the blend that knows these runs instead, at the same hyper-parameters."""
        plain = self.plain.given(x, y, known_variance)
        return Blend(plain, self.second.given(x, y, known_variance), self.share)


def blended(plain: Process, second: Process, ahead: float) -> Process:
    """Return two views together, or the one that is beyond doubt.

    ``ahead`` is the logarithm of the second one's odds.
    """
    share = float(expit(ahead))
    if share < _NEGLIGIBLE:
        return plain
    return second if share > 1.0 - _NEGLIGIBLE else Blend(plain, second, share)
