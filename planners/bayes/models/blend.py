"""Several views of one response, believed as far as the runs make them probable.

The plain view knows factors one by one. Others know more of how they act together, and may be
wrong: a kinetic law, a surface of second order, or that good runs lie on a ridge across numbers.
Which of them is right, a few runs cannot tell; what they expect is averaged, each with its
probability (Hoeting, Madigan, Raftery and Volinsky, "Bayesian model averaging: a tutorial",
Statistical Science 1999, 14, 382; 10.1214/ss/1009212519).
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax

from planners.bayes.models.process import Process
from planners.factors import Array

_NEGLIGIBLE = 0.05  # probability below which a view is not worth its time


class Blend(Process):
    """Processes of the same runs, each with its probability; it has the mean and sd of them all."""

    def __init__(self, views: Sequence[Process], shares: Sequence[float]) -> None:
        """Take the views and their probabilities, which sum to one."""
        super().__init__(views[0].x, views[0].y, views[0].known_variance)
        self.views, self.shares = tuple(views), tuple(shares)

    @property
    def noise_variance(self) -> float:
        """Return the expected variance of noise."""
        return float(np.dot(self.shares, [view.noise_variance for view in self.views]))

    @property
    def lawful(self) -> float:
        """Return the probability that the response follows a kinetic law."""
        return float(np.dot(self.shares, [view.lawful for view in self.views]))

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        return self._together([view.predict(x) for view in self.views])

    def left_out(self) -> tuple[Array, Array]:
        """Return mean and sd, noise included, at each run as if it were not known; ``(n,)`` each.

        The probabilities stay those given all runs.
        """
        return self._together([view.left_out() for view in self.views])

    def _together(self, found: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
        means, sds = np.array([m for m, _ in found]), np.array([s for _, s in found])
        mean = np.asarray(self.shares) @ means
        return mean, np.sqrt(np.asarray(self.shares) @ (sds**2 + (means - mean) ** 2))

    def draws(self, x: Array, normals: Array) -> Array:
        """Return joint draws (without noise) at rows ``x`` ``(m, f)``, shape of ``normals``.

        Each view gives its share of the ``(s, m)`` draws.
        """
        ends = np.round(np.cumsum(self.shares) * len(normals)).astype(int)[:-1]
        parts = np.split(normals, ends)
        return np.vstack(
            [view.draws(x, part) for view, part in zip(self.views, parts, strict=True)]
        )

    def rescaled(self, factor: float) -> "Blend":
        """Return the blend with every length-scale times ``factor``."""
        return Blend([view.rescaled(factor) for view in self.views], self.shares)

    def given(self, x: Array, y: Array, known_variance: Array) -> "Blend":
        """Return the blend that knows these runs instead, at the same hyper-parameters."""
        return Blend([view.given(x, y, known_variance) for view in self.views], self.shares)


def blended(views: Sequence[tuple[Process, float]]) -> Process:
    """Return views together, or the one that is beyond doubt; with each the log of its weight."""
    shares = softmax([log for _, log in views])
    shares = np.where(shares < _NEGLIGIBLE, 0.0, shares) / shares[shares >= _NEGLIGIBLE].sum()
    left = [(view, float(share)) for (view, _), share in zip(views, shares, strict=True) if share]
    if len(left) == 1:
        return left[0][0]
    return Blend([view for view, _ in left], [share for _, share in left])
