"""How much another experiment is expected to add to what a front dominates: exact for 2 or 3 goals.

What lies above a front and a corner is cut into boxes. What an outcome adds in a box is a product
of one length for each goal, and the goals are independent, so expectations multiply (Emmerich,
Deutz and Klinkenberg, "Hypervolume-based expected improvement: monotonicity properties and exact
computation", 2011; 10.1109/CEC.2011.5949880).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from planners.bayes.acquisition import unbeaten
from planners.bayes.models.scale import expected_shortfall
from planners.factors import Array

# expected gain of normal outcomes over bounds: means, sds, bounds -> as they broadcast
Gain = Callable[[Array, Array, Array], Array]

MOST_GOALS = 3  # the boxes of more are too many
_TINY = 1e-290


class Growth:
    """The expected growth of the area or volume between a corner and the front of known runs."""

    def __init__(self, known: Array, reference: Array, gains: Sequence[Gain] = ()) -> None:
        """Take known runs ``(k, goals)`` and the corner ``(goals,)``, all goals maximised.

        ``gains`` are the expected shortfalls of the goals where these count in other units than
        the models'.
        """
        self._gains = gains or (expected_shortfall,) * len(reference)
        above = known[np.all(known > reference, axis=1)]
        edge = above[unbeaten(above[None])[0]] if len(above) else above
        edge = edge[np.argsort(-edge[:, -1], kind="stable")]
        self._bounds = np.vstack([edge, reference]).T  # the corner comes last
        self._slabs = [front(edge)] if len(reference) == 2 else _slabs(edge)

    def log(self, mean: Array, sd: Array) -> Array:
        """Return ln of the expected growth for normal outcomes ``(m, goals)``, shape ``(m,)``."""
        beyond = [
            gain(mean[:, [goal]], sd[:, [goal]], bounds[None])
            for goal, (gain, bounds) in enumerate(zip(self._gains, self._bounds, strict=True))
        ]
        areas = [_area(beyond[0], beyond[1], slab) for slab in self._slabs]
        if len(beyond) == 2:
            return np.log(np.maximum(areas[0], _TINY))
        depths = np.diff(beyond[2], axis=1, prepend=0.0)
        grown = (np.maximum(depths, 0.0) * np.stack(areas, axis=1)).sum(axis=1)
        return np.log(np.maximum(grown, _TINY))


def front(points: Array) -> NDArray[np.intp]:
    """Return which of points ``(k, 2)`` no other beats in both goals, best first goal first."""
    kept, height = list[int](), -np.inf
    for k in np.lexsort((-points[:, 1], -points[:, 0])):
        if points[k, 1] > height:
            kept.append(int(k))
            height = points[k, 1]
    return np.array(kept, dtype=np.intp)


def _slabs(edge: Array) -> list[NDArray[np.intp]]:
    """Return the front in the first two goals of each slab, from the top of the third one down.

    Between one level of the third goal and the next lower one, the runs at least as high as the
    former count.
    """
    return [front(edge[:count, :2]) for count in range(len(edge) + 1)]


def _area(one: Array, other: Array, edge: NDArray[np.intp]) -> Array:
    """Return what is added in the plane of two goals ``(m,)``, from lengths beyond each bound.

    A sum over the strips between neighbours on the front: ``[edge_0, inf)``, ``[edge_1, edge_0)``
    and so on to ``[corner, edge_last)``.
    """
    corner = one.shape[1] - 1
    widths = np.diff(one[:, [*edge, corner]], axis=1, prepend=0.0)
    return (np.maximum(widths, 0.0) * other[:, [corner, *edge]]).sum(axis=1)
