"""BayBE as a planner: Gaussian processes and BoTorch behind it.

Its environment; PyTorch's build for the processor comes first, or pip takes a far larger one:

    python3 -m venv baybe
    baybe/bin/pip install torch          # the CPU build: see pytorch.org, "Get started"
    baybe/bin/pip install baybe          # written for BayBE 0.15

Ask it:

    taylord suggest problem.json --command 'baybe/bin/python planners/with_baybe.py'

Knows every kind of factor, descriptors of names, and several goals (as a front; a target is its
range's middle). Learns at the achieved conditions, with one response in and another still to come,
too. Failed and suspect runs are pending for ever: it keeps away. Refuses formulas, and constraints
that mix stepless factors with others; does not use transforms.
"""

import json
import random
import sys

answers, sys.stdout = sys.stdout, sys.stderr  # nothing but answers belongs on standard output

import pandas as pd  # noqa: E402
from baybe import Campaign  # noqa: E402
from baybe.constraints import (  # noqa: E402
    ContinuousCardinalityConstraint,
    ContinuousLinearConstraint,
    DiscreteCustomConstraint,
)
from baybe.objectives import ParetoObjective, SingleTargetObjective  # noqa: E402
from baybe.parameters import (  # noqa: E402
    CategoricalParameter,
    CustomDiscreteParameter,
    NumericalContinuousParameter,
    NumericalDiscreteParameter,
)
from baybe.searchspace import SearchSpace  # noqa: E402
from baybe.settings import active_settings  # noqa: E402
from baybe.targets import NumericalTarget  # noqa: E402
from botorch.acquisition.multi_objective import logei  # noqa: E402

# For several goals BoTorch would compile C++ at the first question; stopped meanwhile, it leaves a
# lock for which everybody waits for ever. Without, it takes a little longer.
logei._load_attempted = True  # noqa: SLF001  # there is no public switch


class Refused(Exception):
    """What BayBE cannot do, as a sentence."""


def parameters(factor):
    """Return BayBE's parameters of a factor: one, or one for each component of a mixture."""
    name = factor["name"]
    if factor["kind"] == "continuous":
        return [NumericalContinuousParameter(name, (factor["low"], factor["high"]))]
    if factor["kind"] == "discrete":
        return [NumericalDiscreteParameter(name, factor["values"])]
    if factor["kind"] == "composition":
        ends = (0, factor["total"])
        return [NumericalContinuousParameter(f"{name}.{c}", ends) for c in factor["components"]]
    active = [factor["held"]] if "held" in factor else factor["levels"]  # others are known, too
    levels = factor["levels"] + factor.get("dropped", [])
    if "descriptors" in factor:
        table = pd.DataFrame.from_dict(factor["descriptors"], orient="index")
        return [CustomDiscreteParameter(name, table, active_values=active)]
    return [CategoricalParameter(name, levels, active_values=active)]


def own_constraints(factor):
    """Return what a factor itself demands: a mixture's total, or a value that a person holds."""
    name = factor["name"]
    if factor["kind"] == "composition":
        parts = [f"{name}.{component}" for component in factor["components"]]
        if "held" in factor:
            held = zip(parts, (factor["held"][c] for c in factor["components"]), strict=True)
            return [ContinuousLinearConstraint([part], "=", [1], value) for part, value in held]
        found = [ContinuousLinearConstraint(parts, "=", rhs=factor["total"])]
        if factor.get("max_components", len(parts)) < len(parts):
            most = factor["max_components"]
            found.append(ContinuousCardinalityConstraint(parts, max_cardinality=most))
        return found
    if "held" not in factor or factor["kind"] == "categorical":
        return []
    if factor["kind"] == "continuous":
        return [ContinuousLinearConstraint([name], "=", [1], factor["held"])]
    return [DiscreteCustomConstraint([name], lambda rows: rows[name] == factor["held"])]


