"""Planners side by side on the same campaigns: what they need, and how that compares."""

import json
import math
import statistics
import sys
from pathlib import Path

from benchmarks.planners.campaign import Own, campaign
from benchmarks.planners.own import makers
from benchmarks.planners.peer import Peer, python_of


def add_options(parser, planners):
    """Add the options that every comparison has; ``planners`` are those that run by default."""
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--planners", default=planners)
    parser.add_argument("--peers", help="folder of the peers' environment")
    parser.add_argument("--out", type=Path)


def planners_of(parser, arguments, runs):
    """Return the planners' names and the peers' interpreter; end where one needs it in vain."""
    names, python = arguments.planners.split(","), python_of(arguments.peers)
    if python is None and (missing := [name for name in names if name not in makers(runs)]):
        parser.error(f"{', '.join(missing)}: needs --peers, the folder of their environment")
    return names, python


def compared(label, campaigns, names, python, runs):
    """Return every planner's figures on campaigns (case, what can be reached, seed)."""
    numbers = {name: [needed(name, *one, python, runs) for one in campaigns] for name in names}
    found = figures(numbers)
    for name in names:
        print(f"{label:12} {name:8} median {found[name]['median']:g}", file=sys.stderr)
    return found


def needed(name, case, most, seed, python, runs):
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
    """Return every planner's figures from the experiments that it needed."""
    ours = numbers.get("bayes")
    found = {}
    for name, counts in numbers.items():
        quartiles = statistics.quantiles(counts, n=4) if len(counts) > 1 else []
        found[name] = {"median": statistics.median(counts), "quartiles": quartiles}
        if ours and name != "bayes":
            found[name] |= {"bayes_to_it": against(ours, counts)}
        found[name] |= {"experiments": counts}
    return found


def tell(document, out):
    """Print a document as JSON, and write it to a file where one is given."""
    text = json.dumps(document)
    if out:
        out.write_text(text + "\n")
    print(text)
