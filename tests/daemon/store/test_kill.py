"""Kill -9 in the middle of writing: every record that was acknowledged is there."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.store.reader import Reader
from daemon.store.schema import FILE_NAME

ROOT = Path(__file__).parents[3]

WRITER = """
import asyncio, sys
from daemon.events import EventBus
from daemon.store.writer import Store
from daemon.timebase import Timebase, is_virtual
from drivers.signal import Reading
from simulators.virtualtime import VirtualTimeLoop

async def main(directory, boot):
    timebase = Timebase.virtual() if is_virtual() else Timebase.real()
    store, bus = Store.open(directory, timebase=timebase, boot=boot, rig="flow-1"), EventBus()
    store.listen(bus)
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    for i in range(100000):
        bus.readings([Reading("a.b", float(i), "", loop.time() + i / 1e4)])
        event = bus.emit("experiment", id=f"{boot}-{i}", state="running", requested={"n": i})
        await store.commit(event)
        print(f"{boot}-{i}", flush=True)

loop = VirtualTimeLoop() if sys.argv[3] == "virtual" else asyncio.new_event_loop()
loop.run_until_complete(main(sys.argv[1], sys.argv[2]))
"""


def run_and_kill(directory, boot, clock, after):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), boot, clock],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    acknowledged = []
    with process, process.stdout as out:
        for line in out:
            if line.strip() != "ready":
                acknowledged.append(line.strip())
            if len(acknowledged) >= after and process.poll() is None:
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return acknowledged


@pytest.mark.parametrize("clock", ["real", "virtual"])
def test_every_acknowledged_record_survives_sigkill_again_and_again(tmp_path, clock):
    rng, acknowledged = random.Random(7), []
    for start in range(3):
        acknowledged += run_and_kill(tmp_path, f"b{start}", clock, rng.randint(20, 150))
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    events = [
        json.loads(row[0])["id"]
        for row in connection.execute(
            "SELECT data FROM events WHERE kind = 'experiment' ORDER BY seq"
        )
    ]
    connection.close()
    assert [e for e in events if e in set(acknowledged)] == acknowledged
    with Reader(tmp_path) as reader:
        assert set(acknowledged) <= {experiment.id for experiment in reader.experiments()}


def test_what_was_in_flight_is_marked_interrupted_at_the_next_start(tmp_path):
    (first, *_) = run_and_kill(tmp_path, "b0", "real", 3)
    run_and_kill(tmp_path, "b1", "real", 1)
    with Reader(tmp_path) as reader:
        by_id = {experiment.id: experiment for experiment in reader.experiments()}
        kinds = [
            row["data"] for row in reader.rows("SELECT data FROM events WHERE kind = 'decision'")
        ]
    assert by_id[first].status == "interrupted"
    assert "in flight" in by_id[first].reason
    assert any(first in data and "experiment interrupted" in data for data in kinds)
