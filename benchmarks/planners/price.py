"""What it is worth to price heating: hours of the rig until 95 % of the best, with it and without.

    python -m benchmarks.planners.price [--problems A,B] [--seeds N] [--first SEED]

A run takes 20 min, and the reactor is heated and cooled at 1.5 K/min, beginning at 25 degC, as a
block does: the whole range of temperatures takes as long as two or three runs. ``bayes`` is asked
once as it is, and once with the ``move_cost`` that ``cost = "time"`` gives it in a campaign.
Prints JSON: medians over the seeds of hours, experiments and kelvins gone up and down. A campaign
that does not get there counts with all its experiments.
"""

import argparse
import json
import statistics
from itertools import pairwise

from benchmarks.planners.campaign import Own, campaign
from benchmarks.planners.problems import CASES
from benchmarks.planners.references import reference
from planners.registry import make_planner

RUN_MIN, RAMP_K_MIN, ROOM_DEGC = 20.0, 1.5, 25.0
PROBLEMS = ("snar", "consecutive", "constrained", "suzuki", "catalyst")


class Noted(Own):
    """A planner whose points are kept: of the last one, nothing is told any more."""

    def __init__(self, *given):
        super().__init__(*given)
        self.points = []

    def ask(self):
        self.points.append(super().ask())
        return self.points[-1]


def spent(case, seed, move_cost):
    """Return hours, experiments and kelvins of one campaign."""
    asker = Noted(make_planner("bayes", {"move_cost": move_cost}, seed=seed), case, seed)
    campaign(case, asker, seed, reference(case.name))
    degc = [ROOM_DEGC, *(float(point["temperature"]) for point in asker.points)]
    kelvins = sum(abs(b - a) for a, b in pairwise(degc))
    minutes = len(asker.points) * RUN_MIN + kelvins / RAMP_K_MIN
    return minutes / 60.0, len(asker.points), kelvins


def figures(case, seeds, move_cost):
    """Return medians over the seeds."""
    hours, runs, kelvins = zip(*(spent(case, s, move_cost) for s in seeds), strict=True)
    return {
        "hours": round(statistics.median(hours), 1),
        "experiments": statistics.median(runs),
        "kelvins": round(statistics.median(kelvins)),
    }


def on_problem(name, seeds):
    """Return both figures, and the hours with a price over those without."""
    case = CASES[name]
    (span,) = [f.high - f.low for f in case.problem.factors if f.name == "temperature"]
    plain = figures(case, seeds, {})
    priced = figures(case, seeds, {"temperature": span / RAMP_K_MIN / RUN_MIN})
    return {"plain": plain, "priced": priced, "ratio": round(priced["hours"] / plain["hours"], 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    found = {name: on_problem(name, seeds) for name in arguments.problems.split(",")}
    print(json.dumps({"seeds": len(seeds), "problems": found}, indent=1))


if __name__ == "__main__":
    main()
