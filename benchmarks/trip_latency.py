"""How fast a trip is: from the offending reading's last byte to the first byte of the stop.

The daemon's own rig (drivers, buses, supervisors, interlocks, trip) speaks over real TCP to pumps
in another process, which now and then answer with a pressure above the interlock's threshold, and
take the time from the last byte of that answer to the first byte of ``OFF``. The floor is an idle
ticker on the same kind of loop in the same run: how late a 5 ms timer is.

    python benchmarks/trip_latency.py [TRIALS] [--idle SECONDS]

Writes JSON to standard output: quantiles in us, and the ratio of the 99 % ones (aim: at most 2).
"""

import argparse
import asyncio
import json
import multiprocessing
import socket
import sys
import threading
import time
from statistics import quantiles

import structlog

from daemon.events import EventBus
from daemon.loop import run_real
from daemon.rig.rig import Rig
from daemon.settings.models import Settings
from drivers.registry import Lines

PUMPS = 3
POLLS_BETWEEN = 5  # good readings between two offending ones
POLL_S = 0.02
REST_S = 0.8  # a trip's record of the last minutes is written half a second after it
TICK_S = 0.005
LONGEST_S = 400.0
ANSWERS = {
    b"HEADTYPE?": b"HEADTYPE:10",
    b"PMAX10?": b"PMAX10:20",
    b"ERRORS?": b"ERRORS:0,0,0,0,0",
    b"FLOW?": b"FLOW:0",
    b"IMOTOR?": b"IMOTOR:0",
    b"STARTMODE?": b"STARTMODE:0",
    b"OFF": b"OFF:OK",
    b"ON": b"ON:OK",
}


class Pumps:
    """Blocking pumps, one thread each; the first one offends."""

    def __init__(self, trials, results):
        self.trials, self.results = trials, results
        self.offended_at, self.ended_at = None, 0.0
        self.stopped = [0.0] * PUMPS
        self.lock = threading.Lock()

    def serve(self, number, listener):
        while True:  # a client that was lost may come again
            self.answer(number, listener)

    def answer(self, number, listener):
        with listener.accept()[0] as conn:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data, good = b"", 0
            while chunk := conn.recv(4096):
                at = time.perf_counter()
                data += chunk
                if b"OFF" in data:
                    self.note(number, at)
                while b"\n\r" in data:
                    request, _, data = data.partition(b"\n\r")
                    if request == b"PRESSURE?":
                        good += 1
                        self.answer_pressure(conn, number, good)
                    else:
                        done = request.partition(b":")[0] + b":OK"
                        conn.sendall(ANSWERS.get(request, done) + b"\r")

    def answer_pressure(self, conn, number, good):
        rested = time.perf_counter() - self.ended_at > REST_S
        if number == 0 and rested and good % POLLS_BETWEEN == 0 and self.offended_at is None:
            with self.lock:
                self.stopped = [0.0] * PUMPS
                self.offended_at = time.perf_counter()
            conn.sendall(b"PRESSURE:99\r")
        else:
            conn.sendall(b"PRESSURE:7\r")

    def note(self, number, at):
        with self.lock:
            if self.offended_at is None or self.stopped[number]:
                return
            self.stopped[number] = at
            if all(self.stopped):
                self.results.put(
                    (self.stopped[0] - self.offended_at, max(self.stopped) - self.offended_at)
                )
                self.offended_at = None
                self.ended_at = time.perf_counter()


def pumps_process(ports, trials, results):
    """Listen, tell the ports, and serve until the connections end."""
    sys.setswitchinterval(2e-5)  # else one pump's thread holds up another's clock for 5 ms
    pumps = Pumps(trials, results)
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(PUMPS)]
    ports.put([listener.getsockname()[1] for listener in listeners])
    threads = [
        threading.Thread(target=pumps.serve, args=(i, listener), daemon=True)
        for i, listener in enumerate(listeners)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def idle_ticker(seconds):
    """Return how late each tick of an idle loop is, s."""
    loop = asyncio.get_running_loop()
    late = []
    end = loop.time() + seconds
    while (due := loop.time() + TICK_S) < end:
        await asyncio.sleep(TICK_S)
        late.append(loop.time() - due)
    return late


def settings(ports):
    instruments = {
        f"pump-{i}": {
            "driver": "knauer-azura-pump",
            "port": f"socket://127.0.0.1:{port}",
            "poll_s": POLL_S,
            "limits": {"pressure": [0, 20]},
        }
        for i, port in enumerate(ports)
    }
    interlocks = [{"name": "line", "signal": "pump-0.pressure", "above": 15.0}]
    return Settings.model_validate(
        {"name": "bench", "instruments": instruments, "interlocks": interlocks}
    )


async def trips(ports, trials, results):
    """Trip and reset until there are enough results; return them."""
    events = EventBus()
    rig = Rig(settings(ports), Lines(), events)
    task = asyncio.create_task(rig.run())
    await rig.first_attempts()
    end = asyncio.get_running_loop().time() + LONGEST_S
    while results.qsize() < trials:
        if asyncio.get_running_loop().time() > end:
            sys.exit(f"only {results.qsize()} of {trials} trials within {LONGEST_S:g} s")
        await asyncio.sleep(POLL_S)
        if rig.trip.cause is not None:
            report = await rig.trip.settled()
            if report.safe and not rig.violated():
                rig.reset()
    task.cancel()
    await asyncio.wait([task])
    return [results.get() for _ in range(trials)]


def in_us(seconds):
    cuts = quantiles(seconds, n=100)
    return {
        "p50": round(cuts[49] * 1e6, 1),
        "p90": round(cuts[89] * 1e6, 1),
        "p99": round(cuts[98] * 1e6, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", type=int, nargs="?", default=300)
    parser.add_argument("--idle", type=float, default=5.0, help="s of the idle ticker, twice")
    arguments = parser.parse_args()
    trials = arguments.trials
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    context = multiprocessing.get_context("spawn")
    ports, results = context.Queue(), context.Queue()
    process = context.Process(target=pumps_process, args=(ports, trials, results), daemon=True)
    process.start()
    idle = run_real(idle_ticker(arguments.idle))
    measured = run_real(trips(ports.get(), trials, results))
    idle += run_real(idle_ticker(arguments.idle))
    process.terminate()  # pumps wait for clients without end
    process.join(5)
    own, last, ticker = (
        in_us([a for a, _ in measured]),
        in_us([b for _, b in measured]),
        in_us(idle),
    )
    print(
        json.dumps(
            {
                "trials": trials,
                "idle_ticker_us": ticker,
                "offending_pump_us": own,
                "last_of_three_pumps_us": last,
                "ratio_p99": round(own["p99"] / ticker["p99"], 2),
                "ratio_p99_last": round(last["p99"] / ticker["p99"], 2),
                "aim_at_most": 2.0,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
