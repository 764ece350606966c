"""What a candidate is worth, from the mean and the standard deviation that a model gives it.

With y the response (turned so that more is better), its best value so far and its standard
deviation sd_y over the runs, a run counts as an improvement from ``best + 0.01 sd_y`` on:

- probability of improvement: PI = Phi(z), z = (mu - best - 0.01 sd_y) / s;
- expected improvement: EI = (mu - best - 0.01 sd_y) Phi(z) + s phi(z) (Jones, Schonlau and Welch,
  J. Global Optim. 1998, 13, 455, with that margin);
- mutual information: MI = mu + sqrt(alpha) (sqrt(s^2 + gamma) - sqrt(gamma)), alpha = ln(2e6),
  gamma the variances of the points chosen so far, each as it was before its run (Contal, Perchet
  and Vayatis, "Gaussian process optimization with mutual information", ICML 2014);
- probability of a target range: PTR = Phi((high - mu)/s) - Phi((low - mu)/s); of one far from
  anything seen, EI of the approach instead.

Of several responses, the logarithms of PI and PTR are added: ln of the chance that every goal is
met at once, were they independent. Logarithms still rank candidates where chances are too small for
a number. Where s is not above 0 the score is that of an impossible candidate.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from planners.base import Response
from planners.bayes.acquisition import log_expected_improvement, log_probability_between
from planners.factors import Array
from planners.goals import far_side

_MARGIN = 0.01  # of a response's standard deviation: less is no improvement
_DELTA = 1e-6  # confidence of the mutual information's bound
IMPOSSIBLE = -1e30  # a score below every other, and still a number


@dataclass(frozen=True, slots=True)
class Seen:
    """What the runs say of one response: values ``(n,)`` in its own unit."""

    response: Response
    values: Array

    def and_(self, values: Array) -> "Seen":
        """Return these values and more."""
        return Seen(self.response, np.concatenate([self.values, values]))

    @property
    def sign(self) -> float:
        """Return -1 where less is better."""
        return -1.0 if self.response.goal == "minimise" else 1.0

    @property
    def bar(self) -> float:
        """Return what an improvement must reach, times ``sign``."""
        spread = float(self.values.std(ddof=1)) if len(self.values) > 1 else 0.0
        return float((self.sign * self.values).max()) + _MARGIN * spread

    @property
    def far(self) -> float:
        """Return 1 where a target lies far above all that was seen, -1 far below, else 0."""
        return far_side(self.response, self.values)

    def log_probability(self, mean: Array, sd: Array) -> Array:
        """Return ln of the chance to meet the goal, ``(m,)``: PTR for targets, else PI.

        Of a target far from anything seen, ln of the expected approach to it: PTR would be best
        where a model is least sure, whichever way that lies.
        """
        safe = np.where(sd > 0, sd, 1.0)
        if side := self.far:
            nearest = float((side * self.values).max())
            found = log_expected_improvement(side * mean, safe, nearest)
        elif self.response.goal == "target":
            low, high = float(self.response.low or 0.0), float(self.response.high or 0.0)
            found = log_probability_between(mean, safe, low, high)
        else:
            found = log_ndtr((self.sign * mean - self.bar) / safe)
        return _possible(found, sd)

    def log_improvement(self, mean: Array, sd: Array) -> Array:
        """Return ln of the expected improvement, ``(m,)``."""
        safe = np.where(sd > 0, sd, 1.0)
        return _possible(log_expected_improvement(self.sign * mean, safe, self.bar), sd)

    def mutual_information(self, mean: Array, sd: Array, gained: float) -> Array:
        """Return the bound by mutual information, ``(m,)``, in the response's unit.

        ``gained`` is gamma, the sum of the variances of the points chosen so far.
        """
        wide = np.sqrt(np.log(2.0 / _DELTA)) * (np.sqrt(sd**2 + gained) - np.sqrt(gained))
        return _possible(self.sign * mean + wide, sd)


def _possible(scores: Array, sd: Array) -> Array:
    good = np.isfinite(scores) & (sd > 0)
    return np.where(good, np.maximum(scores, IMPOSSIBLE / 2), IMPOSSIBLE)
