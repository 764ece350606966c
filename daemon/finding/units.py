"""Looking for Modbus units on a line, by reads alone.

The question is a read of register 0 by function 03: whoever is there answers it or refuses it, and
either answer differs from the question, so that a two-wire converter's echo is not taken for a
unit (an answer to function 08 would be its question again).
"""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Literal

from daemon.finding.asking import Heard, OpenPort
from drivers.modbus_frames import READ_HOLDING, read_request
from drivers.probes import modbus_answers

UNIT_S = 0.2  # for an answer: units answer within some 20 ms, gateways are slower


async def modbus_units(
    port: OpenPort, framing: Literal["rtu", "tcp"], units: Sequence[int]
) -> AsyncGenerator[tuple[int, Heard | None]]:
    """Yield each unit with what it answered, None when it is not there."""
    for unit in units:
        request = read_request(framing, unit, READ_HOLDING, 0, 1)
        heard = await port.ask(request, partial(_there, framing, unit), UNIT_S)
        yield unit, heard if heard.identity is not None else None


def _there(framing: Literal["rtu", "tcp"], unit: int, heard: bytes) -> str | None:
    for reply in modbus_answers(framing, heard):
        if (reply.unit, reply.function) == (unit, READ_HOLDING):
            behind_gateway = reply.exception in {10, 11}  # a gateway speaks for a unit that is not
            return None if behind_gateway else "there"
    return None
