"""Runs all benchmarks, one after the other, and writes their JSON into a folder.

python -m benchmarks [--quick] [--out DIR] [NAME ...]
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# name -> (arguments of a quick run, arguments of a full run)
SCRIPTS = {
    "accuracy": ((), ()),
    "catechol": ((), ()),
    "select_resin": ((), ()),
    "extrapolation": (
        (
            "--seeds",
            "1",
            "--truths",
            "volcano",
            "--forms",
            "random,conventional,swed",
            "--no-errors",
        ),
        (),
    ),
    "startup": (("--runs", "5", "--settle", "3"), ("--runs", "30")),
    "virtual_loop": ((), ()),
    "plant": ((), ()),
    "driver_path": ((), ()),
    "ports32": (("--seconds", "3"), ("--seconds", "30")),
    "modbus_plan": (("--maps", "300"), ("--maps", "5000")),
    "recovery": (("--rounds", "3"), ("--rounds", "100")),
    "trip_latency": (("12", "--idle", "2"), ("200",)),
    "store": ((), ()),
    "mqtt_latency": (("--rounds", "200"), ("--rounds", "1000")),
    "hostile": (("--exchanges", "5000"), ()),
    "loop_lag": (("--seconds", "6"), ("--seconds", "40")),
    "steady_state": (("--steps", "200"), ("--steps", "1000")),
    "planner_start": (("--runs", "1"), ("--runs", "5")),
    "planners": (("--quick",), ("--cached",)),
    "planners.price": (("--problems", "snar", "--seeds", "2"), ()),
    "planners.drawn": (
        ("--problems", "2", "--kinds", "yield,names", "--planners", "bayes,lhs"),
        (),
    ),
    "demo": (("--seeds", "1", "--experiments", "12", "--starts", "1"), ("--seeds", "10")),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCRIPTS)}")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in SCRIPTS]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}; known: {', '.join(SCRIPTS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    failed = [n for n in arguments.names or SCRIPTS if not run(n, arguments)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run(name: str, arguments: argparse.Namespace) -> bool:
    """Run one script; return whether it gave a JSON document."""
    options = SCRIPTS[name][0 if arguments.quick else 1]
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent, check=False)
    try:
        document = json.loads(done.stdout)
    except ValueError:
        print(f"{name}: exit {done.returncode}, no JSON\n{done.stderr}", file=sys.stderr)
        return False
    (arguments.out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"== {name}\n{json.dumps(document, indent=1)}", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
