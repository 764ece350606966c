"""The scale on which a response is modelled: as it is or its logarithm, standardised."""

from dataclasses import dataclass, replace
from math import inf

import numpy as np
from scipy.special import ndtr, ndtri

from planners.base import Predicted, Response
from planners.factors import Array
from planners.measure import limits

_FLOOR = 0.002  # of the greatest value (the median, when minimising): added before logarithms
_FEWEST_FOR_LOG = 5  # runs without which the data cannot tell which scale suits them
_ROOT_2PI = np.sqrt(2.0 * np.pi)
_WIDEST = 1.5  # sd of a logarithm: beyond, its mean means nothing
_WIDEST_TOLD = 2.0  # sd of a logarithm: more is as little known
_NORMALS = ndtri((np.arange(200) + 0.5) / 200)  # evenly probable: moments of what is cut off


@dataclass(frozen=True, slots=True)
class Scale:
    """How a response becomes the model's output: perhaps its logarithm, then standardised.

    Rates, yields and concentrations multiply, and their errors grow with them; their logarithms
    are simpler functions, with even noise. ``offset`` is added first, so that a yield next to
    nothing is not a world apart from a small one. ``sign`` -1 turns minimising into maximising.
    ``low`` and ``high`` are the least and the greatest that the response can be, in its own unit.
    """

    logarithm: bool
    centre: float
    spread: float
    sign: float
    offset: float = 0.0
    low: float = -inf
    high: float = inf

    @property
    def top(self) -> float:
        """Return the best that the response can be, in the model's units; infinite if unknown."""
        best = self.high if self.sign > 0 else self.low
        return float(self.forward(np.array(best))) if np.isfinite(best) else inf

    def forward(self, values: Array) -> Array:
        """Return responses in the model's units, larger is better, shape as given."""
        plain = values
        if self.logarithm:
            plain = np.log(np.maximum(values + self.offset, 1e-9 * self.offset + 1e-300))
        return self.sign * (plain - self.centre) / self.spread

    def slopes(self, values: Array) -> Array:
        """Return by how much model's units change with a response's logarithm, shape as given."""
        shares = values / (values + self.offset) if self.logarithm else values
        return self.sign * shares / self.spread

    def variances(self, values: Array, sds: Array) -> Array:
        """Return known standard uncertainties as variances in the model's units."""
        return (sds / ((values + self.offset) if self.logarithm else 1.0) / self.spread) ** 2

    def cost(self, values: Array) -> float:
        """Return minus the log density that values ``(n,)`` lose by being put on this scale."""
        stretched = float(np.log(values + self.offset).sum()) if self.logarithm else 0.0
        return len(values) * float(np.log(self.spread)) + stretched

    def back(self, mean: float, sd: float) -> Predicted:
        """Return a normal prediction as mean and sd of the response in its own unit.

        Where it has limits, they are those of the outcomes with what lies beyond put on the limit.
        Of a logarithm it is the median, and half the range that holds two outcomes in three: the
        mean of what is log-normal can be far above what is more likely than not.
        """
        if self.high < inf:
            within = np.clip(self._unscaled(mean + sd * _NORMALS), self.low, self.high)
            return Predicted(float(within.mean()), float(within.std()))
        middle, width = self.centre + self.sign * mean * self.spread, sd * self.spread
        if not self.logarithm:
            return Predicted(float(middle), float(width))
        median = float(np.exp(min(middle, 700.0)))
        return Predicted(median - self.offset, median * float(np.sinh(min(width, _WIDEST_TOLD))))

    def shortfall(self, mean: Array, sd: Array, bound: Array) -> Array:
        """Return E[gain over a bound], in the response's unit over its spread, as they broadcast.

        Nothing is gained beyond ``top``.
        """
        gain, top = self._gain(mean, sd, bound), self.top
        if top == inf:
            return gain
        return np.maximum(gain - self._gain(mean, sd, np.maximum(bound, top)), 0.0)

    def _gain(self, mean: Array, sd: Array, bound: Array) -> Array:
        """Return the same without a top.

        Of a logarithm this is the price of an option on what is log-normal (Black and Scholes, "The
        pricing of options and corporate liabilities", 1973): areas are those of the responses.
        """
        if not self.logarithm:
            return expected_shortfall(mean, sd, bound)
        width = np.minimum(sd * self.spread, _WIDEST)
        middle = self.sign * mean * self.spread
        strike = np.clip(self.sign * bound * self.spread, -50.0, 50.0)
        place = (middle - strike) / width
        grown = np.exp(np.minimum(middle + 0.5 * width**2, 50.0))
        gain = grown * ndtr(self.sign * (place + width)) - np.exp(strike) * ndtr(self.sign * place)
        return np.maximum(self.sign * gain / self.spread, 0.0)

    def own(self, outcomes: Array) -> Array:
        """Return outcomes as ``shortfall`` counts them: larger is better, shape as given."""
        possible = np.minimum(outcomes, self.top)
        if not self.logarithm:
            return possible
        logs = np.clip(self.sign * possible * self.spread, -50.0, 50.0)
        return self.sign * np.exp(logs) / self.spread

    def plain(self, mean: float) -> float:
        """Return the response in its own unit that stands at ``mean`` in the model's."""
        return float(self._unscaled(np.array(mean)))

    def _unscaled(self, outcomes: Array) -> Array:
        values = self.centre + self.sign * outcomes * self.spread
        return np.exp(np.minimum(values, 700.0)) - self.offset if self.logarithm else values


def scales(response: Response, values: Array) -> list[Scale]:
    """Return the scales that values ``(n,)`` of a response allow, the plain one first."""
    sign = -1.0 if response.goal == "minimise" else 1.0
    low, high = limits(response, values)
    scales = [_standardised(values, sign, logarithm=False)]
    if len(values) >= _FEWEST_FOR_LOG and values.min() > 0 and values.max() > values.min():
        offset = _FLOOR * float(np.median(values) if response.goal == "minimise" else values.max())
        logs = _standardised(np.log(values + offset), sign, logarithm=True)
        scales.append(replace(logs, offset=offset))
    return [replace(scale, low=low, high=high) for scale in scales]


def _standardised(values: Array, sign: float, *, logarithm: bool) -> Scale:
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    # constant responses tell nothing about scale; any positive one keeps the numbers finite
    spread = spread if spread > 1e-12 * float(np.abs(values).max(initial=0.0)) else 1.0
    return Scale(logarithm, float(values.mean()), spread, sign)


def expected_shortfall(mean: Array, sd: Array, bound: Array) -> Array:
    """Return E[max(y - bound, 0)], for arrays that broadcast."""
    z = (mean - bound) / sd
    return np.maximum(sd * (np.exp(-0.5 * z**2) / _ROOT_2PI + z * ndtr(z)), 0.0)
