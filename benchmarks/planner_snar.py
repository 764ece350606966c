"""How many experiments each planner needs on a flow SnAr reaction (Hone et al. 2017).

The reaction network and its constants are those of Hone et al., React. Chem. Eng. 2017, 2,
103 (10.1039/C6RE00109B): 2,4-difluoronitrobenzene with pyrrolidine, in an ideal plug-flow reactor;
the space-time yield of the ortho product is maximised, with 2 % noise. Written for this benchmark
alone: it shares no code with the simulators.

    python benchmarks/planner_snar.py [--full] [--seeds N] [--out FILE.json]

Random picks and Latin hypercubes are the floor, in the same run.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

from planners.base import Continuous, Measured, Observation, Planner, Point, Problem, Response
from planners.bayes import Bayes
from planners.design import LatinHypercube
from planners.sampling import even_rows

GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K
K_REF = np.array([0.579, 0.0270, 0.00865, 0.0163])  # 1/M/s at 90 degC
EA = np.array([33.3, 35.3, 38.9, 44.8])  # kJ/mol
MOLAR_MASS = 210.21  # g/mol, the ortho product
NOISE = 0.02
RUNS = 40
GOAL = 0.95

PROBLEM = Problem(
    factors=(
        Continuous("residence_time", 0.5, 2.0, "min"),
        Continuous("temperature", 30.0, 120.0, "degC"),
        Continuous("concentration", 0.1, 0.5, "mol/L"),
        Continuous("equivalents.pyrrolidine", 1.0, 5.0),
    ),
    responses=(Response("space_time_yield"),),
)


def outlet(
    tau_min: float, temperature: float, concentration: float, equivalents: float
) -> np.ndarray:
    """Return A, B, ortho, para and bis at the outlet, mol/L."""
    k = K_REF * np.exp(-EA / GAS_CONSTANT * (1 / (temperature + 273.15) - 1 / 363.15))

    def rates(_: float, c: np.ndarray) -> list[float]:
        a, b, ortho, para, _bis = c
        r = k * b * np.array([a, a, ortho, para])
        return [-r[0] - r[1], -r.sum(), r[0] - r[2], r[1] - r[3], r[2] + r[3]]

    start = [concentration, concentration * equivalents, 0.0, 0.0, 0.0]
    return solve_ivp(rates, (0, 60 * tau_min), start, method="LSODA", rtol=1e-8, atol=1e-10).y[
        :, -1
    ]


def space_time_yield(point: Point) -> float:
    """Return the true space-time yield of the ortho product, g/L/h."""
    values = [float(point[factor.name]) for factor in PROBLEM.factors]
    return 60.0 * MOLAR_MASS * float(outlet(*values)[2]) / values[0]


def true_optimum() -> float:
    """Return the greatest true space-time yield in the box, from many local searches."""
    rows = even_rows(256, PROBLEM.dimension, np.random.default_rng(0))
    worth = [space_time_yield(PROBLEM.scale(row)) for row in rows]
    best = 0.0
    for i in np.argsort(worth)[-5:]:
        found = minimize(
            lambda row: -space_time_yield(PROBLEM.scale(row)) / 1e3,
            rows[i],
            method="Nelder-Mead",
            bounds=[(0, 1)] * PROBLEM.dimension,
            options={"xatol": 1e-5, "fatol": 1e-8, "maxiter": 4000},
        )
        best = max(best, -1e3 * float(found.fun))
    return best


class Random:
    """Uniform picks: the floor."""

    def suggest(
        self,
        problem: Problem,
        history: Sequence[Observation],  # noqa: ARG002  # every planner gets it
        n: int,
        rng: np.random.Generator,
    ) -> list[Point]:
        return [problem.scale(row) for row in rng.random((n, problem.dimension))]


def campaign(planner: Planner, seed: int, optimum: float, runs: int = RUNS) -> dict:
    """Run one campaign; return the best true value after each run, and what planning cost."""
    noise = np.random.default_rng([seed, 99])
    history: list[Observation] = []
    best, track, spent = 0.0, [], []
    for _ in range(runs):
        rng = np.random.default_rng([seed, len(history)])
        start = time.process_time()
        point = planner.suggest(PROBLEM, history, 1, rng)[0]
        spent.append(time.process_time() - start)
        true = space_time_yield(point)
        best = max(best, true / optimum)
        track.append(best)
        value = true * (1 + NOISE * noise.normal())
        history.append(Observation(point, {"space_time_yield": Measured(value)}))
    reached = next((i + 1 for i, b in enumerate(track) if b >= GOAL), None)
    near = next((i + 1 for i, b in enumerate(track) if b >= 0.99), None)
    return {"seed": seed, "best": best, "to_95": reached, "to_99": near, "cpu_max_s": max(spent)}


def planners() -> dict[str, Callable[[int], Planner]]:
    """Return the planners compared, made for a seed."""
    return {
        "bayes": lambda seed: Bayes(seed=seed),
        "lhs": lambda seed: LatinHypercube(n_runs=RUNS, seed=seed),
        "random": lambda _: Random(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="20 seeds instead of 3")
    parser.add_argument("--seeds", type=int, help="number of seeds")
    parser.add_argument("--out", type=Path, help="write the results here as JSON")
    arguments = parser.parse_args()
    seeds = arguments.seeds or (20 if arguments.full else 3)
    optimum = true_optimum()
    result: dict = {"optimum": optimum, "goal": GOAL, "runs": RUNS, "planners": {}}
    for name, make in planners().items():
        rows = [campaign(make(seed), seed, optimum) for seed in range(seeds)]
        reached = [row["to_95"] or RUNS + 1 for row in rows]
        near = [row["to_99"] or RUNS + 1 for row in rows]
        result["planners"][name] = {
            "reached": sum(row["to_95"] is not None for row in rows) / seeds,
            "median_to_95": float(np.median(reached)),
            "worst_to_95": max(reached),
            "median_to_99": float(np.median(near)),
            "cpu_max_s": max(row["cpu_max_s"] for row in rows),
            "seeds": rows,
        }
        print(
            f"{name:7} reached 95 % in {100 * result['planners'][name]['reached']:3.0f} % of seeds;"
            f" experiments to 95 %: {reached} median {np.median(reached):g};"
            f" to 99 %: median {np.median(near):g}",
            file=sys.stderr,
        )
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
