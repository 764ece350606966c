"""Far ends that answer in order, each answer late or lost, and a driver of bare values."""

import asyncio
from collections.abc import Callable

from drivers.ascii import AsciiInstrument, AsciiSignal

HELD = {"PV?": "23.75", "SP?": "60.00", "RUN?": "1", "WHO?": "I am B"}


class Bare(AsciiInstrument):
    """Replies are bare values; only its name is unmistakable."""

    fence = "WHO?"
    fence_reply = r"I am \w+"

    temperature = AsciiSignal(float, "degC", read="PV?")
    setpoint = AsciiSignal(float, "degC", read="SP?", write="SP {:.2f}", limits=(-20, 200))
    running = AsciiSignal(bool, read="RUN?", write="RUN {:d}")


class InOrder:
    """A script that answers from ``held`` in order; ``delay(request)`` None: the reply is lost."""

    def __init__(
        self, delay: Callable[[str], float | None], held: dict[str, str] | None = None
    ) -> None:
        self.delay, self.held = delay, HELD if held is None else held
        self._free_at = 0.0

    def __call__(self, request: bytes):
        text = request.decode().strip()
        after = self.delay(text)
        if after is None:
            return []
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now + after)
        return [(self._free_at - now, self.held.get(text, text).encode() + b"\r\n")]