def constraints(constraint, stepless):
    """Return a linear constraint in BayBE's form."""
    if constraint["kind"] != "linear":
        raise Refused(f"BayBE takes linear constraints only: {constraint['expression']}")
    terms, bounds = constraint["terms"], {"<=": "at_most", ">=": "at_least"}
    bounds = {way: constraint[key] for way, key in bounds.items() if key in constraint}
    names, times = list(terms), list(terms.values())
    if all(name in stepless for name in names):
        return [ContinuousLinearConstraint(names, way, times, b) for way, b in bounds.items()]
    if any(name in stepless for name in names):
        raise Refused(f"BayBE takes no constraint that mixes stepless and other factors: {terms}")

    def kept(rows):
        total = sum(rows[name] * terms[name] for name in names)
        return (total <= bounds.get("<=", total)) & (total >= bounds.get(">=", total))

    return [DiscreteCustomConstraint(names, kept)]


def search_space(problem):
    """Return BayBE's search space."""
    factors = problem["factors"]
    found = [parameter for factor in factors for parameter in parameters(factor)]
    stepless = [p.name for p in found if isinstance(p, NumericalContinuousParameter)]
    limits = [limit for factor in factors for limit in own_constraints(factor)]
    limits += [c for given in problem["constraints"] for c in constraints(given, stepless)]
    return SearchSpace.from_product(found, limits)


def target(response):
    """Return a response as BayBE's target."""
    if response["goal"] == "target":
        middle = (response["low"] + response["high"]) / 2
        return NumericalTarget.match_absolute(response["name"], middle)
    return NumericalTarget(response["name"], minimize=response["goal"] == "minimise")


def flat(factors, point):
    """Return a point as BayBE's row: numbers as they are, a column for each component."""
    row = {}
    for factor in factors:
        name, value = factor["name"], point[factor["name"]]
        if factor["kind"] == "composition":
            row |= {f"{name}.{part}": float(value.get(part, 0)) for part in factor["components"]}
        else:
            row[name] = value if factor["kind"] == "categorical" else float(value)
    return row


def folded(factors, row):
    """Return BayBE's row as a point; the rounding of its optimiser goes."""
    point = {}
    for factor in factors:
        name = factor["name"]
        if "held" in factor:
            point[name] = factor["held"]
        elif factor["kind"] == "composition":
            parts = {part: max(row[f"{name}.{part}"], 0) for part in factor["components"]}
            most = factor.get("max_components", len(parts))
            kept = sorted(parts, key=parts.get)[-most:]
            whole = sum(parts[part] for part in kept)
            point[name] = {part: factor["total"] * float(parts[part]) / whole for part in kept}
        else:
            point[name] = row[name] if factor["kind"] == "categorical" else float(row[name])
    return point


def campaign_of(problem, history):
    """Return BayBE's campaign with all results, and what is pending."""
    factors, names = problem["factors"], [r["name"] for r in problem["responses"]]
    targets = [target(response) for response in problem["responses"]]
    goal = ParetoObjective(targets) if len(targets) > 1 else SingleTargetObjective(targets[0])
    campaign = Campaign(search_space(problem), goal)
    measured, pending = [], []
    for run in history:
        values = {name: run["responses"].get(name, {}).get("value") for name in names}
        if run["status"] == "ok" and any(value is not None for value in values.values()):
            measured.append(flat(factors, run.get("achieved", run["point"])) | values)
        else:
            pending.append(flat(factors, run["point"]))
    if measured:
        table = pd.DataFrame(measured).astype(dict.fromkeys(names, float))
        campaign.add_measurements(table, numerical_measurements_must_be_within_tolerance=False)
    return campaign, pd.DataFrame(pending) if pending else None


def suggest(problem, history, n, seed):
    """Return an answer of ``n`` points; always the same for the same history and seed."""
    if not problem["responses"]:
        raise Refused("BayBE needs a response to improve")
    active_settings.random_seed = random.Random(f"{seed} {len(history)}").getrandbits(32)
    campaign, pending = campaign_of(problem, history)
    found = campaign.recommend(n, pending_experiments=pending)
    points = [folded(problem["factors"], row) for row in found.to_dict("records")]
    if len(campaign.measurements):
        expected = campaign.posterior_stats(found).to_dict("records")
        for point, row in zip(points, expected, strict=True):
            point["predicted"] = {
                r["name"]: {"mean": row[f"{r['name']}_mean"], "sd": row[f"{r['name']}_std"]}
                for r in problem["responses"]
            }
    return {"points": points}


for line in sys.stdin:
    try:
        answer = suggest(**json.loads(line))
    except Refused as why:
        answer = {"error": str(why)}
    print(json.dumps(answer), file=answers, flush=True)
