"""Two views of one response, believed as far as the runs make them probable.

The plain view knows factors one by one. In the slanted one they also act together: a hotter reactor
and a longer residence time bring about the same conversion, so that good runs lie on a ridge across
both, and along it little changes. Which of them is right, a few runs cannot tell; what both expect
is averaged, each with its probability (Hoeting, Madigan, Raftery and Volinsky, "Bayesian model
averaging: a tutorial", Statistical Science 1999, 14, 382; 10.1214/ss/1009212519).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from planners.bayes.process import GaussianProcess, Layout, Priors, fit
from planners.factors import Array

_SLANTED = Priors(length=(-0.8, 0.9))  # the ridge explains what would else need short lengths
_RARE = 2.0  # nats by which each weight of a ridge must raise the density: Occam's factor
_NEGLIGIBLE = 0.05  # probability below which a view is not worth its time


@dataclass(frozen=True, slots=True)
class Blend:
    """Two processes of the same runs; ``share`` is the probability of the slanted one.

    It predicts like a ``GaussianProcess``: the mean and sd of both together.
    """

    plain: GaussianProcess
    slanted: GaussianProcess
    share: float

    @property
    def noise_variance(self) -> float:
        """Return the expected variance of noise."""
        one, other = self.plain.noise_variance, self.slanted.noise_variance
        return (1.0 - self.share) * one + self.share * other

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        return self._pooled(self.plain.predict(x), self.slanted.predict(x))

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
            [self.slanted.draws(x, normals[:count]), self.plain.draws(x, normals[count:])]
        )

    def rescaled(self, factor: float) -> "Blend":
        """Return the blend with every length-scale times ``factor``."""
        return Blend(self.plain.rescaled(factor), self.slanted.rescaled(factor), self.share)

    def believing(self, x: Array) -> "Blend":
        """Return the blend as if rows ``x`` had come out as expected (kriging believer)."""
        return self.hearing(x, self.predict(x)[0], np.zeros(len(x)))

    def hearing(self, x: Array, y: Array, known_variance: Array) -> "Blend":
        """Return the blend that knows more runs, at the same hyper-parameters."""
        return Blend(
            self.plain.hearing(x, y, known_variance),
            self.slanted.hearing(x, y, known_variance),
            self.share,
        )

    def without(self, left: int) -> tuple[float, float]:
        """Return mean and sd, noise included, at a run as if it were not known."""
        one, other = (np.array(p.without(left))[:, None] for p in (self.plain, self.slanted))
        mean, sd = self._pooled((one[0], one[1]), (other[0], other[1]))
        return float(mean[0]), float(sd[0])


def blended(
    plain: GaussianProcess, surprise: float, ridge: NDArray[np.intp]
) -> GaussianProcess | Blend:
    """Return a fitted process and its slanted fellow together, or the one that is beyond doubt.

    ``surprise`` is minus the log posterior density of the plain one, ``ridge`` the feature columns
    that may act together; fewer than two cannot.
    """
    if len(ridge) < 2:
        return plain
    layout: Layout = replace(plain.layout, ridge=ridge)
    slanted, other = fit(plain.x, plain.y, plain.known_variance, layout, _SLANTED)
    share = float(expit(surprise - other - _RARE * len(ridge)))
    if share < _NEGLIGIBLE:
        return plain
    return slanted if share > 1.0 - _NEGLIGIBLE else Blend(plain, slanted, share)
