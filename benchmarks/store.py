"""What the store costs beside bare SQLite doing the same commits, in the same run.

    python benchmarks/store.py [--commits 500] [--readings 200000] [--out FILE.json]

Durable: one event, one ``commit`` barrier, ``synchronous=FULL`` through the writer thread; the
floor is a bare sqlite3 loop with the same rows, pragmas and file system, in one thread. Telemetry:
readings handed to the store until they are on the disk; the floor is a bare ``executemany``. In
virtual time the same without a thread, and with NORMAL. The two take turns.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from daemon.events import EventBus
from daemon.store.recorder import Recorder
from daemon.store.schema import TABLES
from daemon.store.telemetry import ADD_READING, Telemetry
from daemon.store.writer import Store
from daemon.timebase import Timebase, is_virtual
from drivers.signal import Reading
from simulators.virtualtime import VirtualTimeLoop

ROUNDS = 5
DOCUMENT = {
    "id": "e-0001",
    "state": "running",
    "requested": {"temperature": 80.0, "residence_time": 1.5, "concentration": 0.3},
    "commanded": {"temperature": 80.0, "flow.substrate": 0.25, "flow.amine": 0.25},
}


def bare(folder, synchronous):
    connection = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.executescript(TABLES)
    return connection


def bare_commits(connection, rows, n):
    began = time.perf_counter()
    for _ in range(n):
        connection.execute("BEGIN IMMEDIATE")
        for sql, values in rows:
            connection.execute(sql, values)
        connection.execute("COMMIT")
    return n / (time.perf_counter() - began)


def bare_readings(connection, rows):
    began = time.perf_counter()
    for at in range(0, len(rows), 5000):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(ADD_READING, rows[at : at + 5000])
        connection.execute("COMMIT")
    return len(rows) / (time.perf_counter() - began)


async def measure(folder, n, n_readings):
    virtual = is_virtual()
    timebase = Timebase.virtual() if virtual else Timebase.real()
    store, bus = Store.open(folder / "data", timebase=timebase, boot="b"), EventBus()
    store.listen(bus)
    floor = bare(folder, "NORMAL" if virtual else "FULL")
    recorder, telemetry = Recorder("b", timebase, 0.0), Telemetry("b", timebase)
    event = bus.emit("experiment", **DOCUMENT)
    recorder.event(event)  # the view is made once, not at every commit
    rows = recorder.event(event)
    figures = {"store": [], "bare": [], "store_readings": [], "bare_readings": []}
    for turn in range(ROUNDS):
        figures["bare"].append(bare_commits(floor, rows, n))
        began = time.perf_counter()
        for _ in range(n):
            await store.commit(bus.emit("experiment", **DOCUMENT))
        figures["store"].append(n / (time.perf_counter() - began))
        start = turn * n_readings
        made = [Reading(f"s.{i % 10}", i * 0.1, "", start + i * 0.1) for i in range(n_readings)]
        prepared = telemetry.rows(made, [])
        figures["bare_readings"].append(bare_readings(floor, prepared))
        began = time.perf_counter()
        for at in range(0, n_readings, 10):
            bus.readings(made[at : at + 10])
        await store.flush()
        figures["store_readings"].append(n_readings / (time.perf_counter() - began))
    floor.close()
    await store.close()
    return {name: round(statistics.median(values), 1) for name, values in figures.items()}


def run(loop, n, n_readings):
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        try:
            got = loop.run_until_complete(measure(Path(folder), n, n_readings))
        finally:
            loop.close()
    return {
        "commits_per_s": got["store"],
        "bare_commits_per_s": got["bare"],
        "commit_time_ratio": round(got["bare"] / got["store"], 2),
        "readings_per_s": got["store_readings"],
        "bare_readings_per_s": got["bare_readings"],
        "reading_time_ratio": round(got["bare_readings"] / got["store_readings"], 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commits", type=int, default=300)
    parser.add_argument("--readings", type=int, default=50_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result = {
        "benchmark": "store",
        "cpus": os.cpu_count(),
        "real_time": run(asyncio.new_event_loop(), options.commits, options.readings),
        "virtual_time": run(VirtualTimeLoop(), options.commits, options.readings),
    }
    document = json.dumps(result, indent=1)
    print(document)
    if options.out:
        options.out.write_text(document)


if __name__ == "__main__":
    main()
