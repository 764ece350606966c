"""Medians, quartiles and comparisons of many campaigns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def counted(rows: Sequence[Mapping[str, Any]], cap: int) -> list[int]:
    """Return the experiments each campaign needed; ``cap + 1`` stands for more than the cap."""
    return [row["to_95"] or cap + 1 for row in rows]


def summed(rows: Sequence[Mapping[str, Any]], cap: int) -> dict[str, Any]:
    """Return median and quartiles of the experiments needed, and how many got there.

    ``best`` is the median share that campaigns had when they stopped, at the goal or the cap.
    """
    needed = counted(rows, cap)
    low, middle, high = (float(np.percentile(needed, q)) for q in (25, 50, 75))
    return {
        "seeds": len(rows),
        "median": middle,
        "quartiles": [low, high],
        "reached": round(float(np.mean([row["to_95"] is not None for row in rows])), 3),
        "best": round(float(np.median([row["best"] for row in rows])), 3),
        "outside": sum(row["outside"] for row in rows),
        "failed": sum(row["failed"] for row in rows),
        "needed": needed,
    }


def worse_seeds(
    rows: Sequence[Mapping[str, Any]], floor: Sequence[Mapping[str, Any]], cap: int
) -> list[int]:
    """Return the seeds on which campaigns did worse than the floor's.

    Worse is more experiments to 95 %, or, when neither got there, a lower share at the end.
    """
    below = {row["seed"]: row for row in floor}
    worse = []
    for row in rows:
        other = below.get(row["seed"])
        if other is None:
            continue
        mine, theirs = row["to_95"] or cap + 1, other["to_95"] or cap + 1
        if mine > theirs or (mine == theirs == cap + 1 and row["best"] < other["best"]):
            worse.append(row["seed"])
    return worse


def below_seeds(rows: Sequence[Mapping[str, Any]], floor: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the seeds on which the best of all runs of a campaign is below the floor's."""
    lowest = {row["seed"]: row["best"] for row in floor}
    return [r["seed"] for r in rows if r["best"] < lowest.get(r["seed"], float("-inf"))]
