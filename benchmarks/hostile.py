"""A million exchanges on hostile wires: every driver against its simulated instrument.

Each driver's share of the exchanges is made in virtual time on a memory pipe, in polls and orders
as a rig makes them, while the wire does what ``tests/contract/troubles.py`` lists, chosen by the
seed; exchanges of recovery and of fences count, too. Every value is held against the truth
(``tests/contract/watch.py``). Of the troubles that can be noticed nothing wrong may come: the
figure fails otherwise. A tenth of the exchanges suffers besides what a protocol itself cannot
notice (flipped bits without a checksum, old replies said again without a tag): what is wrong there
is counted by driver, apart. Prints JSON.

Run: ``python -m benchmarks.hostile [--exchanges N] [--seed S] [--driver NAME]``.
"""

import argparse
import gc
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from drivers.registry import driver_names
from simulators.virtualtime import run
from simulators.wire import hostile
from tests.contract import troubles
from tests.contract.cases import WIRED
from tests.contract.watch import Watched

CALM = 0.6  # of the replies come as they should
BATCH = 2000  # exchanges with one bench: a fresh driver and instrument each time
APART = 0.1  # of the exchanges with what cannot be noticed
GROWTH_MB = 40.0  # more is a leak: caches of the interpreter and of tests are less
FAILURES = ("wrong", "overdue", "not_instrument_errors")
COUNTED = ("exchanges", "polls", "orders", "values", "bad", "faults", *FAILURES)
KINDS = {"noticeable": troubles.noticeable, "unnoticeable": troubles.all_of}


class Tally:
    """What came of one driver on one kind of line."""

    def __init__(self):
        self.counts = Counter()
        self.troubles = Counter()
        self.examples, self.crashes = [], []

    def add(self, bench, mixed, exchanges):
        found = bench.found
        self.troubles += mixed.seen
        self.counts += Counter(
            exchanges=exchanges,
            polls=found.polls,
            orders=found.orders,
            values=found.values,
            bad=found.bad,
            faults=found.faults,
            wrong=len(found.wrong),
            overdue=len(found.overdue),
        )
        self.examples += (found.wrong + found.overdue)[: max(0, 5 - len(self.examples))]

    def crashed(self, error):
        self.counts["not_instrument_errors"] += 1
        self.crashes.append("".join(traceback.format_exception(error))[-900:])


async def batch(case, kind, rng, exchanges, folder, tally):
    """Make about so many exchanges with a fresh bench; return how many there were."""
    bench = Watched(case, folder)
    await bench.connect()
    before = bench.exchanges
    kinds = KINDS[kind](bench, rng)
    bench.line.trouble = mixed = hostile.Mixed(rng, kinds, CALM)
    bench.takes = lambda: rng.random() > 0.03
    try:
        while bench.exchanges - before < exchanges:
            await bench.hostile_round(rng)
            if rng.random() < 0.02:
                await bench.pause()
    except Exception as error:  # noqa: BLE001  # named faults are counted in the rounds
        tally.crashed(error)
    made = bench.exchanges - before
    tally.add(bench, mixed, made)
    bench.calm()
    await bench.close()
    return made


def drive(case, seed, exchanges, folder):
    """Return the tallies of one case by kind of trouble."""
    rng = random.Random(f"{seed} {case} {case.options}")
    tallies = {}
    for kind, share in (("noticeable", 1.0 - APART), ("unnoticeable", APART)):
        tallies[kind] = tally = Tally()
        left = share * exchanges
        while left > 0:
            left -= max(1, run(batch(case, kind, rng, min(left, BATCH), folder, tally)))
    return tallies


def memory_mb():
    """Return what the process holds in memory now, MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def case_report(tallies, seconds):
    """Return the figures of one case."""
    figures, apart = tallies["noticeable"], tallies["unnoticeable"]
    counts = {name: figures.counts[name] for name in COUNTED}
    exchanges = figures.counts["exchanges"] + apart.counts["exchanges"]
    return {
        **counts,
        "troubles": dict(sorted(figures.troubles.items())),
        "unnoticeable": {
            "exchanges": apart.counts["exchanges"],
            "values": apart.counts["values"],
            "wrong": apart.counts["wrong"],
            "troubles": {
                name: apart.troubles[name] for name in sorted(apart.troubles - figures.troubles)
            },
        },
        "us_per_exchange": round(1e6 * seconds / max(1, exchanges), 1),
        "examples": figures.examples,
        "crashes": [*figures.crashes, *apart.crashes][:3],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exchanges", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--driver", default="", help="only cases whose name has this in it")
    arguments = parser.parse_args()
    document = measured(arguments)
    print(json.dumps(document, indent=1))
    return 0 if document["held"] else 1


def measured(arguments):
    """Run all cases; return the document."""
    cases = [c for c in WIRED if arguments.driver in str(c) and c.driver in driver_names()]
    reports, totals, peaks = {}, Counter(), []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:  # warm up: imports, caches, the first bench of each
            drive(case, "warm", min(200, arguments.exchanges / len(cases)), Path(folder))
        before = memory_mb()
        for number, case in enumerate(cases):
            start = time.perf_counter()
            tallies = drive(case, arguments.seed, arguments.exchanges / len(cases), Path(folder))
            name = f"{number:02d} {case}"
            reports[name] = case_report(tallies, time.perf_counter() - start)
            totals += sum_of(tallies)
            peaks.append(memory_mb())
            print(f"{name}: {reports[name]['us_per_exchange']} us", file=sys.stderr, flush=True)
    growth = max(peaks, default=before) - before
    return {
        "exchanges": totals["exchanges"],
        "seed": arguments.seed,
        **{name: totals[name] for name in COUNTED[1:]},
        "wrong_where_the_protocol_cannot_notice": totals["apart_wrong"],
        "memory_before_mb": round(before, 1),
        "memory_growth_mb": round(growth, 1),
        "seconds": round(time.perf_counter() - began, 1),
        "held": not any(totals[name] for name in FAILURES) and growth < GROWTH_MB,
        "cases": reports,
    }


def sum_of(tallies):
    """Return the counts of both kinds; wrong values only where they could be noticed."""
    figures, apart = (tallies[kind].counts for kind in ("noticeable", "unnoticeable"))
    total = figures + apart
    total["wrong"], total["apart_wrong"] = figures["wrong"], apart["wrong"]
    return total


if __name__ == "__main__":
    sys.exit(main())
