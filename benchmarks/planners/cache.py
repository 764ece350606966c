"""Results of peers' campaigns in a file, a JSON line each, appended as they come: no times.

A row counts only while the problem and its reference are what they were: both stand in its ``key``.
One that reached the goal counts for any cap not below that; others for the cap they ran into.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planners.problems import Case
from benchmarks.planners.references import reference
from planners.sampling import feasible_rows


def key_of(case: Case) -> str:
    """Return what changes with the problem, some of its truth, or its reference."""
    rows = feasible_rows(case.problem, 8, np.random.default_rng(0))[:8]
    truths = [case.truth(case.problem.scale(row)) for row in rows]
    plain = [t and {name: float(f"{v:.6g}") for name, v in t.items()} for t in truths]
    noise = {name: (n.relative, n.absolute) for name, n in case.noise.items()}
    whole = [case.problem.to_json(), plain, noise, f"{reference(case.name):.6g}"]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]


class Cache:
    """Rows by planner, problem and seed; a missing file is an empty cache."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._rows: dict[tuple[str, str, int, str], list[dict[str, Any]]] = {}
        if file is not None and file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self._remember(row)

    def find(self, planner: str, case: Case, seed: int, runs: int) -> dict[str, Any] | None:
        """Return a kept row that holds for a cap of ``runs`` experiments, or None."""
        kept = self._rows.get((planner, case.name, seed, key_of(case)), ())
        return next((row for row in reversed(kept) if _holds(row, runs)), None)

    def _remember(self, row: dict[str, Any]) -> None:
        name = row["planner"], row["problem"], row["seed"], row["key"]
        self._rows.setdefault(name, []).append(row)

    def keep(
        self, planner: str, case: Case, runs: int, row: Mapping[str, Any], versions: Mapping
    ) -> None:
        """Append a row; without a file it is only remembered."""
        row = {name: value for name, value in row.items() if name != "shares"}
        own = {"runs": runs, "key": key_of(case), "versions": versions}
        whole = {"planner": planner, "problem": case.name, **row, **own}
        self._remember(whole)
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(whole) + "\n")


def _holds(row: Mapping[str, Any], runs: int) -> bool:
    return row["to_95"] <= runs if row["to_95"] else row["runs"] == runs
