"""How New Era pumps are spoken to (manual 1200-01): text and packets, cut out of a line's bytes.

Basic mode: text up to CR, ``STX address status data ETX`` back; spaces and control characters are
dropped, letters capitalised. Safe mode: ``STX length payload CRC-16 ETX`` both ways; the length
counts itself and the ETX, and bytes of the CRC may look like an ETX.
"""

import re
from binascii import crc_hqx
from typing import Protocol

from simulators.ports import Clock
from simulators.wire.line import Send

STX, ETX, CR = 0x02, 0x03, 0x0D
ADDRESSED = re.compile(r"(\d{0,2})(.*)", re.DOTALL)  # no address means address 0
_MODE = re.compile(r"\d{0,2}SAF\d*")
_GAP_S = 0.5  # a pause this long inside a packet discards it (chapter 10.2)
_MAX_PENDING = 512


class Pump(Protocol):
    """What a session needs of its pump."""

    address: int
    safe_s: int
    clock: Clock
    sessions: "list[NewEraSession]"

    def hear(self, text: str) -> str | None:
        """Return the answer to a request, or None when it is for another pump."""
        ...

    def valid_packet(self) -> None:
        """Take note of a valid packet: the communication timeout begins again."""
        ...

    def frame(self, text: str) -> bytes:
        """Return an answer in the mode the pump is in."""
        ...

    def status_text(self) -> str:
        """Return address and status letter."""
        ...


def crc16_xmodem(data: bytes) -> int:
    """Return the CRC-16/XMODEM of a payload (polynomial 1021h, initial 0)."""
    return crc_hqx(data, 0)  # what binascii calls the same


def packet(payload: str) -> bytes:
    """Return a safe-mode packet."""
    data = payload.encode("latin-1")
    return bytes((STX, len(data) + 4)) + data + crc16_xmodem(data).to_bytes(2, "big") + b"\x03"


class NewEraSession:
    """Cuts requests out of the line's bytes, in either mode."""

    def __init__(self, pump: Pump, send: Send) -> None:
        self._pump, self.send = pump, send
        self._pending = b""
        self._last = float("-inf")
        pump.sessions.append(self)

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete request for this pump."""
        now = self._pump.clock()
        if now - self._last > _GAP_S:  # the text before a packet stays, and waits for its CR
            self._pending = self._pending.partition(b"\x02")[0]
        self._last = now
        self._pending = (self._pending + data)[-_MAX_PENDING:]
        while self._step():
            continue

    def close(self) -> None:
        """The host has gone."""
        self._pump.sessions.remove(self)

    def _step(self) -> bool:
        """Take one request off the front; False when there is no whole one."""
        start = self._pending.find(STX)
        end = self._pending.find(CR)
        if start >= 0 and (end < 0 or start < end):
            return self._take_packet(start)
        if end < 0:
            if self._pump.safe_s:
                self._pending = b""  # no packet begins here
            return False
        line, self._pending = self._pending[:end], self._pending[end + 1 :]
        if not self._pump.safe_s:
            self._answer(_cleaned(line))
        return True

    def _take_packet(self, start: int) -> bool:
        data = self._pending[start:]
        if len(data) < 2 or len(data) < data[1] + 1:  # STX and length
            return False
        size = data[1] + 1
        frame, self._pending = data[:size], data[size:]
        payload, check = frame[2:-3], frame[-3:-1]
        text = _cleaned(payload)
        intact = size >= 5 and frame[-1] == ETX  # STX, length, CRC, ETX
        if not intact or crc16_xmodem(payload).to_bytes(2, "big") != check:
            self._complain(text)
        elif self._pump.safe_s or _MODE.fullmatch(text):  # the way back works in both modes
            self._pump.valid_packet()
            self._answer(text)
        return True

    def _complain(self, text: str) -> None:
        """Answer a bad packet that seems to be for this pump."""
        found = ADDRESSED.fullmatch(text)
        if self._pump.safe_s and found is not None and int(found[1] or 0) == self._pump.address:
            self.send(self._pump.frame(self._pump.status_text() + "?COM"))

    def _answer(self, text: str) -> None:
        reply = self._pump.hear(text)
        if reply is not None:
            self.send(self._pump.frame(reply))


def _cleaned(data: bytes) -> str:
    """Drop spaces and control characters and capitalise, as the pump does."""
    return "".join(chr(byte) for byte in data if 0x20 < byte < 0x7F).upper()  # ASCII
