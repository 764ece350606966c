"""The documentation's table of the planner benchmark, from the results of a run.

    python -m benchmarks.planners --cached --out RUN.json
    python -m benchmarks.planners.table [RUN.json ...] [--write]

With runs (of different planners, with the same caps) their medians, quartiles and shares are
condensed, without times; without one those stored in results/summary.json are taken. ``--write``
stores them and puts the table into the page.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.planners.peer import PEERS
from benchmarks.planners.problems import CASES
from benchmarks.planners.summary import worse_seeds

SUMMARY = Path(__file__).with_name("results") / "summary.json"
PAGE = Path(__file__).parents[2] / "docs" / "planners" / "benchmark.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
COLUMNS = {
    "bayes": "`bayes`",
    "optuna": "Optuna",
    "baybe": "BayBE",
    "ax": "Ax",
    "bofire": "BoFire",
    "lhs": "Latin hypercube",
    "random": "random",
}
OWN = {"reference": "references", "runs": "caps"}  # of a problem, the same in runs to be joined
KEPT = (
    "seeds",
    "median",
    "quartiles",
    "reached",
    "best",
    "outside",
    "failed",
    "needed",
    "cannot",
)

FLOORS = {  # how campaigns can do worse than the floor's
    "worse_than_lhs": "worse than the Latin hypercube on",
    "below_lhs": "after all runs of a campaign below the Latin hypercube on",
}


def condensed(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a run that do not depend on the machine."""
    problems = {}
    for name, found in run["problems"].items():
        planners = {
            planner: {key: summary[key] for key in KEPT if key in summary}
            for planner, summary in found["planners"].items()
        }
        own = {"reference": found["reference"], "runs": found["runs"]}
        problems[name] = {**own, "planners": planners}
        rows = [found["planners"].get(planner, {}).get("rows") for planner in ("bayes", "lhs")]
        if all(rows):
            problems[name]["worse_than_lhs"] = worse_seeds(*rows, found["runs"])
        if "below_lhs" in found:  # of whole campaigns
            problems[name]["below_lhs"] = found["below_lhs"]
    versions: dict[str, str] = {}
    for found in run["problems"].values():
        for summary in found["planners"].values():
            for row in summary.get("rows", ()):
                versions |= row.get("versions", {})
    return {"goal": run["goal"], "versions": versions, "problems": problems}


def joined(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return several runs as one; of a planner in several of them the last one counts."""
    whole: dict[str, Any] = {"goal": runs[0]["goal"], "problems": {}}
    for run in runs:
        if run["goal"] != whole["goal"]:
            raise SystemExit("the runs have different goals")
        for name, found in run["problems"].items():
            before = whole["problems"].get(name, {"planners": {}})
            for own in ("reference", "runs"):
                if before.get(own, found[own]) != found[own]:
                    raise SystemExit(f"{name}: the runs have different {OWN[own]}")
            planners = before["planners"] | found["planners"]
            whole["problems"][name] = before | found | {"planners": planners}
    return whole


def number(value: float, cap: int) -> str:
    """Return a count of experiments; those beyond the cap are not known."""
    return f"> {cap}" if value > cap else f"{value:g}"


def cell(summary: Mapping[str, Any] | None, cap: int, seeds: int) -> str:
    """Return median (quartiles) of one planner, with the seeds when they are fewer.

    Where the median is beyond the cap, the share reached there stands beside it.
    """
    if not summary or "median" not in summary:
        return "cannot" if summary and "cannot" in summary else "-"
    low, high = (number(value, cap) for value in summary["quartiles"])
    notes = [f"{low} to {high}"] if summary["quartiles"][0] <= cap else []
    notes += [f"{100 * summary['best']:.0f} %"] if summary["median"] > cap else []
    count = summary["seeds"]
    notes += [f"{count} seed{'s'[: count - 1]}"] if count < seeds else []
    return number(summary["median"], cap) + (f" ({', '.join(notes)})" if notes else "")


def best_peer(planners: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return the peer with the least median, and that median."""
    medians = {n: planners[n]["median"] for n in PEERS if "median" in planners.get(n, {})}
    if not medians:
        return None
    best = min(medians, key=lambda name: medians[name])
    return best, medians[best]


def ratio(planners: Mapping[str, Any], cap: int) -> str:
    """Return our median as a share of the best peer's."""
    best = best_peer(planners)
    if best is None or "median" not in planners.get("bayes", {}):
        return "-"
    name, median = best
    ours = planners["bayes"]["median"]
    if ours > cap:
        return "both beyond" if median > cap else "lost"
    return f"< {ours / cap:.2f}" if median > cap else f"{ours / median:.2f} ({COLUMNS[name]})"


def table(summary: Mapping[str, Any]) -> str:
    """Return the table as Markdown."""
    head = ["problem", *COLUMNS.values(), "ours to the best peer's"]
    lines = [" | ".join(head), "|".join(["---"] * len(head))]
    for name in (n for n in CASES if n in summary["problems"]):
        planners, cap = (summary["problems"][name][key] for key in ("planners", "runs"))
        seeds = planners.get("bayes", {}).get("seeds", 0)
        cells = [cell(planners.get(column), cap, seeds) for column in COLUMNS]
        lines.append(" | ".join([f"`{name}`", *cells, ratio(planners, cap)]))
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines)


def verdict(summary: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return on which problems our median is no more than the best peer's, and 20 % less."""
    found: dict[str, list[str]] = {"no more": [], "20 % less": [], "more": []}
    told = summary["problems"].values()
    found |= {key: [] for key in FLOORS if all(key in problem for problem in told)}
    for name, problem in summary["problems"].items():
        planners = problem["planners"]
        best = best_peer(planners)
        for key in found.keys() & FLOORS.keys():
            if problem[key]:
                found[key].append(f"{name}: seeds {problem[key]}")
        if best is None or "bayes" not in planners:
            continue
        ours = planners["bayes"]["median"]
        found["no more" if ours <= best[1] else "more"].append(name)
        if ours <= 0.8 * best[1]:
            found["20 % less"].append(name)
    return found


def sentences(summary: Mapping[str, Any]) -> str:
    """Return the verdict as lines of a list."""
    found = verdict(summary)
    whole = len(found["no more"]) + len(found["more"])
    lines = [
        f"`bayes` needs no more than the best peer on {len(found['no more'])} of {whole} problems",
        f"at least 20 % less on {len(found['20 % less'])}: {_listed(found['20 % less'])}",
        f"more on: {_listed(found['more'])}",
    ]
    lines += [
        f"{text}: {'; '.join(found[key]) or 'none'}" for key, text in FLOORS.items() if key in found
    ]
    return "\n".join(f"- {text}." for text in lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def written(page: str, summary: Mapping[str, Any]) -> str:
    """Return the page with table and verdict between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(summary)}\n\n{sentences(summary)}\n\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="JSON of a run")
    parser.add_argument("--write", action="store_true", help="store figures, put the table in")
    arguments = parser.parse_args()
    files = arguments.runs or [SUMMARY]
    documents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    summary = condensed(joined(documents)) if arguments.runs else documents[0]
    if arguments.write:
        SUMMARY.parent.mkdir(parents=True, exist_ok=True)
        SUMMARY.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), summary), encoding="utf-8")
    print(table(summary))
    print(json.dumps(verdict(summary), indent=1), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
