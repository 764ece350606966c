"""A shared line on a bad night: coming back, a dead member, and a trip behind a full queue.

Real rig, supervisors, Modbus drivers and bus, in virtual time over a simulated RS-485 line at 9600
baud; figures are those of the clock the instruments live by. Beside each its floor in the same run:

reconnect: from an instrument's return to its first command being taken; floor: asking who it is.
dead member: line time it costs the others, and their longest gap; floor: the same line unharmed.
trip: from the trip to its write on the wire, while ten others keep the queue full; floor: the
exchange that may be under way.

    python -m benchmarks.recovery [--rounds N]
"""

import argparse
import asyncio
import json
from itertools import pairwise

import structlog

from simulators.virtualtime import VirtualTimeLoop
from tests.daemon.rig.shared import PORT, SharedRig

TRIP_WRITES = (b"\x06", b"\x10")  # functions


def now():
    return asyncio.get_running_loop().time()


def line_of(shared):
    return shared.rig.lines._lines[PORT].link  # noqa: SLF001 -- to measure it


async def reconnect(rounds, members):
    """Return the times from return to connected, s, and how long an identity takes."""
    found = []
    async with SharedRig([1.0] * members).running() as shared:
        await asyncio.sleep(5)
        began = now()
        await shared.rig.instruments["p0"].identify()
        floor = now() - began
        for k in range(rounds):
            shared.line.disturb("p0", "silent")
            await asyncio.sleep(20 + 0.171 * k)
            shared.line.disturb("p0", "ok")
            began = now()
            while not shared.rig.connected("p0"):
                await asyncio.sleep(0.005)
            found.append(now() - began)
    return {
        "members": members,
        "worst_s": round(max(found), 3),
        "mean_s": round(sum(found) / len(found), 3),
        "identity_s": round(floor, 3),
        "worst_over_identity": round(max(found) / floor, 1),
        "aim_s": 2.0,
    }


async def dead_member(seconds):
    """Return what one silent member of four costs."""
    async with SharedRig([1.0] * 4).running() as shared:
        await asyncio.sleep(10)
        bus = line_of(shared)
        began, before = now(), bus.counters.copy()
        await asyncio.sleep(seconds)
        floor_busy = (bus.counters.busy_s - before.busy_s) / seconds
        floor_gap = max(shared.gaps("p1.pressure", since=began))
        shared.line.disturb("p0", "silent")
        await asyncio.sleep(20)
        shared.sent.clear()
        began, before = now(), bus.counters.copy()
        await asyncio.sleep(seconds)
        asked = [t for t, frame in shared.sent if frame[0] == 1]
        timeout_s = 0.5  # of a Modbus driver
        busy = (bus.counters.busy_s - before.busy_s) / seconds
        lost_s = (busy - 0.75 * floor_busy) * seconds / max(1, len(asked))
        gap = max(max(shared.gaps(f"p{i}.pressure", since=began)) for i in (1, 2, 3))
    return {
        "line_busy_share": round(busy, 3),
        "line_busy_share_unharmed": round(floor_busy, 3),
        "longest_gap_of_others_s": round(gap, 3),
        "longest_gap_unharmed_s": round(floor_gap, 3),
        "deadline_s": timeout_s,
        "seconds_between_attempts": round(seconds / max(1, len(asked)), 3),
        "deadlines_per_attempt": round(lost_s / timeout_s, 2),
        "aim_deadlines_per_attempt": 1.0,
    }


async def trip(rounds):
    """Return how long the write of a trip waits behind a full queue of polls."""
    waits, longest = [], 0.0
    async with SharedRig([0.05] * 10, heaters=1).running() as shared:
        await asyncio.sleep(10)
        heater = len(shared.line.stations)
        for k in range(rounds):
            await shared.rig.guard.set_temperature("heater0", 80.0)
            await asyncio.sleep(1.0 + 0.0137 * k)
            await asyncio.sleep(0.07 * k / rounds)  # anywhere in the exchange under way
            times = [t for t, _ in shared.sent]  # back to back: the line is full
            longest = max(longest, *(b - a for a, b in pairwise(times)))
            shared.sent.clear()
            at = now()
            shared.rig.emergency_stop("benchmark")
            while not (
                t := [t for t, f in shared.sent if f[0] == heater and f[1:2] in TRIP_WRITES]
            ):
                await asyncio.sleep(0.0005)
            waits.append(t[0] - at)
            await shared.rig.trip.settled()
            shared.rig.reset()
    return {
        "queue": 10,
        "worst_s": round(max(waits), 4),
        "mean_s": round(sum(waits) / len(waits), 4),
        "longest_exchange_s": round(longest, 4),
        "worst_over_exchange": round(max(waits) / longest, 2),
        "aim_worst_over_exchange": 1.0,
    }


def virtually(coroutine):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    result = {
        "reconnect_alone": virtually(reconnect(arguments.rounds, 1)),
        "reconnect_beside_others": virtually(reconnect(arguments.rounds, 4)),
        "dead_member": virtually(dead_member(10.0 * arguments.rounds)),
        "trip": virtually(trip(arguments.rounds)),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
