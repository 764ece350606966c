"""Planners on published screens of names, each combination looked up as it was measured.

    python -m benchmarks.planners.published --data FOLDER [--names A,B] [--seeds 12] [--first N]
        [--planners bayes,lhs,optuna] [--peers FOLDER] [--out FILE]

``--data`` holds folders ``dataset_NAME`` as Olympus packages them (Hickman et al., "Olympus,
enhanced", 2023, 10.26434/chemrxiv-2023-74w8d): ``config.json`` says what the columns of
``data.csv`` are. Of each that has names alone the first response is sought; it counts as reached at
95 % of the way from the worst to the best combination. A measurement has a noise of 1 % of that
way; combinations that were not measured fail. Prints JSON, as drawn.py does; a campaign that does
not get there in 60 experiments counts as 61.
"""

import argparse
import csv
import json
import statistics
from pathlib import Path

from benchmarks.planners.campaign import GOAL
from benchmarks.planners.problems.case import Case, Noise
from benchmarks.planners.problems.merit import Between
from benchmarks.planners.side_by_side import add_options, compared, planners_of, tell
from planners.base import Categorical, Problem, Response

RUNS = 60
_NOISE = 0.01
_GOALS = {"maximize": "maximise", "minimize": "minimise"}


def of_names(folder):
    """Return the configuration of each dataset below a folder whose parameters are all names."""
    found = {}
    for file in sorted(folder.glob("dataset_*/config.json")):
        config = json.loads(file.read_text(encoding="utf-8"))
        if all(parameter["type"] == "categorical" for parameter in config["parameters"]):
            found[file.parent.name.removeprefix("dataset_")] = config
    return found


def looked_up(folder, name, config):
    """Return the case of a dataset."""
    parameters = config["parameters"]
    width, response = len(parameters), config["measurements"][0]["name"]
    values = {}
    with (folder / f"dataset_{name}" / "data.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            values.setdefault(tuple(row[:width]), []).append(float(row[width]))
    table = {combination: statistics.fmean(found) for combination, found in values.items()}
    wanted = config["default_goal"]
    goal = _GOALS[wanted if isinstance(wanted, str) else wanted[0]]
    factors = tuple(Categorical(p["name"], tuple(p["options"])) for p in parameters)
    ends = sorted((min(table.values()), max(table.values())), reverse=goal == "minimise")

    def truth(point):
        value = table.get(tuple(point[factor.name] for factor in factors))
        return None if value is None else {response: value}

    noise = {response: Noise(absolute=_NOISE * abs(ends[1] - ends[0]))}
    problem = Problem(factors, (Response(response, goal),))
    return Case(name, problem, truth, noise, Between(response, *ends), RUNS, may_fail=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the datasets")
    parser.add_argument("--names", help="datasets (all of names alone)")
    parser.add_argument("--seeds", type=int, default=12, help="campaigns on each")
    add_options(parser, "bayes,lhs")
    arguments = parser.parse_args()
    planners, python = planners_of(parser, arguments, RUNS)
    known = of_names(arguments.data)
    names = arguments.names.split(",") if arguments.names else list(known)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        wrong = ", ".join(unknown) or "none found"
        there = ", ".join(known) or "nothing"
        parser.error(f"{arguments.data}: no screen of names: {wrong}; there: {there}")
    whole, seeds = {}, range(arguments.first, arguments.first + arguments.seeds)
    for name in names:
        case = looked_up(arguments.data, name, known[name])
        campaigns = [(case, 1.0, seed) for seed in seeds]
        whole[name] = compared(name, campaigns, planners, python, RUNS)
    tell({"goal": GOAL, "seeds": arguments.seeds, "screens": whole}, arguments.out)


if __name__ == "__main__":
    main()
