"""The examples of a register map: whole RTU frames, in hexadecimal."""

from collections.abc import Iterator
from typing import Any

from drivers.described.model import ExamplePart
from drivers.errors import InstrumentError
from drivers.modbus_frames import (
    READ_HOLDING,
    READ_INPUT,
    WRITE_ONE,
    RtuCodec,
    answer,
    read_request,
    write_request,
)
from drivers.table import BadValue


def register_faults(at: str, part: ExamplePart, instrument: Any) -> Iterator[str]:
    """Return what is wrong with one example of a Modbus description."""
    try:
        request = bytes.fromhex(part.send)
        reply = bytes.fromhex(part.reply) if part.reply is not None else None
    except ValueError as error:
        yield f"{at}.send: frames of registers are hexadecimal, with their CRC: {error}"
        return
    if len(request) < 8:
        yield f"{at}.send: {request.hex(' ').upper()} is no request"
        return
    if part.error is None:
        yield from _request_faults(at, part, instrument, request)
    if reply is not None:
        yield from _reply_faults(at, part, instrument, request, reply)


def _request_faults(at: str, part: ExamplePart, instrument: Any, request: bytes) -> Iterator[str]:
    unit = request[0]
    for name, value in part.sets.items():
        signal = instrument.part(name)
        try:
            registers = signal.row.encode(value)
        except ValueError as error:
            yield f"{at}.sets.{name}: {error}"
            continue
        sent = write_request("rtu", unit, signal.span.start, registers, signal.row.writes_by)
        if sent != request:
            yield f"{at}.send: for {name} = {value!r} the driver sends {sent.hex(' ').upper()}"
    if part.gives:
        spans = [instrument.part(name).span for name in part.gives]
        start, end = min(s.start for s in spans), max(s.end for s in spans)
        sent = read_request("rtu", unit, spans[0].function, start, end - start)
        if sent != request:
            names = ", ".join(part.gives)
            yield f"{at}.send: to read {names} the driver sends {sent.hex(' ').upper()}"


def _reply_faults(
    at: str, part: ExamplePart, instrument: Any, request: bytes, reply: bytes
) -> Iterator[str]:
    codec = RtuCodec()
    codec.feed(reply)
    frame = codec.next_frame()
    if frame is None:
        yield f"{at}.reply: is no whole frame with a right CRC"
        return
    got = answer("rtu", frame)
    if got.exception:
        if part.error is None:
            yield f"{at}.reply: is exception {got.exception:02X}"
        return
    if part.error is not None:
        yield f"{at}.reply: is no exception, expected {part.error!r}"
    if got.function == WRITE_ONE or got.function not in {READ_HOLDING, READ_INPUT}:
        return
    first = int.from_bytes(request[2:4], "big")
    yield from _value_faults(at, part, instrument, dict(enumerate(got.registers, first)))


def _value_faults(
    at: str, part: ExamplePart, instrument: Any, held: dict[int, int]
) -> Iterator[str]:
    from drivers.described.examples import same

    for name, wanted in part.gives.items():
        signal = instrument.part(name)
        span = range(signal.span.start, signal.span.end)
        if any(register not in held for register in span):
            yield f"{at}.gives.{name}: its registers are not in the reply"
            continue
        try:
            value = signal.row.decode([held[register] for register in span])
        except (BadValue, InstrumentError) as fault:
            yield f"{at}.gives.{name}: the driver finds no value ({fault})"
            continue
        if not same(value, wanted):
            yield f"{at}.gives.{name}: the driver reads {value!r}, not {wanted!r}"
