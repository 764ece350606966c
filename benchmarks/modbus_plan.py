"""Planned Modbus reads beside the best there are: line time on small random register maps.

For each map the planner's frames, the cheapest cover by exhaustive search (the tests' own, on the
same model of a frame's time: the standard's characters and silences, and 10 ms turn-round), and the
floor everybody starts from: one frame for each value. Counts registers that no table declares.

    python -m benchmarks.modbus_plan [--maps N]
"""

import argparse
import json
import random

from drivers.registers import Span, plan, serial_overhead
from tests.drivers.modbus.test_registers import BAUDS, cheapest_cover, frame_s

MAX_COUNT = 16


def random_map(rng):
    """Return declared values with gaps between them, and some of them wanted."""
    declared, at = [], 0
    for _ in range(rng.randint(2, 8)):
        at += rng.choice([0, 0, 0, 1, 3])
        count = rng.choice([1, 1, 2])
        declared.append(Span(3, at, count))
        at += count
    return declared, rng.sample(declared, rng.randint(1, len(declared)))


def one(rng, baud):
    """Return planned time over the best, single frames over the best, and undeclared registers."""
    declared, wanted = random_map(rng)
    frames = plan(wanted, declared, max_count=MAX_COUNT, overhead=serial_overhead(baud))
    register_s, dead_s = 2 * 10 / baud, frame_s(0, baud, 10)
    best = cheapest_cover(declared, wanted, MAX_COUNT, dead_s / register_s) * register_s
    planned = sum(frame_s(frame.count, baud, 10) for frame in frames)
    singly = sum(frame_s(span.count, baud, 10) for span in wanted)
    known = {r for span in declared for r in range(span.start, span.end)}
    foreign = sum(r not in known for f in frames for r in range(f.start, f.end))
    return planned / best, singly / best, foreign


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", type=int, default=5000)
    arguments = parser.parse_args()
    rng = random.Random(1)
    result = {"maps_per_rate": arguments.maps, "aim_worst_over_best": 1.05, "rates": {}}
    for baud in BAUDS:
        rows = [one(rng, baud) for _ in range(arguments.maps)]
        result["rates"][baud] = {
            "worst_over_best": round(max(row[0] for row in rows), 4),
            "one_frame_per_value_over_best": round(sum(row[1] for row in rows) / len(rows), 3),
            "undeclared_registers": sum(row[2] for row in rows),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
