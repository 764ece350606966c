"""Classic test functions of optimisation, in factors that say nothing of themselves.

Nine functions with one or several tops, in 2 to 6 numbers, as Surjanovic and Bingham, "Virtual
Library of Simulation Experiments: Test Functions and Datasets" (sfu.ca/~ssurjano) list them:
Branin, Himmelblau, three-hump camel, Hartmann of 3 and 6 dimensions, Ackley of 4, Rosenbrock of 3,
Levy of 4, Styblinski-Tang of 3. Turned so that more is better, from 0 at the median of the domain
to 100 at the top; which number is which factor, and which way it goes, is drawn.
"""

from collections.abc import Callable

import numpy as np

from planners.base import Continuous, Factor

Function = Callable[[np.ndarray], np.ndarray]  # rows of the unit cube (m, d) -> (m,)

_ROWS = 20_000  # that tell the median


def _branin(u: np.ndarray) -> np.ndarray:
    x, y = 15.0 * u[:, 0] - 5.0, 15.0 * u[:, 1]
    bend = y - 5.1 / (4.0 * np.pi**2) * x**2 + 5.0 / np.pi * x - 6.0
    return -(bend**2) - 10.0 * (1.0 - 1.0 / (8.0 * np.pi)) * np.cos(x) - 10.0


def _himmelblau(u: np.ndarray) -> np.ndarray:
    x, y = (10.0 * u - 5.0).T
    return -((x**2 + y - 11.0) ** 2) - (x + y**2 - 7.0) ** 2


def _camel(u: np.ndarray) -> np.ndarray:
    x, y = (4.0 * u - 2.0).T
    return -(2.0 * x**2 - 1.05 * x**4 + x**6 / 6.0 + x * y + y**2)


_HEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
_STEEP_3 = np.array([[3.0, 10.0, 30.0], [0.1, 10.0, 35.0]] * 2)
_PLACES_3 = 1e-4 * np.array(
    [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
)
_STEEP_6 = np.array(
    [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ]
)
_PLACES_6 = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def _hartmann(steep: np.ndarray, places: np.ndarray) -> Function:
    return lambda u: np.exp(-(steep * (u[:, None] - places) ** 2).sum(axis=2)) @ _HEIGHTS


def _ackley(u: np.ndarray) -> np.ndarray:
    x = 6.0 * u - 2.0
    root = np.sqrt((x**2).mean(axis=1))
    return 20.0 * np.exp(-0.2 * root) + np.exp(np.cos(2.0 * np.pi * x).mean(axis=1))


def _rosenbrock(u: np.ndarray) -> np.ndarray:
    x = 3.0 * u - 1.0
    return -(100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2).sum(axis=1)


def _levy(u: np.ndarray) -> np.ndarray:
    w = 1.0 + (8.0 * u - 5.0) / 4.0
    first, last = w[:, :-1], w[:, -1]
    waves = (first - 1.0) ** 2 * (1.0 + 10.0 * np.sin(np.pi * first + 1.0) ** 2)
    end = (last - 1.0) ** 2 * (1.0 + np.sin(2.0 * np.pi * last) ** 2)
    return -(np.sin(np.pi * w[:, 0]) ** 2 + waves.sum(axis=1) + end)


def _styblinski(u: np.ndarray) -> np.ndarray:
    x = 8.0 * u - 4.0
    return -0.5 * (x**4 - 16.0 * x**2 + 5.0 * x).sum(axis=1)


# each with its number of factors and its published top
FUNCTIONS: tuple[tuple[Function, int, float], ...] = (
    (_branin, 2, -0.397887),
    (_himmelblau, 2, 0.0),
    (_camel, 2, 0.0),
    (_hartmann(_STEEP_3, _PLACES_3), 3, 3.86278),
    (_hartmann(_STEEP_6, _PLACES_6), 6, 3.32237),
    (_ackley, 4, 20.0 + np.e),
    (_rosenbrock, 3, 0.0),
    (_levy, 4, 0.0),
    (_styblinski, 3, 3 * 39.16617),
)


def classic(number: int) -> tuple[tuple[Factor, ...], Function]:
    """Return factors and a function of unit rows, of 0 at the domain's median and 100 at the top.

    ``number`` counts through the functions, each drawn anew.
    """
    function, width, top = FUNCTIONS[number % len(FUNCTIONS)]
    rng = np.random.default_rng([99, number])
    order, turned = rng.permutation(width), rng.random(width) < 0.5
    typical = float(np.median(function(np.random.default_rng(0).random((_ROWS, width)))))

    def share(rows: np.ndarray) -> np.ndarray:
        right = np.where(turned, 1.0 - rows, rows)[:, order]
        return 100.0 * (function(right) - typical) / (top - typical)

    return tuple(Continuous(f"x{i + 1}", 0.0, 10.0) for i in range(width)), share
