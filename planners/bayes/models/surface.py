"""A Gaussian process around a response surface of second order, whose constants are integrated out.

The polynomial's prior is one more covariance (explicit basis functions: Rasmussen and Williams,
"Gaussian Processes for Machine Learning", 2006, section 2.7), so that hyper-parameters are found
with all surfaces that the runs allow. A few runs on a smooth hill then say where its top is; a
stationary process learns of a slope only where it has been.
"""

from dataclasses import replace

from planners.bayes.models.priors import Priors
from planners.bayes.models.process import GaussianProcess, Process, fit
from planners.bayes.models.quadratic import Quadratic
from planners.factors import Array

_PRIORS = Priors(variance=(-1.0, 1.5))  # what a surface leaves over


class Surface(Process):
    """What is expected of a surface, corrected by runs."""

    def __init__(self, quadratic: Quadratic, y: Array, rest: GaussianProcess) -> None:
        """Take the surface, the runs' outputs, and the process of what differs from the former."""
        super().__init__(rest.x, y, rest.known_variance)
        self.quadratic, self.rest = quadratic, rest

    @property
    def noise_variance(self) -> float:
        """Return the variance of noise, beside what is known."""
        return self.rest.noise_variance

    @property
    def lawful(self) -> float:
        """Return 0: it knows of no law."""
        return 0.0

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and sd (without noise) at rows ``x`` ``(m, f)``, each ``(m,)``."""
        mean, sd = self.rest.predict(x)
        return self.quadratic.expected(x) + mean, sd

    def draws(self, x: Array, normals: Array) -> Array:
        """Return joint draws (without noise) at rows ``x`` ``(m, f)``, shape of ``normals``."""
        return self.quadratic.expected(x) + self.rest.draws(x, normals)

    def left_out(self) -> tuple[Array, Array]:
        """Return mean and sd, noise included, at each run as if it were not known, ``(n,)``."""
        mean, sd = self.rest.left_out()
        return self.quadratic.expected(self.x) + mean, sd

    def rescaled(self, factor: float) -> "Surface":
        """Return the surface with every length-scale of what it leaves over times ``factor``.

        With shorter ones it leaves more: whoever doubts the process doubts the surface.
        """
        rest = self.rest.doubted(factor)
        return Surface(self.quadratic, self.y, rest)

    def given(self, x: Array, y: Array, known_variance: Array) -> "Surface":
        """Return the surface that knows these runs instead, at the same hyper-parameters."""
        rest = self.rest.given(x, y - self.quadratic.expected(x), known_variance)
        return Surface(self.quadratic, y, rest)


def curved(plain: GaussianProcess, quadratic: Quadratic) -> tuple[Surface, float]:
    """Return the surface through the runs of a process, and the runs' surprise."""
    layout = replace(plain.layout, quadratic=quadratic)
    left = plain.y - quadratic.expected(plain.x)
    rest, surprise = fit(plain.x, left, plain.known_variance, layout, _PRIORS)
    return Surface(quadratic, plain.y, rest), surprise
