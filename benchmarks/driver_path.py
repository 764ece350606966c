"""What an exchange costs: driver, bus and codec over a memory pipe, beside a bare read and write.

The far end answers at once with a fixed reply, so that no simulated instrument is in the figure.
The floor is a task that writes the request and awaits the reply on the same pipe. CPU time per
exchange, best of several rounds; prints JSON. Run: ``python -m benchmarks.driver_path``.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from drivers.codec import packet
from drivers.registry import Lines
from drivers.signal import Lane

ROUNDS, N = 7, 4000


class Pipe:
    """Both ends of a pipe whose far end knows one answer to each request."""

    description = "pipe"

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._inbox: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def read(self) -> bytes:
        if not self._inbox:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = b"".join(self._inbox)
        self._inbox.clear()
        return data

    async def write(self, data: bytes) -> None:
        asyncio.get_running_loop().call_soon(self._arrive, self._answers[data])

    def _arrive(self, data: bytes) -> None:
        self._inbox.append(data)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def best_us(act: Callable[[], Awaitable[object]], n: int = N) -> float:
    """Return the CPU time of one ``act``, us."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(n):
            await act()
        best = min(best, time.process_time() - start)
    return best / n * 1e6


async def floor_us(request: bytes, reply: bytes) -> float:
    """Return the CPU time of a bare write and read through the same pipe, us."""
    pipe = Pipe({request: reply})

    async def act() -> None:
        await pipe.write(request)
        await pipe.read()

    return await best_us(act)


CASES = {
    "knauer-azura-pump pressure": (
        "knauer-azura-pump",
        {},
        "pressure",
        b"PRESSURE?\n\r",
        b"PRESSURE:12\r",
    ),
    "huber-pilot-one temperature": (
        "huber-pilot-one",
        {},
        "temperature",
        b"{M01****\r\n",
        b"{S011010\r\n",
    ),
    "new-era-ne1000 flow, safe mode": (
        "new-era-ne1000",
        {"syringe": {"diameter_mm": 26.59, "volume_ml": 60.0}},
        "flow",
        packet(b"0RAT"),
        packet(b"00I500.0UM"),
    ),
}


async def case(name: str) -> dict[str, float]:
    """Return the figures of one driver's query."""
    driver, options, signal, request, reply = CASES[name]
    lines = Lines(lambda _port, _line: Pipe({request: reply}))
    instrument = lines.instrument("i", driver, "socket://bench:1", options, {})
    await lines.open("i")
    bus = lines.link("i")
    driver_us = await best_us(lambda: instrument.poll([signal]))
    bus_us = await best_us(
        lambda: bus.exchange("i", request, lambda f: f, lane=Lane.POLL, timeout_s=1.0)
    )
    bare_us = await floor_us(request, reply)
    await lines.close()
    return {
        "bare_us": round(bare_us, 1),
        "bus_us": round(bus_us, 1),
        "driver_us": round(driver_us, 1),
        "bus_ratio": round(bus_us / bare_us, 2),
        "driver_ratio": round(driver_us / bare_us, 2),
    }


async def main() -> dict[str, dict[str, float]]:
    return {name: await case(name) for name in CASES}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main()), indent=2))
