"""Lag of the event loop while the planner fits 200 points, beside the idle loop.

A ticker sleeps 5 ms over and over on the daemon's loop; its lag is how much later than asked it
wakes. Both runs are of the same length in the same process, in turns, while the planner's process
works on the same cores.

python -m benchmarks.loop_lag [--seconds N]
"""

import argparse
import asyncio
import json

import numpy as np
import structlog

from daemon.loop import run_real
from daemon.planning.worker import NamedPlanner, PlannerWorker
from planners.base import Continuous, Measured, Observation, Problem, Response

PERIOD_S = 0.005
TURNS = 8  # what else the machine does falls on both alike
PROBLEM = Problem(tuple(Continuous(f"x{i}", 0.0, 1.0) for i in range(4)), (Response("y"),))


def history(n, rng):
    points = rng.random((n, 4))
    return [
        Observation({f"x{i}": float(x) for i, x in enumerate(row)}, {"y": Measured(float(y), 0.01)})
        for row, y in zip(points, np.sin(points.sum(axis=1)) + rng.normal(0, 0.01, n), strict=True)
    ]


async def lags(seconds):
    loop = asyncio.get_running_loop()
    end, found = loop.time() + seconds, []
    while (now := loop.time()) < end:
        await asyncio.sleep(PERIOD_S)
        found.append(loop.time() - now - PERIOD_S)
    return found


async def busy(worker, runs, seconds):
    """Return lags while the worker fits again and again."""
    fits, enough = 0, False

    async def fit():
        nonlocal fits
        while not enough:
            await worker.suggest(NamedPlanner("bayes"), PROBLEM, runs, 1, fits)
            fits += 1

    fitting = asyncio.create_task(fit())
    found = await lags(seconds)
    enough = True
    await fitting
    return found, fits


async def measure(seconds):
    runs = history(200, np.random.default_rng(0))
    idle, loaded, fits = [], [], 0
    async with PlannerWorker() as worker:
        await worker.suggest(NamedPlanner("bayes"), PROBLEM, runs[:20], 1, 0)
        for _ in range(TURNS):
            idle += await lags(seconds / TURNS / 2)
            more, n = await busy(worker, runs, seconds / TURNS / 2)
            loaded += more
            fits += n
    return idle, loaded, fits


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40.0)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    idle, loaded, fits = run_real(measure(arguments.seconds))
    p99 = [float(np.percentile(found, 99)) for found in (idle, loaded)]
    print(
        json.dumps(
            {
                "points": 200,
                "fits_finished": fits,
                "p99_idle_s": p99[0],
                "p99_while_fitting_s": p99[1],
                "ratio": p99[1] / p99[0],
                "target": 2.0,
            }
        )
    )


if __name__ == "__main__":
    main()
