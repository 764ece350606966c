"""Yields in a solvent nobody has tried, from transient flow, beside the published Gaussian process.

Boyne, Folch and co-workers ("The Catechol Benchmark", arXiv:2506.07619): 656 rows in 24 solvents;
each solvent is left out in turn, and its three yields are foretold from residence time, temperature
and thirteen descriptors of Spange and co-workers. Compared is the mean of the 24 mean squared
errors. Several forms of the same model are shown, so that no choice among them hides; the figure
is that of ``FORM``: the columns a planner's model sees, and the kernel of taylord's planners.

python -m benchmarks.catechol [--data DIR]
"""

import argparse
import csv
import json
import time
from pathlib import Path

import numpy as np

from planners.factors import Continuous
from planners.scaling import Scale
from planners.select import process, sk

DATA = Path(__file__).parents[2] / "shared" / "data" / "catechol_transient_flow"
YIELDS = ("SM", "Product 2", "Product 3")
FORM = ("Matern 5/2", "ln t and 1/T")
FORMS = [(kernel, columns) for kernel in ("RBF", "Matern 5/2") for columns in ("plain", FORM[1])]


def rows_of(path):
    with path.open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


class Runs:
    """The rows of the data set."""

    def __init__(self, folder):
        rows = rows_of(folder / "catechol_single_solvent_yields.csv")
        told = rows_of(folder / "spange_descriptors_lookup.csv")
        names = [name for name in told[0] if name != "SOLVENT NAME"]
        table = {row["SOLVENT NAME"]: [float(row[name]) for name in names] for row in told}
        self.solvents = np.array([row["SOLVENT NAME"] for row in rows])
        self.times = np.array([float(row["Residence Time"]) for row in rows])  # min
        self.temperatures = np.array([float(row["Temperature"]) for row in rows])  # degC
        self.descriptors = np.array([table[name] for name in self.solvents])
        self.y = np.array([[float(row[name]) for name in YIELDS] for row in rows])

    def columns(self, kind):
        """Return all columns between 0 and 1, ``(n, 15)``; the two of time as ``kind`` says."""
        curved = kind != "plain"
        made = []
        for values, transform in ((self.times, "log"), (self.temperatures, "reciprocal_kelvin")):
            ends = float(values.min()), float(values.max())
            factor = Continuous("x", *ends, "", transform if curved else "none")
            made.append([factor.row(value)[0] for value in values])
        low, high = self.descriptors.min(axis=0), self.descriptors.max(axis=0)
        return np.column_stack([*made, (self.descriptors - low) / (high - low)])


def left_out(runs, kernel, columns):
    """Return the mean squared error in each solvent, learned without it."""
    x, found = runs.columns(columns), {}
    for solvent in sorted(set(runs.solvents)):
        out = runs.solvents == solvent
        of_y = Scale.of(runs.y[~out])
        known = of_y.apply(runs.y[~out])
        told = [process.fit(x[~out], column, kernel).predict(x[out]) for column in known.T]
        found[solvent] = float(np.square(of_y.undo(np.column_stack(told)) - runs.y[out]).mean())
    return found


def published(folder, name):
    rows = rows_of(folder / f"published_{name}_single_solvent.csv")
    return {row["Test solvent"]: float(row["mse"]) for row in rows}


def measured(folder, forms=FORMS):
    """Return everything as a JSON document."""
    runs = Runs(folder)
    theirs = published(folder, "GPModel-indep-spange")
    mean = float(np.mean(list(theirs.values())))
    table = {}
    for form in forms:
        start = time.process_time()
        with sk.quietly():
            ours = left_out(runs, *form)
        pairs = np.array([[ours[s], theirs[s]] for s in theirs])
        table[", ".join(form)] = {
            "mse": float(pairs[:, 0].mean()),
            "of_published": float(pairs[:, 0].mean() / mean),
            "correlation_of_logs": float(np.corrcoef(np.log(pairs.T))[0, 1]),
            "cpu_s": round(time.process_time() - start, 2),
        }
    return {
        "solvents": len(theirs),
        "rows": len(runs.y),
        "published_mse": mean,
        "published_baseline_mse": float(np.mean(list(published(folder, "BaselineModel").values()))),
        "form": ", ".join(FORM),
        "forms": table,
        "within_20_percent": abs(table[", ".join(FORM)]["of_published"] - 1.0) <= 0.2,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    if not arguments.data.exists():
        print(json.dumps({"skipped": "the public data set catechol_transient_flow is not there"}))
        return
    print(json.dumps(measured(arguments.data)))


if __name__ == "__main__":
    main()
