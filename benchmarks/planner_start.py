"""The planner's first answer after a start of the daemon, and the same point everywhere.

python -m benchmarks.planner_start [--runs N]

The daemon is started on the example's rig, simulated in real time, and the record is watched for
the first point: from the start of the process, with connecting to every instrument. Once more with
the syringe pump that has come out of the box: found in another mode than the configured one, it
takes a deadline and half a second more, and the planner has nothing to do with that. Beside it the
planner's process alone: from its start to its first answer. The floor is a bare Python that
imports scikit-learn and answers nothing. Then one history is asked about in processes that differ
in threads, hash seed and working directory: the points must be equal to the last digit. With the
numerics of another processor they may differ in the last digits, and how much is told.
"""

import argparse
import asyncio
import json
import logging
import os
import re
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import structlog

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config" / "flow.toml"
FLOOR = "import sklearn.gaussian_process, scipy.optimize"
ASK = """
import json, sys
from planners.base import Observation, Measured, Problem
from planners.registry import make_planner
from planners.suggest import ask
document = json.loads(sys.stdin.read())
problem = Problem.from_json(document["problem"])
runs = [Observation(p, {"y": Measured(y)}) for p, y in document["history"]]
answer = ask(make_planner("bayes", {}, seed=7), problem, runs, 2, 7)
print(json.dumps([s.point for s in answer.suggestions]))
"""


def first_point(runs, *, new_pump):
    """Return s from the start of the daemon to its first point in the record, by run."""
    text = re.sub(r"\[mqtt\]\nhost = .*\n", "", CONFIG.read_text())
    if not new_pump:  # then the configuration names the mode of a new one
        text, changed = re.subn(r'(driver = "new-era-ne1000"\n)', r"\1safe_mode_s = 0\n", text)
        assert changed, "the example has no such pump"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "rig.toml"
        config.write_text(text)
        return [_first_point(config, Path(folder) / f"data-{n}") for n in range(runs)]


def _first_point(config, data):
    command = [sys.executable, "-m", "daemon", "run", str(config), "--simulate"]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--data", str(data)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        while not _has_point(data / "taylord.sqlite"):
            time.sleep(0.01)
        return time.perf_counter() - started
    finally:
        process.kill()
        process.wait(60)


def _has_point(path):
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT COUNT(*) FROM suggestions").fetchone()[0] > 0
    except sqlite3.Error:
        return False


def first_answer(runs):
    """Return s from the start of the planner's process to its first answer, by run."""
    from daemon.planning.worker import NamedPlanner, PlannerWorker
    from planners.base import Problem

    problem = Problem.from_json(_document()["problem"])

    async def once():
        started = time.perf_counter()
        async with PlannerWorker() as worker:
            await worker.suggest(NamedPlanner("bayes"), problem, [], 1, 0)
            return time.perf_counter() - started

    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)  # standard output is for the figures
    return [asyncio.run(once()) for _ in range(runs)]


def floor(runs):
    """Return s of a Python that only imports what the planner needs, by run."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", FLOOR], check=True)
        times.append(time.perf_counter() - started)
    return times


def _document():
    factors = [
        {"name": "temperature", "low": 30.0, "high": 120.0, "transform": "reciprocal_kelvin"},
        {"name": "time", "low": 0.5, "high": 10.0, "transform": "log"},
        {"name": "base", "kind": "categorical", "levels": ["A", "B", "C"]},
        {"name": "blend", "kind": "composition", "components": ["p", "q", "r"]},
    ]
    points = []
    for n in range(24):
        share = (n % 5) / 4
        blend = {"p": share * 0.7, "q": (1 - share) * 0.7, "r": 1 - 0.7}
        point = {"temperature": 30.0 + 3.7 * n, "time": 0.5 + 0.37 * n, "base": "ABC"[n % 3]}
        points.append((point | {"blend": blend}, 50 - 0.01 * (n - 11.5) ** 2 + (n % 3) + share))
    problem = {"factors": factors, "responses": [{"name": "y", "goal": "maximise"}]}
    return {"problem": problem, "history": points}


def same_points():
    """Return the points of each environment, as text, by its name."""
    places = {
        "one thread": {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        "four threads": {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
        "hash seed 1": {"PYTHONHASHSEED": "1"},
        "hash seed 2": {"PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
        "older processor": {"OPENBLAS_CORETYPE": "Nehalem"},
    }
    with ThreadPoolExecutor(2) as two:  # beside each other: nobody measures how long they take
        return dict(zip(places, two.map(_points_in, places.values()), strict=True))


def _points_in(changes):
    """Return the points of a process of its own whose environment differs in this, as text."""
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            [sys.executable, "-c", ASK],
            input=json.dumps(_document()),
            env=os.environ | {"PYTHONPATH": str(ROOT)} | changes,
            cwd=elsewhere,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


def difference(one, other):
    """Return the greatest difference between numbers of two answers, relative to the number."""
    pairs = zip(_numbers(json.loads(one)), _numbers(json.loads(other)), strict=True)
    return max(
        (abs(a - b) / max(abs(a), 1e-12) if isinstance(a, float) else float(a != b))
        for a, b in pairs
    )


def _numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    daemon, new_pump = (first_point(runs, new_pump=new) for new in (False, True))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    answers = first_answer(runs)
    cpu = (resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before) / runs
    bare, points = floor(runs), same_points()
    own = [text for name, text in points.items() if name != "older processor"]
    print(
        json.dumps(
            {
                "daemon_start_to_first_point_s": round(statistics.median(daemon), 3),
                "worst_s": round(max(daemon), 3),
                "with_a_pump_in_another_mode_s": round(statistics.median(new_pump), 3),
                "planner_start_to_first_answer_s": round(statistics.median(answers), 3),
                "planner_cpu_s": round(cpu, 3),
                "floor_imports_s": round(statistics.median(bare), 3),
                "ratio_to_floor": round(statistics.median(answers) / statistics.median(bare), 2),
                "same_point_everywhere": len(set(own)) == 1,
                "difference_on_another_processor": difference(own[0], points["older processor"]),
                "held": max(daemon) <= 3.0 and len(set(own)) == 1,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
