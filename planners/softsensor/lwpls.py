"""Locally weighted partial least squares: a small model of its own for every question.

Every known row counts by its similarity to the question, exp(-d / (sd(d) lambda)) with d the
distance between autoscaled rows; rows are centred by the weighted mean, and components are taken
by deflation, each along the weighted covariance of x and y (Kim, Kano, Nakagawa and Hasebe, Int. J.
Pharm. 2011, 421, 269, doi:10.1016/j.ijpharm.2011.10.007).
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NOTHING = 1e-12  # of a covariance: no direction is left to go


def similarity(x: Array, query: Array, localness: float) -> Array:
    """Return the weight of every row of ``x`` ``(n, f)`` for a question ``(f,)``, ``(n,)``.

    Weights are relative to the largest, so that a question far from everything still has rows to
    learn from. ``localness`` is lambda: small means that only the nearest rows count.
    """
    distance = np.sqrt(((x - query) ** 2).sum(axis=1))
    spread = float(distance.std(ddof=1)) if len(distance) > 1 else 0.0
    if spread <= 0.0:
        return np.ones(len(distance))
    return np.exp(-(distance - distance.min()) / (spread * localness))


def predictions(x: Array, y: Array, query: Array, components: int, localness: float) -> Array:
    """Return what models of 1, 2 … ``components`` components say of a question, ``(components,)``.

    ``x`` ``(n, f)`` and ``y`` ``(n,)`` are autoscaled. Once no direction is left, the answer stays.
    """
    weight = similarity(x, query, localness)
    weight = weight / weight.sum()
    mean_x, mean_y = weight @ x, float(weight @ y)
    left_x, left_y, asked = x - mean_x, y - mean_y, query - mean_x
    answer, answers = mean_y, np.empty(components)
    for i in range(components):
        direction = left_x.T @ (weight * left_y)
        length = float(np.sqrt(direction @ direction))
        if length > _NOTHING:
            direction = direction / length
            score = left_x @ direction
            power = float(score @ (weight * score))
            loading_x = left_x.T @ (weight * score) / power
            loading_y = float(left_y @ (weight * score)) / power
            here = float(asked @ direction)
            answer += here * loading_y
            left_x = left_x - np.outer(score, loading_x)
            left_y = left_y - score * loading_y
            asked = asked - here * loading_x
        answers[i] = answer
    return answers
