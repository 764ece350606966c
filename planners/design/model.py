"""The terms of a linear, interaction or quadratic model, as columns over rows of a problem."""

from itertools import combinations

import numpy as np

from planners.base import Problem
from planners.factors import Array, Categorical, Composition, Continuous, Discrete, Factor

MODELS = ("linear", "interactions", "quadratic")
_DEPENDENT = 1e-8  # of a column's length: what is left of a term the others make up


def terms(problem: Problem, rows: Array, model: str) -> Array:
    """Return the model's columns of snapped rows: 1, main effects, products, squares.

    Numbers run from -1 to 1 on the scale of their transform, names are contrasts against the last
    level, and of a mixture one component is left out (they add up to one). Products of components
    are interactions: with them the model of a mixture is Scheffe's quadratic one.
    """
    main = [
        _main(factor, rows[:, columns])
        for factor, columns in zip(problem.factors, problem.slices, strict=True)
    ]
    columns = [np.ones((len(rows), 1)), *main]
    if model != "linear":
        columns += [_products(a, b) for a, b in combinations(main, 2)]
        columns += [
            _blending(rows[:, own])
            for factor, own in zip(problem.factors, problem.slices, strict=True)
            if isinstance(factor, Composition)
        ]
    if model == "quadratic":
        numbers = [f for f in range(len(main)) if _has_square(problem.factors[f])]
        columns += [main[f] ** 2 for f in numbers]
    return np.concatenate(columns, axis=1)


def _has_square(factor: Factor) -> bool:
    return isinstance(factor, Continuous) or (
        isinstance(factor, Discrete) and len(factor.values) > 2
    )


def _main(factor: Factor, own: Array) -> Array:
    if isinstance(factor, Categorical):
        chosen = np.floor(own[:, 0] * len(factor.levels)).astype(int)
        table = np.vstack([np.eye(len(factor.levels) - 1), -np.ones(len(factor.levels) - 1)])
        return table[np.clip(chosen, 0, len(factor.levels) - 1)]
    if isinstance(factor, Composition):
        return 2.0 * own[:, 1:] - 1.0
    return 2.0 * factor.features(own) - 1.0


def _products(a: Array, b: Array) -> Array:
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


def _blending(own: Array) -> Array:
    pairs = list(combinations(range(own.shape[1]), 2))
    return np.array([4.0 * own[:, i] * own[:, j] for i, j in pairs]).T.reshape(len(own), len(pairs))


def independent(table: Array) -> list[int]:
    """Return the columns that are no sum of earlier ones: a model can tell no more terms apart."""
    kept: list[int] = []
    basis = np.empty((len(table), 0))
    for k, column in enumerate(table.T):
        length = float(np.linalg.norm(column))
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        left = float(np.linalg.norm(rest))
        if length > 0 and left > _DEPENDENT * length:
            kept.append(k)
            basis = np.column_stack([basis, rest / left])
    return kept
