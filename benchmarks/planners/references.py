"""What can be reached on each problem: the merit of the best points, found by heavy optimisation.

    python -m benchmarks.planners.references [--quick] [--write] [NAME ...]

Single objectives: an even scan of the feasible points, then random local searches with shrinking
steps from the best dozen and from the best of each categorical level. Two objectives: an evolving
archive of points that no other beats, by mutation and crossing. No model and no planner is
involved. ``--write`` stores merit, effort and points in references.json beside this file.
"""

import argparse
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planners.problems import CASES, Case
from benchmarks.planners.problems.case import Truth
from benchmarks.planners.problems.merit import Area
from planners.base import Categorical, Point, plain_point
from planners.factors import Array
from planners.sampling import feasible_rows

FILE = Path(__file__).with_name("references.json")
SCAN, STARTS, LOCAL = 20_000, 12, 3_000  # full effort: points, searches, tries of each search
ARCHIVE = 60_000  # evaluations of a front
SHOWN = 25  # points of a front that are stored


@cache
def reference(name: str) -> float:
    """Return the stored merit that counts as 100 % on a problem."""
    return float(stored()[name]["merit"])


@cache
def stored() -> dict[str, Any]:
    """Return the stored document: problem -> merit, points, how it was found."""
    return json.loads(FILE.read_text(encoding="utf-8"))


class Search:
    """Evaluates rows of one problem's unit cube; infeasible and failing ones are worth nothing."""

    def __init__(self, case: Case, seed: int = 0) -> None:
        self.case, self.rng = case, np.random.default_rng(seed)

    def one(self, row: Array) -> float:
        return self.case.worth([self.case.problem.scale(row)])

    def moved(self, row: Array, step: float) -> Array | None:
        """Return a legal neighbour of a row, or None when constraints forbid it."""
        problem = self.case.problem
        chosen = self.rng.random(len(row)) < 0.5
        jump = row + step * self.rng.normal(size=len(row)) * chosen
        for factor, columns in zip(problem.factors, problem.slices, strict=True):
            if isinstance(factor, Categorical):  # neighbouring levels are nothing alike
                keep = self.rng.random() > 0.1
                jump[columns] = row[columns] if keep else self.rng.random(factor.width)
        legal = problem.snap(np.clip(jump, 0.0, 1.0)[None])
        return legal[0] if problem.keeps_constraints(legal)[0] else None

    def climb(self, row: Array, tries: int) -> tuple[float, Array]:
        """Return the best value and row of a random local search."""
        best, step, idle = self.one(row), 0.2, 0
        for _ in range(tries):
            new = self.moved(row, step)
            worth = -np.inf if new is None else self.one(new)
            if new is not None and worth > best:
                best, row, idle = worth, new, 0
            else:
                idle += 1
            if idle == 30:
                step, idle = max(step * 0.7, 1e-6), 0
        return best, row


def best_of_one(case: Case, effort: float) -> tuple[float, list[Point]]:
    """Return the greatest merit of one point, and the point."""
    search = Search(case)
    rows = feasible_rows(case.problem, int(SCAN * effort), np.random.default_rng(1))
    worths = np.array([search.one(row) for row in rows])
    order = np.argsort(-worths)
    starts = list(order[: max(3, int(STARTS * effort))])
    for factor, columns in zip(case.problem.factors, case.problem.slices, strict=True):
        if isinstance(factor, Categorical):
            own = rows[order][:, columns].round(6)
            _, first = np.unique(own, axis=0, return_index=True)
            starts += list(order[first])
    found = [search.climb(rows[i], int(LOCAL * effort)) for i in dict.fromkeys(starts)]
    best, row = max(found, key=lambda pair: pair[0])
    return best, [case.problem.scale(row)]


def best_front(case: Case, effort: float) -> tuple[float, list[Point]]:
    """Return the area that a front of points dominates, and the points."""
    search, merit = Search(case), case.merit
    assert isinstance(merit, Area)

    def outcome(row: Array) -> tuple[float, float] | None:
        truth = case.truth(case.problem.scale(row))
        return merit.shares(truth) if truth is not None and merit.counts(truth) else None

    rows = feasible_rows(case.problem, int(ARCHIVE * effort) // 4, np.random.default_rng(1))
    archive = _front([(o, row) for row in rows if (o := outcome(row)) is not None])
    for i in range(int(ARCHIVE * effort)):
        one, two = search.rng.integers(len(archive), size=2)
        row = archive[one][1].copy()
        if i % 3 == 0:
            row += search.rng.random() * (archive[two][1] - row)
        new = search.moved(row, 0.2 * 10 ** (-3 * search.rng.random()))
        if new is not None and (found := outcome(new)) is not None:
            archive = _joined(archive, (found, new))
    points = [case.problem.scale(row) for _, row in archive]
    return case.worth(points), points


Entry = tuple[tuple[float, float], Array]


def _front(entries: list[Entry]) -> list[Entry]:
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda e: e[0], reverse=True):
        if not kept or entry[0][1] > kept[-1][0][1]:
            kept.append(entry)
    return kept


def _joined(archive: list[Entry], new: Entry) -> list[Entry]:
    x, y = new[0]
    if any(a >= x and b >= y for (a, b), _ in archive):
        return archive
    return [e for e in archive if not (e[0][0] <= x and e[0][1] <= y)] + [new]


def find(case: Case, *, effort: float = 1.0) -> tuple[float, list[Point]]:
    """Return the best merit found and the points that have it; ``effort`` 1 is the full one."""
    if isinstance(case.merit, Area):
        return best_front(case, effort)
    return best_of_one(case, effort)


def thinned(case: Case, points: list[Point]) -> list[Point]:
    """Return a few of a front's points, each the one that adds most to those before it."""
    if len(points) <= SHOWN:
        return points
    name = case.problem.responses[-1].name
    known = [(truth, point) for point in points if (truth := case.truth(point)) is not None]
    known.sort(key=lambda pair: pair[0][name])
    some = [known[i] for i in np.linspace(0, len(known) - 1, 300).round().astype(int)]
    chosen: list[tuple[Truth, Point]] = []
    while len(chosen) < SHOWN:
        before = [truth for truth, _ in chosen]
        chosen.append(max(some, key=lambda pair: case.merit.of([*before, pair[0]])))
    return [point for _, point in chosen]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the effort")
    parser.add_argument("--write", action="store_true", help="store what was found")
    arguments = parser.parse_args()
    effort = 0.05 if arguments.quick else 1.0
    document = stored() if FILE.exists() else {}
    result: dict[str, Any] = {}
    for name in arguments.names or CASES:
        merit, points = find(CASES[name], effort=effort)
        shown = [plain_point(point) for point in thinned(CASES[name], points)]
        result[name] = {"merit": merit, "effort": effort, "points": shown}
        before = document.get(name, {}).get("merit")
        print(f"{name}: {merit:.8g} (stored: {before})", file=sys.stderr)
    if arguments.write:
        FILE.write_text(json.dumps(document | result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: found["merit"] for name, found in result.items()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
