"""Ax as a planner: Gaussian processes by BoTorch, as Ax chooses them.

Its environment; PyTorch's build for the processor comes first, or pip takes a far larger one:

    python3 -m venv ax
    ax/bin/pip install torch             # the CPU build: see pytorch.org, "Get started"
    ax/bin/pip install ax-platform       # written for Ax 1.3

Ask it:

    taylord suggest problem.json --command 'ax/bin/python planners/with_ax.py'

Knows every kind of factor and several goals; a target is reached by least distance. Learns at the
achieved conditions, moved into range, with one response in and another still to come, too. Pending
runs are running trials, failed and suspect ones abandoned: Ax comes back to neither. Refuses
mixtures of at most so many components, formulas, and constraints on listed numbers. A run with a
name that is no level any more is left out. A run that broke a
constraint as achieved counts as requested. ``log`` counts as linear where a constraint uses the
factor, ``reciprocal_kelvin`` always.
"""

import json
import random
import sys

answers, sys.stdout = sys.stdout, sys.stderr  # nothing but answers belongs on standard output

from ax.api.client import Client  # noqa: E402
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig  # noqa: E402
from botorch.acquisition.multi_objective import logei  # noqa: E402

# For several goals BoTorch would compile C++ at the first question; stopped meanwhile, it leaves a
# lock for which everybody waits for ever. Without, it takes a little longer.
logei._load_attempted = True  # noqa: SLF001  # there is no public switch


class Refused(Exception):
    """What Ax cannot do, as a sentence."""


class Space:
    """The factors as Ax's parameters x0, x1, ...; a mixture's last component is the rest."""

    def __init__(self, problem):
        self.factors, self.parameters, self.constraints = problem["factors"], [], []
        self.names, self.rests = {}, {}  # of terms: Ax's name; of rests: all parts and the total
        self.constrained = {name for c in problem["constraints"] for name in c.get("terms", ())}
        for factor in self.factors:
            self.add(factor)
        for constraint in problem["constraints"]:
            self.constrain(constraint)

    def add(self, factor):
        """Make parameters of a factor."""
        name, kind = factor["name"], factor["kind"]
        x = f"x{len(self.parameters)}"
        if kind == "continuous":
            log = factor["transform"] == "log" and name not in self.constrained
            scaling = "log" if log else "linear"
            ends = (factor["low"], factor["high"])
            self.parameters.append(RangeParameterConfig(x, ends, "float", scaling=scaling))
        elif kind == "composition":
            self.add_mixture(factor)
            return
        else:
            numbers = kind == "discrete"
            values = [float(v) for v in factor["values"]] if numbers else factor["levels"]
            type_ = "float" if numbers else "str"
            self.parameters.append(ChoiceParameterConfig(x, values, type_, is_ordered=numbers))
        self.names[name] = x

    def add_mixture(self, factor):
        """Make parameters of all components but the last."""
        *free, last = [f"{factor['name']}.{component}" for component in factor["components"]]
        if factor.get("max_components", len(free) + 1) <= len(free):
            raise Refused(f"{factor['name']}: Ax cannot keep to a number of components")
        for part in free:
            self.names[part] = f"x{len(self.parameters)}"
            ends = (0, factor["total"])
            self.parameters.append(RangeParameterConfig(self.names[part], ends, "float"))
        self.rests[last] = free, factor["total"]
        sum_ = " + ".join(self.names[part] for part in free)
        self.constraints.append(f"{sum_} <= {factor['total']}")

    def constrain(self, constraint):
        """Add a linear constraint; the last component is the total less the others."""
        if constraint["kind"] != "linear":
            raise Refused(f"Ax takes linear constraints only: {constraint['expression']}")
        times, moved = {}, 0.0
        for term, factor in constraint["terms"].items():
            parts, total = self.rests.get(term, ([term], 0))
            moved += factor * total
            for part in parts:
                sign = -1 if term in self.rests else 1
                times[part] = times.get(part, 0) + sign * factor
        for part in times:
            own = next(p for p in self.parameters if p.name == self.names[part])
            if isinstance(own, ChoiceParameterConfig):
                raise Refused(f"{part}: Ax takes no constraint on listed numbers")
        left = " + ".join(f"{value} * {self.names[part]}" for part, value in times.items())
        if "at_most" in constraint:
            self.constraints.append(f"{left} <= {constraint['at_most'] - moved}")
        if "at_least" in constraint:
            self.constraints.append(f"{left} >= {constraint['at_least'] - moved}")

    def knows(self, point):
        """Return whether all names of a point are levels still: a person may have dropped some."""
        names = [factor for factor in self.factors if factor["kind"] == "categorical"]
        return all(point[factor["name"]] in factor["levels"] for factor in names)

    def to_ax(self, point, held=False):
        """Return a point (or what is held of it) as values of Ax's parameters, moved into range."""
        found = {}
        for factor in self.factors:
            name, value = factor["name"], point.get(factor["name"])
            if held and "held" not in factor:
                continue
            if factor["kind"] == "composition":
                for part in factor["components"][:-1]:
                    amount = min(max(value.get(part, 0.0), 0.0), factor["total"])
                    found[self.names[f"{name}.{part}"]] = float(amount)
            elif factor["kind"] == "categorical":
                found[self.names[name]] = value
            elif factor["kind"] == "discrete":
                nearest = min(factor["values"], key=lambda own: abs(own - value))
                found[self.names[name]] = float(nearest)
            else:
                found[self.names[name]] = float(min(max(value, factor["low"]), factor["high"]))
        return found

    def from_ax(self, values):
        """Return the point that values of Ax's parameters stand for."""
        point = {}
        for factor in self.factors:
            name = factor["name"]
            if "held" in factor:
                point[name] = factor["held"]
            elif factor["kind"] == "composition":
                *free, last = factor["components"]
                point[name] = {part: values[self.names[f"{name}.{part}"]] for part in free}
                point[name][last] = max(factor["total"] - sum(point[name].values()), 0.0)
            else:
                point[name] = values[self.names[name]]
        return point


