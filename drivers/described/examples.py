"""The examples of a description, run through its driver: what it sends, what it makes of replies.

Nothing is opened: requests are put together and replies taken apart as on a line. One fault line
each, ``examples.3.send: what is wrong``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any

from pydantic import ValidationError

from drivers.described.build import chosen, class_of
from drivers.described.model import Description, ExamplePart
from drivers.errors import Busy, CommandRejected, DeviceFault, InstrumentError
from drivers.intake import Handler
from drivers.signal import Value
from drivers.table import BadValue

ERRORS: Mapping[str, type[Exception]] = {
    "rejected": CommandRejected,
    "fault": DeviceFault,
    "busy": Busy,
    "no-value": BadValue,
}


@dataclass
class NoBus:
    """A line to nowhere, for instruments that only put texts together."""

    port: str = "(example)"
    handlers: list[Handler] = field(default_factory=list[Handler])

    def on_unsolicited(self, handler: Handler) -> None:
        """Keep a handler."""
        self.handlers.append(handler)


def example_faults(raw: Mapping[str, Any], stem: str = "example") -> Iterator[str]:
    """Return what the examples of a faultless description find wrong."""
    cls: Any = class_of(raw, stem)
    description = Description.model_validate(chosen(raw, {}))
    for k, example in enumerate(description.examples):
        at = f"examples.{k}"
        try:
            options = cls.Options.model_validate(example.options)
        except ValidationError as error:
            for fault in error.errors():
                yield f"{at}.options.{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            continue
        instrument = cls("example", NoBus(), options, {})
        if example.error is not None and example.error not in ERRORS:
            yield f"{at}.error: must be one of {', '.join(ERRORS)}, got {example.error!r}"
            continue
        unknown = sorted({*example.gives, *example.sets} - _known(instrument.description))
        if unknown:
            yield f"{at}: {', '.join(unknown)}: not among the fields"
            continue
        yield from _Example(at, example, instrument).faults()


def _known(description: Description) -> set[str]:
    bits = {bit for part in description.fields.values() for bit in part.bits}
    return {*description.fields, *bits}


@dataclass
class _Example:
    """One example and an instrument with its options."""

    at: str
    part: ExamplePart
    instrument: Any

    def faults(self) -> Iterator[str]:
        """Return the faults of this example."""
        if self.instrument.description.modbus is not None:
            from drivers.described.example_registers import register_faults

            yield from register_faults(self.at, self.part, self.instrument)
            return
        try:
            request, reply = self._frames()
        except ValueError as error:
            yield f"{self.at}.send: is no frame in hexadecimal: {error}"
            return
        body = self._body(request)
        if body is None:
            shown = self.instrument.encoded("…".encode().decode("latin-1"))
            yield f"{self.at}.send: {request!r} is no request; they look like {shown!r}"
            return
        yield from self._request_faults(body)
        if self.part.error is None and self.instrument.book.asked_by(body) is None:
            return  # nothing more can be said of it
        if reply is not None:
            yield from self._reply_faults(body, reply)
        elif self.part.gives:
            yield f"{self.at}.reply: is missing: what gives {', '.join(self.part.gives)}?"

    def _frames(self) -> tuple[bytes, bytes | None]:
        """Return request and reply as they are on the wire."""
        part, framing = self.part, self.instrument.description.framing
        if part.hex:
            reply = None if part.reply is None else bytes.fromhex(part.reply)
            return bytes.fromhex(part.send), reply
        checksum = self.instrument.description.checksum
        if checksum is not None and checksum.place == "after-end":
            raise ValueError("with a checksum after the end, give whole frames (hex = true)")
        ends = framing.reply_end or ""
        ends = ends if framing.document is None else ""
        whole = framing.send_start + part.send + framing.send_end
        reply_text = None if part.reply is None else framing.reply_start + part.reply + ends
        return whole.encode("latin-1"), None if reply_text is None else reply_text.encode("latin-1")

    def _body(self, request: bytes) -> str | None:
        """Return the text of a request: what gives these bytes when it is put on the wire."""
        mark = "\0"
        before, _, after = self.instrument.encoded(mark).partition(mark.encode())
        text = request[len(before) :]
        for size in range(len(text), -1, -1):
            body = text[:size].decode("latin-1")
            if self.instrument.encoded(body) == request:
                return body
        return None if after else text.decode("latin-1")

    def _request_faults(self, body: str) -> Iterator[str]:
        exchange = self.instrument.book.asked_by(body)
        if exchange is None:
            if self.part.error is None:
                yield f"{self.at}.send: no exchange sends {body!r}"
            return
        wrong = {n: v for n, v in self.part.sets.items() if n not in exchange.send.names}
        for name, value in wrong.items():
            if exchange.part.sets.get(name) != value:
                yield f"{self.at}.sets.{name}: exchanges.{exchange.name} does not set {value!r}"
        missing = [name for name in exchange.send.names if name not in self.part.sets]
        if missing:
            if self.part.error is None:
                yield f"{self.at}.sets: is missing: what does {body!r} set {missing[0]!r} to?"
            return
        try:
            values = {name: self.part.sets[name] for name in exchange.send.names}
            texts = {n: self.instrument.part(n).wire(value)[0] for n, value in values.items()}
        except InstrumentError as error:
            yield f"{self.at}.sets: {error.what}"
            return
        sent = exchange.send.filled(texts)
        if sent != body:
            yield f"{self.at}.send: the driver sends {sent!r}, the example has {body!r}"

    def _reply_faults(self, body: str, reply: bytes) -> Iterator[str]:
        at, line = f"{self.at}.reply", type(self.instrument).line
        codec = line.codec("(example)")
        codec.feed(reply)
        if hasattr(codec, "fall_silent"):
            codec.fall_silent()
        frame = codec.next_frame()
        if frame is None:
            yield f"{at}: {reply!r} is no whole frame"
            return
        try:
            text = self._read(body, frame)
        except (InstrumentError, BadValue) as fault:
            yield from self._error_faults(at, fault)
            return
        if self.part.error is not None:
            yield f"{at}: is taken for a reply, not for the error {self.part.error!r}"
        elif text is None:
            exchange = self.instrument.book.asked_by(body)
            wanted = exchange.part.reply if exchange is not None else None
            yield f"{at}: {frame!r} is not understood; expected {wanted!r}"
        else:
            yield from self._value_faults(body, text)

    def _read(self, body: str, frame: bytes) -> str | None:
        """Return the reply's text; a request of no exchange is looked at for error replies."""
        if self.instrument.book.asked_by(body) is None:
            queries = (e for e in self.instrument.book.exchanges.values() if e.reply is not None)
            asks = [e.send.filled({}) for e in queries if e.constant]
            others = [text for text in asks if text != self.instrument.fence]
            body = next(iter(others), body)
        elif body == self.instrument.fence and self.part.error is not None:
            return None
        return self.instrument.reply_to(body, frame)

    def _error_faults(self, at: str, fault: Exception) -> Iterator[str]:
        if self.part.error is None:
            yield f"{at}: is a fault, {fault}"
        elif not isinstance(fault, ERRORS[self.part.error]):
            yield f"{at}: is the fault {type(fault).__name__}, not {self.part.error!r}"

    def _value_faults(self, body: str, text: str) -> Iterator[str]:
        exchange = self.instrument.book.asked_by(body)
        found = exchange.answer.fullmatch(text) if exchange.answer is not None else None
        if found is None:
            yield f"{self.at}.reply: {text!r} does not fit {exchange.part.reply!r}"
            return
        for name, wanted in self.part.gives.items():
            try:
                value = self.instrument.part(name).parsed(text)
            except (InstrumentError, BadValue) as fault:
                yield f"{self.at}.gives.{name}: the driver finds no value ({fault})"
                continue
            if not same(value, wanted):
                yield f"{self.at}.gives.{name}: the driver reads {value!r}, not {wanted!r}"


def same(value: Value, wanted: Value) -> bool:
    """Return whether two values are the same, numbers to six digits."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return isclose(value, wanted, rel_tol=1e-6, abs_tol=1e-9)
    return value == wanted
