"""This project's planners and the floor, made for a seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from planners.base import Observation, Planner, Point, Problem
from planners.bayes import Bayes
from planners.design import LatinHypercube
from planners.sampling import feasible_rows


@dataclass(frozen=True)
class Random:
    """Uniform picks among the feasible points: the floor."""

    def suggest(
        self,
        problem: Problem,
        history: Sequence[Observation],  # noqa: ARG002  # every planner gets it
        n: int,
        rng: np.random.Generator,
    ) -> list[Point]:
        return [problem.scale(row) for row in feasible_rows(problem, n, rng)[:n]]


def makers(runs: int) -> dict[str, Callable[[int], Planner]]:
    """Return the planners by name, for campaigns of ``runs`` experiments."""
    return {
        "bayes": lambda seed: Bayes(seed=seed),
        "lhs": lambda seed: LatinHypercube(n_runs=runs, seed=seed),
        "random": lambda _: Random(),
    }
