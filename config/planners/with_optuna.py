"""Optuna as a planner: its tree-structured Parzen estimator, or its Gaussian process with ``gp``.

Its environment:

    python3 -m venv optuna
    optuna/bin/pip install optuna                        # written for Optuna 5
    optuna/bin/pip install torch scipy                   # for ``gp`` alone; torch is large

Ask it:

    taylord suggest problem.json --command 'optuna/bin/python planners/with_optuna.py'

Knows every kind of factor and several goals; a target is reached by least distance. Learns at the
achieved conditions, moved into range, from good runs that have all responses. All others (pending,
failed, suspect ones) are running trials to Optuna, which it keeps away from. Linear constraints
are kept by asking again; where that does not help, and for formulas, it refuses. A run with a name
that is no level any more is left out. ``reciprocal_kelvin`` counts as linear.
"""

import json
import math
import random
import sys

import optuna

answers, sys.stdout = sys.stdout, sys.stderr  # nothing but answers belongs on standard output
optuna.logging.set_verbosity(optuna.logging.WARNING)

kind = (sys.argv[1:] or ["tpe"])[0]
if kind not in ("tpe", "gp"):
    sys.exit(f"with_optuna.py takes tpe or gp, got {kind!r}")

TRIES = 200  # to find a point that is new and keeps the constraints


def parameters(factors):
    """Return Optuna's parameters; a factor that a person holds at a value is none."""
    found = {}
    for factor in factors:
        name = factor["name"]
        if "held" in factor:
            continue
        if factor["kind"] == "continuous":
            log = factor["transform"] == "log"
            found[name] = optuna.distributions.FloatDistribution(
                factor["low"], factor["high"], log=log
            )
        elif factor["kind"] == "discrete":  # by its place in the list: keeps the order
            found[name] = optuna.distributions.IntDistribution(0, len(factor["values"]) - 1)
        elif factor["kind"] == "categorical":
            found[name] = optuna.distributions.CategoricalDistribution(factor["levels"])
        else:  # numbers u whose -log u, divided by their sum, are spread evenly over all mixtures
            for part in factor["components"]:
                found[f"{name}.{part}"] = optuna.distributions.FloatDistribution(1e-3, 1)
    return found


def to_optuna(factors, point):
    """Return a point as values of Optuna's parameters."""
    found = {}
    for factor in factors:
        name, value = factor["name"], point[factor["name"]]
        if "held" in factor:
            continue
        if factor["kind"] == "continuous":
            found[name] = min(max(value, factor["low"]), factor["high"])
        elif factor["kind"] == "discrete":
            gaps = [abs(value - own) for own in factor["values"]]
            found[name] = gaps.index(min(gaps))
        elif factor["kind"] == "categorical":
            found[name] = value
        else:
            for part in factor["components"]:
                share = min(max(value.get(part, 0) / factor["total"], 0), 1)
                found[f"{name}.{part}"] = math.exp(-share)
    return found


def from_optuna(factors, values):
    """Return the point that values of Optuna's parameters stand for."""
    point = {}
    for factor in factors:
        name = factor["name"]
        if "held" in factor:
            point[name] = factor["held"]
        elif factor["kind"] == "composition":
            parts = {part: -math.log(values[f"{name}.{part}"]) for part in factor["components"]}
            kept = sorted(parts, key=parts.get)[-factor.get("max_components", len(parts)) :]
            whole = sum(parts[part] for part in kept) or 1.0
            point[name] = {part: factor["total"] * parts[part] / whole for part in kept}
        else:
            value = values[name]
            point[name] = factor["values"][value] if factor["kind"] == "discrete" else value
    return point


def known(factors, point):
    """Return whether all names of a point are levels still: a person may have dropped some."""
    names = [factor for factor in factors if factor["kind"] == "categorical"]
    return all(point[factor["name"]] in factor["levels"] for factor in names)


def keeps(constraints, point):
    """Return whether a point keeps all constraints; they call parts of mixtures ``ratio.Pt``."""
    amounts = dict(point)
    for name, value in point.items():
        if isinstance(value, dict):
            amounts.update({f"{name}.{part}": amount for part, amount in value.items()})
    for constraint in constraints:
        total = sum(times * amounts.get(name, 0) for name, times in constraint["terms"].items())
        low, high = constraint.get("at_least"), constraint.get("at_most")
        if (low is not None and total < low) or (high is not None and total > high):
            return False
    return True


def results(responses, run):
    """Return the run's numbers in the order of the goals; None where Optuna cannot use it."""
    if run["status"] != "ok" or any(r["name"] not in run["responses"] for r in responses):
        return None
    found = []
    for response in responses:
        value = run["responses"][response["name"]]["value"]
        if response["goal"] == "target":  # how far out of its range
            value = max(response["low"] - value, value - response["high"], 0)
        found.append(value)
    return found


def study_of(problem, history, seed):
    """Return a study that knows all runs."""
    seed = random.Random(f"{seed} {len(history)}").getrandbits(32)
    samplers = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}
    sampler = samplers[kind](seed=seed)
    goals = ["maximize" if r["goal"] == "maximise" else "minimize" for r in problem["responses"]]
    study = optuna.create_study(sampler=sampler, directions=goals)
    space = parameters(problem["factors"])
    for run in history:
        found = results(problem["responses"], run)
        states = optuna.trial.TrialState
        point = run.get("achieved", run["point"]) if found else run["point"]
        if not known(problem["factors"], point):
            continue
        study.add_trial(
            optuna.trial.create_trial(
                params=to_optuna(problem["factors"], point),
                distributions=space,
                values=found,
                state=states.COMPLETE if found else states.RUNNING,
            )
        )
    return study


def suggest(problem, history, n, seed):
    """Return an answer of up to ``n`` points; always the same for the same history and seed."""
    if not problem["responses"]:
        return {"error": "Optuna needs a response to improve"}
    if any(constraint["kind"] != "linear" for constraint in problem["constraints"]):
        return {"error": "with_optuna.py keeps linear constraints only"}
    study, space = study_of(problem, history, seed), parameters(problem["factors"])
    tried, points = [run["point"] for run in history], []
    for _ in range(n * TRIES):
        point = from_optuna(problem["factors"], study.ask(space).params)
        if keeps(problem["constraints"], point) and point not in tried + points:
            points.append(point)
        if len(points) == n:
            return {"points": points}
    if problem["constraints"] and not points:
        return {"error": f"none of {TRIES} points of Optuna's is new and keeps the constraints"}
    return {"points": points}  # fewer: all others have been tried


for line in sys.stdin:
    print(json.dumps(suggest(**json.loads(line))), file=answers, flush=True)
