"""Elements that no run has held: what models say of them, and how soon a search finds them.

On synthetic truths over the full composition space of 36 elements (``benchmarks.catalysis``), for
every form of descriptors:

- ``errors``: of each hidden element in turn, root mean square error on mixtures that hold it,
  learned from 90 random mixtures without it (published of such a set: properties reduce it by about
  a quarter against amounts, for most elements);
- ``loop``: 20 random runs that hold no hidden element, then ``--runs`` more in batches; the best
  rate as a share of the optimum, runs until 90 % of it, whether the best holds a hidden element.

python -m benchmarks.extrapolation [--seeds N] [--runs N] [--batch N] [--candidates N]
    [--truths A,B] [--forms A,B] [--no-errors]
"""

import argparse
import json
import time

import numpy as np

from benchmarks.catalysis import ELEMENTS, PROBLEM, TRUTHS, Truth, drawn
from planners.extrapolate import Extrapolate
from planners.extrapolate.descriptors import FORMS
from planners.extrapolate.lessons import Lessons
from planners.extrapolate.model import Model
from planners.extrapolate.sight import Sight
from planners.suggest import generator

FIRST, LEARNED, REACHED = 20, 90, 0.9


def errors(truth, form, seed):
    """Return the errors on mixtures with each hidden element, learned without it."""
    rows = drawn(LEARNED, np.random.default_rng([1, seed]))
    see = Sight(PROBLEM, Extrapolate(descriptors=form))
    views = see.views(drawn(1000, np.random.default_rng(9)))
    nothing, rates, found = see(np.empty((0, len(ELEMENTS)))), truth.rate(rows), []
    for element in truth.hidden:
        held = rows[:, ELEMENTS.index(element)] > 0
        if held.sum() >= 2:
            data = Lessons(PROBLEM, truth.measured(rows[~held]), see).of("rate")
            mean, _ = Model(views, data, nothing, 0).predict(see(rows[held]))
            found.append(float(np.sqrt(np.square(mean - rates[held]).mean())))
    return found


def loop(truth, form, seed, given):
    """Return the best share of the optimum after each batch, and if the best is of a hidden one."""
    runs = truth.measured(drawn(FIRST, np.random.default_rng([7, seed]), truth.hidden))
    planner = None if form == "random" else Extrapolate(form, candidates=given.candidates)
    rng = np.random.default_rng([3, seed])
    shares = []
    while len(runs) < FIRST + given.runs:
        rows = drawn(given.batch, rng)
        if planner is not None:
            points = planner.suggest(PROBLEM, runs, given.batch, generator(seed, len(runs)))
            rows = np.array([PROBLEM.encode(point) for point in points])
        runs += truth.measured(rows)
        best = max(runs, key=lambda run: run.responses["rate"].value)
        shares.append(best.responses["rate"].value / max(truth.best))
    return shares, any(best.point["additive"][element] > 0 for element in truth.hidden)


def quartiles(values):
    return [round(float(v), 3) for v in np.quantile(values, [0.25, 0.5, 0.75])]


def looped(truth, form, given):
    found = [loop(truth, form, seed, given) for seed in range(given.seeds)]
    until = [next((i + 1 for i, s in enumerate(f[0]) if s >= REACHED), None) for f in found]
    runs = [given.runs + 1 if u is None else given.batch * u for u in until]
    return {
        "share_of_optimum": quartiles([shares[-1] for shares, _ in found]),
        "runs_to_90_percent": quartiles(runs),
        "reached_90_percent": sum(u is not None for u in until),
        "best_holds_hidden": sum(hidden for _, hidden in found),
    }


def compared(truth, forms, seeds):
    """Return errors of each form as shares of those of plain amounts."""
    told = {form: [errors(truth, form, seed) for seed in range(seeds)] for form in forms}
    plain = told.pop("conventional")
    return {form: beside(own, plain) for form, own in told.items()}


def beside(own, plain):
    pairs = list(zip(own, plain, strict=True))
    shares = [np.mean(ours) / np.mean(theirs) for ours, theirs in pairs]
    single = [np.array(ours) < np.array(theirs) for ours, theirs in pairs]
    return {
        "of_conventional": quartiles(shares),
        "elements_better": round(float(np.concatenate(single).mean()), 3),
        "seeds_better": int(np.sum(np.array(shares) < 1.0)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--candidates", type=int, default=8192)
    parser.add_argument("--truths", default=",".join(TRUTHS))
    parser.add_argument("--forms", default=",".join(("random", *FORMS)))
    parser.add_argument("--no-errors", action="store_true", help="only the closed loops")
    given = parser.parse_args()
    forms, start, document = given.forms.split(","), time.process_time(), {}
    for name in given.truths.split(","):
        truth = Truth(name)
        told = [form for form in forms if form != "random"]
        document[name] = {
            "optimum": round(max(truth.best), 3),
            "without_hidden": round(truth.best[1] / max(truth.best), 3),
            "loop": {f: looped(truth, f, given) for f in forms},
            "errors": {} if given.no_errors else compared(truth, told, given.seeds),
        }
    print(json.dumps(document | {"seeds": given.seeds, "cpu_s": time.process_time() - start}))


if __name__ == "__main__":
    main()
