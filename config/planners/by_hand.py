"""A planner written by hand: looks around evenly, then climbs from the best run in smaller steps.

Its environment: any Python, no packages. Copy it, change it, and ask it:

    taylord suggest problem.json --command 'python3 planners/by_hand.py'

Knows every kind of factor and keeps linear constraints; it refuses formulas. Of several goals it
takes the best compromise (least sum of ranks). Learns at the achieved conditions, from good runs
that have all responses; all others, failed and pending ones too, are places where it need not go
again.
"""

import json
import math
import random
import sys

DRAWS = 3000  # to find points that keep the constraints,
CHOICE = 200  # of which the one farthest from all runs is taken


def drawn(factor, rng):
    """Return a random value of a factor."""
    if "held" in factor:  # a person has fixed it
        return factor["held"]
    if factor["kind"] == "continuous":
        if factor["transform"] == "log":
            return math.exp(rng.uniform(math.log(factor["low"]), math.log(factor["high"])))
        return rng.uniform(factor["low"], factor["high"])
    if factor["kind"] == "composition":
        names = factor["components"]
        some = rng.sample(names, rng.randint(1, factor.get("max_components", len(names))))
        return blend(factor, {name: rng.expovariate(1) for name in some})
    return rng.choice(factor["values"] if factor["kind"] == "discrete" else factor["levels"])


def blend(factor, parts):
    """Return parts as amounts with the factor's total, of its most components at most."""
    kept = sorted(parts, key=parts.get)[-factor.get("max_components", len(parts)) :]
    whole = sum(parts[name] for name in kept)
    amounts = {name: factor["total"] * parts[name] / whole for name in kept}
    return {name: amounts.get(name, 0.0) for name in factor["components"]}


def towards(factor, start, end, step, rng):
    """Return a value a step (0 to 1) of the way from one to another; names are either."""
    if "held" in factor:
        return factor["held"]
    if factor["kind"] == "continuous":
        return min(max(start + step * (end - start), factor["low"]), factor["high"])
    if factor["kind"] == "composition":
        names = factor["components"]
        return blend(factor, {n: (1 - step) * start.get(n, 0) + step * end[n] for n in names})
    choices = factor["values"] if factor["kind"] == "discrete" else factor["levels"]
    return end if rng.random() < step or start not in choices else start


def numbers(factors, point):
    """Return a point as numbers from 0 to 1, so that distances mean something."""
    row = []
    for factor in factors:
        value = point[factor["name"]]
        if factor["kind"] == "categorical":
            row += [float(value == level) for level in factor["levels"]]
        elif factor["kind"] == "composition":
            row += [value.get(name, 0) / factor["total"] for name in factor["components"]]
        else:
            values = factor.get("values") or [factor["low"], factor["high"]]
            row.append((value - min(values)) / (max(values) - min(values)))
    return row


def keeps(constraints, point):
    """Return whether a point keeps all constraints; they call parts of mixtures ``ratio.Pt``."""
    amounts = dict(point)
    for name, value in point.items():
        if isinstance(value, dict):
            amounts.update({f"{name}.{part}": amount for part, amount in value.items()})
    for constraint in constraints:
        total = sum(times * amounts[name] for name, times in constraint["terms"].items())
        low, high = constraint.get("at_least"), constraint.get("at_most")
        if (low is not None and total < low) or (high is not None and total > high):
            return False
    return True


def loss(response, run):
    """Return a number that is the smaller the better; for a target, how far out of its range."""
    value = run["responses"][response["name"]]["value"]
    if response["goal"] == "target":
        return max(response["low"] - value, value - response["high"], 0)
    return value if response["goal"] == "minimise" else -value


def compromise(responses, runs):
    """Return the run with the least sum of ranks over all goals."""
    losses = [[loss(response, run) for run in runs] for response in responses]
    ranks = [sum(sorted(column).index(column[i]) for column in losses) for i in range(len(runs))]
    return runs[ranks.index(min(ranks))]


def suggest(problem, history, n, seed):
    """Return an answer of up to ``n`` points; always the same for the same history and seed."""
    factors, responses = problem["factors"], problem["responses"]
    if any(constraint["kind"] != "linear" for constraint in problem["constraints"]):
        return {"error": "by_hand.py keeps linear constraints only"}
    rng = random.Random(f"{seed} {len(history)}")
    good = [run for run in history if run["status"] == "ok"]
    good = [run for run in good if all(r["name"] in run["responses"] for r in responses)]
    climbs = responses and len(good) > 2 * len(factors)  # before that it looks around
    if climbs:
        best = compromise(responses, good)
        start = best.get("achieved", best["point"])
        step = max(0.05, 0.5 * 0.9 ** (len(good) - 2 * len(factors)))
    known = [run["point"] for run in history]
    for _ in range(n):
        legal, new = 0, []
        for _ in range(DRAWS):
            point = {f["name"]: drawn(f, rng) for f in factors}
            if climbs:
                ends = [(f, start[f["name"]], point[f["name"]]) for f in factors]
                point = {f["name"]: towards(f, a, b, step, rng) for f, a, b in ends}
            if keeps(problem["constraints"], point):
                legal += 1
                new += [] if point in known else [point]
            if len(new) == CHOICE:
                break
        if not legal:
            return {"error": f"none of {DRAWS} random points keeps the constraints"}
        if not new:  # all points have been tried
            break
        rows = [numbers(factors, point) for point in known]
        far = [min((math.dist(numbers(factors, p), r) for r in rows), default=0) for p in new]
        known.append(new[far.index(max(far))])
    doing = f"within {step:.0%} of the best run" if climbs else "looking around"
    return {"points": known[len(history) :], "note": doing}


for line in sys.stdin:
    print(json.dumps(suggest(**json.loads(line))), flush=True)
