"""When is it steady? The two rules of DOMAIN 4, as pure functions of pumped volume.

The axis is theta, the volume pumped through the reactor since the change, in reactor volumes: a
stall, a ramp or a pause then needs no special case, and a slope is a change per residence time.

Rule A (fast analyser): wait until 99 % of a step must have come out, then accept once the slope of
a window of at least 0.3 reactor volumes is small, its own uncertainty counted: (|b| + se(b)) <
tolerance. Rule B (slow analyser): wait for two reactor volumes in all (three when dispersion is
unknown), sample twice, accept when they agree, else sample once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WINDOW = 0.3  # reactor volumes, the shortest a slope is taken over
GROWTH = 1.15  # each next window is this much longer
LEAST_READINGS = 5  # in a window; fewer tell nothing of the slope's uncertainty
TIMEOUT = 5.0  # reactor volumes after which a result is suspect
SLOW_VOLUMES, UNKNOWN_VOLUMES = 2.0, 3.0
AGREEMENT = 0.03  # rule B: two samples differ by less than this

Rule = Literal["A", "B"]


@dataclass(frozen=True, slots=True)
class Steady:
    """A steady state found: mean and its standard deviation over the accepted window."""

    value: float
    sd: float
    slope: float  # change per reactor volume
    window: float  # reactor volumes
    readings: int


def choose_rule(acquisition_s: float, residence_time_s: float) -> Rule:
    """Return A when the shortest window holds enough readings of this analyser, else B."""
    return "A" if acquisition_s * LEAST_READINGS <= WINDOW * residence_time_s else "B"


def least_volumes(rule: Rule, theta99: float | None) -> float:
    """Return the reactor volumes to wait before the first reading counts.

    ``theta99`` is when 99 % of a step has come out; None when dispersion is unknown.
    """
    if rule == "A":
        return theta99 if theta99 is not None else UNKNOWN_VOLUMES
    return max(SLOW_VOLUMES, theta99) if theta99 is not None else UNKNOWN_VOLUMES


def slope(x: Array, y: Array) -> tuple[float, float]:
    """Return the regression slope of y on x and its standard error; shapes ``(n,)``, n >= 3."""
    dx = x - x.mean()
    sxx = float(dx @ dx)
    if len(x) < 3 or sxx <= 0.0:
        return 0.0, inf
    b = float(dx @ y) / sxx
    residual = y - y.mean() - b * dx
    return b, sqrt(float(residual @ residual) / (len(x) - 2) / sxx)


def rule_a(
    theta: Array, y: Array, *, theta_min: float, tolerance: float, scale: float
) -> Steady | None:
    """Return the steady state the latest reading completes, or None when it is not steady yet.

    Args:
        theta: reactor volumes pumped since the change at each reading, ascending, shape ``(n,)``.
        y: the response at each reading, shape ``(n,)``.
        theta_min: nothing is accepted before (:func:`least_volumes`).
        tolerance: largest drift per residence time, as a fraction of ``scale``.
        scale: what counts as a whole change of the response, in its unit.
    """
    if len(theta) == 0 or theta[-1] < theta_min:
        return None
    longest = theta[-1] - theta_min + WINDOW
    width = WINDOW
    while width <= longest + 1e-12:
        first = int(np.searchsorted(theta, theta[-1] - width - 1e-12))
        n = len(theta) - first
        if n >= LEAST_READINGS:
            b, se = slope(theta[first:], y[first:])
            if abs(b) + se < tolerance * scale:
                window = y[first:]
                sd = float(window.std(ddof=1)) / sqrt(n)
                return Steady(float(window.mean()), sd, b, width, n)
        width *= GROWTH
    return None


@dataclass(frozen=True, slots=True)
class Agreement:
    """What rule B says of the samples so far."""

    accepted: bool
    more: bool  # another sample may settle it
    reason: str = ""
    used: int = 0  # how many of the last samples make the result


def rule_b(samples: Sequence[float], sds: Sequence[float], least: int = 2) -> Agreement:
    """Judge slow samples taken one after the other at what should be a steady state.

    ``sds`` are their standard deviations: a difference within twice the noise is no drift. After
    two that disagree a third is asked for; when it agrees with the second, those two stand.
    """
    n = len(samples)
    if n < max(2, least):
        return Agreement(accepted=False, more=True)
    if _agree(samples, sds):
        return Agreement(accepted=True, more=False, used=n)
    if n == max(2, least):
        return Agreement(accepted=False, more=True)
    if _agree(samples[-2:], sds[-2:]):
        return Agreement(
            accepted=True, more=False, used=2, reason="settled late: first sample left out"
        )
    a, b = samples[-2], samples[-1]
    return Agreement(
        accepted=False,
        more=False,
        used=n,
        reason=f"not steady: the last of {n} samples are {a:.4g} and {b:.4g} mol/L,"
        f" more than {100 * AGREEMENT:g} % apart",
    )


def _agree(samples: Sequence[float], sds: Sequence[float]) -> bool:
    spread = max(samples) - min(samples)
    mean = sum(samples) / len(samples)
    noise = 2.0 * sqrt(2.0) * max(sds) * sqrt(ceil(len(samples) / 2))
    return spread <= max(AGREEMENT * abs(mean), noise)
