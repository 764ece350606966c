"""A number with its standard deviation, and the fault of there being none."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from daemon.errors import TaylordError
from planners.factors.common import GREATEST


class AnalysisFailed(TaylordError):
    """No value can be given; the message says why. Never turned into a number."""


class Repeated(AnalysisFailed):
    """The analyser gave an old spectrum: it says nothing of the sample."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its standard deviation, in the unit its holder states, and what to know of it.

    ``suspect`` says that the value is not to be believed, for the reason in ``remark``.
    """

    value: float
    sd: float = 0.0
    remark: str = ""
    suspect: bool = False

    @property
    def possible(self) -> bool:
        """Return whether both are numbers that a quantity can have."""
        return -GREATEST < self.value < GREATEST and 0.0 <= self.sd < GREATEST


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of repeated measurements.

    Its standard deviation is the larger of what the single ones claim and what they scatter by: two
    or three samples that happen to agree are no proof of precision.
    """
    n = len(estimates)
    if n == 0:
        raise AnalysisFailed("no measurement to take the mean of")
    mean = sum(e.value for e in estimates) / n
    claimed = sqrt(sum(e.sd**2 for e in estimates)) / n
    if n == 1:
        return Estimate(mean, claimed)
    scatter = sqrt(sum((e.value - mean) ** 2 for e in estimates) / (n - 1) / n)
    return Estimate(mean, max(claimed, scatter))
