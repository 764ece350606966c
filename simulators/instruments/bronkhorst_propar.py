"""Bronkhorst instruments on RS-232 and FLOW-BUS: ProPar in both framings (manual 9.17.027).

ASCII: ``:`` length node body CR LF in hexadecimal, length counting node and body. Binary: ``10 02
sequence node length body 10 03``, every 10 inside doubled, length counting the body; the sequence
number is echoed. The instrument detects which is used. Node 128 is answered by what is connected.
Parameters may be chained by the top bits of process and parameter.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.bronkhorst import (
    CHAR,
    COMMAND,
    INT16,
    LONG,
    OK,
    TEXT,
    VALUE,
    FlowInstrument,
    Refused,
)
from simulators.ports import Clock
from simulators.wire.line import Framing, Send

STATUS, WRITE, WRITE_SILENT, ANSWER, READ = 0, 1, 2, 2, 4
ANY_NODE, CHAINED = 128, 0x80
_SIZES = {CHAR: 1, INT16: 2, LONG: 4}
_DLE_STX, _DLE_ETX = b"\x10\x02", b"\x10\x03"
_LONGEST = 1100  # bytes without an end before they are thrown away


class SimBronkhorst:
    """One instrument at its node."""

    role: ClassVar[Role] = "flow"
    latency_s: float = 0.008
    exclusive: bool = False

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.name = name
        self.node = int(options.get("address", 3))
        if self.node == ANY_NODE:
            self.node = 3
        self.instrument = FlowInstrument(options, need(ports.flow, name, "flow"), clock)

    @property
    def setpoint(self) -> float:
        """Return the setpoint, mL/min."""
        return self.instrument.setpoint

    def session(self, send: Send, framing: Framing) -> "ProparSession":
        """Return a session with a host; the framing of messages is detected."""
        del framing
        return ProparSession(self, send)

    def hear(self, node: int, body: bytes) -> bytes | None:
        """Return the body of the answer; None for silence."""
        if node not in (self.node, ANY_NODE) or not body:
            return None
        cursor = _Cursor(body)
        command = cursor.byte()
        try:
            if command == READ:
                return bytes((ANSWER,)) + self._read(cursor)
            if command not in (WRITE, WRITE_SILENT):
                return _status(COMMAND, cursor)
            self._write(cursor)
        except Refused as refusal:
            return _status(refusal.status, cursor)
        return None if command == WRITE_SILENT else _status(OK, cursor)

    def _read(self, cursor: "_Cursor") -> bytes:
        """Answer all parameters asked for, under the process and index that the host gave."""
        answer = b""
        more_processes = True
        while more_processes:
            process = cursor.byte()
            more_processes, answer = bool(process & CHAINED), answer + bytes((process,))
            more = True
            while more:
                index = cursor.byte()
                more = bool(index & CHAINED)
                answer += bytes((index,)) + self._value(cursor)
        return answer

    def _value(self, cursor: "_Cursor") -> bytes:
        process, parameter = cursor.byte() & ~CHAINED, cursor.byte() & ~CHAINED
        kind = parameter & TEXT
        value = self.instrument.parameter(process, parameter & 0x1F, kind).read()
        if kind != TEXT:
            return value
        length = cursor.byte() if cursor.left else 0  # 0: to the zero byte at the end
        return bytes((length,)) + (value.ljust(length)[:length] if length else value + b"\0")

    def _write(self, cursor: "_Cursor") -> None:
        more_processes = True
        while more_processes:
            process = cursor.byte()
            more_processes, more = bool(process & CHAINED), True
            while more:
                parameter = cursor.byte()
                more, kind = bool(parameter & CHAINED), parameter & TEXT
                value = cursor.text() if kind == TEXT else cursor.take(_SIZES[kind])
                self.instrument.write(process & ~CHAINED, parameter & 0x1F, kind, value)


class _Cursor:
    """Reads a body from its front."""

    def __init__(self, body: bytes) -> None:
        self._body, self.at = body, 0

    @property
    def left(self) -> int:
        return len(self._body) - self.at

    def take(self, count: int) -> bytes:
        if self.left < count:
            raise Refused(VALUE)
        self.at += count
        return self._body[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def text(self) -> bytes:
        length = self.byte()
        if length:
            return self.take(length)
        text = self._body[self.at :].split(b"\0")[0]
        self.at += min(len(text) + 1, self.left)
        return text


def _status(status: int, cursor: _Cursor) -> bytes:
    return bytes((STATUS, status, cursor.at))


class ProparSession:
    """Cuts messages of either framing out of the line's bytes."""

    def __init__(self, device: SimBronkhorst, send: Send) -> None:
        self._device, self._send = device, send
        self._pending = b""

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every whole message for this node."""
        self._pending += data
        while self._step():
            continue
        self._pending = self._pending[-_LONGEST:]

    def close(self) -> None:
        """Forget what was half said."""
        self._pending = b""

    def _step(self) -> bool:
        """Take one message off the front; False when there is no whole one."""
        binary, ascii_ = self._pending.find(_DLE_STX), self._pending.find(b":")
        if binary >= 0 and (ascii_ < 0 or binary < ascii_):
            return self._take(binary + 2, _binary_end, self._binary)
        if ascii_ >= 0:
            return self._take(ascii_ + 1, _ascii_end, self._ascii)
        return False

    def _take(
        self,
        start: int,
        find_end: Callable[[bytes], tuple[bytes, int] | None],
        answer: Callable[[bytes], None],
    ) -> bool:
        found = find_end(self._pending[start:])
        if found is None:
            return False
        contents, used = found
        self._pending = self._pending[start + used :]
        answer(contents)
        return True

    def _binary(self, contents: bytes) -> None:
        if len(contents) < 3 or contents[2] != len(contents) - 3:
            return
        reply = self._device.hear(contents[1], contents[3:])
        if reply is not None:
            message = bytes((contents[0], contents[1], len(reply))) + reply
            self._send(_DLE_STX + message.replace(b"\x10", b"\x10\x10") + _DLE_ETX)

    def _ascii(self, contents: bytes) -> None:
        try:
            message = bytes.fromhex(contents.decode("ascii"))
        except ValueError:
            return
        if len(message) < 2 or message[0] != len(message) - 1:
            return
        reply = self._device.hear(message[1], message[2:])
        if reply is not None:
            whole = bytes((len(reply) + 1, message[1])) + reply
            self._send(b":" + whole.hex().upper().encode() + b"\r\n")


def _binary_end(data: bytes) -> tuple[bytes, int] | None:
    """Return the contents up to a single DLE ETX, undoubled, and how many bytes they took."""
    contents, at = bytearray(), 0
    while at < len(data):
        if data[at] != 0x10:
            contents.append(data[at])
            at += 1
        elif len(data) < at + 2:
            return None
        elif data[at + 1] == 0x10:
            contents.append(0x10)
            at += 2
        elif data[at + 1] == 0x03:
            return bytes(contents), at + 2
        else:  # no message has that: it begins anew, or never was one
            return b"", at
    return None


def _ascii_end(data: bytes) -> tuple[bytes, int] | None:
    end = data.find(b"\r\n")
    if end < 0:
        return None
    return data[:end].rpartition(b":")[2], end + 2
