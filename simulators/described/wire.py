"""The wire of a described text instrument: requests cut out of the stream, replies put together."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from simulators.described import texts
from simulators.described.sheet import Sheet
from simulators.ports import Clock
from simulators.wire.line import Send

_MAX_LINE = 4096  # bytes without an end before they are thrown away
_FORGET_S = 1.0  # half a command is forgotten after so long, where nothing else is said


def _crc(data: bytes, polynomial: int, start: int, *, reflected: bool) -> int:
    """Return a 16-bit CRC, bit by bit."""
    crc = start
    for byte in data:
        crc ^= byte if reflected else byte << 8
        for _ in range(8):
            if reflected:
                crc = crc >> 1 ^ polynomial if crc & 1 else crc >> 1
            else:
                crc = (crc << 1 ^ polynomial) & 0xFFFF if crc >> 15 else crc << 1
    return crc


def _xor(data: bytes) -> int:
    result = 0
    for byte in data:
        result ^= byte
    return result


_SUMS: Mapping[str, tuple[int, Callable[[bytes], int]]] = {
    "sum8": (1, lambda data: sum(data) % 256),
    "inverse-sum8": (1, lambda data: 255 - sum(data) % 256),
    "xor8": (1, _xor),
    "crc16-modbus": (2, lambda data: _crc(data, 0xA001, 0xFFFF, reflected=True)),
    "crc16-xmodem": (2, lambda data: _crc(data, 0x1021, 0, reflected=False)),
    "crc16-ccitt-false": (2, lambda data: _crc(data, 0x1021, 0xFFFF, reflected=False)),
}


@dataclass
class Wire:
    """How one instrument frames; ``address`` None: it has none."""

    sheet: Sheet
    address: int | None

    def __post_init__(self) -> None:
        framing = self.sheet.part("framing")
        self.send_start = _bytes(framing.get("send_start", ""))
        self.send_end = _bytes(framing.get("send_end", "\r"))
        self.end = _end(self.send_end, blanks=self.sheet.part("simulated").get("blanks_in_end"))
        self.reply_start = _bytes(framing.get("reply_start", ""))
        # what a prompt looks like is a pattern; one that prints it is beside it
        end = framing.get("reply_end", framing.get("prints", ""))
        self.reply_end = _bytes(end)
        self.length: Any = framing.get("length")
        self.checksum: Any = self.sheet.tables.get("checksum")
        self.ask, self.say = "", ""
        table = self.sheet.part("address")
        if table and self.address is not None:
            number = float(self.address)
            self.ask = texts.filled(table["send"], lambda _n, p: texts.printed(number, p or "0"))
            said = table.get("reply", "")
            self.say = texts.filled(said, lambda _n, p: texts.printed(number, p or "0"))

    @property
    def tail(self) -> int:
        """Return how many bytes follow the end of a request: a checksum that comes after it."""
        after = self.checksum and self.checksum.get("place") == "after-end"
        return len(self._proof(b"")) if after else 0

    def opened(self, frame: bytes) -> str | None:
        """Return the text of a request without its end, None when it is not for this instrument.

        ``frame`` holds the checksum, wherever it stands.
        """
        frame = frame.lstrip(b"\r\n") if self.send_end in (b"\r", b"\n", b"\r\n") else frame
        if not frame.startswith(self.send_start):
            return None
        body = frame[len(self.send_start) :]
        if self.length and not self.checksum:
            body = body.removesuffix(self.send_end)
        if self.checksum:
            size = len(self._proof(b""))
            body, proof = body[:-size], body[-size:]
            given = proof if self.checksum.get("form") == "binary" else proof.upper()
            if given != self._proof(self._covered(self.send_start, body, self.send_end)):
                return None
        text = body[self.length.get("size", 1) if self.length else 0 :].decode("latin-1")
        return text[len(self.ask) :] if text.startswith(self.ask) else None

    def closed(self, text: str) -> bytes:
        """Return a reply as it goes on the wire."""
        start, end = self.reply_start, self.reply_end
        body = self._counted(_bytes(self.say + text), len(start) + len(end))
        if not self.checksum:
            return start + body + end
        proof = self._proof(self._covered(start, body, end))
        if self.checksum.get("form") == "hex":
            proof = proof.lower()
        return start + body + (end + proof if self.tail else proof + end)

    def _counted(self, body: bytes, rest: int) -> bytes:
        """Return the body with its length in front, where the file says so."""
        if not self.length:
            return body
        size, order = self.length.get("size", 1), self._order()
        proof = len(self._proof(b"")) if self.checksum else 0
        whole = size + len(body) + rest + proof
        return (whole - self.length.get("adds", 0)).to_bytes(size, order) + body

    def _order(self) -> Literal["little", "big"]:
        return "little" if self.length.get("order") == "low" else "big"

    def sized(self, pending: bytes) -> int | None:
        """Return how long the request at the front is by its own account; None: not yet known."""
        at, size = len(self.send_start), self.length.get("size", 1)
        if len(pending) < at + size:
            return None
        number = int.from_bytes(pending[at : at + size], self._order())
        return max(1, number + self.length.get("adds", 0))

    def _covered(self, start: bytes, body: bytes, end: bytes) -> bytes:
        covers = self.checksum.get
        return start * covers("covers_start", False) + body + end * covers("covers_end", False)

    def _proof(self, data: bytes) -> bytes:
        """Return the checksum, in capitals where it is text."""
        size, function = _SUMS[self.checksum["kind"]]
        low_first = self.checksum.get("order") == "low"
        raw = function(data).to_bytes(size, "little" if low_first else "big")
        form = self.checksum.get("form", "HEX")
        if form == "binary":
            return raw
        if form == "decimal":
            return b"%0*d" % (3 if size == 1 else 5, int.from_bytes(raw, "big"))
        return raw.hex().upper().encode()


class TextSession:
    """Cuts one host's bytes into requests, and sends the answers."""

    def __init__(
        self, wire: Wire, answer: Callable[[str], str | None], send: Send, clock: Clock
    ) -> None:
        self._wire, self._answer, self._send, self._clock = wire, answer, send, clock
        self._pending = b""
        self._last = float("-inf")
        self.gone = False

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete request."""
        now = self._clock()
        if now - self._last > _FORGET_S:
            self._pending = b""
        self._last = now
        self._pending = (self._pending + data)[-_MAX_LINE:]
        while (request := self._cut()) is not None:
            text = self._wire.opened(request)
            reply = self._answer(text) if text is not None else None
            if reply is not None:
                self.tell(reply)

    def tell(self, text: str) -> None:
        """Send a line to the host, asked or not."""
        self._send(self._wire.closed(text))

    def close(self) -> None:
        """Forget what was half said."""
        self._pending, self.gone = b"", True

    def _cut(self) -> bytes | None:
        """Return the next request without its end, checksum included."""
        if self._wire.length:
            return self._cut_by_length()
        tail = self._wire.tail
        if not self._wire.send_end:
            request, self._pending = self._pending, b""
            return request or None
        found = self._wire.end.search(self._pending)
        if found is None or len(self._pending) < found.end() + tail:
            return None
        stop = found.end() + tail
        request = self._pending[: found.start()] + self._pending[found.end() : stop]
        self._pending = self._pending[stop:]
        return request

    def _cut_by_length(self) -> bytes | None:
        """Return the next request that is whole; what cannot begin one is dropped."""
        start = self._wire.send_start
        at = self._pending.find(start)
        self._pending = self._pending[at:] if at >= 0 else b""
        size = self._wire.sized(self._pending)
        if size is None or len(self._pending) < size:
            return None
        request, self._pending = self._pending[:size], self._pending[size:]
        return request


def _end(end: bytes, *, blanks: bool | None) -> re.Pattern[bytes]:
    """Return what ends a request, perhaps with blanks before each of its bytes."""
    before = b" *" if blanks else b""
    return re.compile(b"".join(before + re.escape(bytes([byte])) for byte in end))


def _bytes(text: Any) -> bytes:
    return cast("str", text).encode("latin-1")
