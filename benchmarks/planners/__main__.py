"""Experiments that planners need on the benchmark's problems, beside the floor and peers.

    python -m benchmarks.planners [--quick] [--planners A,B] [--problems X,Y] [--seeds N] [--whole]
                                  [--peers FOLDER] [--cache FILE] [--out FILE]

Without a peers' environment (``--peers``, or TAYLORD_PEERS) only planners of this project and the
floor run. Peers' results may come from a cache, and new ones are appended to it; times are those
of campaigns run just now. How a campaign is judged stands in campaign.py.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.planners.cache import Cache
from benchmarks.planners.campaign import GOAL, Own, Result, campaign, median_spent
from benchmarks.planners.own import makers
from benchmarks.planners.peer import PEERS, CannotExpressError, Peer, PeerError, for_case, python_of
from benchmarks.planners.problems import CASES, Case
from benchmarks.planners.references import reference
from benchmarks.planners.summary import below_seeds, summed, worse_seeds

RESULTS = Path(__file__).with_name("results") / "peers.jsonl"
QUICK = {"problems": ("snar", "solvents", "targets"), "seeds": 2, "planners": ("bayes", "lhs")}
FLOOR = "lhs"


class Runner:
    """Runs campaigns of one selection; keeps peers' rows in the cache."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._most = arguments.runs
        self.seeds = range(arguments.first, arguments.first + arguments.seeds)
        self.python = python_of(arguments.peers)
        self.cache = Cache(arguments.cache)
        self.only_cached = arguments.cached
        self.whole = arguments.whole

    def runs(self, case: Case) -> int:
        """Return the most experiments of a campaign on a problem."""
        return self._most or case.runs

    def planner(self, name: str, case: Case) -> dict[str, Any]:
        """Return the summary of a planner on a problem, with a row for each seed."""
        spent: list[Result] = []
        run = self._peer if name in PEERS else self._own
        try:
            rows = run(name, case, spent)
        except CannotExpressError as error:
            return {"cannot": str(error)}
        if not rows:
            return {"missing": True}
        rows.sort(key=lambda row: row["seed"])
        return summed(rows, self.runs(case)) | median_spent(spent) | {"rows": rows}

    def _own(self, name: str, case: Case, spent: list[Result]) -> list[dict[str, Any]]:
        runs = self.runs(case)
        maker = makers(runs)[name]
        for seed in self.seeds:
            asker = Own(maker(seed), case, seed)
            most = reference(case.name)
            spent.append(campaign(case, asker, seed, most, runs=runs, whole=self.whole))
        return [result.to_json() for result in spent]

    def _peer(self, name: str, case: Case, spent: list[Result]) -> list[dict[str, Any]]:
        """Return kept rows, and those of the missing seeds, all run in one process."""
        runs = self.runs(case)
        kept = {seed: self.cache.find(name, case, seed, runs) for seed in self.seeds}
        rows = [row for row in kept.values() if row is not None]
        left = [seed for seed, row in kept.items() if row is None]
        while left and self.python is not None and not self.only_cached:
            try:
                with for_case(name, self.python, case, left[0]) as peer:
                    while left:
                        rows.append(self._with(peer, case, left[0], spent))
                        left.pop(0)
            except CannotExpressError:
                raise
            except PeerError as error:
                say(f"  seed {left.pop(0)}: {error}")
        return rows

    def _with(self, peer: Peer, case: Case, seed: int, spent: list[Result]) -> dict[str, Any]:
        peer.restart(seed)
        whole, runs = reference(case.name), self.runs(case)
        spent.append(campaign(case, peer, seed, whole, runs=runs, cpu=lambda: peer.cpu_s))
        row = spent[-1].to_json()
        self.cache.keep(peer.name, case, runs, row, peer.versions)
        return row


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def line(name: str, found: dict[str, Any]) -> str:
    """Return a planner's summary on one line."""
    if "median" not in found:
        return f"  {name:8} {found.get('cannot', 'not run')}"
    low, high = found["quartiles"]
    times = f" CPU {found['cpu_s']:.3f} s a point" if "cpu_s" in found else ""
    return (
        f"  {name:8} median {found['median']:4.1f} ({low:.1f} to {high:.1f}), reached in"
        f" {100 * found['reached']:3.0f} %, outside {found['outside']};{times} {found['needed']}"
    )


def on_problem(runner: Runner, case: Case, planners: Sequence[str]) -> dict[str, Any]:
    """Return all planners' summaries on a problem, and how they compare."""
    say(f"{case.name} (95 % of {reference(case.name):.6g})")
    found = {}
    for name in planners:
        found[name] = runner.planner(name, case)
        say(line(name, found[name]))
    runs = runner.runs(case)
    own = {"reference": reference(case.name), "runs": runs}
    return {**own, "planners": found, **compared(found, runs, whole=runner.whole)}


def compared(found: dict[str, Any], runs: int, *, whole: bool = False) -> dict[str, Any]:
    """Return where ``bayes`` does worse than the floor, and its median beside the best peer's.

    Of ``whole`` campaigns also where its best of all runs is below the floor's.
    """
    result: dict[str, Any] = {}
    ran = {name: summary for name, summary in found.items() if "median" in summary}
    if "bayes" in ran and FLOOR in ran:
        result["worse_than_lhs"] = worse_seeds(ran["bayes"]["rows"], ran[FLOOR]["rows"], runs)
        if whole:
            result["below_lhs"] = below_seeds(ran["bayes"]["rows"], ran[FLOOR]["rows"])
    peers = {name: ran[name]["median"] for name in PEERS if name in ran}
    if "bayes" in ran and peers:
        best = min(peers, key=lambda name: peers[name])
        ratio = round(ran["bayes"]["median"] / peers[best], 3)
        result["best_peer"] = {"name": best, "median": peers[best], "ours_to_it": ratio}
    return result


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = ("bayes", FLOOR, "random", *PEERS)
    parser.add_argument("--quick", action="store_true", help="own planners, 3 problems, 2 seeds")
    parser.add_argument("--planners", type=lambda t: t.split(","), help=f"of {','.join(names)}")
    parser.add_argument("--problems", type=lambda t: t.split(","), help=f"of {','.join(CASES)}")
    parser.add_argument("--seeds", type=int, help="number of seeds (10)")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--runs", type=int, help="most experiments of a campaign (each problem's)")
    parser.add_argument(
        "--whole", action="store_true", help="own campaigns go on after the goal, to the last run"
    )
    parser.add_argument("--peers", type=Path, help="folder of the peers' environment")
    parser.add_argument("--cache", type=Path, default=RESULTS, help="peers' results, JSON lines")
    parser.add_argument("--cached", action="store_true", help="peers from the cache only")
    parser.add_argument("--out", type=Path, help="write the JSON here")
    arguments = parser.parse_args()
    arguments.seeds = arguments.seeds or (QUICK["seeds"] if arguments.quick else 10)
    arguments.problems = arguments.problems or (QUICK["problems"] if arguments.quick else CASES)
    arguments.planners = arguments.planners or (QUICK["planners"] if arguments.quick else names)
    for given, known in ((arguments.planners, names), (arguments.problems, CASES)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    return arguments


def main() -> int:
    arguments = options()
    runner = Runner(arguments)
    found = {n: on_problem(runner, CASES[n], arguments.planners) for n in arguments.problems}
    result = {"goal": GOAL, "problems": found}
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