def results(responses, run):
    """Return what was measured, by Ax's names y0, y1, ...; a target as the distance from it."""
    found = {}
    for i, response in enumerate(responses):
        measured = run["responses"].get(response["name"])
        if measured is not None:
            value = measured["value"]
            if response["goal"] == "target":
                value = max(response["low"] - value, value - response["high"], 0)
            found[f"y{i}"] = float(value)
    return found


def attached(client, space, points):
    """Return the trial of the first point that Ax takes: one that keeps the constraints."""
    for point in points:
        if space.knows(point):
            try:
                return client.attach_trial(space.to_ax(point))
            except ValueError:
                continue
    return None


def client_of(space, problem, history, seed):
    """Return Ax's client, which knows all runs."""
    client, responses = Client(random_seed=seed), problem["responses"]
    client.configure_experiment(space.parameters, space.constraints)
    signs = ["" if response["goal"] == "maximise" else "-" for response in responses]
    client.configure_optimization(", ".join(f"{sign}y{i}" for i, sign in enumerate(signs)))
    client.configure_generation_strategy(
        initialization_random_seed=seed,
        initialize_with_center=not history,
        allow_exceeding_initialization_budget=True,
    )
    for run in history:
        found = results(responses, run) if run["status"] == "ok" else {}
        where = [run["achieved"]] if found and "achieved" in run else []
        trial = attached(client, space, [*where, run["point"]])
        if trial is None:
            continue
        if found:
            client.complete_trial(trial, found)
        elif run["status"] in ("failed", "suspect"):
            client.mark_trial_abandoned(trial)
    return client


def suggest(problem, history, n, seed):
    """Return an answer of up to ``n`` points; always the same for the same history and seed."""
    if not problem["responses"]:
        raise Refused("Ax needs a response to improve")
    space = Space(problem)
    seed = random.Random(f"{seed} {len(history)}").getrandbits(31)
    client = client_of(space, problem, history, seed)
    held = {f["name"]: f["held"] for f in problem["factors"] if "held" in f}
    found = client.get_next_trials(n, fixed_parameters=space.to_ax(held, held=True) or None)
    return {"points": [space.from_ax(values) for values in found.values()]}


for line in sys.stdin:
    try:
        answer = suggest(**json.loads(line))
    except Refused as why:
        answer = {"error": str(why)}
    print(json.dumps(answer), file=answers, flush=True)
