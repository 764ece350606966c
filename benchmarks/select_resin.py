"""``taylord select`` on the virtual resin beside the published figures, and how long it takes.

Kaneko, "Introduction to design of experiments with Python" (Kodansha 2021), ``resin.csv``: r2 of
leaving out each of 20 rows, with the five factors and with their squares and cross terms too.

python -m benchmarks.select_resin [--data FILE]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from planners.select import pool, sk
from planners.select.columns import transformed
from planners.select.folds import folds, grouped, left_out
from planners.select.run import Options, select
from planners.select.sheet import read_sheet
from planners.select.table import read_table
from planners.select.validate import Scores, tuned

DATA = Path(__file__).parents[2] / "shared" / "data" / "kaneko_resin" / "resin.csv"
TWO = pool.Grid("PLS", pool.linear.partial_least_squares, lambda _: [{"components": 2}])
PUBLISHED = {
    "OLS": (pool.OLS, 0.849, 0.990),
    "PLS, 2 components": (TWO, 0.859, 0.848),
    "SVR": (pool.SVR, 0.943, 0.977),
    "GPR, RBF": (pool.Process("GPR", ("RBF",)), 0.971, 0.985),
    "random forest": (pool.FOREST, 0.958, 0.938),
}


def r2(kind, table, *, products):
    """Return r2 of each row left out, settings chosen once on all rows."""
    columns = transformed(table.x, table.names, {})
    x = (columns.with_products() if products else columns).values
    groups = grouped(table.x)
    with sk.quietly():
        setting = tuned(kind, x, table.y, groups)
        parts = folds(groups, 10, np.random.default_rng(0))
        told = left_out(kind.paths, x, table.y, parts, [setting])
    return round(Scores.of(table.y, told[0]).r2, 4)


def timed(table, *, quick):
    start = time.process_time()
    found = select(table, Options(quick=quick))
    best = found.candidates[0]
    return {
        "cpu_s": round(time.process_time() - start, 2),
        "chosen": f"{best.kind.name}, {best.form.title}",
        "double_cross_validation": {
            f"{c.kind.name}, {c.form.title}": round(c.scores.r2, 3) for c in found.candidates
        },
        "warnings": [closure.warning() for closure in found.closures],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    if not arguments.data.exists():
        print(json.dumps({"skipped": "the public data set resin.csv is not there"}))
        return
    table = read_table(read_sheet(arguments.data), "property")
    figures = {
        name: {
            "published": [before, after],
            "ours": [r2(kind, table, products=p) for p in (False, True)],
        }
        for name, (kind, before, after) in PUBLISHED.items()
    }
    runs = {"quick": timed(table, quick=True), "all": timed(table, quick=False)}
    print(json.dumps({"r2": figures, **runs, "target_cpu_s": 20.0}))


if __name__ == "__main__":
    main()
