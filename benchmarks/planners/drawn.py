"""Planners on problems drawn at random, side by side on the same ones.

    python -m benchmarks.planners.drawn [--problems 24] [--first N] [--kinds A,B]
        [--planners bayes,lhs,random,optuna] [--peers FOLDER] [--out FILE]

Prints JSON: for each kind, each planner's median number of experiments until 95 % of what can be
reached, its quartiles, and the ratio of ``bayes``' number to its own on the same problem: the
geometric mean with its standard error, and on how many problems ``bayes`` needed fewer and more. A
campaign that does not get there in 40 experiments counts as 41.
"""

import argparse
import json
import math
import statistics
import sys
from pathlib import Path

from benchmarks.planners.campaign import Own, campaign
from benchmarks.planners.own import makers
from benchmarks.planners.peer import Peer, python_of
from benchmarks.planners.problems.drawn import KINDS, draw

RUNS = 40


def needed(name, case, most, seed, python, runs=RUNS):
    """Return the experiments of a campaign until 95 % of ``most``, or one more than ``runs``."""
    own = makers(runs)
    if name in own:
        asker = Own(own[name](seed), case, seed)
        return campaign(case, asker, seed, most, runs=runs).to_goal or runs + 1
    with Peer(name, python, case.problem, seed) as peer:
        found = campaign(case, peer, seed, most, runs=runs, cpu=lambda: peer.cpu_s)
        return found.to_goal or runs + 1


def against(ours, theirs):
    """Return the ratio of our numbers to theirs, problem by problem."""
    logs = [math.log(a / b) for a, b in zip(ours, theirs, strict=True)]
    error = statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else None
    return {
        "ratio": round(math.exp(statistics.fmean(logs)), 3),
        "standard_error": None if error is None else round(error, 3),
        "fewer": sum(log < 0 for log in logs),
        "more": sum(log > 0 for log in logs),
    }


def figures(numbers):
    """Return every planner's figures on one kind of problem."""
    ours = numbers.get("bayes")
    found = {}
    for name, counts in numbers.items():
        quartiles = statistics.quantiles(counts, n=4) if len(counts) > 1 else []
        found[name] = {"median": statistics.median(counts), "quartiles": quartiles}
        if ours and name != "bayes":
            found[name] |= {"bayes_to_it": against(ours, counts)}
        found[name] |= {"experiments": counts}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=24, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--planners", default="bayes,lhs,random")
    parser.add_argument("--peers", help="folder of the peers' environment")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    names, python = arguments.planners.split(","), python_of(arguments.peers)
    if python is None and (missing := [name for name in names if name not in makers(RUNS)]):
        parser.error(f"{', '.join(missing)}: needs --peers, the folder of their environment")
    whole = {}
    for kind in arguments.kinds.split(","):
        chosen = range(arguments.first, arguments.first + arguments.problems)
        numbers = {n: [needed(n, *draw(kind, i), i, python) for i in chosen] for n in names}
        whole[kind] = figures(numbers)
        for name in names:
            print(f"{kind:8} {name:8} median {whole[kind][name]['median']:g}", file=sys.stderr)
    text = json.dumps({"problems": arguments.problems, "kinds": whole})
    if arguments.out:
        arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
