"""Time and memory of one suggestion: ``bayes``, and peers in the same run.

    python -m benchmarks.planners.speed [--repeat 5] [--peers FOLDER]

A smooth made-up function of 6 factors. Median CPU and wall seconds of suggestions by ``bayes`` with
40 runs (one objective, two, and one with 4 pending points), 15 of 40 runs failed, a mixed problem,
a reaction with units, and 500 runs; and the process's greatest memory after the 500. Peers get 39
runs and one that they asked for; timed are telling that one and asking for the next (40 runs), and
asking once more while 4 points are pending. Imports and the first suggestion of a process are
nobody's time.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.planners.peer import PEERS, Peer, PeerError, python_of
from planners.base import (
    Categorical,
    Continuous,
    Discrete,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.bayes import Bayes
from planners.sampling import even_rows
from planners.suggest import generator

PLAIN = tuple(Continuous(f"x{i}", 0.0, 1.0) for i in range(6))
REACTION = (
    Continuous("temperature", 20.0, 120.0, "degC"),
    Continuous("residence_time", 1.0, 10.0, "min", "log"),
    Continuous("concentration", 0.05, 0.5, "mol/L"),
    Continuous("loading", 0.5, 5.0, "mol%"),
    Continuous("equivalents", 1.0, 3.0),
    Continuous("water", 0.0, 0.5),
)
MIXED = (
    Categorical("catalyst", ("P1", "P2", "P3", "P4")),
    Discrete("equivalents", (1.0, 2.0, 3.0)),
    *PLAIN[:4],
)


def outcomes(problem: Problem, row: np.ndarray, noise: float) -> dict[str, Measured]:
    """Return made-up responses: a hill, and a slope against it."""
    hill = float(np.exp(-2.0 * ((row - 0.4) ** 2).sum()) + 0.2 * row[0])
    slope = float(row.mean() + 0.3 * row[1] ** 2)
    values = (hill + 0.01 * noise, slope + 0.01 * noise)
    return {r.name: Measured(v) for r, v in zip(problem.responses, values, strict=False)}


def yields(problem: Problem, row: np.ndarray, noise: float) -> dict[str, Measured]:
    """Return a yield that is made and lost: ``bayes`` fits a kinetic law to it."""
    made = 3.0 * np.exp(5.0 * (row[0] - 0.5) + 2.3 * (row[1] - 0.5) + row[4] - 0.5)
    lost = 0.2 * np.exp(8.0 * (row[0] - 0.5) + 2.3 * (row[1] - 0.5))
    value = 90.0 * (1.0 - np.exp(-made)) * np.exp(-lost) * (1.0 + 0.01 * noise) + 0.1 * row[5]
    return {response.name: Measured(float(value)) for response in problem.responses}


def history(problem: Problem, runs: int, pending: int, failed: int, seed: int) -> list[Observation]:
    """Return runs spread evenly, some of them failed, and points pending."""
    rng = np.random.default_rng(seed)
    rows = problem.snap(even_rows(runs + pending, problem.dimension, rng))
    found: list[Observation] = []
    for i, row in enumerate(rows):
        point = problem.scale(row)
        if i >= runs:
            found.append(Observation(point, {}, "pending"))
        elif i < failed:
            found.append(Observation(point, {}, "failed"))
        else:
            told = yields if problem.factors == REACTION else outcomes
            found.append(Observation(point, told(problem, row, rng.normal())))
    return found


def cases() -> dict[str, Callable[[int], tuple[Problem, list[Observation]]]]:
    """Return problem and history of each case by seed."""
    one = Problem(PLAIN, (Response("y"),))
    two = Problem(PLAIN, (Response("y"), Response("cost", "minimise")))
    mixed = Problem(MIXED, (Response("y"),))
    reaction = Problem(REACTION, (Response("y"),))
    return {
        "40 runs": lambda seed: (one, history(one, 40, 0, 0, seed)),
        "40 runs, 2 objectives": lambda seed: (two, history(two, 40, 0, 0, seed)),
        "40 runs, 4 pending": lambda seed: (one, history(one, 40, 4, 0, seed)),
        "40 runs, 15 failed": lambda seed: (one, history(one, 40, 0, 15, seed)),
        "40 runs, mixed": lambda seed: (mixed, history(mixed, 40, 0, 0, seed)),
        "40 runs, kinetics": lambda seed: (reaction, history(reaction, 40, 0, 0, seed)),
        "500 runs": lambda seed: (one, history(one, 500, 0, 0, seed)),
        "500 runs, 2 objectives": lambda seed: (two, history(two, 500, 0, 0, seed)),
        "500 runs, 100 failed": lambda seed: (one, history(one, 500, 0, 100, seed)),
    }


def own(repeat: int) -> dict[str, dict[str, float]]:
    """Return median times of ``bayes`` by case."""
    planner, result = Bayes(), {}
    one, runs = next(iter(cases().values()))(99)
    planner.suggest(one, runs, 1, generator(99, 40))  # imports are not a suggestion's time
    for name, make in cases().items():
        spent = []
        for seed in range(repeat):
            problem, runs = make(seed)
            cpu, wall = time.process_time(), time.perf_counter()
            planner.suggest(problem, runs, 1, generator(seed, len(runs)))
            spent.append((time.process_time() - cpu, time.perf_counter() - wall))
        result[name] = medians(spent)
        say("bayes", name, result[name])
    return result


def of_peer(name: str, python: Path, repeat: int) -> dict[str, dict[str, float]]:
    """Return median times of a peer: with 40 runs, and with 4 points pending."""
    problem = Problem(PLAIN, (Response("y"),))
    spent: dict[str, list[tuple[float, float]]] = {"40 runs": [], "40 runs, 4 pending": []}
    with Peer(name, python, problem, 0) as peer:
        for seed in range(repeat + 1):  # the first one warms up
            peer.restart(seed)
            rng = np.random.default_rng(seed)
            for run in history(problem, 39, 0, 0, seed):
                peer.tell(run)
            point = peer.ask()
            row = problem.encode(point)
            peer.tell(Observation(point, outcomes(problem, row, rng.normal())))
            times = [timed(peer) for _ in range(5)]
            if seed:
                spent["40 runs"].append(times[0])
                spent["40 runs, 4 pending"].append(times[4])
    result = {case: medians(times) for case, times in spent.items()}
    for case, found in result.items():
        say(name, case, found)
    return result


def timed(peer: Peer) -> tuple[float, float]:
    """Return the peer's own CPU and wall seconds from the answer before to this one."""
    cpu, wall = peer.cpu_s, peer.wall_s
    peer.ask()
    return peer.cpu_s - cpu, peer.wall_s - wall


def medians(spent: list[tuple[float, float]]) -> dict[str, float]:
    cpu_s, wall_s = np.median(spent, axis=0)
    return {"cpu_s": round(float(cpu_s), 4), "wall_s": round(float(wall_s), 4)}


def say(name: str, case: str, found: dict[str, float]) -> None:
    text = f"{name:8} {case:24} CPU {found['cpu_s']:.3f} s, wall {found['wall_s']:.3f} s"
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5, help="suggestions of each case")
    parser.add_argument("--peers", type=Path, help="folder of the peers' environment")
    arguments = parser.parse_args()
    result: dict[str, object] = {"bayes": own(arguments.repeat)}
    result["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    python = python_of(arguments.peers)
    for name in PEERS if python else ():
        try:
            result[name] = of_peer(name, python, arguments.repeat)
        except PeerError as error:
            print(error, file=sys.stderr)
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
