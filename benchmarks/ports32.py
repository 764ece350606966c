"""Many serial ports at once: 32 pseudo-terminals paced at 9600 baud, one driver each.

The instruments are in another process: it takes a request, waits as long as the characters of
request and answer take on the wire, and hands the answer over (whole, when its last character is
there, or with ``--pieces`` every character for itself, as the worst adapter does). The driver side
is the real one: driver, bus, codec, serial transport, on the daemon's own loop. The floor is a bare
``os.write`` and ``os.read`` per exchange on the same ports, loop and process, in turns with it.

Prints JSON: exchanges against the ideal rate (no time but that of the characters), worst and mean
port, and CPU time of this process per wall time, where 1 is a whole core.

    python -m benchmarks.ports32 [--ports N] [--seconds S] [--pieces]
"""

import argparse
import asyncio
import heapq
import json
import multiprocessing
import os
import select
import time
import tty

from daemon.loop import run_real
from drivers.codec import packet
from drivers.registry import Lines

BAUD, BITS = 9600, 10
ROUNDS = 3
# driver, options, signal, request and answer as they are on a serial line
CASES = [
    ("knauer-azura-pump", {}, "pressure", b"PRESSURE?\r", b"PRESSURE:12\r"),
    ("huber-pilot-one", {}, "temperature", b"{M01****\r\n", b"{S011010\r\n"),
    (
        "new-era-ne1000",
        {"syringe": {"diameter_mm": 26.59, "volume_ml": 60.0}},
        "flow",
        packet(b"0RAT"),
        packet(b"00I500.0UM"),
    ),
]
AIMS = {"worst_of_ideal": 0.97, "cpu_share": 0.05}


def wire_s(data: bytes) -> float:
    """Return how long these characters take on the wire."""
    return len(data) * BITS / BAUD


class Instruments:
    """One instrument per terminal; blocking, with timers finer than a millisecond."""

    def __init__(self, count, pieces):
        self.pieces = pieces
        pairs = [os.openpty() for _ in range(count)]
        for pair in pairs:
            for end in pair:
                tty.setraw(end)
        self.names = [os.ttyname(theirs) for _, theirs in pairs]
        self.answers = {ours: CASES[i % len(CASES)][3:] for i, (ours, _) in enumerate(pairs)}
        self.half = dict.fromkeys(self.answers, b"")
        self.due = []

    def serve(self):
        fds = list(self.answers)
        while True:
            rest = max(0.0, self.due[0][0] - time.perf_counter()) if self.due else None
            ready, _, _ = select.select(fds, [], [], rest)
            now = time.perf_counter()
            while self.due and self.due[0][0] <= now:
                _, fd, piece = heapq.heappop(self.due)
                os.write(fd, piece)
            for fd in ready:
                self.take(fd, now)

    def take(self, fd, now):
        request, reply = self.answers[fd]
        self.half[fd] += os.read(fd, 4096)
        if self.half[fd] != request:
            return
        self.half[fd] = b""
        heard = now + wire_s(request)
        pieces = [reply[i : i + 1] for i in range(len(reply))] if self.pieces else [reply]
        for piece in pieces:
            heard += wire_s(piece)
            heapq.heappush(self.due, (heard, fd, piece))


def instruments_process(names, count, pieces):
    instruments = Instruments(count, pieces)
    names.put(instruments.names)
    instruments.serve()


async def through_drivers(ports, seconds):
    """Return the exchanges on each port, CPU and wall time."""
    lines, made = Lines(), []
    for i, port in enumerate(ports):
        driver, options, signal, _, _ = CASES[i % len(CASES)]
        made.append(
            (lines.instrument(f"i{i}", driver, port, {**options, "baud_rate": BAUD}, {}), signal)
        )
        await lines.open(f"i{i}")
    bad = []

    async def poll(instrument, signal):
        (reading,) = await instrument.poll([signal])
        if reading.value is None:
            bad.append(reading)

    try:
        figures = await _counted([lambda m=m: poll(*m) for m in made], seconds)
    finally:
        await lines.close()
    assert not bad, bad[0]
    return figures


async def bare(ports, seconds):
    """Return the same of a write and a read per exchange, and nothing else."""
    loop = asyncio.get_running_loop()
    acts, fds = [], []
    for i, port in enumerate(ports):
        fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        fds.append(fd)
        *_, request, reply = CASES[i % len(CASES)]
        acts.append(_bare_act(loop, fd, request, len(reply)))
    try:
        return await _counted(acts, seconds)
    finally:
        for fd in fds:
            loop.remove_reader(fd)
            os.close(fd)


def _bare_act(loop, fd, request, size):
    state = {"got": 0, "waiter": None}

    def readable():
        state["got"] += len(os.read(fd, 4096))
        if state["got"] >= size and state["waiter"] is not None and not state["waiter"].done():
            state["waiter"].set_result(None)

    loop.add_reader(fd, readable)

    async def act():
        state["got"], state["waiter"] = 0, loop.create_future()
        os.write(fd, request)
        await state["waiter"]

    return act


async def _counted(acts, seconds):
    """Do each act over and over, side by side; return counts, CPU and wall time of the time."""
    loop, counts, spent = asyncio.get_running_loop(), [0] * len(acts), [0.0] * len(acts)
    cpu, began = time.process_time(), loop.time()
    end = began + seconds

    async def over_and_over(i, act):
        while loop.time() < end:
            await act()
            counts[i] += 1
        spent[i] = loop.time() - began

    async with asyncio.TaskGroup() as tasks:
        for i, act in enumerate(acts):
            tasks.create_task(over_and_over(i, act))
    return counts, spent, time.process_time() - cpu, loop.time() - began


def shares(counts, spent):
    """Return each port's share of its ideal rate."""
    ideal = [1.0 / wire_s(case[3] + case[4]) for case in CASES]
    return [
        n / s / ideal[i % len(ideal)] for i, (n, s) in enumerate(zip(counts, spent, strict=True))
    ]


def figures(rounds):
    worst = [min(shares(counts, spent)) for counts, spent, _, _ in rounds]
    mean = [sum(shares(counts, spent)) / len(counts) for counts, spent, _, _ in rounds]
    best = min(rounds, key=lambda r: r[2] / sum(r[0]))
    return {
        "worst_of_ideal": round(sorted(worst)[len(worst) // 2], 4),
        "mean_of_ideal": round(sorted(mean)[len(mean) // 2], 4),
        "exchanges_per_s": round(sum(best[0]) / best[3], 1),
        "cpu_share": round(sorted(r[2] / r[3] for r in rounds)[len(rounds) // 2], 4),
        "cpu_us_per_exchange": round(best[2] / sum(best[0]) * 1e6, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ports", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--pieces", action="store_true")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    names = context.Queue()
    process = context.Process(
        target=instruments_process, args=(names, arguments.ports, arguments.pieces), daemon=True
    )
    process.start()
    ports = names.get()
    slice_s = arguments.seconds / ROUNDS / 2
    driven, floor = [], []
    for _ in range(ROUNDS):
        floor.append(run_real(bare(ports, slice_s)))
        driven.append(run_real(through_drivers(ports, slice_s)))
    process.terminate()
    process.join()
    result = {"ports": len(ports), "baud": BAUD, "drivers": figures(driven), "bare": figures(floor)}
    result["cpu_ratio"] = round(
        result["drivers"]["cpu_us_per_exchange"] / result["bare"]["cpu_us_per_exchange"], 2
    )
    result["aims"] = AIMS
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
