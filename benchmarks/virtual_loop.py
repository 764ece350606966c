"""How dear an iteration of the virtual loop is, beside asyncio's own loop on the same callbacks.

Three loads: callbacks that make the next one ready, timers that each set the next, and an exchange
in miniature (a task that waits for a reply under a deadline). The floor is asyncio's own loop doing
the same work with no waiting (timers due at once). Prints JSON.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine

from simulators.virtualtime import VirtualTimeLoop

N = 100_000


async def ready_callbacks() -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def step(left: int) -> None:
        if left:
            loop.call_soon(step, left - 1)
        else:
            done.set()

    step(N)
    await done.wait()


async def timers() -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    delay = 0.001 if isinstance(loop, VirtualTimeLoop) else 0.0

    def step(left: int) -> None:
        if left:
            loop.call_later(delay, step, left - 1)
        else:
            done.set()

    loop.call_later(3600, done.set)
    step(N)
    await done.wait()


async def exchanges() -> None:
    loop = asyncio.get_running_loop()
    delay = 0.02 if isinstance(loop, VirtualTimeLoop) else 0.0
    for _ in range(N // 10):
        reply: asyncio.Future[None] = loop.create_future()
        loop.call_later(delay, reply.set_result, None)
        async with asyncio.timeout(1.0):
            await reply


def seconds(
    load: Callable[[], Coroutine[None, None, None]],
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> float:
    best = float("inf")
    for _ in range(3):
        with asyncio.Runner(loop_factory=factory) as runner:
            start = time.perf_counter()
            runner.run(load())
            best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    result = {}
    for load, count in ((ready_callbacks, N), (timers, N), (exchanges, N // 10)):
        floor = seconds(load, asyncio.new_event_loop)
        mine = seconds(load, VirtualTimeLoop)
        result[load.__name__] = {
            "virtual_per_s": round(count / mine),
            "asyncio_per_s": round(count / floor),
            "ratio": round(mine / floor, 3),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
