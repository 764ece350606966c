"""Calls of the console that are none of a driver's roles, as they are made and made again."""

from typing import Any

from drivers.bus import Bus
from drivers.signal import Lane

BY_HAND = frozenset({"wire", "registers", "ask"})


async def raw_exchange(bus: Bus, instrument: str, data: bytes, timeout_s: float) -> str:
    """Send bytes as they are; return the first frame that comes back, in hexadecimal."""

    def match(frame: bytes) -> bytes:
        return frame

    reply = await bus.exchange(instrument, data, match, lane=Lane.COMMAND, timeout_s=timeout_s)
    return reply.hex()


async def again(instrument: Any, bus: Bus, do: str, arguments: list[Any]) -> Any:
    """Make a call of the console again, as it was recorded."""
    if do == "wire":
        data, timeout_s = arguments
        try:
            return await raw_exchange(bus, instrument.name, bytes.fromhex(data), timeout_s)
        finally:
            if doubt := getattr(instrument, "doubt", None):
                doubt()
    if do == "registers":
        start, count, function = arguments
        return await instrument.read_registers(start, count, lane=Lane.COMMAND, function=function)
    return await instrument.ask(*arguments)
