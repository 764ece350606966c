"""Planners on problems drawn at random, side by side on the same ones.

    python -m benchmarks.planners.drawn [--problems 24] [--first N] [--kinds A,B]
        [--planners bayes,lhs,random,optuna] [--peers FOLDER] [--out FILE]

Prints JSON: for each kind, each planner's median number of experiments until 95 % of what can be
reached, its quartiles, and the ratio of ``bayes``' number to its own on the same problem: the
geometric mean with its standard error, and on how many problems ``bayes`` needed fewer and more. A
campaign that does not get there in 40 experiments counts as 41.
"""

import argparse

from benchmarks.planners.problems.drawn import KINDS, draw
from benchmarks.planners.side_by_side import add_options, compared, planners_of, tell

RUNS = 40


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=24, help="of each kind")
    parser.add_argument("--kinds", default=",".join(KINDS))
    add_options(parser, "bayes,lhs,random")
    arguments = parser.parse_args()
    names, python = planners_of(parser, arguments, RUNS)
    numbers = range(arguments.first, arguments.first + arguments.problems)
    whole = {}
    for kind in arguments.kinds.split(","):
        campaigns = [(*draw(kind, number), number) for number in numbers]
        whole[kind] = compared(kind, campaigns, names, python, RUNS)
    tell({"problems": arguments.problems, "kinds": whole}, arguments.out)


if __name__ == "__main__":
    main()
