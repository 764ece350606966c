"""Where to aim: into the target where results of the kind were seen, or else not at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planners.errors import CannotSuggest
from planners.factors import Array
from planners.inverse.joint import Joint, listed
from planners.inverse.targets import Target
from planners.rounding import beside, rounded
from planners.scaling import Scale


@dataclass(frozen=True, slots=True)
class Aim:
    """The results ``y`` aimed at and the box ``low`` to ``high`` that counts as a hit, scaled."""

    y: Array
    low: Array
    high: Array
    text: str


def aim_of(
    wanted: Sequence[Target], joint: Joint, scale: Scale, seen: Array, *, beyond: str
) -> Aim:
    """Return the aim; raise CannotSuggest for a stated target outside everything seen.

    ``seen`` are the results in their own units, ``(n, r)``. With ``beyond`` ``nearest``, and for
    targets that nobody stated, the nearest supported result is aimed at instead.
    """
    low = scale.apply(np.array([t.low for t in wanted]))
    high = scale.apply(np.array([t.high for t in wanted]))
    text = "for " + ", ".join(str(target) for target in wanted)
    found = joint.aim(low, high)
    if found is not None:
        return Aim(found, low, high, text)
    near = joint.nearest_supported(np.clip(joint.mixture.mean()[joint.outputs], low, high))
    offered = listed([t.name for t in wanted], scale.undo(near), scale.sd)
    if beyond == "refuse" and any(target.stated for target in wanted):
        raise CannotSuggest(_refusal(wanted, scale, seen, offered))
    return Aim(near, near, near, f"{text}, of which {offered} is the nearest that is supported")


def _refusal(wanted: Sequence[Target], scale: Scale, seen: Array, offered: str) -> str:
    named = ", ".join(str(target) for target in wanted if target.stated)
    gaps = [
        _gap(target, float(spread), column)
        for target, spread, column in zip(wanted, scale.sd, seen.T, strict=True)
    ]
    far = "; ".join(gap for gap in gaps if gap) or "results like these were never seen together"
    return (
        f"the target {named} lies outside everything seen ({far}); the nearest that is supported"
        f" is {offered}: ask for that, set beyond to nearest, or let bayes reach further first"
    )


def _gap(target: Target, spread: float, seen: Array) -> str:
    """Return how far one target lies outside the values seen, or nothing."""
    least, most = float(seen.min()), float(seen.max())
    gap = max(target.low - most, least - target.high)
    if gap <= 0:
        return ""
    side = "above the highest" if target.low > most else "below the lowest"
    return (
        f"{target.name} was {beside(least, spread)} to {beside(most, spread)},"
        f" so it is {rounded(gap)} {side},"
        f" {rounded(gap / spread, 2)} standard deviations"
    )
